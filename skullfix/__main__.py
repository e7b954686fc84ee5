"""``python -m skullfix``."""

from skullfix.cli.main import main

main()
