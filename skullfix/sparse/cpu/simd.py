"""Short vectors of numbers for numba kernels, so that the compiler keeps them in registers.

numba has no such type; this adds one, `Vector`, of 8 or 16 lanes of float32 or float64, or
of 8 int64. LLVM maps it to whatever the processor has: one AVX-512 register, two of AVX, four of
SSE or NEON.

    vector8(array)              a vector of zeros of the array's type; vector16(array) likewise
    load(like, array, i)        array[i], array[i + 1], …; as many as `like` has lanes
    store(array, i, v)          the reverse
    axpy(a, s, v)               a + s · v, s a number
    at_least(v, s)              max(v, s) lane by lane; NaN stays NaN
    value(like, address, i)     the i-th number behind an address
    lanes_of(v)                 how many
    lowest_bit(word)            place of the lowest set bit of a uint64, which must not be 0
    addresses(word, here, stride, nothing)
                                int64 of the 8 lowest bits of a uint64: of a set one its address,
                                the first being at `here` and the next ones a stride on; of a clear
                                one `nothing`

Arrays are flat and contiguous; nothing is checked.
"""

# The functions below run inside numba's compiler, which passes untyped objects of its own.
# mypy: disable-error-code="no-untyped-def, no-untyped-call"

from __future__ import annotations

import functools
from typing import Any

from llvmlite import ir
from llvmlite.binding import get_host_cpu_features
from numba import types
from numba.core import cgutils
from numba.extending import intrinsic as _intrinsic
from numba.extending import models, register_model

intrinsic: Any = _intrinsic
_BELOW = [(1 << bit) - 1 for bit in range(8)]  # the bits below each of eight


@functools.cache
def wide_registers() -> bool:
    """Whether one register of this processor holds 16 float32 (AVX-512)."""
    return bool(get_host_cpu_features().get("avx512f", False))


class Vector(types.Type):
    """The numba type of a vector."""

    def __init__(self, dtype: Any, lanes: int) -> None:
        self.dtype, self.lanes = dtype, lanes
        super().__init__(name=f"Vector({dtype}, {lanes})")


def _number(dtype):
    """LLVM's name for a numba type of numbers."""
    names = {types.float32: ir.FloatType(), types.float64: ir.DoubleType()}
    return names.get(dtype) or ir.IntType(dtype.bitwidth)


@register_model(Vector)
class _VectorModel(models.PrimitiveModel):
    def __init__(self, manager, vector):
        super().__init__(manager, vector, ir.VectorType(_number(vector.dtype), vector.lanes))


def _zeros(lanes):
    def zeros(typing_context, array):
        def build(context, builder, signature, arguments):
            kind = context.get_value_type(signature.return_type)
            return ir.Constant(kind, [0.0] * lanes)

        return Vector(array.dtype, lanes)(array), build

    return zeros


vector8: Any = intrinsic(_zeros(8))
vector16: Any = intrinsic(_zeros(16))


def _place(context, builder, array_type, array, index, vector):
    """Pointer to a vector within an array."""
    data = context.make_array(array_type)(context, builder, array).data
    return builder.bitcast(builder.gep(data, [index]), vector.as_pointer())


@intrinsic
def load(typing_context, like, array, index):
    """See the module."""

    def build(context, builder, signature, arguments):
        vector = context.get_value_type(signature.return_type)
        place = _place(context, builder, signature.args[1], arguments[1], arguments[2], vector)
        return builder.load(place, align=like.dtype.bitwidth // 8)

    return like(like, array, types.intp), build


@intrinsic
def store(typing_context, array, index, vector):
    """See the module."""

    def build(context, builder, signature, arguments):
        value = arguments[2]
        place = _place(context, builder, signature.args[0], arguments[0], arguments[1], value.type)
        builder.store(value, place, align=vector.dtype.bitwidth // 8)
        return context.get_dummy_value()

    return types.void(array, types.intp, vector), build


def _splat(builder, scalar, vector):
    """Repeat a number in every lane."""
    undefined, index = ir.Constant(vector, ir.Undefined), ir.IntType(32)
    first = builder.insert_element(undefined, scalar, index(0))
    lanes = ir.Constant(ir.VectorType(index, vector.count), [0] * vector.count)
    return builder.shuffle_vector(first, undefined, lanes)


@intrinsic
def axpy(typing_context, total, scalar, vector):
    """See the module."""

    def build(context, builder, signature, arguments):
        kind = arguments[0].type
        name = f"llvm.fma.v{kind.count}f{total.dtype.bitwidth}"
        fma = cgutils.get_or_insert_function(
            builder.module, ir.FunctionType(kind, [kind] * 3), name
        )
        return builder.call(fma, [_splat(builder, arguments[1], kind), arguments[2], arguments[0]])

    return total(total, total.dtype, total), build


@intrinsic
def at_least(typing_context, vector, scalar):
    """See the module."""

    def build(context, builder, signature, arguments):
        floor = _splat(builder, arguments[1], arguments[0].type)
        below = builder.fcmp_ordered("<", arguments[0], floor)
        return builder.select(below, floor, arguments[0])

    return vector(vector, vector.dtype), build


@intrinsic
def value(typing_context, like, address, index):
    """See the module."""

    def build(context, builder, signature, arguments):
        place = builder.inttoptr(arguments[1], _number(like.dtype).as_pointer())
        return builder.load(builder.gep(place, [arguments[2]]))

    return like.dtype(like, types.intp, types.intp), build


@intrinsic
def lanes_of(typing_context, vector):
    """See the module."""

    def build(context, builder, signature, arguments):
        return context.get_constant(types.intp, vector.lanes)

    return types.intp(vector), build


@intrinsic
def lowest_bit(typing_context, word):
    """See the module."""

    def build(context, builder, signature, arguments):
        return builder.cttz(arguments[0], ir.IntType(1)(1))

    return types.uint64(types.uint64), build


@intrinsic
def addresses(typing_context, word, here, stride, nothing):
    """See the module."""

    def build(context, builder, signature, arguments):
        def of(bits):
            return ir.VectorType(ir.IntType(bits), 8)

        low = builder.trunc(arguments[0], ir.IntType(8))
        below = builder.and_(_splat(builder, low, of(8)), ir.Constant(of(8), _BELOW))
        count = cgutils.get_or_insert_function(
            builder.module, ir.FunctionType(of(8), [of(8)]), "llvm.ctpop.v8i8"
        )
        step = _splat(builder, builder.trunc(arguments[2], ir.IntType(32)), of(32))
        offset = builder.mul(builder.zext(builder.call(count, [below]), of(32)), step)
        place = builder.add(builder.zext(offset, of(64)), _splat(builder, arguments[1], of(64)))
        clear = _splat(builder, arguments[3], of(64))
        return builder.select(builder.bitcast(low, of(1)), place, clear)

    vector = Vector(types.int64, 8)
    return vector(types.uint64, types.int64, types.int64, types.int64), build
