"""Observations of several rewards, each where it was made, in place of a table with gaps."""

from __future__ import annotations

from dataclasses import dataclass
from typing import Any

import numpy as np
from numpy.typing import ArrayLike, NDArray

from phasic.arrays import Floats
from phasic.errors import GraphError


@dataclass(frozen=True, eq=False)
class SparseObservations:
    """Values, and of which column each is; as an array, a table with NaN where a column has no more.

    Attributes
    ----------
    values : float64[k]
    features : int64[k]
        The column of each.
    n_features : int
        Number of columns.
    slices : optional
        Has no effect: columns are found.

    Examples
    --------
    >>> observed = SparseObservations([1.0, 2.0, 3.0], [0, 1, 0], n_features=2)
    >>> np.asarray(observed).tolist()
    [[1.0, 2.0], [3.0, nan]]
    """

    values: Floats
    features: NDArray[np.int64]
    n_features: int
    slices: Any = None

    def __post_init__(self) -> None:
        values = np.asarray(self.values, np.float64)
        features = np.asarray(self.features)
        if values.ndim != 1 or values.shape != features.shape:
            raise GraphError(
                f"values have shape {values.shape} and features {features.shape}; pass two "
                f"vectors of one length"
            )
        whole = features.astype(np.int64)
        if (whole != features).any() or ((whole < 0) | (whole >= self.n_features)).any():
            raise GraphError(f"features have to be columns from 0 to {self.n_features - 1}")
        object.__setattr__(self, "values", values)
        object.__setattr__(self, "features", whole)

    def get_feature_values(self, feature_idx: int) -> Floats:
        """Return the values of one column."""
        return np.asarray(self.values[self.features == feature_idx])

    def __array__(self, dtype: Any = None, copy: bool | None = None) -> NDArray[Any]:
        columns = [self.get_feature_values(j) for j in range(self.n_features)]
        table = np.full((max(map(len, columns), default=0), self.n_features), np.nan)
        for j, column in enumerate(columns):
            table[: column.size, j] = column
        return table if dtype is None else table.astype(dtype)


def dense_to_sparse(data: ArrayLike) -> SparseObservations:
    """Return what is there in a table with gaps, float64[n, k] with NaN, column by column."""
    table = np.asarray(data, np.float64)
    if table.ndim != 2:
        raise GraphError(f"data have shape {table.shape}; pass a table, with a column for each reward")
    features, rows = np.nonzero(~np.isnan(table.T))
    return SparseObservations(table[rows, features], features, table.shape[1])


def is_sparse_observations(data: Any) -> bool:
    """Return whether this is a `SparseObservations`."""
    return isinstance(data, SparseObservations)
