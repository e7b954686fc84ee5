"""How far down a head the network looks."""

from __future__ import annotations

import torch

from skullfix.networks.features import HEIGHT_MM, in_view


def test_what_lies_too_far_below_the_highest_bone_is_out_of_view() -> None:
    rows = torch.stack([torch.arange(200), torch.zeros(200), torch.zeros(200)], 1).long()
    fraction = torch.full((200,), 0.8)
    fraction[191:] = 0.1  # hardly any bone: an edge blurred by interpolation
    seen = in_view(rows, fraction, 2.0)
    assert int(rows[seen, 0].min()) == 190 - int(HEIGHT_MM / 2)
    assert bool(seen[191:].all())


def test_without_bone_all_is_in_view() -> None:
    rows = torch.zeros(3, 3, dtype=torch.long)
    assert in_view(rows, torch.zeros(3), 1.8).tolist() == [True] * 3
    assert in_view(rows[:0], torch.zeros(0), 1.8).tolist() == []
