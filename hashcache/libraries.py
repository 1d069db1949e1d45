"""Canonical form of values of other libraries, where the generic road would see more than their value.

Bound by the names of types: a library is not imported to recognise its values. What is not here takes
the generic road, over the pieces that pickle would take an object apart into; ASE's atoms and the
estimators of scikit-learn do.
"""

from __future__ import annotations

import functools
import sys
from typing import Any

from hashcache.arrays import write_content
from hashcache.canonical import Sink, handles_named
from hashcache.values import write_reduced, write_state


def _write_others(value: Any, sink: Sink, known: frozenset[str]) -> None:
    """Write the attributes beside those that a handler knows, such as those of a user's subclass."""
    state = getattr(value, "__dict__", {})
    write_state({name: part for name, part in state.items() if name not in known}, sink, type(value))


_SPARSE = {
    "csr": ("data", "indices", "indptr"),
    "csc": ("data", "indices", "indptr"),
    "bsr": ("data", "indices", "indptr"),
    "coo": ("data", "coords"),
    "dia": ("data", "offsets"),
    "lil": ("data", "rows"),
}
_SPARSE_STATE = frozenset(
    """
    _shape _dict _has_sorted_indices _has_canonical_format has_canonical_format dtype
    data indices indptr coords row col offsets rows
    """.split()  # noqa: SIM905
)


@handles_named("scipy.sparse._base._spbase", "scipy.sparse._base.spmatrix")
def _sparse(value: Any, sink: Sink) -> None:
    """Write the arrays as they are: a function can see the order of indices, duplicates and stored zeros.

    Whether indices are known to be sorted is worked out from the arrays when somebody asks, so it
    is no value of its own.
    """
    sink.walk.mutable = True
    sink.type_of(value)
    sink.text("sparse", f"{value.format} {value.shape} {value.dtype.str}")
    if value.format == "dok":
        sink.part("<%s>", "items", dict(value.items()))
    else:
        for name in _SPARSE[value.format]:
            old = name == "coords" and not hasattr(value, "coords")
            sink.part(".%s", name, (value.row, value.col) if old else getattr(value, name))
    _write_others(value, sink, _SPARSE_STATE)


_GRAPH_ATTRIBUTES = {"_node": "nodes", "_adj": "adj", "_succ": "adj", "_pred": "pred"}


@handles_named("networkx.classes.graph.Graph")
def _graph(value: Any, sink: Sink) -> None:
    """Write nodes, edges and attributes in their order, without the views that a graph keeps once asked."""
    kind = type(value)
    sink.walk.mutable = True
    sink.type_of(value)
    for name, part in sorted(vars(value).items()):
        view = isinstance(getattr(kind, name, None), functools.cached_property)
        if view or name in ("__networkx_cache__", "_succ"):
            continue
        sink.text("name", name)
        sink.part(".%s", _GRAPH_ATTRIBUTES.get(name, name), part)


# -- torch -------------------------------------------------------------------------------------------


@handles_named("torch.Tensor", "torch._tensor.Tensor")
def _tensor(value: Any, sink: Sink) -> None:
    """Write dtype, shape, kind of device and content; strides and the number of the device are not value."""
    torch = sys.modules["torch"]
    walk = sink.walk
    walk.mutable = True
    if value.grad_fn is not None:
        raise walk.refuse(value, "it carries the history of its computation, which detach() leaves behind")
    sink.type_of(value)
    sink.text("tensor", f"{value.dtype} {tuple(value.shape)} {value.device.type} {value.layout}")
    sink.text("gradient", f"{value.requires_grad}")
    sink.part(".%s", "grad", value.grad)
    bare = value.detach()
    if value.layout is torch.sparse_coo:
        sink.text("coalesced", str(bare.is_coalesced()))
        sink.part(".%s", "_indices()", bare._indices())
        sink.part(".%s", "_values()", bare._values())
    elif value.layout is not torch.strided:
        compressed = value.layout in (torch.sparse_csr, torch.sparse_bsr)
        for name in ("crow_indices", "col_indices") if compressed else ("ccol_indices", "row_indices"):
            sink.part(".%s()", name, getattr(bare, name)())
        sink.part(".%s", "values()", bare.values())
    elif value.is_quantized or value.is_nested:
        raise walk.refuse(value, "quantized and nested tensors have none yet")
    elif value.device.type != "meta":  # a tensor without content
        flat = bare.resolve_conj().resolve_neg().cpu().contiguous().reshape(-1)
        write_content(flat.view(torch.uint8).numpy(), sink)
    _write_others(value, sink, frozenset())


