"""SimpleITK and nibabel, whose functions carry no types, as Any; ITK's own warnings silenced."""

from __future__ import annotations

from typing import Any

import nibabel as _nibabel
import SimpleITK as _SimpleITK

sitk: Any = _SimpleITK
nibabel: Any = _nibabel

sitk.ProcessObject.SetGlobalWarningDisplay(False)
