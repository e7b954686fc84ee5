"""SimpleITK, whose functions carry no types, as Any; ITK's own warnings silenced."""

from __future__ import annotations

from typing import Any

import SimpleITK as _SimpleITK

sitk: Any = _SimpleITK

sitk.ProcessObject.SetGlobalWarningDisplay(False)
