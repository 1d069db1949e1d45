"""Models to start from: each function returns a callback that `Graph` explores.

Where absorption times have a closed form, the docstring gives it and the tests compare. Models with many
states take ``vectorized=True`` and then return a callback for ``Graph(callback, vectorized=True)``, which
makes the transitions of many states at once: the same graph, sooner.

Examples
--------
>>> from phasic import Graph, models
>>> graph = Graph(models.rabbits(2))
>>> graph.update_weights([1.0, 1.0, 2.0, 4.0])
>>> graph.states()[1:].tolist()
[[2, 0], [1, 1], [0, 0], [0, 2], [0, 1], [1, 0]]
"""

from __future__ import annotations

from phasic.models.blocks import kinds
from phasic.models.coalescents import coalescent, island_coalescent, lineages, structured_coalescent
from phasic.models.isolation import (
    ancestral_coalescent,
    ancestral_start,
    isolation_with_migration,
    joint_spectrum,
)
from phasic.models.phases import coxian, erlang, hyperexponential, hypoexponential
from phasic.models.queues import birth_death, mm1k_queue_time, mmck_queue_time, moran
from phasic.models.rabbits import rabbits
from phasic.models.recombination import two_locus_coalescent

__all__ = [
    "ancestral_coalescent",
    "ancestral_start",
    "birth_death",
    "coalescent",
    "coxian",
    "erlang",
    "hyperexponential",
    "hypoexponential",
    "island_coalescent",
    "isolation_with_migration",
    "joint_spectrum",
    "kinds",
    "lineages",
    "mm1k_queue_time",
    "mmck_queue_time",
    "moran",
    "rabbits",
    "structured_coalescent",
    "two_locus_coalescent",
]
