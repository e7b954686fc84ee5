"""nibabel, whose functions carry no types, as Any.

It takes long to import (with pydicom, where that is installed), so it is imported where a NIfTI
file is read or written and nowhere else.
"""

from __future__ import annotations

from typing import Any

import nibabel as _nibabel

nibabel: Any = _nibabel
