"""Every test has a cache of its own, and none sees the user's."""

from __future__ import annotations

import os
import subprocess
import sys
from collections.abc import Callable, Iterator
from pathlib import Path

import pytest
from hypothesis import HealthCheck, settings

from hashcache import Cache, hashcache
from hashcache.statistics import Statistics

# The same examples in every run, so that a failure is of what was changed; `make slow` draws new ones.
settings.register_profile(
    "suite",
    deadline=None,
    derandomize="HASHCACHE_NEW_EXAMPLES" not in os.environ,
    suppress_health_check=[HealthCheck.too_slow, HealthCheck.function_scoped_fixture],
)
settings.load_profile("suite")

ROOT = Path(__file__).resolve().parent.parent


@pytest.fixture(autouse=True)
def location(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Iterator[Path]:
    """The directory of the default cache during a test."""
    place = tmp_path / "cache"
    monkeypatch.setenv("HASHCACHE_DIR", str(place))
    monkeypatch.setenv("HOME", str(tmp_path / "home"))
    monkeypatch.delenv("XDG_CONFIG_HOME", raising=False)
    monkeypatch.delenv("HASHCACHE_KEY_FILE", raising=False)
    monkeypatch.setattr(hashcache, "_location", None)
    monkeypatch.setattr(hashcache, "_store", None)
    monkeypatch.setattr(hashcache, "_made", None)
    monkeypatch.setattr(hashcache, "_said", set())
    monkeypatch.setattr(hashcache, "statistics", Statistics(hashcache._beside))
    hashcache.recent.clear()
    yield place
    if "phasic.jax_programs" in sys.modules:  # which may have told JAX of that place
        sys.modules["phasic.jax_programs"].keep_no_more()


@pytest.fixture
def cache(location: Path) -> Cache:
    """A cache apart from the default one, in the same directory."""
    return Cache(location)


@pytest.fixture
def python(location: Path, tmp_path: Path) -> Callable[..., str]:
    """Run code in a fresh interpreter on the test's cache; returns what it prints."""

    def run(
        code: str | None = None,
        *arguments: str,
        seed: int = 0,
        cwd: Path | None = None,
        stdin: str | None = None,
        executable: str = sys.executable,
        **environment: str,
    ) -> str:
        command = [executable, "-W", "error", *(("-c", code) if code is not None else ()), *arguments]
        env = {
            **os.environ,
            "PYTHONHASHSEED": str(seed),
            "HASHCACHE_DIR": str(location),
            "HOME": str(tmp_path / "home"),
            "PYTHONPATH": str(ROOT),
            **environment,
        }
        done = subprocess.run(
            command, capture_output=True, text=True, env=env, cwd=cwd or tmp_path, input=stdin, check=False
        )
        assert done.returncode == 0, done.stderr
        return done.stdout

    return run
