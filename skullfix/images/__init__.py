"""Volumes with geometry: read, write, bone extraction, resampling."""
