"""Rows of the table of arguments: values of other libraries. Packages are imported in the row."""

from __future__ import annotations

import copy
import functools
from typing import Any

import numpy as np
import pytest
from rows_of_values import row


@row
def jax_arrays():
    jax = pytest.importorskip("jax")
    jnp = jax.numpy
    half = np.ones(2, jnp.bfloat16)
    return (
        jnp.arange(3.0),
        [jnp.array([0.0, 1.0, 2.0]), jax.device_put(np.arange(3, dtype="f4")), jnp.arange(6.0)[::2] / 2],
        [
            np.arange(3, dtype="f4"), jnp.arange(3), jnp.arange(3.0)[None], jnp.asarray(1.0),
            jnp.float32(1.0),
            jnp.ones(2, jnp.bfloat16), jnp.ones(2, jnp.float16), half, half.view("V2"), half.view("u2"),
            half[0],
            jnp.float32, np.float32, jax.ShapeDtypeStruct((3,), "f4"),
        ],
    )  # fmt: skip


@row
def jax_keys():
    jax = pytest.importorskip("jax")
    key = jax.random.key(0)
    return (
        key,
        [jax.random.wrap_key_data(jax.random.key_data(key)), jax.random.clone(key)],
        [
            jax.random.key(1), jax.random.split(key), key[None],
            jax.random.split(key)[0],
            jax.random.key(0, impl="rbg"), jax.random.key(0, impl="unsafe_rbg"), jax.random.key_data(key),
        ],
    )  # fmt: skip


@row
def torch_tensors():
    torch = pytest.importorskip("torch")
    value = torch.arange(6.0).reshape(2, 3)
    leaf = torch.ones(2, requires_grad=True)
    used = torch.ones(2, requires_grad=True)
    used.sum().backward()
    turned = value.T.contiguous().T
    return (
        value,
        [turned, torch.arange(12.0)[::2].reshape(2, 3) / 2, torch.tensor([[0.0, 1, 2], [3, 4, 5]])],
        [
            value.double(), value.T, value.reshape(-1), value.bool(), value.to(torch.bfloat16), value.half(),
            value.numpy(),
            torch.nn.Parameter(value.clone()), torch.nn.Parameter(value.clone(), requires_grad=False), leaf,
            used,
            torch.ones(2), torch.ones(2, dtype=torch.cfloat), torch.ones(2, dtype=torch.cfloat).conj() * 1j,
            torch.tensor(1.0), torch.empty(0), torch.empty(0, 3), torch.ones(2, device="meta"),
            value.to_sparse(),
            value.to_sparse().coalesce().to_dense() + 1, torch.float32, torch.device("cpu"), value.shape,
            torch.Generator().manual_seed(1), torch.Generator().manual_seed(2),
        ],
    )  # fmt: skip


@row
def torch_modules():
    torch = pytest.importorskip("torch")

    def module(bias: float, train: bool = True) -> Any:
        layer = torch.nn.Linear(2, 1)
        with torch.no_grad():
            layer.weight.fill_(1.0)
            layer.bias.fill_(bias)
        return torch.nn.Sequential(layer, torch.nn.ReLU()).train(train)

    return module(1.0), [copy.deepcopy(module(1.0))], [module(2.0), module(1.0, False), module(1.0)[0]]


@row
def sparse_matrices():
    sparse = pytest.importorskip("scipy.sparse")
    dense = np.array([[0, 1.0, 2], [0, 0, 3]])
    asked = sparse.csr_matrix(dense)
    assert asked.has_sorted_indices
    assert asked.has_canonical_format
    value = sparse.csr_matrix(dense)
    unsorted = sparse.csr_matrix((np.array([2.0, 1, 3]), np.array([2, 1, 2]), np.array([0, 2, 3])), (2, 3))
    doubled = sparse.csr_matrix(
        (np.array([1.0, 1, 1, 3]), np.array([1, 2, 2, 2]), np.array([0, 3, 4])), (2, 3)
    )
    wide = sparse.csr_matrix(dense)
    wide.indices, wide.indptr = wide.indices.astype("i8"), wide.indptr.astype("i8")
    kinds = ("csc", "bsr", "coo", "dia", "dok", "lil")
    return (
        value,
        [asked, value.copy(), sparse.csr_matrix(sparse.coo_matrix(dense))],
        [
            *(getattr(sparse, f"{kind}_{end}")(dense) for kind in kinds for end in ("matrix", "array")),
            unsorted, doubled, wide, sparse.csr_array(dense), sparse.csr_matrix(dense.astype("f4")), dense,
            sparse.csr_matrix(np.vstack([dense, [[0, 0, 0]]])), sparse.csr_matrix(dense * 2),
        ],
    )  # fmt: skip


