"""One root for every error that phasic raises; each also is the builtin a caller would catch."""

from __future__ import annotations


class PhasicError(Exception):
    """Something about a graph, its parameters or a question asked of it is wrong."""


class GraphError(PhasicError, ValueError):
    """A graph, a callback or an argument of a graph method is not what it has to be."""


class CallbackError(GraphError, TypeError):
    """A state-space callback returned something that is not a list of transitions."""


class VertexNotFoundError(GraphError, RuntimeError):
    """No vertex of the graph has the state asked for."""


class OutOfRangeError(GraphError, IndexError):
    """There is nothing at the index asked for."""


class ParameterError(GraphError, RuntimeError):
    """A parameter vector `theta` has the wrong length, or gives a rate that cannot be."""


class AbsorptionError(GraphError, ArithmeticError):
    """Some state cannot reach absorption, so that its absorption time is infinite."""

    def __init__(self, message: str, vertex: int | None = None) -> None:
        super().__init__(message)
        self.vertex = vertex


class OptionError(PhasicError, ValueError):
    """A setting of the package is unknown, or has a value that it cannot have."""
