"""Kernels that solve with ``z I - S`` for many complex z at once.

States are counted by position in the order of elimination, so that edges lead to the same strongly
connected component or to an earlier one. Numbers of k different z lie side by side, first their real parts
and then their imaginary ones, so that a step is the same for all of them.
"""

from __future__ import annotations

from typing import Any

import numpy as np

from phasic.kernels import kernel

# Entries up to which plain Python may run these: dozens of nodes make each of them dear. About 0.1 s.
_LITTLE = 3000


@kernel
def _forward(
    offsets: Any,
    to: Any,
    weights: Any,
    bounds: Any,
    lower_offsets: Any,
    lower_columns: Any,
    upper_offsets: Any,
    upper_columns: Any,
    keep: Any,
    rewards: Any,
    z_re: Any,
    z_im: Any,
    work: Any,
    exits: Any,
    lower: Any,
    upper: Any,
    inverse: Any,
    y: Any,
) -> None:
    """Factorise ``z I - S`` and fill `y` with the solution for `rewards`, for some z side by side.

    Rates between states and exits are kept apart as in `phasic.kernels.elimination`, z being one more exit.

    Parameters
    ----------
    offsets, to, weights : int64[t + 1], int32[m], float64[m]
        Edges by source; `to` is negative for absorbing vertices.
    bounds, ..., upper_columns
        Components and fill pattern, of a trace.
    keep : bool
        Whether factors are kept, or those of the last component only.
    rewards : float64[t]
    z_re, z_im : float64[k]
    work : float64[c, 2 k]
        Zero, and left so; c is the size of the largest component. This and the following arrays may have
        more columns than are used.
    exits : float64[c, 2 k]
    lower, upper, inverse, y : float64[..., 2 k]
        Filled; `inverse` with one over the rate of leaving.
    """
    k = z_re.size
    total = np.empty(2 * k)
    for c in range(bounds.size - 1):
        first = bounds[c]
        last = bounds[c + 1]
        base = low = up = 0
        if not keep:
            base = first
            low = lower_offsets[first]
            up = upper_offsets[first]
        for i in range(first, last):
            gone = 0.0
            inside = False
            for p in range(k):
                total[p] = rewards[i]
                total[k + p] = 0.0
            for a in range(offsets[i], offsets[i + 1]):
                j = to[a]
                w = weights[a]
                if j < first:
                    gone += w
                    if j >= 0:
                        for p in range(2 * k):
                            total[p] += w * y[j, p]
                elif j != i:
                    inside = True
                    for p in range(k):
                        work[j - first, p] += w
            if not inside:
                for p in range(k):
                    re = z_re[p] + gone
                    im = z_im[p]
                    size = re * re + im * im
                    inverse[i - base, p] = re / size
                    inverse[i - base, k + p] = -im / size
                    y[i, p] = total[p]
                    y[i, k + p] = total[k + p]
                    exits[i - first, p] = re
                    exits[i - first, k + p] = im
                for a in range(lower_offsets[i], lower_offsets[i + 1]):
                    for p in range(k):
                        lower[a - low, p] = lower[a - low, k + p] = 0.0
                for b in range(upper_offsets[i], upper_offsets[i + 1]):
                    for p in range(k):
                        upper[b - up, p] = upper[b - up, k + p] = 0.0
                continue
            row = i - first
            for p in range(k):
                exits[row, p] = z_re[p] + gone
                exits[row, k + p] = z_im[p]
            for a in range(lower_offsets[i], lower_offsets[i + 1]):
                e = lower_columns[a]
                for p in range(k):
                    re = (
                        work[e - first, p] * inverse[e - base, p]
                        - work[e - first, k + p] * inverse[e - base, k + p]
                    )
                    im = (
                        work[e - first, p] * inverse[e - base, k + p]
                        + work[e - first, k + p] * inverse[e - base, p]
                    )
                    work[e - first, p] = 0.0
                    work[e - first, k + p] = 0.0
                    lower[a - low, p] = re
                    lower[a - low, k + p] = im
                    total[p] += re * y[e, p] - im * y[e, k + p]
                    total[k + p] += re * y[e, k + p] + im * y[e, p]
                    exits[row, p] += re * exits[e - first, p] - im * exits[e - first, k + p]
                    exits[row, k + p] += re * exits[e - first, k + p] + im * exits[e - first, p]
                for b in range(upper_offsets[e], upper_offsets[e + 1]):
                    j = upper_columns[b] - first
                    for p in range(k):
                        work[j, p] += (
                            lower[a - low, p] * upper[b - up, p]
                            - lower[a - low, k + p] * upper[b - up, k + p]
                        )
                        work[j, k + p] += (
                            lower[a - low, p] * upper[b - up, k + p]
                            + lower[a - low, k + p] * upper[b - up, p]
                        )
            for p in range(k):  # back to itself only slows i down, which its smaller rate already says
                work[row, p] = work[row, k + p] = 0.0
                y[i, p] = total[p]
                y[i, k + p] = total[k + p]
                total[p] = exits[row, p]
                total[k + p] = exits[row, k + p]
            for b in range(upper_offsets[i], upper_offsets[i + 1]):
                j = upper_columns[b] - first
                for p in range(k):
                    upper[b - up, p] = work[j, p]
                    upper[b - up, k + p] = work[j, k + p]
                    total[p] += work[j, p]
                    total[k + p] += work[j, k + p]
                    work[j, p] = work[j, k + p] = 0.0
            for p in range(k):
                size = total[p] * total[p] + total[k + p] * total[k + p]
                inverse[i - base, p] = total[p] / size
                inverse[i - base, k + p] = -total[k + p] / size
        for i in range(last - 1, first - 1, -1):
            for b in range(upper_offsets[i], upper_offsets[i + 1]):
                j = upper_columns[b]
                for p in range(k):
                    y[i, p] += upper[b - up, p] * y[j, p] - upper[b - up, k + p] * y[j, k + p]
                    y[i, k + p] += upper[b - up, p] * y[j, k + p] + upper[b - up, k + p] * y[j, p]
            for p in range(k):
                re = y[i, p] * inverse[i - base, p] - y[i, k + p] * inverse[i - base, k + p]
                y[i, k + p] = y[i, p] * inverse[i - base, k + p] + y[i, k + p] * inverse[i - base, p]
                y[i, p] = re


