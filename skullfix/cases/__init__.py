"""Skulls whose true implant is known: folders of them, and defects cut at random."""
