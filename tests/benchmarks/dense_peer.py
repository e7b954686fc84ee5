"""A dense 3D U-Net beside the sparse network: the same heads, defects, loss and post-processing.

    python tests/benchmarks/dense_peer.py train DATA [MORE_DATA] -o FOLDER [--steps 6000]
    python tests/benchmarks/dense_peer.py evaluate DATA -o FOLDER

The network is MONAI's UNet (pip install monai) with 16 to 256 channels and two residual units a
level, 4.8 M parameters, on the 64 x 64 x 64 voxels of 3.6 mm that two cores can afford. It sees the
same four features, is trained with the same optimiser, rates and moving average, and answers
through `complete_coarse`: all views, two passes. A training that was stopped goes on; --stop-at
ends one early, with the rate's fall of --steps.
"""

from __future__ import annotations

import argparse
import copy
import time
from dataclasses import dataclass
from functools import partial
from pathlib import Path

import torch
from monai.networks.nets import UNet  # type: ignore[import-not-found,unused-ignore]
from torch import Tensor, nn
from torch.nn.functional import binary_cross_entropy_with_logits

from skullfix.cases.folder import read_split
from skullfix.errors import InputError
from skullfix.images.volume import Volume
from skullfix.implants.clean import CleanImplant, clean_implant
from skullfix.networks.config import CONFIGS
from skullfix.networks.features import CENTRE
from skullfix.sparse.backend import get_backend
from skullfix.sparse.tensor import SparseTensor
from skullfix.sparse.voxels import VoxelSet
from skullfix.tasks.candidate import candidate_on
from skullfix.tasks.evaluate_set import Method, SetOptions, evaluate_set
from skullfix.tasks.predict import complete_coarse
from skullfix.training.heads import Heads
from skullfix.training.population import load_cases
from skullfix.training.sample import Sample, draw_batch
from skullfix.training.state import update_average

SPACING, SIDE, BATCH, RATE, SEED = 3.6, 64, 4, 1e-3, 51
LEAST = 0.02  # occupancy below which an answer is left out, to stay sparse
SAVE_EVERY = 100
_TRIES = 10


def dense_unet() -> nn.Module:
    """Make the peer, with random weights."""
    network: nn.Module = UNet(3, 4, 1, (16, 32, 64, 128, 256), (2, 2, 2, 2), num_res_units=2)
    return network.to(memory_format=torch.channels_last_3d)  # type: ignore[call-overload,no-any-return]