@kernel
def _backward(
    offsets: Any,
    to: Any,
    weights: Any,
    bounds: Any,
    lower_offsets: Any,
    lower_columns: Any,
    upper_offsets: Any,
    upper_columns: Any,
    alpha: Any,
    lower: Any,
    upper: Any,
    inverse: Any,
    x: Any,
    k: Any,
) -> None:
    """Fill `x` with the solution of ``x (z I - S) = alpha`` for k different z, factors from `_forward`."""
    for i in range(x.shape[0]):
        for p in range(k):
            x[i, p] = alpha[i]
            x[i, k + p] = 0.0
    for c in range(bounds.size - 2, -1, -1):
        first = bounds[c]
        last = bounds[c + 1]
        for i in range(first, last):
            for p in range(k):
                re = x[i, p] * inverse[i, p] - x[i, k + p] * inverse[i, k + p]
                x[i, k + p] = x[i, p] * inverse[i, k + p] + x[i, k + p] * inverse[i, p]
                x[i, p] = re
            for b in range(upper_offsets[i], upper_offsets[i + 1]):
                j = upper_columns[b]
                for p in range(k):
                    x[j, p] += upper[b, p] * x[i, p] - upper[b, k + p] * x[i, k + p]
                    x[j, k + p] += upper[b, p] * x[i, k + p] + upper[b, k + p] * x[i, p]
        for i in range(last - 1, first - 1, -1):
            for a in range(lower_offsets[i], lower_offsets[i + 1]):
                e = lower_columns[a]
                for p in range(k):
                    x[e, p] += lower[a, p] * x[i, p] - lower[a, k + p] * x[i, k + p]
                    x[e, k + p] += lower[a, p] * x[i, k + p] + lower[a, k + p] * x[i, p]
            for a in range(offsets[i], offsets[i + 1]):
                j = to[a]
                w = weights[a]
                if 0 <= j < first:
                    for p in range(2 * k):
                        x[j, p] += w * x[i, p]


