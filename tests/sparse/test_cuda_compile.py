"""The `cuda` engine's kernels compile to machine code for two generations of GPUs, without one.

Triton brings the assembler along. In a process of its own: in this one its interpreter is on.
"""

from __future__ import annotations

import json
import os
import subprocess
import sys
from pathlib import Path

import pytest

pytest.importorskip("triton", reason="Triton is not installed (`make test-gpu` does)")

PROGRAM = """
import json
import triton
import triton.language as tl
from triton.backends.compiler import GPUTarget
from triton.compiler import ASTSource
from skullfix.sparse.cuda.convolve import Tile, convolve_kernel
from skullfix.sparse.cuda.gradient import gradient_kernel
from skullfix.sparse.relation import SAME, UP2

FIXED = {"coordinates": "i32", "entries": "i64", "skip_entries": "i64"}
OPERANDS = ("features", "weight", "skip", "own", "other", "out")
SUMS = ("scores", "bias", "heads", "partial")

def code(kernel, operand, capability, relation, **constants):
    rule = {"SCALE": relation.scale, "SIGN": relation.sign, "SHIFT": relation.shift,
            "DIVISOR": relation.divisor, "TAPS": relation.width, "SUM": tl.float32}
    constants |= rule
    types, hints = {}, {}
    for number, name in enumerate(kernel.arg_names):
        pointed = FIXED.get(name) or (operand if name in OPERANDS else None)
        pointed = "fp32" if name in SUMS else pointed
        types[name] = "constexpr" if name in constants else f"*{pointed}" if pointed else "i32"
        if pointed:
            hints[(number,)] = [["tt.divisibility", 16]]
    values = {(kernel.arg_names.index(name),): value for name, value in constants.items()}
    source = ASTSource(kernel, types, values, hints)
    return triton.compile(source, target=GPUTarget("cuda", capability, 32)).asm["ptx"]

fused = dict(FUSED=True, JOINED=True, ADDED=True, HEADS=2, KEEP=True, **Tile.of(8, 8)._asdict())
widths = dict(C_OWN=8, C_OTHER=16, ROWS=64, OWN=16, OTHER=16)
ptx = {
    "forward": code(convolve_kernel, "fp32", 90, SAME, C_IN=8, C_OUT=8, **fused),
    "older": code(convolve_kernel, "fp32", 80, UP2, C_IN=8, C_OUT=8, **fused),
    "bf16": code(convolve_kernel, "bf16", 90, SAME, C_IN=8, C_OUT=8, **fused),
    "gradient": code(gradient_kernel, "fp32", 90, SAME, **widths),
}
said = {}
for name, text in ptx.items():
    words = set(text.replace(".", " ").split())
    said[name] = sorted(words & {"fma", "tf32", "mma", "wgmma", "bf16", "atom", "red"})
print(json.dumps(said))
"""


def test_they_compile(tmp_path: Path) -> None:
    environment = {**os.environ, "TRITON_INTERPRET": "0", "TRITON_CACHE_DIR": str(tmp_path)}
    done = subprocess.run(
        [sys.executable, "-c", PROGRAM],
        env=environment,
        capture_output=True,
        text=True,
        check=False,
    )
    assert done.returncode == 0, done.stderr[-2000:]
    said = json.loads(done.stdout.splitlines()[-1])
    for name in ("forward", "older", "gradient"):
        assert said[name] == ["fma"]  # float32 as such; no atomics anywhere
    assert said["bf16"] == ["bf16", "wgmma"]  # the tensor cores
