"""The plan of a graph's elimination from others, and for them."""

from __future__ import annotations

import logging
import os
from abc import ABC, abstractmethod
from collections.abc import Sequence
from typing import TYPE_CHECKING

from phasic.arrays import GraphArrays
from phasic.keywords import without_effect

if TYPE_CHECKING:
    from phasic.replay import Factors
    from phasic.trace import Trace

_log = logging.getLogger(__name__)


class Sharing(ABC):
    """Pulling the elimination of a graph from a registry, and publishing it there.

    An elimination is published without states, weights or theta, as numbers only. What is pulled is
    checked against the graph: it can save time, and cannot change an answer by more than rounding.
    """

    cache_moments: bool
    _trace: Trace | None
    _factors: Factors | None

    @property
    @abstractmethod
    def arrays(self) -> GraphArrays:
        """The graph as read-only arrays."""

    @abstractmethod
    def param_length(self) -> int:
        """Return the length of theta."""

    def pull_cache(self, force: bool = False, *, recompute: bool = False) -> bool:
        """Return whether somebody published the elimination of this graph, and use it from now on.

        The registries are those of ``phasic.configure(registry=...)``. Where the publisher numbers the
        vertices as this graph does, the elimination is stored as well, so that equal graphs with
        ``cache_trace=True`` find it.

        Parameters
        ----------
        force : bool
            Ask the registries even if it was pulled before.
        recompute : bool
            Record the elimination here as well, and take what was published only if it is the same.

        Returns
        -------
        bool
            False if no registry has it, none can be reached, or what was published is not what it has to
            be, which is warned of once. Also if the publisher
            numbers the vertices otherwise and this graph has ``cache_moments=True``: another order can change
            the last digit, and what is stored is what would be computed.

        Examples
        --------
        >>> from phasic import Graph, models
        >>> Graph(models.lineages(5)).pull_cache(), Graph(models.lineages(4)).pull_cache()
        (True, False)
        """
        from phasic.hub.pulling import pull

        plan = pull(self.arrays, force, recompute)
        if plan is None:
            return False
        if plan.is_own:
            from phasic import layers

            layers.keep_trace(plan.trace, force)
        elif self.cache_moments:
            _log.info("the publisher numbers vertices otherwise, and moments that are stored are to be exact")
            return False
        self._trace, self._factors = plan.trace, None
        return True

    @without_effect(overwrite_branch="a registry that has another artefact of this name refuses this one")
    def push_cache(
        self,
        *,
        id: str,
        description: str,
        domain: str | None = None,
        model_type: str | None = None,
        tags: Sequence[str] | None = None,
        license: str = "MIT",
        author: str | None = None,
        registry: str | os.PathLike[str] | None = None,
        registry_repo: str | os.PathLike[str] | None = None,
        sign: bool | str | os.PathLike[str] = False,
        dry_run: bool = False,
    ) -> str:
        """Record the elimination of this graph, publish it, and return its entry as JSON.

        Publishing to a git repository pushes a branch; on GitHub, ``gh`` opens a pull request if it is
        installed. Then the pull request, or the branch, is returned in place of the entry.

        Parameters
        ----------
        id : str
            Its name in the registry: letters, digits, ``_``, ``-`` and ``.``.
        description : str
            One line.
        domain, model_type, tags : optional
            What `list_computes` can be asked for.
        license : str
        author : str, optional
            Default: name and address in the configuration of git, else ``unknown``.
        registry : path, optional
            Where to publish: a directory, or a git repository. Default: the first one configured.
        registry_repo : path, optional
            Another name of `registry`.
        sign : bool or path
            Sign the entry by your key, as ``python -m hashcache hub key new`` makes it, or by that in a file.
        dry_run : bool
            Only return the entry: nothing is written or sent.

        Raises
        ------
        HubError
            The entry is not as it has to be, there is no key to sign with, or the registry cannot be written
            to or has another artefact or entry under this name. Then it is as it was.
        """
        from phasic.hub import publishing
        from phasic.hub.keys import signing_key

        metadata = {"domain": domain, "model_type": model_type, "tags": None if tags is None else list(tags)}
        prepared = publishing.prepare(
            self.arrays,
            id,
            description=description,
            author=author,
            license=license,
            param_length=self.param_length(),
            key=signing_key(sign),
            **metadata,
        )
        told = ""
        if not dry_run:
            told = publishing.publish(prepared, registry if registry is not None else registry_repo)
        return told or prepared.entry.to_json()
