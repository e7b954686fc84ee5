"""The network of Table I, its dense twin, its checkpoint files."""
