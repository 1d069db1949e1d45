"""The model hub: eliminations that others have recorded, from registries anywhere.

An artefact holds numbers only and runs nothing. It is compared with the SHA-256 of its registry, then with
the graph, and what it leaves open is only the order of elimination, which no answer depends on.
"""

from __future__ import annotations

from phasic.hub.errors import ArtefactError, HubError, HubWarning, UnreachableError
from phasic.hub.registry import list_computes

__all__ = ["ArtefactError", "HubError", "HubWarning", "UnreachableError", "list_computes"]
