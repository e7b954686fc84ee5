"""Modules for 3D Slicer: descriptions in its execution model's XML, and launchers."""
