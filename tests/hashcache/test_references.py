"""Cached functions and methods go by reference, as functions and methods do."""

from __future__ import annotations

import copy
import os
import pickle
import sysconfig
from pathlib import Path

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
