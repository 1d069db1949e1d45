"""A registry in a git repository: read from a clone, published to by a branch and a pull request."""

from __future__ import annotations

import os
import re
import shutil
import subprocess
import tempfile
import weakref
from collections.abc import Sequence
from pathlib import Path
from typing import TYPE_CHECKING

from phasic.hub.arriving import Arriving
from phasic.hub.directory import Directory
from phasic.hub.entry import INDEX
from phasic.hub.errors import HubError, UnreachableError

if TYPE_CHECKING:
    from phasic.hub.publishing import Prepared

_GITHUB = re.compile(r"(?:https://github\.com/|(?:ssh://)?git@github\.com[:/])([\w-]+/[\w.-]+?)(?:\.git)?/?")
_LONGEST = 600.0  # seconds that one command may take


class _CommandError(HubError):
    """A command of git or gh has failed."""


def is_repository(address: str) -> bool:
    """Return whether an address is that of a git repository, from its form alone."""
    return (
        address.rstrip("/").endswith(".git")
        or address.startswith(("git@", "ssh://", "git://"))
        or _GITHUB.fullmatch(address) is not None
    )


class Clone:
    """A registry in a git repository, cloned when the first file is read."""

    def __init__(self, address: str) -> None:
        self.address = address
        self._clone: Directory | None = None

    def read(self, path: str, largest: int, arriving: Arriving | None = None) -> bytes | None:
        """Return the content of a file; see `phasic.hub.transport.Place`."""
        if self._clone is None:
            folder = tempfile.mkdtemp(prefix="phasic-hub-")
            weakref.finalize(self, shutil.rmtree, folder, ignore_errors=True)
            try:
                clone(self.address, Path(folder))
            except HubError as error:
                raise UnreachableError(str(error)) from error
            self._clone = Directory(Path(folder), self.address)
        return self._clone.read(path, largest)


def clone(address: str, folder: Path) -> None:
    """Clone the newest state of a repository.

    Raises
    ------
    HubError
        It cannot be cloned.
    """
    # A link in a repository could lead out of it, to be read or written through.
    _run(["git", "clone", "--quiet", "--depth", "1", "--config", "core.symlinks=false", "--",
          address, str(folder)], folder)  # fmt: skip


def publish(address: str, prepared: Prepared) -> str:
    """Push a branch with an artefact and its entry; return the pull request, or the name of the branch.

    The pull request is opened by ``gh`` if the repository is on GitHub and ``gh`` is there. If the registry
    has exactly this already, nothing is pushed and the text is empty.

    Raises
    ------
    HubError
        git or gh fails; the message has what it said. Or see `phasic.hub.publishing.publish_to`.
    """
    from phasic.hub.publishing import publish_to

    entry = prepared.entry
    branch = f"publish/{entry.compute_id}-{entry.graph_hash[:8]}"
    if entry.signatures:  # which may be added later
        branch += f"-{entry.signatures[-1].signature[:8]}"
    with tempfile.TemporaryDirectory(prefix="phasic-hub-") as name:
        root = Path(name)
        clone(address, root)
        publish_to(Directory(root, address), prepared)
        _run(["git", "add", "--", INDEX, entry.path], root)
        if not _run(["git", "diff", "--cached", "--name-only"], root):
            return ""
        _run(["git", "checkout", "--quiet", "-b", branch], root)
        _run(["git", "commit", "--quiet", "-m", f"Publish {entry.compute_id}"], root)
        _run(["git", "push", "--quiet", "origin", branch], root)
        on_github = _GITHUB.fullmatch(address)
        if on_github is None or shutil.which("gh") is None:
            return branch
        title, body = f"Publish {entry.compute_id}", f"{entry.metadata['description']}\n\n{entry.to_json()}"
        return _run(["gh", "pr", "create", "--repo", on_github[1], "--head", branch, "--title", title,
                     "--body", body], root)  # fmt: skip


def _run(command: Sequence[str], folder: Path) -> str:
    # Nobody is there to answer a question.
    environment = {**os.environ, "GIT_TERMINAL_PROMPT": "0", "GH_PROMPT_DISABLED": "1", "LC_ALL": "C"}
    what = " ".join(command[:2])
    try:
        done = subprocess.run(
            command,
            cwd=folder,
            env=environment,
            stdin=subprocess.DEVNULL,
            capture_output=True,
            text=True,
            errors="replace",
            timeout=_LONGEST,
            check=False,
        )
    except FileNotFoundError:
        raise _CommandError(f"{command[0]} is not installed, and {what} needs it") from None
    except (OSError, subprocess.SubprocessError) as error:
        raise _CommandError(f"{what} cannot be run: {error}") from error
    if done.returncode:
        raise _CommandError(f"{what} fails: {(done.stderr or done.stdout).strip()[-2000:]}")
    return done.stdout.strip()
