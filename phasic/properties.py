"""Properties of what a state counts, and the combinations of their values."""

from __future__ import annotations

import math
from collections import namedtuple
from collections.abc import Iterator, Mapping, Sequence
from dataclasses import InitVar, dataclass
from functools import lru_cache
from typing import Any

import numpy as np

from phasic.arrays import Integers
from phasic.errors import GraphError, OutOfRangeError


@dataclass(frozen=True)
class Property:
    """A property with whole values from `min_value` to `max_value`; iterating gives the values.

    An `offset` is the older way to say where values begin: it moves both bounds up.

    Examples
    --------
    >>> list(Property("descendants", max_value=3, min_value=1))
    [1, 2, 3]
    """

    name: str
    max_value: int
    min_value: int = 0
    offset: InitVar[int] = 0

    def __post_init__(self, offset: int) -> None:
        check_name(self.name)
        for bound in ("max_value", "min_value"):
            value = getattr(self, bound)
            if not isinstance(value, int | np.integer) or isinstance(value, bool):
                raise GraphError(f"{bound} of the property {self.name!r} is {value!r}; pass an integer")
            object.__setattr__(self, bound, int(value))
        if offset and not self.min_value:
            object.__setattr__(self, "min_value", offset)
            object.__setattr__(self, "max_value", self.max_value + offset)
        if self.max_value < self.min_value:
            raise GraphError(
                f"the property {self.name!r} has max_value {self.max_value} below min_value {self.min_value}"
            )

    @property
    def base(self) -> int:
        """Number of values."""
        return self.max_value - self.min_value + 1

    def validate_value(self, value: int) -> None:
        """Raise GraphError unless `value` is one of the values."""
        if int(value) != value or not self.min_value <= value <= self.max_value:
            raise GraphError(
                f"the property {self.name!r} is {value}, out of range [{self.min_value}, {self.max_value}]"
            )

    def encode_value(self, value: int) -> int:
        """Return the place of a value, counted from 0."""
        self.validate_value(value)
        return int(value) - self.min_value

    def decode_value(self, encoded: int) -> int:
        """Return the value at a place: ``decode_value(encode_value(value)) == value``."""
        self.validate_value(encoded + self.min_value)
        return int(encoded) + self.min_value

    def __iter__(self) -> Iterator[int]:
        return iter(range(self.min_value, self.max_value + 1))

    def __len__(self) -> int:
        return self.base


