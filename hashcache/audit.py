"""Computing some of the hits again, to see whether they still are what the function returns."""

from __future__ import annotations

import os
from collections import Counter
from typing import TYPE_CHECKING, Any, TypeVar

from hashcache.compare import difference
from hashcache.computation import Raised
from hashcache.errors import AuditWarning
from hashcache.recent import MISS

if TYPE_CHECKING:
    from hashcache.call import Call, Policy

R = TypeVar("R")


def stored_of(call: Call, policy: Policy) -> Any:
    """Return what is stored of a call that is to be computed all the same, in some of many; or `MISS`."""
    # Not from `random`, whose numbers may be seeded for something else.
    if int.from_bytes(os.urandom(4), "little") >= policy.audit * 2**32:
        return MISS
    stored = call.layer.look_up(call, Counter())
    if stored is not MISS:
        call.refused = "audited", "audited", None
    return stored


def compared(call: Call, policy: Policy, stored: Any, value: R) -> R:
    """Return what was computed, and say if something else was stored."""
    policy.stats["audited"] += 1
    stored = stored.error if type(stored) is Raised else stored
    if found := difference(stored, value):
        policy.stats["differing"] += 1
        call.layer.cache.warn_once(
            ("audit", call.function, found),
            f"{call.function} was computed again and returned something else than is stored: {found}; "
            f"make what it depends on an argument, or declare it with depends_on",
            AuditWarning,
        )
    return value
