"""A decoded result is what was encoded: type, value, dtype, shape and order, and nobody else's."""

from __future__ import annotations

import math
import pickle
import struct
import sys
import threading
from typing import Any

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st
from hypothesis.extra import numpy as hnp
from round_trips import Model, decode, round_trip, same, stored

from hashcache import ConvertingCodec, UnencodableError
from hashcache.codec import CODECS, Codec, PickleCodec, _Description, encode

LAYOUTS = {
    "as it is": lambda a: a,
    "Fortran": np.asfortranarray,
    "transposed": np.transpose,
    "every second": lambda a: a[..., ::2] if a.ndim else a,
    "backwards": lambda a: a[::-1] if a.ndim else a,
    "swapped": lambda a: a.swapaxes(0, -1) if a.ndim else a,
    "repeated": lambda a: np.broadcast_to(a, (3, *a.shape)),
}
DTYPES = st.one_of(hnp.scalar_dtypes(), hnp.byte_string_dtypes(), hnp.unicode_string_dtypes())
SHAPES = hnp.array_shapes(min_dims=0, max_dims=4, min_side=0, max_side=4)


@st.composite
def arrays(draw: st.DrawFn) -> np.ndarray[Any, Any]:
    """Arrays of any bits, so of every NaN too, in any layout."""
    dtype, shape = draw(st.one_of(DTYPES, st.just(np.dtype("V7")))), draw(SHAPES)
    size = math.prod(shape) * dtype.itemsize
    array = np.ndarray(shape, dtype, bytearray(draw(st.binary(min_size=size, max_size=size))))
    array = LAYOUTS[draw(st.sampled_from(sorted(LAYOUTS)))](array)
    array.flags.writeable = draw(st.booleans()) and array.flags.writeable
    return array


scalars = DTYPES.flatmap(hnp.from_dtype) | st.binary(min_size=1).map(np.void)
bits = st.integers(0, 2**64 - 1).map(lambda n: struct.unpack("<d", struct.pack("<Q", n))[0])
texts = st.text() | st.text("\ud800\udfff\x00aé")
plain = st.one_of(
    st.none(), st.booleans(), st.integers(), st.integers().map(lambda n: n << 20_000), st.floats(), bits,
    st.complex_numbers(), st.builds(complex, bits, bits), st.binary(), texts,
)  # fmt: skip


def containers(inner: st.SearchStrategy[Any]) -> st.SearchStrategy[Any]:
    lists = st.lists(inner, max_size=4)
    return lists | lists.map(tuple) | st.dictionaries(plain, inner, max_size=4)


nests = st.recursive(plain | scalars | arrays(), containers, max_leaves=10)


@given(nests)
def test_nests_of_arrays_and_builtins_come_back_without_pickle(value: Any) -> None:
    assert same(value, round_trip(value, by="arrays"))


@given(arrays())
def test_arrays_come_back_with_dtype_shape_order_and_every_bit(array: Any) -> None:
    assert same(array, round_trip(array, by="arrays"))


@pytest.mark.parametrize("char", sorted(set(np.typecodes["All"]) - set("O")))
@pytest.mark.parametrize("order", "<>")
def test_every_dtype_of_numpy_comes_back(char: str, order: str) -> None:
    dtype = np.dtype(char).newbyteorder(order)
    array = np.zeros((2, 3), dtype)
    assert same(array, round_trip(array, by="arrays"))
    assert same(array[0, 0], round_trip(array[0, 0], by="arrays"))


@pytest.mark.parametrize("dtype", ["V0", "S0", "U0"])
def test_arrays_of_items_without_bytes_come_back(dtype: str) -> None:
    array = np.ndarray((2, 3), dtype)
    assert same(array, round_trip(array))


def test_dtypes_of_other_packages_come_back() -> None:
    for dtype in vars(pytest.importorskip("ml_dtypes")).values():
        if isinstance(dtype, type) and issubclass(dtype, np.generic):
            array = np.ones(3, dtype)
            assert same(array, round_trip(array))
            assert same([array[0]], round_trip([array[0]]))


def scribble(value: Any) -> None:
    """Change everything that can be changed in place."""
    if isinstance(value, np.ndarray):
        assert value.flags.writeable
        if value.nbytes:
            value.reshape(-1, order="A").view(np.uint8)[:] ^= 0xFF
            assert value.flags.forc  # so that this was a view of it
    elif isinstance(value, (list, tuple, dict)):
        for part in list(value.values() if isinstance(value, dict) else value):
            scribble(part)
        if not isinstance(value, tuple):
            value.clear()


@given(nests, st.sampled_from(CODECS))
def test_two_hits_share_nothing_with_each_other_or_with_the_stored_bytes(value: Any, codec: Codec) -> None:
    data = stored(value, [codec])
    before = bytes(data)
    first, second = decode(before, [codec]), decode(bytearray(data), [codec])
    assert same(first, second)
    if codec.name == "arrays":  # pickle keeps arrays read-only that were
        scribble(first)
    data[:] = bytes(len(data))  # a store may use its buffer again
    assert same(second, decode(before, [codec]))


class Refusing:
    def __reduce__(self) -> Any:
        raise OSError("not today")


class Gappy:
    def __reduce_ex__(self, protocol: Any) -> Any:
        return bytes, (pickle.PickleBuffer(memoryview(b"abcd")[::2]),)


def nest(depth: int) -> list[Any]:
    whole: list[Any] = []
    for _ in range(depth):
        whole = [whole]
    return whole


@pytest.mark.parametrize(
    "value", [threading.Lock(), Refusing(), Gappy(), nest(5000), (i for i in "a")], ids=type
)
def test_what_cannot_be_stored_is_refused_by_one_error(value: Any) -> None:
    for whole in (value, [value], {"a": np.arange(3), "b": value}):
        with pytest.raises(UnencodableError):
            encode(whole, CODECS)


def test_large_or_deep_nests_are_left_to_pickle() -> None:
    deep, wide = nest(_Description.deepest + 1), [0.5] * _Description.most_nodes
    assert same(deep, round_trip(deep, by="pickle"))
    assert same(wide, round_trip(wide, by="pickle"))
    assert same(deep[0], round_trip(deep[0], by="arrays"))


def test_no_result_needs_numpy_that_holds_no_array(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setitem(sys.modules, "numpy", None)
    assert round_trip([1, "a"], by="arrays") == [1, "a"]
    assert round_trip([{1}, Model(1)], by="pickle") == [{1}, Model(1)]


BY_PARTS = ConvertingCodec(
    "model/1", Model, lambda model: [model.rates, model.name], lambda parts: Model(*parts)
)


def test_a_converting_codec_takes_exactly_its_type_and_never_pickles() -> None:
    codecs: list[Codec] = [BY_PARTS, *CODECS]
    data = stored(Model(np.arange(3), "m"), codecs, by="model/1")
    back = decode(data, codecs)
    assert same(back.rates, np.arange(3))
    assert back.name == "m"
    assert back.rates is not decode(data, codecs).rates
    assert encode([Model(1)], codecs)[0] == "pickle"
    assert not BY_PARTS.accepts(type("Sub", (Model,), {})(1))
    with pytest.raises(UnencodableError):
        encode(Model({1}), [BY_PARTS])
    with pytest.raises(UnencodableError, match="no codec takes"):
        encode(1, [BY_PARTS])


def test_a_codec_that_fails_is_named() -> None:
    broken = ConvertingCodec("broken", Model, lambda model: 1 / 0, lambda parts: parts)
    with pytest.raises(UnencodableError, match="'broken' failed with ZeroDivisionError"):
        encode(Model(1), [broken, PickleCodec()])
