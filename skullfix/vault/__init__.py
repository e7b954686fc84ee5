"""The vault's two surfaces, seen from inside the head, and what other heads say of them."""
