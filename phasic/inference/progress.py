"""A bar for steps of a search, where somebody can see it."""

from __future__ import annotations

from collections.abc import Callable, Iterator
from contextlib import contextmanager

from phasic.progress import is_watched


@contextmanager
def shown(
    wanted: bool, n_steps: int | None, what: str = "svgd", value: str = "log-density"
) -> Iterator[Callable[[int, float], None] | None]:
    """Lend a function of step and log-density that moves a bar of tqdm; None where there is none.

    Where nobody knows how many steps there will be, `n_steps` is None, and the bar waits for a second.
    """
    try:
        if not (wanted and is_watched()):
            raise ImportError
        from tqdm.auto import tqdm  # type: ignore[import-untyped]
    except ImportError:
        yield None
        return
    wait = 1.0 if n_steps is None else 0.0
    with tqdm(total=n_steps, desc=what, unit=" steps", dynamic_ncols=True, leave=False, delay=wait) as bar:

        def show(step: int, log_density: float) -> None:
            bar.set_postfix_str(f"{value} {log_density:.6g}", refresh=False)
            bar.update(step - bar.n)

        yield show
