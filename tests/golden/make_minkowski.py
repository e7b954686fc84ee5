"""Make minkowski.safetensors with the real MinkowskiEngine, by running this file.

Every operation with its gradients, the whole network, and a few steps of training, on small inputs.
`tests/networks/test_golden.py` compares our engines with what is stored.
"""

from __future__ import annotations

from pathlib import Path

import torch
from safetensors.torch import save_file
from torch import Tensor
from torch.nn.functional import binary_cross_entropy_with_logits

from skullfix.networks.config import NetworkConfig
from skullfix.networks.minkowski_names import convert_minkowski
from skullfix.networks.peers.minkowski_unet import MinkowskiUNet
from skullfix.sparse.minkowski.package import ME

PLACE = Path(__file__).with_name("minkowski.safetensors")
CHANNELS = (4, 4, 6, 6, 8, 8, 8)
STEPS = 4
KINDS = {"same": (3, 1, False), "down": (2, 2, False), "up2": (2, 2, True), "up4": (4, 2, True)}


def main() -> None:
    """Compute and write everything."""
    torch.manual_seed(0)
    rows, features = _input()
    tensors = {"rows": rows.short(), "features": features}
    for kind, (size, stride, generative) in KINDS.items():
        few = slice(None, None, 6 if generative else 1)  # their outputs are many
        tensors |= _operation(kind, rows[few], features[few], size, stride, generative)
    tensors |= _network(rows)
    save_file({name: value.contiguous() for name, value in tensors.items()}, PLACE)
    print(PLACE, PLACE.stat().st_size)


def _input() -> tuple[Tensor, Tensor]:
    """Two volumes: a shell with a hole, and a cloud; (N, 4) int32 sorted rows, (N, 3) float32."""
    grid = torch.stack(torch.meshgrid(*[torch.arange(14)] * 3, indexing="ij"), -1).reshape(-1, 3)
    radius = (grid - torch.tensor([6.0, 7.0, 6.5])).norm(dim=1)
    shell = grid[(radius > 4.2) & (radius < 5.6) & (grid[:, 0] < 9)]
    cloud = grid[torch.rand(len(grid)) < 0.05] + torch.tensor([0, 3, 60])
    parts = [torch.nn.functional.pad(p, (1, 0), value=b) for b, p in enumerate((shell, cloud))]
    rows = torch.cat(parts).int()
    return rows, torch.randn(len(rows), 3)


def _sorted(rows: Tensor) -> Tensor:
    """Order of rows (b, z, y, x)."""
    b, z, y, x = rows.long().unbind(1)
    return torch.argsort(((b * 4096 + z) * 4096 + y) * 4096 + x)


def _operation(
    kind: str, rows: Tensor, features: Tensor, size: int, stride: int, generative: bool
) -> dict[str, Tensor]:
    """One convolution, forward and backward."""
    name = "MinkowskiGenerativeConvolutionTranspose" if generative else "MinkowskiConvolution"
    layer = getattr(ME, name)(3, 5, kernel_size=size, stride=stride, bias=False, dimension=3)
    values = features.clone().requires_grad_()
    swapped = rows[:, [0, 3, 2, 1]].contiguous()
    if generative:  # the input lies on a coarse level: its coordinates are multiples of the stride
        swapped[:, 1:] *= 2
    x = ME.SparseTensor(values, coordinates=swapped, tensor_stride=2 if generative else 1)
    y = layer(x)
    found = y.C[:, [0, 3, 2, 1]].clone()
    found[:, 1:] //= y.tensor_stride[0]
    order = _sorted(found)
    upstream = torch.randn(len(order), 5)
    y.F.backward(upstream[torch.argsort(order)])
    return {
        f"{kind}.weight": layer.kernel.detach(),
        f"{kind}.rows": found[order].short(),
        f"{kind}.out": y.F.detach()[order],
        f"{kind}.upstream": upstream,
        f"{kind}.grad_features": values.grad,
        f"{kind}.grad_weight": layer.kernel.grad,
    }


def _network(rows: Tensor) -> dict[str, Tensor]:
    """The network in use, with its authors' names, then a few steps of Adam."""
    network = MinkowskiUNet(NetworkConfig("golden", CHANNELS))
    with torch.no_grad():
        for name, value in network.state_dict().items():
            if name.endswith("running_var"):
                value.uniform_(0.5, 1.5)
            elif name.endswith("running_mean"):
                value.normal_(0, 0.2)
    ones, target = torch.ones(len(rows), 1), rows[: len(rows) // 2]
    tensors = {f"state.{name}": v.clone() for name, v in network.state_dict().items()}
    with torch.no_grad():
        final, levels = network.eval()(rows, ones, rows)
    order = _sorted(network.kept)
    tensors |= {"final.rows": network.kept[order].short(), "final.logits": final[order]}
    for number, (logits, _) in enumerate(levels):
        tensors[f"level{number}.logits"] = logits.sort().values
    optimizer = torch.optim.Adam(network.train().parameters(), lr=1e-3, amsgrad=True)
    losses = []
    for _ in range(STEPS):
        _, levels = network(rows, ones, target)
        parts = [binary_cross_entropy_with_logits(v, wanted.float()) for v, wanted in levels]
        loss = torch.stack(parts).sum()
        optimizer.zero_grad()
        loss.backward()
        optimizer.step()
        losses.append(loss.detach())
    tensors["losses"] = torch.stack(losses)
    _, after = convert_minkowski(network.state_dict())
    tensors["after.final_level"] = after["classify.5.weight"]
    return tensors


if __name__ == "__main__":
    main()
