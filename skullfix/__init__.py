"""skullfix: completed skulls and printable implants from a head CT, by sparse convolution."""

from __future__ import annotations

__version__ = "0.1.0.dev0"
