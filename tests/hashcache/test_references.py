"""Cached functions and methods go by reference, as functions and methods do."""

from __future__ import annotations

import copy
import os
import pickle
import sysconfig
from pathlib import Path
from typing import Any

import numpy as np
import pytest

from hashcache import Cache, distributions, hashcache, salt


class Model:
    rate = 2

    @hashcache
    def scaled(self, x):
        return x * self.rate


@hashcache
def plain(x):
    return x + 1


def test_a_cached_function_is_copied_and_pickled_as_itself():
    assert copy.copy(plain) is copy.deepcopy({"f": plain})["f"] is pickle.loads(pickle.dumps(plain)) is plain


def test_a_bound_cached_method_is_copied_and_pickled_with_its_instance():
    model = Model()
    model.rate = 5
    for method in (pickle.loads(pickle.dumps(model.scaled)), copy.deepcopy(model.scaled)):
        assert method(3) == 15
        assert method.key(3) == model.scaled.key(3)
        assert method.__self__ is not model


def test_another_function_put_in_the_place_of_the_wrapped_one_is_called_and_counts():
    @hashcache
    def f(x):
        return x

    assert [f(3), f(3)] == [3, 3]
    f.__wrapped__ = lambda x: x * 10
    assert [f(3), f(3)] == [30, 30]


def test_minor_versions_of_python_share_a_store_and_no_results(
    cache: Cache, monkeypatch: pytest.MonkeyPatch
) -> None:
    def plus(x: int) -> int:
        return x + 1

    own = cache(plus)
    assert own(1) == 2
    with monkeypatch.context() as other:
        other.setattr(salt, "_PYTHON", "3.99")
        theirs = Cache(cache.location)(plus)
        assert not theirs.is_cached(1)
        assert theirs.explain(1).reason.startswith("python 3.")
        assert theirs(1) == 2
        assert len(list(cache.entries())) == 2
    assert cache(plus).is_cached(1)


def test_installed_code_is_where_python_says_that_it_is() -> None:
    packages, library = distributions._roots()
    paths = sysconfig.get_paths()
    for name, roots in {"purelib": packages, "platlib": packages, "stdlib": library}.items():
        folder = os.path.realpath(paths[name])
        assert any(f"{folder}{os.sep}".startswith(os.path.realpath(root) + os.sep) for root in roots), name
    compiled = os.path.join(sysconfig.get_config_var("DESTSHARED") or paths["stdlib"], "_json.so")
    assert distributions.origin_of_file(compiled) == distributions.PYTHON


def test_installed_code_is_known_by_whatever_link_leads_to_it(tmp_path: Path) -> None:
    link, project = tmp_path / "link", tmp_path / "project"
    link.symlink_to(os.path.dirname(os.path.dirname(np.__file__)), target_is_directory=True)
    project.mkdir()
    expected = distributions.origin_of_file(np.__file__)
    assert expected == f"numpy {np.__version__}"
    assert distributions.origin_of_file(str(link / "numpy" / "__init__.py")) == expected
    assert distributions.origin_of_file(str(project / "numpy" / "__init__.py")) is None
    assert distributions.origin_of_file(str(tmp_path / "lib" / "python3" / "os.py")) is None
    assert distributions.origin_of_file(os.__file__) == distributions.PYTHON


def test_what_was_installed_into_another_environment_has_the_version_that_is_recorded_there(
    tmp_path: Path,
) -> None:
    # Where a `.pth` file leads, say.
    folder = tmp_path / "lib" / "site-packages"
    for module in ("toolbox", "mine"):
        (folder / module).mkdir(parents=True)
    record = folder / "toolbox-1.5.dist-info" / "RECORD"
    record.parent.mkdir()
    record.write_text("toolbox/__init__.py,,\ntoolbox/inner/deep.py,,\n")
    assert distributions.origin_of_file(str(folder / "toolbox" / "inner" / "deep.py")) == "toolbox 1.5"
    assert distributions.origin_of_file(str(folder / "mine" / "__init__.py")) is None
    # What this interpreter has installed says nothing of a namesake there.
    assert distributions.origin_of_file(str(folder / "numpy" / "__init__.py")) is None
    elsewhere = tmp_path / "project" / "toolbox" / "__init__.py"
    assert distributions.origin_of_file(str(elsewhere)) is None


MACHINERY = """
import sys
from numba import njit, types
from numba.core.registry import cpu_target
from numba.extending import intrinsic
import hashcache

@intrinsic
def twice(context, x):
    def code(context, builder, signature, given):
        return builder.add(given[0], given[0])

    return types.int64(types.int64), code

@njit
def apply(x):
    return twice(x)

def f(x):
    return apply(x), cpu_target is None, twice is None

cached = hashcache.Cache()(f)
print(cached.key(1))
if sys.argv[1:]:
    twice._uuid
    apply(3)
    cached._fingerprint = None
    print(cached.key(1))
"""


def test_the_machinery_of_numba_is_the_same_in_every_process_and_after_compiling(python: Any) -> None:
    pytest.importorskip("numba")
    first, compiled = python(MACHINERY, "compile").split()
    assert {first, compiled} == {*python(MACHINERY).split()}
    assert first not in python(MACHINERY.replace("builder.add(", "builder.mul(")).split()
