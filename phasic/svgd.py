"""Another address of what `Graph.svgd` takes and returns; see `phasic.inference.svgd`."""

from __future__ import annotations

from typing import Any

from phasic.lazily import INFERENCE, find

__all__ = list(INFERENCE)


def __getattr__(name: str) -> Any:
    return find(__name__, name, INFERENCE)
