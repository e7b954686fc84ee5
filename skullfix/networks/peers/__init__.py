"""The network of Table I on other engines, for comparison with ours."""
