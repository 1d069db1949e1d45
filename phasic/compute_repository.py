"""Where artefacts that were pulled are kept on this machine."""

from __future__ import annotations

from pathlib import Path


def _param_compute_cache_dir() -> Path:
    """Return the directory of pulled artefacts, a file ``HASH.bin`` for each; it need not be there.

    The name is that of the C++ package of this name. A file in it may be deleted at any time: it is then
    fetched again when somebody asks for it.
    """
    from phasic import layers

    return layers.pulled_directory()
