"""The fast engine for processors: a bitmap with rank index, and gather + matrix product."""
