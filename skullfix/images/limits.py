"""What skullfix accepts from a file before it believes it: all limits of the readers."""

from __future__ import annotations

MAX_VOXELS = 2**30
"""Voxels of one grid; 1024 x 1024 x 1024, four times the largest clinical head CT."""

MAX_SIDE = 8192
"""Voxels along one axis."""

MIN_SIDE = 2
"""Voxels along one axis; a single slice is a picture, not a volume."""

MIN_SPACING_MM = 0.02
"""Below this a spacing is taken for metres or centimetres written as millimetres."""

MAX_SPACING_MM = 25.0
"""Above this a spacing is taken for micrometres, or for damage."""

MAX_EXTENT_MM = 3000.0
"""Length of one side of the grid; a whole-body scan is about 2000 mm."""

MAX_ORIGIN_MM = 1e6
"""Distance of the first voxel from the world's origin, along one axis."""

EXACT_DIRECTION_DEGREES = 1e-4
"""Axes this close to a right angle are kept as the file gives them (rounding in a header)."""

MAX_DIRECTION_DEGREES = 1.0
"""Largest rotation of one axis that making the directions orthonormal may cost."""

MAX_HEADER_BYTES = 2**20
"""Bytes of a text header (NRRD, MetaImage)."""

MAX_DEFLATE_RATIO = 1040
"""Deflate cannot shrink data more than 1032-fold; a header promising more is false."""

MAX_SURPLUS_BYTES = 2**24
"""Bytes behind the voxels of a compressed stream that are read for its checksum and dropped."""

MAX_FOLDER_FILES = 20_000
"""Files looked at in a DICOM folder."""

MAX_FOLDER_DEPTH = 12
"""Levels of sub-folders looked at in a DICOM folder."""

MAX_ARCHIVE_BYTES = 4 * 2**30
"""Bytes that a zip may unpack to."""

MAX_ARCHIVE_RATIO = 200
"""Unpacked bytes per packed byte, for archives that unpack to more than 256 MiB."""

FREE_ARCHIVE_BYTES = 256 * 2**20
"""Unpacked bytes for which the ratio does not matter."""

MAX_IMAGE_RATIO = 1000
"""Bytes of pixels per byte of a compressed DICOM slice; a black one of 512 x 512 has about 200."""
