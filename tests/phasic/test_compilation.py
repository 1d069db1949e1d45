"""Every setting for JAX is applied, or said not to be; and what JAX has compiled lies where it was told."""

from __future__ import annotations

import json
import os
import sys

import pytest

import phasic
from phasic import CompilationConfig, OptionError, xla_flags

PRESETS = ("balanced", "fast_compile", "max_performance")
WITH_JAX = "import jax, json, sys; jax.config.update('jax_platforms', 'cpu'); import phasic; "


@pytest.mark.parametrize("preset", PRESETS)
def test_a_preset_survives_a_file(preset, tmp_path):
    config = getattr(CompilationConfig, preset)()
    config.save_to_file(tmp_path / "config.json")
    assert CompilationConfig.load_from_file(tmp_path / "config.json") == config


@pytest.mark.slow
def test_presets_differ_in_what_they_say_they_do():
    balanced, fast, slow = (getattr(CompilationConfig, preset)() for preset in PRESETS)
    assert fast.optimization_level < balanced.optimization_level < slow.optimization_level
    assert fast.min_cache_time < balanced.min_cache_time


def test_the_options_are_those_that_users_know():
    assert set(CompilationConfig().as_dict()) == {
        "cache_dir",
        "shared_cache_dir",
        "optimization_level",
        "parallel_compile",
        "min_cache_time",
        "enable_x64",
        "platform",
        "cpu_threads",
        "cache_strategy",
    }


def test_paths_are_text_in_a_file(tmp_path):
    config = CompilationConfig(cache_dir=tmp_path, shared_cache_dir=tmp_path / "s", cache_strategy="layered")
    config.save_to_file(tmp_path / "config.json")
    again = CompilationConfig.load_from_file(tmp_path / "config.json")
    assert again.as_dict() == config.as_dict()
    assert again.cache_dir == str(tmp_path)


@pytest.mark.parametrize(
    ("option", "value"),
    [
        ("optimization_level", 4),
        ("optimization_level", "fast"),
        ("parallel_compile", 1),
        ("min_cache_time", -1.0),
        ("min_cache_time", float("nan")),
        ("enable_x64", None),
        ("platform", "abacus"),
        ("cpu_threads", 0),
        ("cache_strategy", "remote"),
        ("cache_dir", 3),
    ],
)
def test_an_impossible_option_is_refused_by_name(option, value):
    with pytest.raises(OptionError, match=option):
        CompilationConfig(**{option: value})


def test_a_shared_strategy_needs_its_directory():
    with pytest.raises(OptionError, match="shared_cache_dir"):
        CompilationConfig(cache_strategy="shared")


@pytest.mark.parametrize("content", ["[1]", "{", '{"optimization_level": 2, "colour": 1}'])
def test_a_file_of_something_else_is_refused(tmp_path, content):
    (tmp_path / "config.json").write_text(content)
    with pytest.raises(OptionError, match=r"config\.json"):
        CompilationConfig.load_from_file(tmp_path / "config.json")


def test_without_jax_the_error_says_what_to_install(monkeypatch):
    monkeypatch.setitem(sys.modules, "jax", None)
    with pytest.raises(OptionError, match=r"hashcache\[jax\]"):
        CompilationConfig.balanced().apply()


# -- with JAX, in processes of their own since its settings are global ---------------------------------


def test_settings_reach_jax_also_after_its_import(python):
    pytest.importorskip("jax")
    said = python(
        WITH_JAX + "done = phasic.CompilationConfig.fast_compile().apply(); c = jax.config;"
        "print(json.dumps([done, c.jax_enable_x64, str(c.jax_optimization_level), c.jax_platforms,"
        " c.jax_persistent_cache_min_compile_time_secs,"
        " c.jax_compilation_cache_dir == phasic.cache_info()['path']]))"
    )
    done, *settings = json.loads(said)
    assert set(done.values()) == {"applied"}
    assert settings == [True, "O1", "cpu", 0.5, True]


def test_programs_lie_where_jax_was_told_even_after_it_used_another_place(python, tmp_path):
    pytest.importorskip("jax")
    code = (
        WITH_JAX + "from dataclasses import replace; base = phasic.CompilationConfig(min_cache_time=0.0);"
        "import jax.numpy as jnp; jax.config.update('jax_persistent_cache_min_entry_size_bytes', -1)\n"
        "for name in sys.argv[1:]:\n"
        "    replace(base, cache_dir=name).apply()\n"
        "    jax.jit(lambda x: jnp.sin(x) + len(name))(jnp.arange(3.0)).block_until_ready()\n"
        "    print(phasic.cache_info()['num_files'] > 0, phasic.cache_info()['path'] == name)\n"
        "phasic.clear_jax_cache(); print(phasic.cache_info()['num_files'])"
    )
    first, second = str(tmp_path / "first"), str(tmp_path / "second longer")
    assert python(code, first, second).split() == ["True"] * 4 + ["0"]
    assert phasic.cache_info(first)["num_files"] > 0


