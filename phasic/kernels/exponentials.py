"""Kernels that sum exponentials ``exp(z t)`` over the nodes z of a contour, at many times t.

What a node is worth vanishes long before the last time for most of them, so each comes with the number of
(ascending) times that it counts for. Nodes come in order, so that these numbers do not rise.
"""

from __future__ import annotations

from typing import Any

import numpy as np

from phasic.kernels import kernel


@kernel(writes=("table_re", "table_im"))
def exponentials(times: Any, z_re: Any, z_im: Any, table_re: Any, table_im: Any) -> None:
    """Fill the tables (float64[k, times]) with ``exp(z t)``."""
    for p in range(z_re.size):
        for i in range(times.size):
            size = np.exp(z_re[p] * times[i])
            table_re[p, i] = size * np.cos(z_im[p] * times[i])
            table_im[p, i] = size * np.sin(z_im[p] * times[i])


@kernel(writes=("out",))
def collect(table_re: Any, table_im: Any, counts: Any, c_re: Any, c_im: Any, out: Any) -> float:
    """Fill `out` with the imaginary part of ``c @ table``; return the largest of what should be zero.

    Every second node alone is a rule of its own, as far off as the real part of the difference tells.

    Parameters
    ----------
    table_re, table_im : float64[k, times]
        From `exponentials`; k is even.
    counts : int64[k]
    c_re, c_im : float64[k]
    out : float64[times]
    """
    doubt = np.zeros(out.size)
    for i in range(out.size):
        out[i] = 0.0
    for p in range(0, c_re.size, 2):
        a_re = c_re[p]
        a_im = c_im[p]
        b_re = c_re[p + 1]
        b_im = c_im[p + 1]
        both = counts[p + 1]
        for i in range(both):
            out[i] += (table_re[p, i] * a_im + table_im[p, i] * a_re) + (
                table_re[p + 1, i] * b_im + table_im[p + 1, i] * b_re
            )
            doubt[i] += (table_re[p, i] * a_re - table_im[p, i] * a_im) - (
                table_re[p + 1, i] * b_re - table_im[p + 1, i] * b_im
            )
        for i in range(both, counts[p]):
            out[i] += table_re[p, i] * a_im + table_im[p, i] * a_re
            doubt[i] += table_re[p, i] * a_re - table_im[p, i] * a_im
    most = 0.0
    for i in range(out.size):
        most = max(most, abs(doubt[i]))
    return most


@kernel(writes=("re", "im"))
def spread_back(table_re: Any, table_im: Any, counts: Any, factor: Any, re: Any, im: Any) -> None:
    """Add ``table @ factor`` to `re` and `im` (float64[k])."""
    for p in range(re.size):
        # Several sums, since the order of one is fixed and would be waited for.
        a0 = a1 = a2 = a3 = b0 = b1 = b2 = b3 = 0.0
        whole = counts[p] - counts[p] % 4
        for i in range(0, whole, 4):
            a0 += factor[i] * table_re[p, i]
            a1 += factor[i + 1] * table_re[p, i + 1]
            a2 += factor[i + 2] * table_re[p, i + 2]
            a3 += factor[i + 3] * table_re[p, i + 3]
            b0 += factor[i] * table_im[p, i]
            b1 += factor[i + 1] * table_im[p, i + 1]
            b2 += factor[i + 2] * table_im[p, i + 2]
            b3 += factor[i + 3] * table_im[p, i + 3]
        for i in range(whole, counts[p]):
            a0 += factor[i] * table_re[p, i]
            b0 += factor[i] * table_im[p, i]
        re[p] += (a0 + a1) + (a2 + a3)
        im[p] += (b0 + b1) + (b2 + b3)