class PropertySet:
    """Properties whose combinations are numbered, the first property fastest; iterating gives numbers.

    Parameters
    ----------
    name : str
        Name of the set, under which a `StateIndexer` has it.
    properties : sequence of Property
        At least one, each with a name of its own.
    """

    def __init__(self, name: str, properties: Sequence[Property]) -> None:
        check_name(name)
        if isinstance(properties, Property):
            properties = [properties]
        if not properties or not all(isinstance(entry, Property) for entry in properties):
            raise GraphError(f"{name!r} was given {properties!r}; pass a list of Property objects")
        self.name = name
        self.properties = tuple(properties)
        check_distinct([entry.name for entry in self.properties])

    @property
    def property_dict(self) -> dict[str, Property]:
        """The properties by name."""
        return {entry.name: entry for entry in self.properties}

    @property
    def state_length(self) -> int:
        """Number of combinations: the entries that the set takes in a state."""
        return math.prod(entry.base for entry in self.properties)

    def props_to_index(self, props: Any = None, **values: int) -> Any:
        """Return the number of a combination, or of all that have the properties given.

        Parameters
        ----------
        props : mapping, record or array of int, optional
            Values by name, a record of `index_to_props`, or values in the order of the properties; of an
            array of two dimensions, each row is a combination.
        **values : int
            The same by keywords.

        Returns
        -------
        int or int64 array
            An array where a property is left out: the numbers, in order, of all combinations that have the
            others. An array also for rows.

        Raises
        ------
        GraphError
            A property is unknown, its value is out of range, or there is none at all.

        Examples
        --------
        >>> pairs = PropertySet("pairs", [Property("left", 1), Property("right", 2)])
        >>> pairs.props_to_index(left=1, right=2)
        5
        >>> pairs.props_to_index(left=1).tolist()
        [1, 3, 5]
        """
        names = [entry.name for entry in self.properties]
        if np.ndim(props) == 2:
            return np.array([self.props_to_index(row, **values) for row in props], dtype=np.int64)
        given = named(props)
        if given is None:
            row = np.atleast_1d(props)
            if row.size > len(names):
                raise GraphError(f"{row.size} values were given for the properties {names} of {self.name!r}")
            given = dict(zip(names, row, strict=False))
        given = {**given, **values}
        unknown = set(given) - set(names)
        if unknown or not given:
            problem = f"has no property {sorted(unknown)}" if unknown else f"needs a value of {names}"
            raise GraphError(f"{self.name!r} {problem}; its properties are {names}")
        indices, stride = np.zeros(1, dtype=np.int64), 1
        for entry in self.properties:
            digits = [entry.encode_value(given[entry.name])] if entry.name in given else range(entry.base)
            indices = (np.array(digits, dtype=np.int64)[:, None] * stride + indices).ravel()
            stride *= entry.base
        return int(indices[0]) if len(given) == len(names) else indices

    def index_to_props(self, index: Any, as_dict: bool = False, as_values: bool = False) -> Any:
        """Return the values of a combination as attributes, a dict or an array.

        Of an array of numbers, return a list of these; with `as_values` one array, int64[k, properties].

        Raises
        ------
        OutOfRangeError
            There are not so many combinations.
        """
        if np.ndim(index):
            found = [self.index_to_props(one, as_dict, as_values) for one in index]
            return np.array(found).reshape(len(found), len(self.properties)) if as_values else found
        if not 0 <= index < self.state_length:
            raise OutOfRangeError(
                f"{self.name!r} has no index {index}; indices run to {self.state_length - 1}"
            )
        rest, values = int(index), []
        for entry in self.properties:
            rest, digit = divmod(rest, entry.base)
            values.append(digit + entry.min_value)
        names = tuple(entry.name for entry in self.properties)
        if as_values:
            return np.array(values)
        if as_dict:
            return dict(zip(names, values, strict=True))
        return record(f"{self.name.capitalize()}Props", names)(*values)

    p2i = props_to_index
    i2p = index_to_props

    def indices(self) -> Integers:
        """Return all numbers, int64[state_length]."""
        return np.arange(self.state_length)

    def __iter__(self) -> Iterator[int]:
        return iter(range(self.state_length))

    def __len__(self) -> int:
        return self.state_length

    def __eq__(self, other: object) -> bool:
        if not isinstance(other, PropertySet):
            return NotImplemented
        return (self.name, self.properties) == (other.name, other.properties)

    def __hash__(self) -> int:
        return hash((self.name, self.properties))

    def __repr__(self) -> str:
        ranges = ", ".join(f"{p.name}:{p.min_value}-{p.max_value}" for p in self.properties)
        return f"PropertySet({self.name!r}, [{ranges}])"


def check_name(name: Any) -> None:
    """Raise GraphError unless `name` can be an attribute."""
    if not isinstance(name, str) or not name.isidentifier() or name.startswith("_"):
        raise GraphError(f"{name!r} cannot be an attribute; choose a name like 'lineages'")


def check_distinct(names: list[str]) -> None:
    """Raise GraphError if a name is there twice."""
    for name in names:
        if names.count(name) > 1:
            raise GraphError(f"the name {name!r} is given twice")


def named(props: Any) -> dict[str, Any] | None:
    """Return values by name of a mapping, a record of `index_to_props` or nothing; None of all else."""
    if props is None or isinstance(props, Mapping):
        return dict(props or {})
    return dict(props._asdict()) if hasattr(props, "_asdict") else None


@lru_cache(maxsize=256)
def record(title: str, names: tuple[str, ...]) -> Any:
    """Return a class of named tuples."""
    return namedtuple(title, names, rename=True)
