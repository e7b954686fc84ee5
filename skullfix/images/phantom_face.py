"""The synthetic head below its braincase: bone and air of the face and the skull base."""

from __future__ import annotations

import numpy as np

from skullfix.images.phantom_solids import Field, ellipsoid, tube


def facial_bone(mirrored: tuple[Field, Field, Field]) -> Field:
    """Bone below the braincase: base, orbits, cheek, jaws, mastoid, first vertebra."""
    parts = [
        tube(mirrored, (18, -6, -46), (58, 16, -44), 8.5),  # petrous ridge
        ellipsoid(mirrored, (52, 24, -60), (10, 13, 20)),  # mastoid process
        tube(mirrored, (0, -22, -46), (0, 10, -60), 9.0),  # sphenoid body and clivus
        tube(mirrored, (15, 16, -64), (16, 36, -64), 7.0),  # occipital condyle
        tube(mirrored, (22, -28, -50), (20, -32, -80), 3.5),  # pterygoid plate
        np.abs(ellipsoid(mirrored, (32, -60, -45), (19, 28, 18))) - np.float32(1.4),  # orbit
        tube(mirrored, (49, -66, -32), (51, -60, -56), 4.2),  # lateral rim of the orbit
        tube(mirrored, (51, -60, -58), (24, -76, -62), 4.8),  # lower rim and cheek
        tube(mirrored, (52, -58, -60), (66, -30, -60), 3.6),  # zygomatic arch
        tube(mirrored, (66, -30, -60), (62, 2, -56), 3.2),
        np.abs(ellipsoid(mirrored, (26, -56, -74), (17, 24, 20))) - np.float32(1.2),  # maxilla
        tube(mirrored, (6, -86, -30), (13, -82, -66), 3.0),  # nasal bone
        tube(mirrored, (0, -74, -34), (0, -50, -76), 1.6),  # septum
        tube(mirrored, (0, -80, -86), (24, -64, -86), 6.0),  # upper jaw
        tube(mirrored, (24, -64, -86), (28, -40, -86), 5.5),
        tube(mirrored, (53, -4, -62), (48, -16, -96), 5.0),  # ramus of the mandible
        tube(mirrored, (16, 12, -82), (34, 24, -82), 6.0),  # atlas
        tube(mirrored, (34, 24, -82), (0, 48, -82), 5.0),
        tube(mirrored, (0, 12, -74), (0, 12, -96), 5.5),  # dens
    ]
    face = parts[0]
    for part in parts[1:]:
        face = np.minimum(face, part)
    # nothing of the face stands in the orbit's opening
    opening = tube(mirrored, (33, -64, -45), (37, -104, -46), 15.5)
    return np.maximum(face, -opening)


def airways(mirrored: tuple[Field, Field, Field]) -> Field:
    """Sinuses, nose, throat, mastoid cells and ear canal."""
    parts = [
        ellipsoid(mirrored, (8, -80, -27), (7, 4, 7)),  # frontal sinus
        ellipsoid(mirrored, (7, -24, -47), (6, 8, 7)),  # sphenoid sinus
        ellipsoid(mirrored, (26, -56, -74), (14, 21, 17)),  # maxillary sinus
        ellipsoid(mirrored, (7, -58, -52), (4, 22, 12)),  # ethmoid cells
        ellipsoid(mirrored, (7, -62, -74), (5, 32, 9)),  # nose
        tube(mirrored, (0, -16, -74), (0, -8, -100), 8.0),  # throat
        tube(mirrored, (44, 6, -50), (80, 8, -52), 3.2),  # ear canal
        ellipsoid(mirrored, (54, 24, -52), (4, 7, 8)),  # mastoid cells
    ]
    air = parts[0]
    for part in parts[1:]:
        air = np.minimum(air, part)
    return air
