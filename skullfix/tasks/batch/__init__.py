"""Many cases in one go: found, tried one by one, written down, resumed."""
