"""What the arguments of models have to be."""

from __future__ import annotations

import math
from collections.abc import Sequence

from phasic.errors import GraphError


def whole(name: str, value: int, least: int) -> None:
    """Raise GraphError unless `value` is an integer of at least `least`."""
    if value != int(value) or value < least:
        raise GraphError(f"{name} is {value!r}; it must be an integer of at least {least}")


def positive(name: str, values: Sequence[float]) -> None:
    """Raise GraphError unless `values` are finite rates above zero, and there are some."""
    if len(values) == 0 or not all(0.0 < value < math.inf for value in values):
        raise GraphError(f"{name} is {list(values)}; pass rates that are finite and positive")
