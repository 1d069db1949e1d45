"""Graphs whose rates change at given times.

- `graph`: what can be asked of one
- `building`: from a graph to one with an epoch more
- `boundaries`: where the chain is at the boundaries, and how weights follow from that
- `density`, `moments`, `sampling`, `context`: answers from epoch to epoch
- `engine`, `likelihood`: the same at theta after theta, with derivatives, for fits
- `jumps`: expected numbers of jumps and events, for tables of joint probabilities
"""

from phasic.epochs.graph import EpochGraph

__all__ = ["EpochGraph"]