@row
def attrs_classes():
    attrs = pytest.importorskip("attrs")

    @attrs.frozen(cache_hash=True, slots=False)
    class Hashed:
        text: str

    @attrs.define
    class Slotted:
        text: str
        more: list[int] = attrs.field(factory=list)

    hashed = Hashed("a")
    hash(hashed)
    return hashed, [Hashed("a")], [Hashed("b"), Slotted("a"), Slotted("a", [1]), "a"]


@row
def pydantic_models():
    pydantic = pytest.importorskip("pydantic")

    class Model(pydantic.BaseModel):
        model_config = pydantic.ConfigDict(extra="allow")
        rate: float = 1.0
        names: tuple[str, ...] = ()
        _secret: int = pydantic.PrivateAttr(0)

        @pydantic.field_validator("rate")
        @classmethod
        def check(cls, rate: float) -> float:
            return abs(rate)

    class Frozen(pydantic.BaseModel, frozen=True):
        rate: float = 1.0

        @functools.cached_property
        def half(self) -> float:
            return self.rate / 2

    class Holding(pydantic.BaseModel, frozen=True):
        rates: list[float] = pydantic.Field(default_factory=lambda: [1.0])

        @functools.cached_property
        def total(self) -> float:
            return sum(self.rates)

    asked, secret = Frozen(), Model(rate=1.0)
    assert asked.half == 0.5
    held = Holding()
    assert held.total == 1.0
    held.rates.append(2.0)
    secret._secret = 1
    return (
        [Model(rate=1.0), Frozen()],
        [[Model.model_validate({"rate": 1}), asked]],
        [[Model(rate=1.0), Frozen(rate=2.0)], held, Holding(rates=[1.0, 2.0])]
        + [[other, Frozen()] for other in (Model(), Model(rate=2.0), Model(rate=1.0, z=1), secret, Frozen())],
    )


@row
def networks():
    networkx = pytest.importorskip("networkx")

    def graph(kind: Any = networkx.Graph, edges: Any = ((0, 1), (1, 2)), **more: Any) -> Any:
        made = kind(**more)
        made.add_edges_from(edges)
        return made

    asked = graph()
    assert [len(asked.nodes), len(asked.edges), len(asked.adj)] == [3, 2, 3]
    weighted = graph()
    weighted[0][1]["weight"] = 1.0
    named = graph()
    named.nodes[0]["colour"] = "red"
    return (
        graph(),
        [asked, asked.copy(), networkx.path_graph(3)],
        [
            graph(networkx.DiGraph), graph(networkx.MultiGraph), graph(edges=((1, 2), (0, 1))), weighted,
            named,
            graph(name="n"), graph(networkx.DiGraph, ((1, 0), (1, 2))), graph(edges=[(0, 1)]),
        ],
    )  # fmt: skip


@row
def estimators():
    linear = pytest.importorskip("sklearn.linear_model")
    from sklearn.ensemble import RandomForestClassifier
    from sklearn.pipeline import make_pipeline
    from sklearn.preprocessing import StandardScaler

    x, y = np.arange(12.0).reshape(6, 2) % 5, np.array([0, 1, 0, 1, 1, 0])

    def pipeline(strength: float = 1.0) -> Any:
        return make_pipeline(StandardScaler(), linear.LogisticRegression(C=strength))

    def forest(seed: int) -> Any:
        return RandomForestClassifier(3, random_state=seed).fit(x, y)

    return (
        [pipeline().fit(x, y), forest(0)],
        [[pipeline(1.0).fit(x.copy(), y), forest(0)]],
        [[pipeline().fit(x, y), forest(1)], [pipeline(), forest(0)], [pipeline(2.0).fit(x, y), forest(0)]],
    )


@row
def atoms_of_ase():
    ase = pytest.importorskip("ase")
    from ase.calculators.emt import EMT
    from ase.constraints import FixAtoms

    def copper(distance: float = 2.0, **more: Any) -> Any:
        return ase.Atoms("Cu2", [[0, 0, 0], [0, 0, distance]], **more)

    used = copper(calculator=EMT())
    used.get_potential_energy()
    return (
        copper(),
        [copper(2), copper().copy()],
        [
            copper(2.1), copper(pbc=True), copper(cell=[5, 5, 5]), copper(calculator=EMT()), used,
            copper(constraint=FixAtoms([0])), copper(info={"a": 1}), copper(magmoms=[1, 0]),
        ],
    )  # fmt: skip
