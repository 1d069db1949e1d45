"""Files and environment variables that a result depends on."""

from __future__ import annotations

import os

from hashcache import Env, File, digest, hashcache


def test_an_environment_variable_counts_by_its_value_now(monkeypatch):
    monkeypatch.delenv("UNIT", raising=False)
    seen = []
    for value in (None, "", "m", None, "m"):
        if value is None:
            monkeypatch.delenv("UNIT", raising=False)
        else:
            monkeypatch.setenv("UNIT", value)
        seen.append(digest(Env("UNIT")))
    missing, empty, metre, *again = seen
    assert len({missing, empty, metre}) == 3
    assert again == [missing, metre]


def test_two_variables_of_one_value_differ(monkeypatch):
    monkeypatch.setenv("UNIT", "m")
    monkeypatch.setenv("OTHER", "m")
    assert digest(Env("UNIT")) != digest(Env("OTHER"))


def test_a_function_that_declares_a_variable_follows_it(monkeypatch):
    @hashcache(depends_on=(Env("UNIT"),))
    def unit():
        return os.environ.get("UNIT")

    for value in ("m", "km", "m"):
        monkeypatch.setenv("UNIT", value)
        assert unit() == value
    assert unit.stats()["misses"] == 2


def test_a_file_counts_by_its_content(tmp_path):
    one, other = tmp_path / "one", tmp_path / "other"
    one.write_text("a")
    other.write_text("a")
    assert digest(File(one)) == digest(File(other))
    other.write_text("b")
    assert digest(File(one)) != digest(File(other))
    missing = digest(File(tmp_path / "none"))
    one.write_text("missing")
    assert missing != digest(File(one))
