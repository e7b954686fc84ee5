from __future__ import annotations

import numpy as np
import pytest

from skullfix.errors import InputError
from skullfix.images.volume import Geometry, Volume
from skullfix.report.render import BACKGROUND, VIEWS, Layer, View, build_scene, render_surface

RED, GREEN = (220, 30, 30), (30, 220, 30)
IDENTITY = np.eye(3)
QUARTER_TURN = np.array([[0.0, 1.0, 0.0], [0.0, 0.0, -1.0], [1.0, 0.0, 0.0]])


def _place(points: list[tuple[float, float, float]], direction: np.ndarray, half: float) -> Volume:
    """Cubes around world positions, on a grid with the given direction centred on the origin."""
    size, spacing = 60, 1.0
    origin = -direction @ np.full(3, (size - 1) / 2)
    geometry = Geometry(
        (size,) * 3,  # type: ignore[arg-type]
        (spacing,) * 3,  # type: ignore[arg-type]
        tuple(origin),  # type: ignore[arg-type]
        tuple(direction.ravel()),  # type: ignore[arg-type]
    )
    index = np.stack(np.meshgrid(*[np.arange(size)] * 3, indexing="ij"), -1)[..., ::-1]
    world = index @ direction.T + origin
    mask = np.zeros((size,) * 3, bool)
    for point in points:
        mask |= (np.abs(world - np.asarray(point)) <= half).all(axis=-1)
    return Volume(mask, geometry)


# where a knob on the patient's left, back or top appears: column (or row) of the picture
@pytest.mark.parametrize("direction", [IDENTITY, QUARTER_TURN, np.diag([-1.0, 1.0, -1.0])])
@pytest.mark.parametrize(
    ("view", "knob", "axis", "sign"),
    [
        ("front", (20, 0, 0), 1, +1),
        ("back", (20, 0, 0), 1, -1),
        ("front", (0, 0, 20), 0, -1),
        ("left", (0, 20, 0), 1, +1),
        ("right", (0, 20, 0), 1, -1),
        ("right", (0, 0, 20), 0, -1),
        ("top", (20, 0, 0), 1, -1),
        ("top", (0, 20, 0), 0, +1),
        ("bottom", (20, 0, 0), 1, +1),
        ("bottom", (0, 20, 0), 0, +1),
    ],
)
def test_sides_are_the_patients(
    direction: np.ndarray, view: View, knob: tuple[int, int, int], axis: int, sign: int
) -> None:
    body = _place([(0, 0, 0)], direction, 10)
    layers = [Layer(body, RED), Layer(_place([knob], direction, 4), GREEN)]
    picture = render_surface(layers, view=view, size=(120, 120)).astype(int)
    red = np.argwhere(picture[..., 0] > picture[..., 1] + 20)
    green = np.argwhere(picture[..., 1] > picture[..., 0] + 20)
    assert len(red) > 50
    assert len(green) > 20
    assert sign * (green.mean(axis=0) - red.mean(axis=0))[axis] > 20


@pytest.mark.parametrize(
    ("view", "near"),
    [
        ("left", (20, 0, 0)),
        ("right", (-20, 0, 0)),
        ("front", (0, -20, 0)),
        ("back", (0, 20, 0)),
        ("top", (0, 0, 20)),
        ("bottom", (0, 0, -20)),
    ],
)
def test_what_is_near_hides_what_is_far(view: View, near: tuple[int, int, int]) -> None:
    far = tuple(-v for v in near)
    layers = [
        Layer(_place([near], IDENTITY, 8), RED),
        Layer(_place([far], IDENTITY, 8), GREEN),  # type: ignore[list-item]
    ]
    middle = render_surface(layers, view=view, size=(99, 99))[49, 49].astype(int)
    assert middle[0] > 3 * middle[1]


def test_background_and_size() -> None:
    layers = [Layer(_place([(0, 0, 0)], IDENTITY, 5), RED)]
    picture = render_surface(layers, view="front", size=(50, 90))
    assert picture.shape == (50, 90, 3)
    assert picture.dtype == np.uint8
    assert tuple(picture[25, 2]) == BACKGROUND


def test_a_scene_serves_all_views_and_is_deterministic() -> None:
    layers = [Layer(_place([(0, 0, 0), (9, 4, 2)], IDENTITY, 5), RED)]
    scene = build_scene(layers)
    for view in VIEWS:
        again = render_surface(layers, view=view, size=(40, 40))
        assert np.array_equal(render_surface(scene, view=view, size=(40, 40)), again)


def test_one_voxel_is_drawn() -> None:
    body = _place([(0.5, 0.5, 0.5)], IDENTITY, 0.2)
    assert body.array.sum() == 1
    picture = render_surface([Layer(body, RED)], view="top", size=(40, 40))
    assert picture[20, 20, 0] > 60


def test_nothing_to_draw_is_refused() -> None:
    with pytest.raises(InputError, match="every mask is empty"):
        build_scene([Layer(_place([], IDENTITY, 1), RED)])
