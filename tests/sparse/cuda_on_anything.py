"""The `cuda` engine for tests: on a GPU where there is one, else in Triton's interpreter.

The interpreter runs the very kernels, program after program, on the CPU. Importing this skips the
test file where Triton is not installed.
"""

from __future__ import annotations

import os

import numpy as np
import pytest
import torch

DEVICE = "cuda" if torch.cuda.is_available() else "cpu"
if DEVICE == "cpu":
    os.environ["TRITON_INTERPRET"] = "1"  # read when a kernel is defined, Triton's own ones too
triton = pytest.importorskip("triton", reason="Triton is not installed (`make test-gpu` does)")
if DEVICE == "cpu":
    from triton import language as tl
    from triton.runtime import interpreter

    # a check of every operation that doubles the time; one test turns it on
    CHECKED, UNCHECKED = (
        interpreter.InterpreterOptions(sanitize_overflow=value) for value in (True, False)
    )
    interpreter.interpreter_builder.options = UNCHECKED

    multiply = interpreter.InterpreterBuilder.create_dot

    def create_dot(self, a, b, d, *rest):  # type: ignore[no-untyped-def]
        """Multiply bfloat16 by its values: the interpreter would take its bits for integers."""
        if a.dtype == tl.bfloat16:
            a, b = (
                interpreter.TensorHandle(
                    (np.uint32(1 << 16) * handle.data.astype(np.uint32)).view(np.float32),
                    tl.float32,
                )
                for handle in (a, b)
            )
        return multiply(self, a, b, d, *rest)

    interpreter.InterpreterBuilder.create_dot = create_dot
