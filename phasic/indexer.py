"""Names for the entries of a state, such as the one that counts lineages with two descendants."""

from __future__ import annotations

from collections.abc import Iterator, Mapping, Sequence
from typing import Any

import numpy as np
from numpy.typing import NDArray

from phasic.arrays import Integers
from phasic.errors import GraphError, OutOfRangeError
from phasic.properties import Property, PropertySet, check_distinct, check_name, named, record


class Slot(str):
    """The name of one entry of a state that is no property."""

    __slots__ = ()

    @property
    def name(self) -> str:
        """The name."""
        return str(self)


class StateIndexer:
    """Property sets and slots, one after another along a state; each is an attribute.

    Sets come first, in the order given; a slot is one entry. The attribute of a set is the set, whose
    indices count from its own first entry; the attribute of a slot is its index in the state.

    Parameters
    ----------
    *slot_names : str
        Slots. (A list of properties in their place is one for ``property_sets``.)
    property_sets : list, optional
        Sets, or properties of a set called ``default``.
    slots : list of str, optional
        More slots.
    **named
        Lists of properties by the name of their set.

    Examples
    --------
    >>> indexer = StateIndexer("epoch", lineages=[Property("descendants", 3, 1), Property("deme", 1)])
    >>> indexer.state_length, indexer.epoch
    (7, 6)
    >>> indexer.props_to_index(descendants=2, deme=1)
    4
    >>> indexer.index_to_props(4).lineages.descendants
    2
    """

    _layout: tuple[PropertySet | str, ...]

    def __init__(
        self,
        *slot_names: str | Sequence[Property],
        property_sets: Sequence[PropertySet] | Sequence[Property] | None = None,
        slots: Sequence[str] | None = None,
        **named: Sequence[Property],
    ) -> None:
        sets: list[PropertySet] = []
        names: list[Any] = []
        for entry in slot_names:
            if isinstance(entry, list | tuple):  # an older way to give the properties of one set
                property_sets = [*(property_sets or ()), *entry]
            else:
                names.append(entry)
        if property_sets:
            if all(isinstance(entry, Property) for entry in property_sets):
                sets.append(PropertySet("default", [p for p in property_sets if isinstance(p, Property)]))
            else:
                sets += [entry for entry in property_sets if isinstance(entry, PropertySet)]
                if len(sets) < len(property_sets):
                    raise GraphError(
                        f"property_sets is {property_sets!r}; pass PropertySet or Property objects"
                    )
        sets += [PropertySet(name, properties) for name, properties in named.items()]
        self._set_layout((*sets, *names, *(slots or ())))

    def _set_layout(self, layout: tuple[PropertySet | str, ...]) -> None:
        for entry in layout:
            if not isinstance(entry, PropertySet):
                check_name(entry)
        names = [_name(entry) for entry in layout]
        if not names:
            raise GraphError("an indexer of nothing; pass slots, or lists of properties by name")
        check_distinct(names)
        taken = [name for name in names if hasattr(StateIndexer, name)]
        if taken:
            raise GraphError(f"{taken[0]!r} is the name of a method of an indexer; choose another")
        self._layout = layout

    def __getattr__(self, name: str) -> Any:
        if name.startswith("_"):  # not before _layout is there, as when a copy is made
            raise AttributeError(name)
        for entry in self._layout:
            if _name(entry) == name:
                return entry if isinstance(entry, PropertySet) else self.index_ranges[name][0]
        raise AttributeError(
            f"the indexer has no property set or slot {name!r}; it has {list(self.index_ranges)}"
        )

    @property
    def state_length(self) -> int:
        """Length of a state."""
        return sum(_size(entry) for entry in self._layout)

    @property
    def index_ranges(self) -> dict[str, tuple[int, int]]:
        """First index of each set and slot, and the one after its last."""
        ranges, first = {}, 0
        for entry in self._layout:
            ranges[_name(entry)] = (first, first + _size(entry))
            first += _size(entry)
        return ranges

    def property_sets(self) -> list[PropertySet]:
        """Return the property sets in order."""
        return [entry for entry in self._layout if isinstance(entry, PropertySet)]

    def slots(self) -> list[Slot]:
        """Return the names of the slots in order; each has itself as its ``name``."""
        return [Slot(entry) for entry in self._layout if isinstance(entry, str)]

    def props_to_index(self, pset_name: Any = None, props: Any = None, **values: int) -> Any:
        """Return the index in the state of a combination of properties, or of all that have these.

        The set is named first, or found by the names of the properties. Values are keywords, a mapping,
        a record of `index_to_props` or an array; see `PropertySet.props_to_index`, which returns an array
        where a property is left out.

        Raises
        ------
        GraphError
            No set, or more than one, has these properties; or a value is out of range.
        """
        if pset_name is not None and not isinstance(pset_name, str):
            pset_name, props = None, pset_name
        sets = self.property_sets()
        names = {*(named(props) or ()), *values}
        if pset_name is not None:
            found = [entry for entry in sets if entry.name == pset_name]
        elif names:
            found = [entry for entry in sets if set(entry.property_dict) == names]
            found = found or [entry for entry in sets if set(entry.property_dict) > names]
            if not found and len(sets) == 1:
                found = sets  # which says what is wrong
        else:
            found = sets
        if len(found) != 1:
            asked = repr(pset_name) if pset_name is not None else f"properties {sorted(names)}"
            problem = "no property set is, or has," if not found else "several property sets have"
            raise GraphError(f"{problem} {asked}; name one of {[entry.name for entry in sets]}")
        return self.index_ranges[found[0].name][0] + found[0].props_to_index(props, **values)

    def index_to_props(
        self, index: Any, as_dict: bool = False, as_values: bool = False, flatten: bool = False
    ) -> Any:
        """Return what stands at an index: a record of all sets and slots, None but for the one it is in.

        Parameters
        ----------
        index : int or array of int
            Of an array, the result is a list.
        as_dict, as_values : bool
            Properties as a dict, or as an array, in place of a record.
        flatten : bool
            Return the properties themselves; True for a slot.

        Raises
        ------
        OutOfRangeError
            The state is not so long.
        """
        if np.ndim(index):
            return [self.index_to_props(one, as_dict, as_values, flatten) for one in index]
        if not 0 <= index < self.state_length:
            raise OutOfRangeError(f"there is no index {index}; a state has length {self.state_length}")
        parts: list[Any] = []
        for entry, (first, end) in zip(self._layout, self.index_ranges.values(), strict=True):
            if not first <= index < end:
                parts.append(None)
                continue
            here = (
                entry.index_to_props(index - first, as_dict, as_values)
                if not isinstance(entry, str)
                else True
            )
            if flatten:
                return here
            parts.append(here)
        return record("IndexResult", tuple(self.index_ranges))(*parts)

    p2i = props_to_index
    i2p = index_to_props

    def indices(self) -> Integers:
        """Return all indices of a state, int64[state_length]."""
        return np.arange(self.state_length)

    def append(self, other: StateIndexer, prefix_other: str | None = None) -> StateIndexer:
        """Return the indexer of states of this one followed by those of `other`.

        Raises
        ------
        GraphError
            Both have a name in common; give a `prefix_other` to those of the other.
        """
        prefix = prefix_other or ""
        joined = StateIndexer.__new__(StateIndexer)
        joined._set_layout(
            (
                *self._layout,
                *(
                    prefix + entry
                    if isinstance(entry, str)
                    else PropertySet(prefix + entry.name, entry.properties)
                    for entry in other._layout
                ),
            )
        )
        return joined

    __add__ = append

    def __getitem__(self, name: str) -> PropertySet | int:
        """Return what the attribute of this name is: a property set, or the index of a slot."""
        if name not in self.index_ranges:
            raise OutOfRangeError(f"there is no property set or slot {name!r}; {list(self.index_ranges)} are")
        found: PropertySet | int = getattr(self, name)
        return found

    def to_dict(self) -> dict[str, Any]:
        """Return the indexer as plain lists and dicts, from which `from_dict` makes it again."""
        return {
            "layout": [
                entry
                if isinstance(entry, str)
                else {"name": entry.name, "properties": [dict(vars(p)) for p in entry.properties]}
                for entry in self._layout
            ]
        }

    @classmethod
    def from_dict(cls, data: Mapping[str, Any]) -> StateIndexer:
        """Return the indexer that `to_dict` described."""
        indexer = cls.__new__(cls)
        indexer._set_layout(
            tuple(
                entry
                if isinstance(entry, str)
                else PropertySet(entry["name"], [Property(**p) for p in entry["properties"]])
                for entry in data["layout"]
            )
        )
        return indexer

    def keys(self) -> list[str]:
        """Return the names of the property sets."""
        return [entry.name for entry in self.property_sets()]

    def values(self) -> list[PropertySet]:
        """Return the property sets."""
        return self.property_sets()

    def items(self) -> list[tuple[str, PropertySet]]:
        """Return the property sets with their names."""
        return [(entry.name, entry) for entry in self.property_sets()]

    def __iter__(self) -> Iterator[int]:
        return iter(range(self.state_length))

    def __len__(self) -> int:
        return len(self.property_sets())

    def __eq__(self, other: object) -> bool:
        if not isinstance(other, StateIndexer):
            return NotImplemented
        return self._layout == other._layout

    def __hash__(self) -> int:
        return hash(self._layout)

    def __repr__(self) -> str:
        parts = [
            f"{entry}=slot" if isinstance(entry, str) else f"{entry.name}={entry!r}" for entry in self._layout
        ]
        return f"StateIndexer({', '.join(parts)})"


