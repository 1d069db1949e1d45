"""The command line of the hub, and two users of it on machines of their own."""

from __future__ import annotations

import json
import os
import random
import signal
import subprocess
import sys
import time
from pathlib import Path

import pytest
from registries import islands, publish
from test_checking import replaced, swapped

from phasic import Graph, elimination, layers, models
from phasic.__main__ import main as phasic_main
from phasic.compute_repository import _param_compute_cache_dir
from phasic.hub import checking
from phasic.hub.artefact import Artefact
from phasic.hub.command import main
from phasic.hub.entry import INDEX, read_index

ROOT = Path(__file__).resolve().parents[3]
MODEL = ["phasic.models:structured_coalescent", "3", "2"]


def kept() -> list[str]:
    return sorted(path.name for path in _param_compute_cache_dir().glob("*.bin"))


def test_what_is_pulled_by_name_is_there_for_graphs_to_come(folder, capsys):
    assert main(["pull", "islands", "--registry", str(folder)]) == 0
    assert "bytes are kept" in capsys.readouterr().out
    stats = layers.record_trace.stats()
    graph = Graph(models.structured_coalescent(3, 2), cache_trace=True)
    assert graph.trace == elimination.record(graph.arrays.offsets, graph.arrays.targets)
    assert layers.record_trace.stats() == {**stats, "hits": stats["hits"] + 1}
    assert islands().pull_cache()  # from the machine: `builtin` has no such graph


def test_all_is_everything_that_is_listed(capsys):
    assert main(["pull", "--all", "--recompute"]) == 0
    said = capsys.readouterr().out.splitlines()
    assert len(said) == len(kept()) == 14
    assert all(line.endswith("is what recording it here gives") for line in said)


@pytest.mark.parametrize("arguments", [[], ["islands", "--all"]])
def test_what_to_pull_has_to_be_said(arguments, capsys):
    assert main(["pull", *arguments]) == 2
    assert "say what to pull" in capsys.readouterr().err


def test_with_recompute_only_what_recording_gives_is_kept(folder, capsys):
    publish(Graph(models.lineages(6)), folder, "six")
    entries, _ = read_index((folder / INDEX).read_bytes())
    replaced(folder, swapped)
    assert main(["pull", "islands", "nothing", "--recompute", "--registry", str(folder)]) == 1
    said = capsys.readouterr().out.splitlines()
    assert "another than recording gives" in said[0]
    assert "no registry has 'nothing'" in said[1]
    assert kept() == []
    assert list(layers.TRACES.entries()) == []
    assert len(entries) == 2
    assert main(["pull", "islands", "--registry", str(folder)]) == 0
    assert len(kept()) == 1


def test_with_recompute_a_graph_takes_only_what_recording_gives(folder):
    import phasic

    expected = islands().moments(2)
    with phasic.configure(registry=folder):
        assert islands().pull_cache(recompute=True) is True
        replaced(folder, swapped)
        graph = islands()
        with pytest.warns(phasic.HubWarning, match="another than recording gives"):
            assert graph.pull_cache(force=True, recompute=True) is False
        assert graph.moments(2) == expected
        assert islands().pull_cache(force=True) is True
        phasic.hub.registry._said.clear()
        with pytest.warns(phasic.HubWarning, match="another than recording gives"):
            assert islands().pull_cache(recompute=True) is False  # nor from what is kept here


def test_what_cannot_be_kept_is_said(folder, location, capsys):
    location.parent.mkdir(exist_ok=True)
    location.write_text("a file where the directory should be")
    assert main(["pull", "islands", "--registry", str(folder)]) == 1
    assert "cannot be kept" in capsys.readouterr().out


def test_a_model_is_compared_with_what_is_said_to_be_its_own(folder, capsys):
    assert main(["verify", "islands", *MODEL, "--registry", str(folder)]) == 0
    assert "of the model's graph is what recording it here gives" in capsys.readouterr().out
    assert main(["verify", "islands", *MODEL[:2], "3", "--registry", str(folder)]) == 1
    assert "another graph than that of the model" in capsys.readouterr().out