def dense(voxels: VoxelSet, features: Tensor) -> Tensor:
    """Lay sparse features out on the dense grid, (B, C, 64, 64, 64); what lies outside is lost."""
    count, channels = voxels.batch_size, features.shape[1]
    grid = torch.zeros(count, SIDE, SIDE, SIDE, channels)
    volume, *place = voxels.coordinates.long().unbind(1)
    z, y, x = (p - CENTRE + SIDE // 2 for p in place)
    inside = (torch.stack([z, y, x]) % SIDE == torch.stack([z, y, x])).all(0)
    grid[volume[inside], z[inside], y[inside], x[inside]] = features[inside]
    return grid.permute(0, 4, 1, 2, 3)


@dataclass
class Answer:
    """What `complete_coarse` reads of a network's output."""

    final: SparseTensor


class Peer(nn.Module):
    """The dense network in the place of a sparse one."""

    config = CONFIGS["implant-s"]  # for its input channels
    device = torch.device("cpu")

    def __init__(self, network: nn.Module) -> None:
        super().__init__()
        self.network = network

    def forward(self, inputs: SparseTensor, *_: object, **__: object) -> Answer:
        """Answer with the voxels that may hold implant."""
        logits = self.network(dense(inputs.voxels, inputs.features))[0, 0]
        rows = (torch.sigmoid(logits) > LEAST).nonzero()
        found = torch.nn.functional.pad(rows - SIDE // 2 + CENTRE, (1, 0)).to(torch.int32)
        values = logits[tuple(rows.unbind(1))][:, None]
        return Answer(SparseTensor(values, VoxelSet(found, 1)))


def loss_of(network: nn.Module, sample: Sample) -> Tensor:
    """Cross-entropy and soft Dice of the occupancy, as at the sparse network's finest level."""
    logits = network(dense(sample.inputs.voxels, sample.inputs.features))[:, 0]
    goal = dense(sample.wanted, sample.truth)[:, 0]
    probability = torch.sigmoid(logits)
    overlap = 2 * (probability * goal).sum() + 1
    dice = overlap / ((probability**2).sum() + (goal**2).sum() + 1)
    near = goal.bool() | (probability > LEAST)  # all else is empty and would drown the rest
    return binary_cross_entropy_with_logits(logits[near], goal[near]) + 1 - dice


def draw(heads: Heads, step: int) -> Sample:
    """Draw the batch of a step; where a coarse head takes no defect, others are drawn."""
    for again in range(_TRIES):
        try:
            return draw_batch(heads, 4, BATCH, (SEED + again, step))
        except InputError:
            continue
    raise InputError(f"no batch could be drawn for step {step}")


def train(folders: list[Path], output: Path, steps: int, stop_at: int) -> None:
    """Train, or go on."""
    torch.manual_seed(SEED)
    cases = []
    for folder in folders:
        names = read_split(folder, "train")
        cases += load_cases(folder, names, output / "cache", lambda *_: None)
    heads = Heads(cases, SPACING, SEED)
    network = dense_unet()
    average = copy.deepcopy(network)
    optimizer = torch.optim.Adam(network.parameters(), lr=RATE, amsgrad=True)
    state, done, spent = output / "state.pt", 0, 0.0
    if state.exists():
        kept = torch.load(state, weights_only=True)
        done, spent = kept["step"], kept["cpu_s"]
        network.load_state_dict(kept["network"])
        average.load_state_dict(kept["average"])
        optimizer.load_state_dict(kept["optimizer"])
    begun, recent = time.process_time() - spent, []
    for step in range(done, min(steps, stop_at)):
        for group in optimizer.param_groups:
            group["lr"] = RATE * min(1.0, (step + 1) / 200, max(0.01, 4 * (1 - step / steps)))
        loss = loss_of(network, draw(heads, step))
        optimizer.zero_grad(set_to_none=True)
        loss.backward()  # type: ignore[no-untyped-call]
        torch.nn.utils.clip_grad_norm_(network.parameters(), 5.0)
        optimizer.step()
        update_average(average, network, min(0.998, step / (step + 10)))
        recent.append(float(loss.detach()))
        if (step + 1) % SAVE_EVERY == 0:
            now = time.process_time() - begun
            print(f"{step + 1}: {sum(recent) / len(recent):.4f}, {now:.0f} CPU s", flush=True)
            recent = []
            fields = {"network": network, "average": average, "optimizer": optimizer}
            whole = {name: part.state_dict() for name, part in fields.items()}
            torch.save(whole | {"step": step + 1, "cpu_s": now}, output / "new.pt")
            (output / "new.pt").replace(state)


def answer(bone: Volume, peer: Peer) -> CleanImplant:
    """Complete a skull as the product does, with the peer for its network."""
    backend = get_backend("auto")
    found = complete_coarse(bone, peer, backend, spacing=SPACING, thresholds=())  # type: ignore[arg-type]
    if found is None:
        return clean_implant(Volume(bone.array & False, bone.geometry), bone)
    return clean_implant(candidate_on(bone, found), bone)


def main() -> None:
    """Run a part of the benchmark."""
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("part", choices=("train", "evaluate"))
    parser.add_argument("data", type=Path, nargs="+")
    parser.add_argument("-o", "--output", type=Path, required=True)
    parser.add_argument("--steps", type=int, default=6000)
    parser.add_argument("--stop-at", type=int, default=10**9)
    options = parser.parse_args()
    options.output.mkdir(parents=True, exist_ok=True)
    if options.part == "train":
        train(options.data, options.output, options.steps, options.stop_at)
        return
    kept = torch.load(options.output / "state.pt", weights_only=True)
    network = dense_unet()
    network.load_state_dict(kept["average"])
    peer = Peer(network.eval())
    method = Method("dense U-Net", f"step {kept['step']}", partial(answer, peer=peer))
    print(evaluate_set(options.data[0], options.output, SetOptions(methods=(method,))).tables)


if __name__ == "__main__":
    main()
