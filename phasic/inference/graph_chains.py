"""What a graph offers for drawing from a posterior; everything heavy is imported when it is asked for."""

from __future__ import annotations

from abc import ABC, abstractmethod
from collections.abc import Sequence
from typing import TYPE_CHECKING, Any

from numpy.typing import ArrayLike

from phasic.keywords import without_effect

if TYPE_CHECKING:
    from phasic.inference.graph import Fixed, Tied
    from phasic.inference.mcmc import MCMC
    from phasic.inference.problem import Problem
    from phasic.weighting import Given


class Chains(ABC):
    """Chains of draws of parameters."""

    @abstractmethod
    def _problem(self, *arguments: Any, **data: Any) -> Problem: ...

    @without_effect(proposal_scale="the sampler finds its steps", jit="there is nothing to compile")
    def mcmc(
        self,
        observed_data: Any,
        discrete: bool | None = None,
        prior: Any = None,
        n_samples: int = 1000,
        n_chains: int = 4,
        burn_in: int = 300,
        thin: int = 1,
        theta_init: ArrayLike | None = None,
        theta_dim: int | None = None,
        seed: int | None = None,
        verbose: bool = False,
        progress: bool = True,
        positive_params: bool = True,
        param_transform: Any = None,
        rewards: ArrayLike | None = None,
        fixed: Fixed | None = None,
        tied: Tied | None = None,
        censored: ArrayLike | None = None,
        truncated: ArrayLike | None = None,
        joint_index: bool = False,
        target_accept: float = 0.8,
        parallel: int | None = None,
        callback: Given | None = None,
        exposure: ArrayLike | None = None,
        exposure_param_index: int | Sequence[int] | None = None,
        epoch_starts: ArrayLike | None = None,
    ) -> MCMC:
        """Return draws from the posterior of theta, by the No-U-Turn sampler [1]_ of nutpie.

        The graph is not changed. The sampler uses exact derivatives, so neighbouring draws hardly depend on
        each other, and a thousand are many.

        Parameters
        ----------
        observed_data, discrete, prior, theta_dim, positive_params, param_transform, rewards, fixed, tied
            As for `svgd`.
        n_samples, n_chains, burn_in : int
            Draws of each chain, chains, and draws of each before, while the sampler adapts.
        thin : int
            Take that many draws for each one that is kept.
        theta_init : float64[p] or float64[n_chains, p], optional
            From where to search for the most probable theta, around which chains start; or where each
            chain starts.
        seed : int, optional
            The same seed gives the same draws, however many threads there are.
        verbose : bool
            Print the summary in the end.
        progress : bool
            Show a bar where somebody can see it.
        censored, truncated, joint_index, callback, exposure, exposure_param_index,
        epoch_starts
            As for `svgd`.
        target_accept : float
            How careful the sampler is; nearer to 1 it takes smaller steps.
        parallel : int, optional
            Number of chains to run at once; by default as many as there are processors.

        Returns
        -------
        phasic.inference.mcmc.MCMC

        Raises
        ------
        GraphError
            An observation is missing, negative or impossible, or the graph has no parameters.
        OptionError
            A setting is not what it has to be, or nutpie is not installed.

        References
        ----------
        .. [1] M. D. Hoffman and A. Gelman, J. Mach. Learn. Res. 15 (2014).

        Examples
        --------
        >>> from phasic import Graph
        >>> graph = Graph(lambda state: [([state[0] - 1], [1.0])] if state[0] else [], ipv=[1])
        >>> graph.update_weights([7.0])
        >>> found = graph.mcmc(graph.sample(1000, seed=1), n_samples=200, burn_in=100, seed=1)
        >>> bool(abs(found.theta_mean[0] - 7.0) < 0.7), bool(found.r_hat[0] < 1.05)
        (True, True)
        """
        from phasic.inference.mcmc import MCMC
        from phasic.inference.posterior import Posterior
        from phasic.progress import is_watched

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
        found = MCMC(
            Posterior(problem, prior, positive_params, param_transform),
            n_samples=n_samples,
            n_chains=n_chains,
            burn_in=burn_in,
            thin=thin,
            theta_init=theta_init,
            target_accept=target_accept,
            seed=seed,
            parallel=parallel,
        )
        found.run(progress=progress and is_watched())
        if verbose:
            found.summary()
        return found