def test_a_model_is_published_by_its_name(folder, tmp_path, capsys):
    about = ["--id", "islands", "--description", "Two islands", "--author", "A <a@example.org>"]
    assert main(["push", *MODEL, *about, "--to", str(tmp_path / "r"), "--dry-run"]) == 0
    shown = capsys.readouterr().out
    assert not (tmp_path / "r").exists()
    assert main(["push", *MODEL, *about, "--to", str(tmp_path / "r")]) == 0
    assert capsys.readouterr().out == shown
    assert (tmp_path / "r" / INDEX).read_bytes() == (folder / INDEX).read_bytes()
    assert main(["push", *MODEL, *about, "--to", str(tmp_path / "r"), "--tag", "a", "--tag", "b"]) == 2
    assert "another entry 'islands'" in capsys.readouterr().err


@pytest.mark.parametrize("name", ["graph", "made", "callback", "made_of 3", "room.graph"])
def test_a_model_is_a_graph_a_callback_or_what_makes_one(name, tmp_path, monkeypatch, capsys):
    (tmp_path / "a_model_of_mine.py").write_text(
        "import phasic\n"
        "print('loaded')\n"
        "callback = phasic.models.lineages(3)\n"
        "graph = phasic.Graph(callback)\n"
        "def made(n=3): return phasic.Graph(phasic.models.lineages(n))\n"
        "def made_of(n): return phasic.models.lineages(n)\n"
        "class room: graph = graph\n"
    )
    monkeypatch.chdir(tmp_path)
    model = f"a_model_of_mine:{name}".split()
    path = list(sys.path)
    try:
        assert main(["push", *model, "--id", "x", "--description", "x", "--dry-run"]) == 0
    finally:
        sys.modules.pop("a_model_of_mine", None)
    assert sys.path == path
    assert json.loads(capsys.readouterr().out)["x"]["metadata"]["vertices"] == 4


@pytest.mark.parametrize(
    "model",
    ["nothing_like_it:x", "phasic.models:nothing", "phasic:models", "phasic.models", "math:pi", "sys:exit"],
)
def test_what_is_no_model_is_said(model, capsys):
    assert main(["push", model, "--id", "x", "--description", "x", "--dry-run"]) == 2
    assert "gives no graph" in capsys.readouterr().err


def test_a_sample_is_recorded_anew_and_everything_else_checked(folder):
    for n in range(3, 9):
        publish(Graph(models.lineages(n)), folder, f"n{n}")
    recorded = []
    original = checking.check_recorded
    checking.check_recorded = recorded.append
    try:
        assert checking.check(folder, sample=3) == []
        assert len(recorded) == 3
        assert checking.check(folder, sample=99) == []
        assert len(recorded) == 3 + 7
        assert checking.check(folder, sample=0) == []
        assert len(recorded) == 3 + 7
    finally:
        checking.check_recorded = original
    (folder / "artifacts" / f"{'0' * 64}.bin").write_bytes(b"")
    assert main(["check", str(folder), "--sample", "0"]) == 1


def test_the_other_spelling_is_the_same_command(capsys):
    assert main(["ls"]) == 0
    listed = capsys.readouterr().out
    assert phasic_main(["hub", "ls"]) == 0
    assert capsys.readouterr().out == listed
    assert main(["verify", "nothing"]) == 2
    assert capsys.readouterr().err.startswith("hashcache hub: no registry has 'nothing'")
    with pytest.raises(SystemExit):
        phasic_main(["nothing"])


# -- users with keys -----------------------------------------------------------------------------------


class User:
    """Somebody with a home of her own, who knows the package and what is served."""

    def __init__(self, home: Path) -> None:
        self.home = home
        home.mkdir()
        self.environment = {
            **{name: value for name, value in os.environ.items() if name != "HASHCACHE_DIR"},
            "HOME": str(home),
            "XDG_CACHE_HOME": str(home / "cache"),
            "PYTHONPATH": os.pathsep.join([str(ROOT), *filter(None, [os.environ.get("PYTHONPATH")])]),
        }
        self.environment.pop("XDG_CONFIG_HOME", None)

    def start(self, *command: str) -> subprocess.Popen[str]:
        return subprocess.Popen(
            [sys.executable, *command], env=self.environment, cwd=self.home, text=True,
            stdout=subprocess.PIPE, stderr=subprocess.PIPE,
        )  # fmt: skip

    def hub(self, *commands: list[str]) -> list[tuple[int, str]]:
        """Return for each command its exit status, and what it printed."""
        child = self.start("-c", RUN, json.dumps(commands))
        out, err = child.communicate(timeout=120)
        assert child.returncode == 0, err
        return [(status, said) for status, said in json.loads(out)]


