"""Compiled loops: arrays in, arrays out, a status back.

Importing a module of this package loads numba, which takes longer than most answers; the rest of
`phasic` therefore imports kernels inside the functions that call them.
"""

from __future__ import annotations

from collections.abc import Callable
from typing import Any


def kernel(function: Callable[..., Any]) -> Callable[..., Any]:
    """Return `function` compiled on its first call, without the interpreter lock.

    The machine code is kept beside the source or in the user's cache directory, so that only the first
    process waits for the compiler. Numba notices an edit by the source file that holds the function
    itself: a kernel may therefore call only kernels of its own file.
    """
    import numba

    try:
        compiled: Callable[..., Any] = numba.njit(nogil=True, error_model="numpy", cache=True)(function)
    except RuntimeError:  # neither place can be written: compile anew in each process
        compiled = numba.njit(nogil=True, error_model="numpy")(function)
    return compiled