@kernel(writes=("work", "exits", "lower", "upper", "inverse", "y", "out_re", "out_im"), little=_LITTLE)
def transform(
    offsets: Any,
    to: Any,
    weights: Any,
    bounds: Any,
    lower_offsets: Any,
    lower_columns: Any,
    upper_offsets: Any,
    upper_columns: Any,
    rewards: Any,
    alpha: Any,
    work: Any,
    exits: Any,
    lower: Any,
    upper: Any,
    inverse: Any,
    y: Any,
    z_re: Any,
    z_im: Any,
    out_re: Any,
    out_im: Any,
) -> None:
    """Fill `out` with ``alpha (z I - S)^-1 rewards`` for each z.

    Parameters
    ----------
    offsets, ..., rewards
        As for `_forward`.
    alpha : float64[t]
    work, ..., y
        Room for as many z side by side as fit into fast memory.
    z_re, z_im, out_re, out_im : float64[...]
    """
    together = y.shape[1] // 2
    for begin in range(0, z_re.size, together):
        end = min(begin + together, z_re.size)
        k = end - begin
        _forward(
            offsets,
            to,
            weights,
            bounds,
            lower_offsets,
            lower_columns,
            upper_offsets,
            upper_columns,
            False,
            rewards,
            z_re[begin:end],
            z_im[begin:end],
            work,
            exits,
            lower,
            upper,
            inverse,
            y,
        )
        for p in range(begin, end):
            out_re[p] = out_im[p] = 0.0
        for i in range(alpha.size):
            if alpha[i] != 0.0:
                for p in range(k):
                    out_re[begin + p] += alpha[i] * y[i, p]
                    out_im[begin + p] += alpha[i] * y[i, k + p]


@kernel(writes=("work", "exits", "lower", "upper", "inverse", "y", "x"), little=_LITTLE)
def occupation(
    offsets: Any,
    to: Any,
    weights: Any,
    bounds: Any,
    lower_offsets: Any,
    lower_columns: Any,
    upper_offsets: Any,
    upper_columns: Any,
    alpha: Any,
    work: Any,
    exits: Any,
    lower: Any,
    upper: Any,
    inverse: Any,
    y: Any,
    x: Any,
    z_re: Any,
    z_im: Any,
) -> None:
    """Fill `x` with ``alpha (z I - S)^-1``, the expected time in each state, for as many z as fit at once.

    Parameters
    ----------
    offsets, ..., alpha
        As for `transform`.
    work, ..., y, x
        Room for the factors of all components, and the result.
    z_re, z_im : float64[k]
    """
    _forward(
        offsets,
        to,
        weights,
        bounds,
        lower_offsets,
        lower_columns,
        upper_offsets,
        upper_columns,
        True,
        alpha,
        z_re,
        z_im,
        work,
        exits,
        lower,
        upper,
        inverse,
        y,
    )
    _backward(
        offsets,
        to,
        weights,
        bounds,
        lower_offsets,
        lower_columns,
        upper_offsets,
        upper_columns,
        alpha,
        lower,
        upper,
        inverse,
        x,
        z_re.size,
    )


@kernel(writes=("work", "exits", "lower", "upper", "inverse", "y", "x", "out", "starts"), little=_LITTLE)
def sensitivities(
    offsets: Any,
    to: Any,
    weights: Any,
    bounds: Any,
    lower_offsets: Any,
    lower_columns: Any,
    upper_offsets: Any,
    upper_columns: Any,
    rewards: Any,
    alpha: Any,
    ratio: Any,
    absorbed: Any,
    work: Any,
    exits: Any,
    lower: Any,
    upper: Any,
    inverse: Any,
    y: Any,
    x: Any,
    z_re: Any,
    z_im: Any,
    c_re: Any,
    c_im: Any,
    out: Any,
    starts: Any,
) -> None:
    """Add the derivative of ``Im sum(c * transform(z))`` by the untilted weight of every edge to `out`.

    And to `starts` that by `alpha`, where this is positive.

    One more jump from u to v is worth what starts in v less what starts in u, ``x(u) (r y(v) - y(u))`` with
    x and y the solutions from either side, so a forward and a transposed solution serve all edges.

    Parameters
    ----------
    offsets, ..., alpha
        As for `transform`.
    ratio : float64[m]
        By how much more the target of an edge counts than its source, because of tilting.
    absorbed : float
        What arriving in an absorbing vertex is worth: one where `rewards` are rates of absorption, else zero.
    work, ..., y, x
        Room for the factors of all components.
    z_re, z_im, c_re, c_im : float64[k]
    out, starts : float64[m], float64[t]
    """
    together = y.shape[1] // 2
    for begin in range(0, z_re.size, together):
        end = min(begin + together, z_re.size)
        k = end - begin
        _forward(
            offsets,
            to,
            weights,
            bounds,
            lower_offsets,
            lower_columns,
            upper_offsets,
            upper_columns,
            True,
            rewards,
            z_re[begin:end],
            z_im[begin:end],
            work,
            exits,
            lower,
            upper,
            inverse,
            y,
        )
        _backward(
            offsets,
            to,
            weights,
            bounds,
            lower_offsets,
            lower_columns,
            upper_offsets,
            upper_columns,
            alpha,
            lower,
            upper,
            inverse,
            x,
            k,
        )
        for i in range(alpha.size):
            if alpha[i] > 0.0:
                for p in range(k):
                    starts[i] += c_re[begin + p] * y[i, k + p] + c_im[begin + p] * y[i, p]
        for i in range(x.shape[0]):
            stay = arrive = 0.0
            for p in range(k):
                re = c_re[begin + p] * x[i, p] - c_im[begin + p] * x[i, k + p]
                im = c_re[begin + p] * x[i, k + p] + c_im[begin + p] * x[i, p]
                stay += re * y[i, k + p] + im * y[i, p]
                arrive += im
                # The imaginary part of the product with y is then one sum over both halves.
                x[i, p] = im
                x[i, k + p] = re
            for a in range(offsets[i], offsets[i + 1]):
                j = to[a]
                if j < 0:
                    out[a] += absorbed * ratio[a] * arrive - stay
                else:
                    # Eight sums, since the order of one is fixed and would be waited for.
                    s0 = s1 = s2 = s3 = s4 = s5 = s6 = s7 = 0.0
                    for p in range(0, 2 * k, 8):
                        s0 += x[i, p] * y[j, p]
                        s1 += x[i, p + 1] * y[j, p + 1]
                        s2 += x[i, p + 2] * y[j, p + 2]
                        s3 += x[i, p + 3] * y[j, p + 3]
                        s4 += x[i, p + 4] * y[j, p + 4]
                        s5 += x[i, p + 5] * y[j, p + 5]
                        s6 += x[i, p + 6] * y[j, p + 6]
                        s7 += x[i, p + 7] * y[j, p + 7]
                    moved = (s0 + s4) + (s1 + s5) + ((s2 + s6) + (s3 + s7))
                    out[a] += ratio[a] * moved - stay


