"""Phase-type distributions on graphs.

Importing this package loads NumPy and nothing heavier: compiled kernels come with the first number
that is asked for.
"""

from __future__ import annotations

from phasic import models
from phasic.arrays import GraphArrays
from phasic.errors import (
    AbsorptionError,
    CallbackError,
    GraphError,
    OutOfRangeError,
    ParameterError,
    PhasicError,
    VertexNotFoundError,
)
from phasic.graph import Graph
from phasic.indexer import StateIndexer
from phasic.initial import with_ipv
from phasic.properties import Property, PropertySet
from phasic.vertex import Edge, Vertex

__version__ = "0.1.0"

callback = with_ipv

__all__ = [
    "AbsorptionError",
    "CallbackError",
    "Edge",
    "Graph",
    "GraphArrays",
    "GraphError",
    "OutOfRangeError",
    "ParameterError",
    "PhasicError",
    "Property",
    "PropertySet",
    "StateIndexer",
    "Vertex",
    "VertexNotFoundError",
    "callback",
    "models",
    "with_ipv",
]
