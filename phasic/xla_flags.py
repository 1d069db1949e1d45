"""Flags of XLA, tried in a process of their own: in ours, one that XLA does not know would end it."""

from __future__ import annotations

import os
import re
import subprocess
import sys
from typing import Any, NamedTuple

from phasic.errors import OptionError

LEVEL, PARTS = "xla_backend_optimization_level", "xla_cpu_parallel_codegen_split_count"
THREADS = "NPROC"  # no flag, but a variable that XLA reads
_FLAGS = "XLA_FLAGS"
_given: dict[str, int] = {}  # to this process, by name
# What a process prints that has come through its flags: how many threads XLA took.
_TRIAL = """
import os, sys
sys.path[:] = sys.argv[1:]
from jaxlib import xla_client
client = xla_client.make_cpu_client()
try:
    names = [open(f"/proc/self/task/{task}/comm").read() for task in os.listdir("/proc/self/task")]
    print(sum("XLAEigen" in name for name in names))
except OSError:
    print("unknown")
"""


class Trial(NamedTuple):
    """What XLA made of flags.

    Attributes
    ----------
    refused : str
        What is wrong with them; empty where they are known.
    threads : int or None
        Threads that it took, where that can be seen.
    """

    refused: str
    threads: int | None


def tried(flags: str, threads: int | None = None) -> Trial:
    """Return what XLA makes of flags and a number of threads, in a process of its own."""
    environment = {**os.environ, _FLAGS: flags}
    if threads is not None:
        environment[THREADS] = str(threads)
    done = subprocess.run(
        [sys.executable, "-I", "-c", _TRIAL, *sys.path],
        env=environment,
        capture_output=True,
        text=True,
        errors="replace",
        check=False,
    )
    if done.returncode == 0:
        last = done.stdout.split()[-1]
        return Trial("", int(last) if last.isdigit() else None)
    found = re.search(r"Unknown flags? in XLA_FLAGS: .*|Couldn't interpret value .*", done.stderr)
    lines = done.stderr.splitlines() or [f"it ended with status {done.returncode}"]
    return Trial(found[0].strip() if found else lines[-1], None)


def require_known() -> None:
    """Raise OptionError if XLA would end this process because of what ``XLA_FLAGS`` holds."""
    flags = os.environ.get(_FLAGS, "")
    refused = tried(flags).refused if flags.strip() else ""
    if refused:
        raise OptionError(
            f"XLA_FLAGS is {flags!r}, at which XLA ends the process ({refused}); take that out of XLA_FLAGS"
        )


def backend_is_chosen() -> bool:
    """Return whether JAX has computed something, so that flags and platform cannot change any more."""
    from jax._src import xla_bridge

    asked: Any = getattr(xla_bridge, "backends_are_initialized", None)  # of no public name
    return bool(asked()) if asked is not None else True


def give(name: str, value: int) -> str:
    """Have XLA heed a flag, or a number of threads, which has to come before the first use of JAX.

    Returns
    -------
    str
        Why it will not; empty where it will.
    """
    if name == THREADS:
        if tried(os.environ.get(_FLAGS, ""), value).threads != value:
            return "this version of XLA was not seen to take as many; restrict the process instead"
        os.environ[THREADS] = str(value)
    else:
        reason = _add(name, f"--{name}={value}")
        if reason:
            return reason
    _given[name] = value
    return ""


def was_given(name: str, value: int) -> bool:
    """Return whether `give` has given this, and nothing else since."""
    return _given.get(name) == value


def _add(name: str, flag: str) -> str:
    flags = os.environ.get(_FLAGS, "").split()
    for other in flags:
        if other.lstrip("-").partition("=")[0] == name:
            if other == flag:
                return ""
            if other != f"--{name}={_given.get(name)}":  # which is ours, of an earlier configuration
                return f"XLA_FLAGS says {other} already"
            flags.remove(other)
            break
    together = " ".join([*flags, flag])
    refused = tried(together).refused
    if not refused:
        os.environ[_FLAGS] = together
    return f"this version of XLA refuses it: {refused}" if refused else ""
