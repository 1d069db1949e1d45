"""What a graph offers for fitting its parameters; everything heavy is imported when it is asked for."""

from __future__ import annotations

from collections.abc import Iterable, Sequence
from typing import TYPE_CHECKING, Any, cast

import numpy as np
from numpy.typing import ArrayLike

from phasic.errors import GraphError, ParameterError
from phasic.keywords import without_effect

if TYPE_CHECKING:
    from phasic.graph import Graph
    from phasic.inference.likelihood_fit import Fit
    from phasic.inference.matching import Matched
    from phasic.inference.problem import Problem
    from phasic.inference.svgd import SVGD
    from phasic.weighting import Given

Fixed = Iterable[tuple[int, float]]
Tied = Iterable[Sequence[int]]

_ONE_ROAD = "there is one road to every number, whatever JAX is doing"
_TO_THE_END = "the last epoch is followed to its end"


class Inference:
    """Parameters from data."""

    @without_effect(
        jit=_ONE_ROAD,
        precompile=_ONE_ROAD,
        compilation_config="call apply() of it, which holds for all that JAX compiles",
        preconditioner="steps are measured in standard deviations of the posterior",
        validate_rewards="rewards are always looked at",
        daisy_chain_t_eval=_TO_THE_END,
        daisy_chain_granularity=_TO_THE_END,
        daisy_chain_probe_theta=_TO_THE_END,
        daisy_chain_t_eval_tol=_TO_THE_END,
        final_read=_TO_THE_END,
    )
    def svgd(
        self,
        observed_data: Any,
        discrete: bool | None = None,
        prior: Any = None,
        n_particles: int | None = None,
        n_iterations: int = 1000,
        optimizer: Any = "adam",
        learning_rate: Any = None,
        bandwidth: Any = "median_per_dim",
        theta_init: Any = None,
        theta_dim: int | None = None,
        return_history: bool = True,
        seed: int | None = None,
        verbose: bool = False,
        progress: bool = True,
        positive_params: bool = True,
        param_transform: Any = None,
        fixed: Fixed | None = None,
        tied: Tied | None = None,
        parallel: int | str | None = None,
        n_devices: int | None = None,
        rewards: ArrayLike | None = None,
        censored: ArrayLike | None = None,
        truncated: ArrayLike | None = None,
        joint_index: bool = False,
        regularization: Any = 0.0,
        nr_moments: int = 2,
        tolerance: float = 0.0,
        callback: Given | None = None,
        exposure: ArrayLike | None = None,
        exposure_param_index: int | Sequence[int] | None = None,
        epoch_starts: ArrayLike | None = None,
    ) -> SVGD:
        """Return particles that look like the posterior of theta, by Stein variational gradient descent.

        The graph is not changed.

        Parameters
        ----------
        observed_data : array_like, scipy.stats.CensoredData or phasic.Observations
            Absorption times, or in a discrete graph numbers of steps; of several rewards a matrix with
            one column each, NaN where it was not observed.
        discrete : bool, optional
            What the graph is, to be checked.
        prior : optional
            One of `phasic.inference.priors` for every parameter, a list with one each (None for a fixed
            parameter), or a function of JAX of theta. By default log-Gaussian and very wide, see
            `phasic.inference.posterior.Posterior`.
        n_particles : int, optional
            By default 20 for each free parameter.
        n_iterations : int
        optimizer : str or optimiser of optax
        learning_rate : float or schedule of optax, optional
            By default it falls from 0.1 to nothing as half a cosine. The unit is a standard deviation of
            the posterior.
        bandwidth : {"median_per_dim", "median"}, float or float64[f]
            See `phasic.inference.svgd.stein_direction`.
        theta_init : float64[p] or float64[n_particles, p] or SVGD, optional
            From where to search for the most probable theta, around which particles start; or where each
            particle starts; or an earlier result, whose particles these are.
        theta_dim : int, optional
            The length of theta, to be checked; with a callback that of `theta_init`, or else of the
            coefficients.
        return_history : bool
            Keep the particles of every step.
        seed : int, optional
            The same seed gives the same particles.
        verbose : bool
            Print the summary in the end.
        progress : bool
            Show a bar where somebody can see it.
        positive_params : bool
            Parameters are positive.
        param_transform : {"log", "softplus"} or callable, optional
            By what positive parameters are seen as any numbers; or a function of JAX from vectors of any
            numbers to theta, entry by entry increasing, fixed parameters included.
        fixed : iterable of (int, float)
            Parameters that are known. (A mask of zeros and ones keeps those with a one at 1.)
        tied : iterable of iterable of int
            Groups of parameters that share one value.
        parallel : int or "pmap", optional
            Number of threads; by default that of processors. Or all devices of JAX.
        n_devices : int, optional
            Over how many devices of JAX particles are spread, by a program of JAX alone: exact positive
            times of a graph without epochs or rewards; all else goes to threads.
        rewards : float64[n] or float64[k, n], optional
            What was observed is this reward; or these, whose columns are taken as independent given theta.
        censored : bool array, optional
            Which observations ended before absorption.
        truncated : float or float64 array, optional
            What each observation had to exceed to be made at all (delayed entry).
        joint_index : bool
            Observed are vertices: outcomes of a `joint_prob_graph`, or rows of counts of one.
        regularization : float or schedule of optax
            By how much squares of relative differences between moments of model and data count.
        nr_moments : int
            How many moments these are.
        tolerance : float
            Stop when no mean or standard deviation of theta has changed by more than this share of the
            standard deviation over 20 steps. By default all steps are made.
        callback : callable, optional
            ``callback(theta, coefficients) -> weight``, as for `update_weights`; by default weights follow
            from theta as they do in the graph. Its derivatives are differences of sixth order.
        exposure : float or float64[n], optional
            A known number for each observation (or for each row of a matrix of them), by which a rate is
            larger there: a length, a time at risk, an area.
        exposure_param_index : int or sequence of int, optional
            The entries of theta that it multiplies; may be left out where theta has one.
        epoch_starts : float64[k], optional
            When epochs begin, from 0 on, for outcomes of a `joint_prob_graph` with ``discrete=False``: theta
            of the result is one for each epoch, one after the other. Places are those in one of them then:
            `fixed` holds in every epoch, or has a value for each; `tied` are pairs of a place and the epochs
            that share it; a list of priors is that of each epoch. (For times, call `add_epoch`.)

        Returns
        -------
        phasic.inference.svgd.SVGD

        Raises
        ------
        GraphError
            An observation is missing, negative or impossible, or the graph has no parameters.
        OptionError
            A setting is not what it has to be, or optax is not installed.

        Examples
        --------
        >>> from phasic import Graph
        >>> graph = Graph(lambda state: [([state[0] - 1], [1.0])] if state[0] else [], ipv=[1])
        >>> graph.update_weights([7.0])
        >>> found = graph.svgd(graph.sample(1000, seed=1), n_iterations=50, seed=1)
        >>> bool(abs(found.theta_mean[0] - 7.0) < 0.7)
        True
        """
        from phasic.inference.posterior import Posterior
        from phasic.inference.progress import shown
        from phasic.inference.svgd import SVGD

        problem = self._problem(
            observed_data,
            discrete,
            theta_dim,
            fixed,
            tied,
            rewards=rewards,
            censored=censored,
            truncated=truncated,
            joint_index=joint_index,
            callback=callback,
            theta_init=theta_init,
            exposure=exposure,
            exposure_param_index=exposure_param_index,
            epoch_starts=epoch_starts,
        )
        found = SVGD(
            Posterior(problem, prior, positive_params, param_transform),
            n_particles=n_particles,
            n_iterations=n_iterations,
            optimizer=optimizer,
            learning_rate=learning_rate,
            bandwidth=bandwidth,
            theta_init=theta_init,
            seed=seed,
            return_history=return_history,
            parallel=parallel,
            n_devices=n_devices,
            regularization=regularization,
            nr_moments=nr_moments,
            tolerance=tolerance,
        )
        with shown(progress, found.n_iterations) as show:
            found.optimize(show=show)
        if verbose:
            found.summary()
        return found

    def fit(
        self,
        observed_data: Any,
        theta_init: ArrayLike | None = None,
        fixed: Fixed | None = None,
        tied: Tied | None = None,
        positive_params: bool = True,
        rewards: ArrayLike | None = None,
        censored: ArrayLike | None = None,
        truncated: ArrayLike | None = None,
        joint_index: bool = False,
        discrete: bool | None = None,
        callback: Given | None = None,
        exposure: ArrayLike | None = None,
        exposure_param_index: int | Sequence[int] | None = None,
        epoch_starts: ArrayLike | None = None,
    ) -> Fit:
        """Return the maximum likelihood estimate of theta with standard errors; the graph is not changed.

        Parameters as for `svgd`; the search starts from `theta_init`, float64[p].

        Raises
        ------
        GraphError
            An observation is missing, negative or impossible, or the graph has no parameters.

        Examples
        --------
        >>> from phasic import Graph
        >>> graph = Graph(lambda state: [([state[0] - 1], [1.0])] if state[0] else [], ipv=[1])
        >>> found = graph.fit([0.1, 0.2, 0.3])
        >>> found.theta.round(9).tolist(), round(float(found.std[0]), 5)
        ([5.0], 2.88675)
        """
        from phasic.inference import likelihood_fit

        problem = self._problem(
            observed_data,
            discrete,
            None,
            fixed,
            tied,
            rewards=rewards,
            censored=censored,
            truncated=truncated,
            joint_index=joint_index,
            callback=callback,
            theta_init=theta_init,
            exposure=exposure,
            exposure_param_index=exposure_param_index,
            epoch_starts=epoch_starts,
        )
        return likelihood_fit.fit(problem, positive_params, theta_init)

    @without_effect(verbose="the result says what was found")
    def method_of_moments(
        self,
        observed_data: ArrayLike,
        nr_moments: int | None = None,
        fixed: Fixed | None = None,
        theta_dim: int | None = None,
        theta_init: ArrayLike | None = None,
        std_multiplier: float = 2.0,
        discrete: bool | None = None,
        weighted: bool = True,
        tied: Tied | None = None,
    ) -> Matched:
        """Return the theta at which the model has the moments of the data; the graph is not changed.

        Parameters
        ----------
        observed_data, fixed, theta_dim, theta_init, discrete, tied
            As for `svgd`.
        nr_moments : int, optional
            By default as many as there are free parameters.
        std_multiplier : float
            How many standard errors wide the returned priors are.
        weighted : bool
            Let moments count by how well the data know them.

        Examples
        --------
        >>> from phasic import Graph
        >>> graph = Graph(lambda state: [([state[0] - 1], [1.0])] if state[0] else [], ipv=[1])
        >>> graph.method_of_moments([0.1, 0.2, 0.3]).theta.round(9).tolist()
        [5.0]
        """
        from phasic.inference import matching

        problem = self._problem(observed_data, discrete, theta_dim, fixed, tied)
        return matching.method_of_moments(problem, nr_moments, theta_init, std_multiplier, weighted)

    def _problem(
        self,
        observed: Any,
        discrete: bool | None,
        theta_dim: int | None,
        fixed: Fixed | None,
        tied: Tied | None,
        *,
        joint_index: bool = False,
        theta_init: Any = None,
        **data: Any,
    ) -> Problem:
        """Return observations of this graph; `data` as for `phasic.inference.problem.Problem`."""
        from phasic.inference.problem import Problem

        graph = cast("Graph", self)
        if graph._joint is not None and data.get("rewards") is None and np.ndim(observed) == 2:
            from phasic.inference.probability_matching import vertices_of

            observed, joint_index = vertices_of(graph._joint, observed), True
        if discrete is not None and not joint_index and bool(discrete) != graph.is_discrete:
            raise GraphError(f"discrete is {discrete}, but is_discrete of the graph is {graph.is_discrete}")
        length = theta_dim
        if data.get("callback") is not None and theta_dim is None and np.ndim(theta_init):
            length = np.shape(theta_init)[-1]
        fixed = _pairs(fixed, length or graph.param_length())
        return Problem(graph, observed, fixed, tied, joint_index=joint_index, n_parameters=length, **data)


def _pairs(fixed: Any, length: int) -> Any:
    """Return pairs of place and value; a mask of zeros and ones fixes parameters at one."""
    if fixed is None or not all(isinstance(each, int | float | np.number) for each in fixed):
        return fixed
    if len(fixed) != length or not set(fixed) <= {0, 1}:
        raise ParameterError(f"fixed is {fixed}; pass pairs of place and value, or {length} zeros and ones")
    return [(place, 1.0) for place, mark in enumerate(fixed) if mark]