def test_what_cannot_be_applied_is_said_with_its_reason(python, tmp_path):
    pytest.importorskip("jax")
    said = json.loads(
        python(
            WITH_JAX + "import jax.numpy as jnp; jnp.zeros(1);"
            "config = phasic.CompilationConfig(cache_dir=sys.argv[1], shared_cache_dir='x', platform='tpu',"
            " cache_strategy='layered', cpu_threads=2, parallel_compile=False); import logging;"
            "logging.disable(); print(json.dumps(config.apply()))",
            str(tmp_path / "programs"),
        )
    )
    ignored = {name for name, what in said.items() if what != "applied"}
    late = {"platform", "optimization_level", "cpu_threads", "parallel_compile"}
    assert ignored == {"shared_cache_dir", "cache_strategy", *late}
    assert all("computes on cpu already" in said[name] for name in late)


# -- what XLA reads once ----------------------------------------------------------------------------------

SETTINGS = (
    "--xla_backend_optimization_level={level}",
    "--xla_cpu_parallel_codegen_split_count=1",
)


def test_what_xla_reads_once_holds_when_it_is_applied_before(python):
    pytest.importorskip("jax")
    said = python(
        WITH_JAX
        + "import os; config = phasic.CompilationConfig.fast_compile(); from dataclasses import replace;"
        "os.environ['XLA_FLAGS'] = '--xla_force_host_platform_device_count=2';"
        "config = replace(config, cpu_threads=3, parallel_compile=False); first = config.apply();"
        "import jax.numpy as jnp; jnp.zeros(2) + 1;"
        "names = [open(f'/proc/self/task/{t}/comm').read() for t in os.listdir('/proc/self/task')];"
        "print(json.dumps([first, config.apply(), os.environ['XLA_FLAGS'].split(), jax.device_count(),"
        " sum('XLAEigen' in name for name in names)]))"
    )
    first, again, flags, devices, threads = json.loads(said)
    assert set(first.values()) == {"applied"}
    assert again == first
    assert flags == ["--xla_force_host_platform_device_count=2", *(s.format(level=1) for s in SETTINGS)]
    assert devices == 2
    assert threads == 3


def test_a_later_configuration_takes_the_place_of_an_earlier_one_but_not_of_the_user_s(python):
    pytest.importorskip("jax")
    said = python(
        WITH_JAX + "import os, logging; logging.disable();"
        "os.environ['XLA_FLAGS'] = '--xla_cpu_parallel_codegen_split_count=4';"
        "phasic.CompilationConfig.fast_compile().apply();"
        "said = phasic.CompilationConfig(optimization_level=3, parallel_compile=False).apply();"
        "print(json.dumps([said, os.environ['XLA_FLAGS'].split()]))"
    )
    said, flags = json.loads(said)
    assert flags == ["--xla_cpu_parallel_codegen_split_count=4", SETTINGS[0].format(level=3)]
    assert {name: what for name, what in said.items() if what != "applied"} == {
        "parallel_compile": "XLA_FLAGS says --xla_cpu_parallel_codegen_split_count=4 already"
    }


@pytest.mark.parametrize(
    ("flags", "reason"),
    [
        ("--xla_nonsense=1", "Unknown flag in XLA_FLAGS: --xla_nonsense=1"),
        ("--xla_backend_optimization_level=fast", "Couldn't interpret value fast"),
    ],
)
def test_flags_at_which_xla_would_end_the_process_are_refused_by_name(monkeypatch, flags, reason):
    pytest.importorskip("jax")
    monkeypatch.setenv("XLA_FLAGS", flags)
    with pytest.raises(OptionError, match=reason):
        CompilationConfig.balanced().apply()


def test_a_flag_that_this_xla_does_not_know_is_said_and_not_set(monkeypatch):
    pytest.importorskip("jax")
    monkeypatch.setenv("XLA_FLAGS", "")
    assert "Unknown flag" in xla_flags.give("xla_nonsense", 1)
    assert not os.environ["XLA_FLAGS"]
    assert not xla_flags.was_given("xla_nonsense", 1)


def test_presets_differ_in_the_programs_they_lead_to(python):
    pytest.importorskip("jax")
    code = (
        WITH_JAX + "getattr(phasic.CompilationConfig, sys.argv[1])().apply(); import jax.numpy as jnp\n"
        "def f(x):\n"
        "    for n in range(3):\n"
        "        x = jnp.tanh(x @ x) * 0.5 + jnp.sin(x) * n\n"
        "        x = jnp.where(x > 0, jnp.sort(x, axis=0), x)\n"
        "    return x\n"
        "made = jax.jit(f).lower(jnp.ones((16, 16))).compile().runtime_executable()\n"
        "print(len(made.serialize()))"
    )
    fast, most = (int(python(code, preset)) for preset in ("fast_compile", "max_performance"))
    assert fast < most
