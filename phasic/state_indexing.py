"""Another address of `StateIndexer` and what belongs to it, for scripts that import it from here."""

from __future__ import annotations

from phasic.indexer import Slot, StateIndexer
from phasic.properties import Property, PropertySet

__all__ = ["Property", "PropertySet", "Slot", "StateIndexer"]
