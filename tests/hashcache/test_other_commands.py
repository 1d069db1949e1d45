"""Commands of other packages: found by their entry points, loaded when they are asked for, and no sooner."""

from __future__ import annotations

import subprocess
import sys
import tomllib
from importlib.metadata import EntryPoint
from pathlib import Path

import pytest

from hashcache.__main__ import main
from hashcache.commands import others

ROOT = Path(__file__).resolve().parents[2]


@pytest.fixture
def greeter(tmp_path, monkeypatch) -> Path:
    """A package with two commands, one of which cannot even be loaded."""
    folder = tmp_path / "site"
    (folder / "greeter-1.0.dist-info").mkdir(parents=True)
    (folder / "greeter-1.0.dist-info" / "METADATA").write_text(
        "Metadata-Version: 2.1\nName: greeter\nVersion: 1.0\n"
    )
    (folder / "greeter-1.0.dist-info" / "entry_points.txt").write_text(
        "[hashcache.commands]\ngreet = greeter:greet\nls = greeter:greet\nbroken = greeter_not_there:main\n"
    )
    (folder / "greeter.py").write_text(
        "def greet(arguments):\n    print('hello', *arguments)\n    return len(arguments)\n"
    )
    monkeypatch.syspath_prepend(str(folder))
    return folder


def test_a_command_of_another_package_gets_what_follows_its_name(greeter, capsys):
    assert main(["greet", "Ada", "--loud"]) == 2
    assert capsys.readouterr().out == "hello Ada --loud\n"
    assert main(["greet"]) == 0


def test_none_of_them_takes_the_place_of_a_command(greeter, capsys):
    assert main(["ls"]) == 0
    assert "hello" not in capsys.readouterr().out


def test_help_names_them(greeter, capsys):
    with pytest.raises(SystemExit):
        main(["--help"])
    assert "commands of other packages: broken, greet" in capsys.readouterr().out


def test_what_nobody_has_is_no_command(greeter, capsys):
    assert others.find("nothing") is None
    with pytest.raises(SystemExit):
        main(["nothing"])
    assert "invalid choice: 'nothing'" in capsys.readouterr().err


def test_a_command_that_cannot_be_loaded_is_said(greeter, capsys):
    assert main(["broken"]) == 2
    assert "the command broken cannot be loaded: ModuleNotFoundError" in capsys.readouterr().err


def test_our_own_commands_look_for_no_others(python):
    code = """
import sys
from hashcache.__main__ import main
main(["info"])
print("importlib.metadata" in sys.modules, "phasic" in sys.modules)
"""
    assert python(code).splitlines()[-1] == "False False"


def test_the_command_that_the_distribution_declares_is_there():
    declared = tomllib.loads((ROOT / "pyproject.toml").read_text())["project"]["entry-points"][others.GROUP]
    assert sorted(declared) == ["hub"]
    from phasic.hub import command

    assert EntryPoint("hub", declared["hub"], others.GROUP).load() is command.main


def test_the_hub_is_a_command_where_the_distribution_is_installed(location):
    if "hub" not in others.names():
        pytest.skip("installed before it was declared")
    done = subprocess.run(
        [sys.executable, "-m", "hashcache", "hub", "ls"], capture_output=True, text=True, check=True
    )
    assert done.stdout.startswith("coal_n5_theta1")
