"""Populations, defects, losses and the training loop."""
