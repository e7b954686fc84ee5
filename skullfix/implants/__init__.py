"""Completed minus defective, cleaned: from two masks to an implant mask."""
