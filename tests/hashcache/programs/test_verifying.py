"""Verifying programs that were found: what is not the function's any more is dropped, and nothing else."""

from __future__ import annotations

import functools
from dataclasses import dataclass

import jax
import jax.numpy as jnp
import numpy as np
import pytest

from hashcache import AuditWarning, Cache
from hashcache.programs import compiled, ending, verifying

X = jnp.arange(4.0)


@pytest.fixture(autouse=True)
def store_all(monkeypatch):
    monkeypatch.setattr(compiled, "_WORTH_STORING", 0.0)


@pytest.fixture
def jit(location):
    cache = Cache(location)
    return lambda function, **options: cache.jit(function, **options)


def value(answer):
    return np.asarray(answer).tolist()


class Shelf:
    """Something that no key sees into: its content lies in a file."""

    def __init__(self, path):
        self.path = path

    def __getattr__(self, name):
        return float(self.path.read_text())


class Setting:
    """Something static that can be changed: by identity for JAX, by value for a key."""

    def __init__(self, rate):
        self.rate = rate


class Model:
    def __init__(self, rate):
        self.rate = rate

    @functools.cached_property
    def scale(self):
        return self.rate


@functools.partial(jax.tree_util.register_dataclass, data_fields=["x"], meta_fields=["by"])
@dataclass(frozen=True)
class Held:
    x: jax.Array
    by: Setting


def test_verification_drops_a_program_that_the_function_does_not_lower_to_any_more(jit, tmp_path):
    (tmp_path / "rate").write_text("2.0")
    shelf = Shelf(tmp_path / "rate")
    make = lambda verify: jit(lambda x: x * shelf.rate, verify=verify)  # noqa: E731
    assert value(make("first")(X)) == [0, 2, 4, 6]
    (tmp_path / "rate").write_text("3.0")
    assert value(make("never")(X)) == [0, 2, 4, 6]
    late = make("first")
    with pytest.warns(AuditWarning, match="not what the function compiles to now"):
        late(X)
    assert value(late(X)) == [0, 3, 6, 9]
    assert value(make("first")(X)) == [0, 3, 6, 9]


def test_a_sample_is_verified_when_the_process_ends_and_nobody_waits_for_it(jit, tmp_path, monkeypatch):
    (tmp_path / "rate").write_text("2.0")
    shelf = Shelf(tmp_path / "rate")
    make = lambda verify: jit(lambda x: x * shelf.rate, verify=verify)  # noqa: E731
    assert value(make("never")(X)) == [0, 2, 4, 6]
    (tmp_path / "rate").write_text("3.0")
    monkeypatch.setattr(verifying, "_SAMPLED", 1.0)
    late = make("sample")
    assert value(late(X)) == value(late(X)) == [0, 2, 4, 6]
    with pytest.warns(AuditWarning, match="not what the function compiles to now"):
        ending._end()
    assert value(make("never")(X)) == [0, 3, 6, 9]


def test_the_end_verifies_only_what_is_seen_as_it_was(jit, tmp_path, monkeypatch):
    (tmp_path / "rate").write_text("2.0")
    shelf = Shelf(tmp_path / "rate")
    make = lambda verify: jit(lambda x: x * shelf.rate, verify=verify)  # noqa: E731
    with jax.default_matmul_precision("float32"):
        make("never")(X)
        (tmp_path / "rate").write_text("3.0")
        monkeypatch.setattr(verifying, "_SAMPLED", 1.0)
        late = make("sample")
        assert value(late(X)) == [0, 2, 4, 6]
    ending._end()  # under other settings, where another module would say nothing
    assert late.stats() == {"hits": 1, "misses": 0}


def scaled_by(setting, x):
    return x * setting.rate


def listening(caplog):
    caplog.set_level("INFO", logger="hashcache")
    return lambda: [record.getMessage() for record in caplog.records if "not verified" in record.getMessage()]


@pytest.mark.parametrize("how", ["static", "captured", "in the structure"])
def test_the_end_raises_no_alarm_about_what_was_changed_after_the_call(jit, monkeypatch, caplog, how):
    said = listening(caplog)
    monkeypatch.setattr(verifying, "_SAMPLED", 1.0)
    for _ in range(2):
        setting = Setting(2.0)
        if how == "static":
            f, args = jit(scaled_by, static_argnums=0, verify="sample"), (setting, X)
        elif how == "captured":
            f, args = jit(lambda x, setting=setting: x * setting.rate, verify="sample"), (X,)
        else:
            f, args = jit(lambda held: held.x * held.by.rate, verify="sample"), (Held(X, setting),)
        assert value(f(*args)) == [0, 2, 4, 6]
    assert f.stats() == {"hits": 1, "misses": 0}
    setting.rate = 3.0
    ending._end()
    assert said() == [f"{f.__qualname__} not verified: what its program was made from has changed since"]
    setting.rate = 2.0
    assert f.is_cached(*args)


def test_the_end_still_finds_what_no_key_sees_when_a_static_argument_is_as_it_was(jit, tmp_path, monkeypatch):
    (tmp_path / "rate").write_text("2.0")
    shelf = Shelf(tmp_path / "rate")
    monkeypatch.setattr(verifying, "_SAMPLED", 1.0)
    make = lambda: jit(lambda s, x: x * s.rate * shelf.rate, static_argnums=0, verify="sample")  # noqa: E731
    assert value(make()(Setting(1.0), X)) == [0, 2, 4, 6]
    (tmp_path / "rate").write_text("3.0")
    setting, late = Setting(1.0), make()
    assert value(late(setting, X)) == [0, 2, 4, 6]
    setting.rate = 5.0
    setting.rate = 1.0
    with pytest.warns(AuditWarning, match="not what the function compiles to now"):
        ending._end()
    assert not late.is_cached(setting, X)


def test_verification_before_the_first_call_answers_what_the_function_is_now(jit, tmp_path):
    (tmp_path / "rate").write_text("2.0")
    shelf = Shelf(tmp_path / "rate")
    make = lambda: jit(lambda x: x * shelf.rate, verify="first")  # noqa: E731
    make()(X)
    (tmp_path / "rate").write_text("3.0")
    with pytest.warns(AuditWarning, match="not what the function compiles to now"):
        assert value(make()(X)) == [0, 3, 6, 9]


def test_a_program_that_failed_is_gone_although_lowering_filled_a_property(jit, tmp_path):
    (tmp_path / "rate").write_text("2.0")
    shelf = Shelf(tmp_path / "rate")
    make = lambda: jit(lambda m, x: m.scale * x * shelf.rate, static_argnums=0, verify="first")  # noqa: E731
    assert value(make()(Model(1.0), X)) == [0, 2, 4, 6]
    (tmp_path / "rate").write_text("3.0")
    late, model = make(), Model(1.0)
    with pytest.warns(AuditWarning, match="not what the function compiles to now"):
        late(model, X)
    assert value(late(model, X)) == [0, 3, 6, 9]
    assert not late.is_cached(Model(1.0), X)
    assert value(make()(Model(1.0), X)) == [0, 3, 6, 9]
