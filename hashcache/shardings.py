"""Where JAX puts an array, as text."""

from __future__ import annotations

from typing import Any


def placed(sharding: Any) -> str:
    """Return a sharding as text that tells any two apart, in every process."""
    if not hasattr(sharding, "device_set"):  # none is given
        return repr(sharding)
    mesh = getattr(sharding, "mesh", None)
    order = "" if mesh is None or getattr(mesh, "empty", False) else f" {mesh.device_ids.tolist()}"
    kind = f"{type(sharding).__module__}.{type(sharding).__qualname__}"
    devices = sorted(device.id for device in sharding.device_set)
    return f"{kind} {sharding!r}{order} {devices}"