@handles_named("torch.dtype", "torch.layout", "torch.memory_format", "torch.qscheme")
def _torch_name(value: Any, sink: Sink) -> None:
    sink.type_of(value)
    sink.text("torch", str(value))  # torch.float32: the name under which it is found there


@handles_named("torch.device")
def _device(value: Any, sink: Sink) -> None:
    sink.type_of(value)
    sink.text("device", f"{value.type} {value.index}")


@handles_named("torch._C.Generator")
def _torch_generator(value: Any, sink: Sink) -> None:
    sink.walk.mutable = True
    sink.type_of(value)
    sink.text("device", value.device.type)
    sink.part(".%s", "get_state()", value.get_state())


# -- xarray ------------------------------------------------------------------------------------------


@handles_named("xarray.core.variable.Variable")
def _variable(value: Any, sink: Sink) -> None:
    sink.walk.mutable = True
    sink.type_of(value)
    sink.part(".%s", "dims", value.dims)
    sink.part(".%s", "data", value.data)  # read, if it is still on disk; a task graph, if it is one
    sink.part(".%s", "attrs", dict(value.attrs))
    sink.part(".%s", "encoding", dict(value.encoding))


@handles_named("xarray.core.dataarray.DataArray")
def _data_array(value: Any, sink: Sink) -> None:
    sink.walk.mutable = True
    sink.type_of(value)
    sink.part(".%s", "name", value.name)
    sink.part("%s", "", value.variable)
    _write_coordinates(value, sink)


@handles_named("xarray.core.dataset.Dataset")
def _dataset(value: Any, sink: Sink) -> None:
    sink.walk.mutable = True
    sink.type_of(value)
    for name, variable in value.data_vars.items():
        sink.part("<name %r>", name, name)
        sink.part("[%r]", name, variable.variable)
    sink.part(".%s", "attrs", dict(value.attrs))
    sink.part(".%s", "encoding", dict(value.encoding))
    _write_coordinates(value, sink)


def _write_coordinates(value: Any, sink: Sink) -> None:
    for name, coordinate in value.coords.items():
        sink.part("<name %r>", name, name)
        sink.part(".coords[%r]", name, coordinate.variable)
    sink.part("<%s>", "indexes", dict(value.xindexes))


@handles_named("xarray.core.datatree.DataTree")
def _tree(value: Any, sink: Sink) -> None:
    # The whole tree, since every node leads to its root.
    sink.walk.mutable = True
    sink.type_of(value)
    sink.part(".%s", "path", value.path)
    for node in value.root.subtree:
        sink.part(".%s", "name", node.name)
        sink.part("[%r]", node.path, node.to_dataset(inherit=False))


# -- records -----------------------------------------------------------------------------------------


@handles_named("pydantic.main.BaseModel")
def _pydantic_model(value: Any, sink: Sink) -> None:
    """Write fields, extra and private attributes, and which fields were given."""
    kind = type(value)
    sink.type_of(value)
    known = kind.__pydantic_fields__ if hasattr(kind, "__pydantic_fields__") else kind.model_fields
    fields = {name: part for name, part in vars(value).items() if name in known}
    sink.walk.mutable = False
    _write_group(fields, sink)
    # A model that cannot change has no other value once a cached property was asked for. One that can
    # may keep what no longer follows from its fields, so there it counts.
    fixed = kind.model_config.get("frozen") and not sink.walk.mutable
    _write_group(
        {} if fixed else {name: part for name, part in vars(value).items() if name not in known}, sink
    )
    for group in (value.__pydantic_extra__, value.__pydantic_private__):
        _write_group(group, sink)
    sink.part(".%s", "model_fields_set", value.model_fields_set)
    sink.walk.mutable = True


def _write_group(group: dict[str, Any] | None, sink: Sink) -> None:
    sink.text("group", "none" if group is None else str(len(group)))
    for name, part in (group or {}).items():
        sink.text("name", name)
        sink.part(".%s", name, part)


@handles_named("pydantic._internal._decorators.Decorator")
def _pydantic_decorator(value: Any, sink: Sink) -> None:
    # A validator or serializer of a class; it also keeps the address of the class.
    sink.type_of(value)
    for name in ("cls_var_name", "func", "shim", "info"):
        sink.part(".%s", name, getattr(value, name))


@handles_named("pytz.tzinfo.BaseTzInfo")
def _pytz_zone(value: Any, sink: Sink) -> None:
    # Where one of its offsets was picked, the zone says which; all the rest is said by the version.
    sink.type_of(value)
    make, arguments = value.__reduce__()
    if make.__module__ != "pytz":
        write_reduced(value, sink)
        return
    sink.part("<%s>", "constructor", make)
    sink.part("<%s>", "zone", arguments)