@kernel(writes=("work", "exits", "lower", "upper", "inverse", "y", "x", "out_re", "out_im"), little=_LITTLE)
def directional(
    offsets: Any,
    to: Any,
    weights: Any,
    bounds: Any,
    lower_offsets: Any,
    lower_columns: Any,
    upper_offsets: Any,
    upper_columns: Any,
    rewards: Any,
    alpha: Any,
    ratio: Any,
    absorbed: Any,
    work: Any,
    exits: Any,
    lower: Any,
    upper: Any,
    inverse: Any,
    y: Any,
    x: Any,
    z_re: Any,
    z_im: Any,
    directions: Any,
    out_re: Any,
    out_im: Any,
) -> None:
    """Fill `out_re` and `out_im` with the derivative of the transform at each z in each direction.

    As `sensitivities`, but every node by itself, summed over edges: few directions serve many times.

    Parameters
    ----------
    offsets, ..., z_im
        As for `sensitivities`.
    directions : float64[q, m]
        Change of the untilted weight of every edge.
    out_re, out_im : float64[q, k]
    """
    together = y.shape[1] // 2
    edge = np.empty(2 * together)
    for begin in range(0, z_re.size, together):
        end = min(begin + together, z_re.size)
        k = end - begin
        _forward(
            offsets,
            to,
            weights,
            bounds,
            lower_offsets,
            lower_columns,
            upper_offsets,
            upper_columns,
            True,
            rewards,
            z_re[begin:end],
            z_im[begin:end],
            work,
            exits,
            lower,
            upper,
            inverse,
            y,
        )
        _backward(
            offsets,
            to,
            weights,
            bounds,
            lower_offsets,
            lower_columns,
            upper_offsets,
            upper_columns,
            alpha,
            lower,
            upper,
            inverse,
            x,
            k,
        )
        out_re[:, begin:end] = 0.0
        out_im[:, begin:end] = 0.0
        for i in range(x.shape[0]):
            for a in range(offsets[i], offsets[i + 1]):
                matters = False
                for q in range(directions.shape[0]):
                    matters = matters or directions[q, a] != 0.0
                if not matters:
                    continue
                j = to[a]
                for p in range(k):
                    re = -y[i, p]
                    im = -y[i, k + p]
                    if j < 0:
                        re += absorbed * ratio[a]
                    else:
                        re += ratio[a] * y[j, p]
                        im += ratio[a] * y[j, k + p]
                    edge[p] = x[i, p] * re - x[i, k + p] * im
                    edge[k + p] = x[i, p] * im + x[i, k + p] * re
                for q in range(directions.shape[0]):
                    d = directions[q, a]
                    if d != 0.0:
                        for p in range(k):
                            out_re[q, begin + p] += d * edge[p]
                            out_im[q, begin + p] += d * edge[k + p]
