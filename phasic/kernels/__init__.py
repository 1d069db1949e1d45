"""Loops over arrays, compiled when there is work for them: arrays in, arrays out, a status back.

Importing a module of this package is cheap; see `phasic.compiling` for when numba is loaded.
"""

from phasic.compiling import kernel

__all__ = ["kernel"]