RUN = """
import contextlib, io, json, sys
from phasic.hub.command import main
told = []
for command in json.loads(sys.argv[1]):
    with contextlib.redirect_stdout(io.StringIO()) as out, contextlib.redirect_stderr(io.StringIO()) as err:
        status = main(command)
    told.append((status, out.getvalue().strip() or err.getvalue().strip()))
print(json.dumps(told))
"""


def test_two_users_exchange_an_entry_and_know_from_whom_it_is(folder, web, tmp_path):
    pytest.importorskip("cryptography")
    ada, bob = User(tmp_path / "ada"), User(tmp_path / "bob")
    about = ["--id", "six", "--description", "Six lineages", "--author", "Ada", "--sign", "--to", str(folder)]
    made, pushed, signed = ada.hub(
        ["key", "new"],
        ["push", "phasic.models:lineages", "6", *about],
        ["sign", str(folder), "islands"],
    )
    assert [status for status, _ in (made, pushed, signed)] == [0, 0, 0]
    key = made[1]

    taking = ["--registry", web.address, "--require-signatures"]
    ((status, said),) = bob.hub(["pull", "six", *taking])
    assert (status, "none of these is trusted" in said) == (1, True)
    assert not list(bob.home.rglob("*.bin"))
    trusting, pulling, shown = bob.hub(
        ["trust", key, "Ada", "Lovelace"],
        ["pull", "six", "--recompute", *taking],
        ["show", "islands", *taking],
    )
    assert (trusting[0], pulling[0]) == (0, 0)
    assert shown[1].endswith(f"signed by {key} (Ada Lovelace)")
    assert len(list(bob.home.rglob("*.bin"))) == 1
    child = bob.start("-c", "import phasic; print(phasic.Graph(phasic.models.lineages(6)).pull_cache())")
    assert child.communicate(timeout=60)[0].strip() == "True"  # from what bob has: the network is not asked
    revoking, verifying, listing = bob.hub(
        ["trust", key, "--revoke"], ["verify", "six", "--registry", web.address], ["trust"]
    )
    assert (revoking[0], verifying[0], "was revoked" in verifying[1]) == (0, 1, True)
    assert listing[1] == f"{key}  revoked"


@pytest.mark.slow
def test_users_who_are_killed_at_any_moment_leave_nothing_half_done(web, folder, tmp_path):
    models_of = {f"n{n}": n for n in range(3, 40)}
    code = f"""
import sys
from phasic.hub import arriving
arriving._WORTH = 1
from phasic.hub.command import main
print("begun", flush=True)
for n in range(3, 40):
    main(["push", "phasic.models:lineages", str(n), "--id", f"n{{n}}", "--description", "x", "--author", "A",
          "--to", {str(folder)!r}])
    main(["pull", f"n{{n}}", "islands", "--registry", {web.address!r}])
"""
    chance = random.Random(1)
    kills = 0
    for attempt in range(60):
        user = User(tmp_path / f"user{attempt}")
        child = user.start("-c", code)
        assert child.stdout is not None
        assert child.stdout.readline() == "begun\n"
        time.sleep(chance.random() * 0.4)
        child.send_signal(signal.SIGKILL)
        child.communicate()
        kills += child.returncode == -signal.SIGKILL
        complaints = [line for line in checking.check(folder) if "no entry names it" not in line]
        assert complaints == []
        for path in user.home.rglob("*.bin"):
            assert Artefact.from_bytes(path.read_bytes()).graph_hash == path.stem
    assert kills > 50
    assert set(read_index((folder / INDEX).read_bytes())[0]) <= {"islands", *models_of}
    last = User(tmp_path / "last").start("-c", code)
    last.communicate()
    assert last.returncode == 0
    assert set(read_index((folder / INDEX).read_bytes())[0]) == {"islands", *models_of}
    assert [line for line in checking.check(folder) if not line.startswith("artifacts/.")] == []