def _name(entry: PropertySet | str) -> str:
    return entry if isinstance(entry, str) else entry.name


def _size(entry: PropertySet | str) -> int:
    return 1 if isinstance(entry, str) else entry.state_length


def counters(indexer: StateIndexer, only: Sequence[str] | None = None) -> tuple[list[str], NDArray[np.int64]]:
    """Return the names of one counter for each value of each property, and which entries it counts.

    Parameters
    ----------
    indexer : StateIndexer
        Of the states.
    only : sequence of str, optional
        Names of the properties to count; by default all.

    Returns
    -------
    list of str, int64[k, state_length]
        Names like ``descendants_2``, the set's name before it where two sets have a property of that
        name; and one where the state's entry has that value.
    """
    known = [entry.name for pset in indexer.property_sets() for entry in pset.properties]
    for name in only if only is not None else ():
        if name not in known:
            raise GraphError(f"the indexer has no property {name!r}; it has {known}")
    names, rows = [], []
    for pset in indexer.property_sets():
        first, end = indexer.index_ranges[pset.name]
        stride = 1
        for entry in pset.properties:
            values = pset.indices() // stride % entry.base
            stride *= entry.base
            if only is not None and entry.name not in only:
                continue
            prefix = f"{pset.name}_" if known.count(entry.name) > 1 else ""
            for digit, value in enumerate(entry):
                row = np.zeros(indexer.state_length, dtype=np.int64)
                row[first:end] = values == digit
                names.append(f"{prefix}{entry.name}_{value}")
                rows.append(row)
    if not names:
        raise GraphError("there is no property to count; give the indexer a list of properties")
    return names, np.array(rows)
