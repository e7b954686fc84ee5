"""Mask to watertight surface in world millimetres, to file; its measures."""
