"""Registries in git repositories, with the real git; only GitHub and its `gh` are stood in for."""

from __future__ import annotations

import json
import subprocess
import sys

import pytest
from registries import islands, publish

import phasic
from phasic import Graph, HubError, HubWarning, list_computes, models
from phasic.hub import git
from phasic.hub.entry import INDEX
from phasic.hub.keys import SigningKey

GITHUB = "https://github.com/owner/traces"


def run(folder, *command):
    done = subprocess.run(["git", *command], cwd=folder, capture_output=True, text=True, check=True)
    return done.stdout.strip()


@pytest.fixture
def bare(folder, tmp_path, monkeypatch):
    """A bare repository with the registry `folder` in it, which git also finds under an address of GitHub."""
    repository = tmp_path / "traces.git"
    (tmp_path / "gitconfig").write_text(
        "[user]\n  name = Ada\n  email = ada@example.org\n[init]\n  defaultBranch = main\n"
        f'[url "{repository.as_uri()}"]\n  insteadOf = {GITHUB}\n'
    )
    monkeypatch.setenv("GIT_CONFIG_GLOBAL", str(tmp_path / "gitconfig"))
    monkeypatch.setenv("GIT_CONFIG_NOSYSTEM", "1")
    run(tmp_path, "init", "--quiet", "--bare", str(repository))
    run(folder, "init", "--quiet")
    run(folder, "add", INDEX, "artifacts")
    run(folder, "commit", "--quiet", "-m", "Begin")
    run(folder, "push", "--quiet", repository.as_uri(), "main")
    return repository


def test_a_repository_is_read_like_any_registry(bare):
    with phasic.configure(registry=str(bare)):
        assert [found["compute_id"] for found in list_computes()] == ["islands"]
        assert islands().pull_cache()


def test_publishing_pushes_a_branch_with_two_files_by_whoever_git_knows(bare):
    branch = publish(Graph(models.lineages(6)), str(bare), "six")
    assert branch.startswith("publish/six-")
    changed = run(bare, "diff", "--name-only", "main", branch).splitlines()
    assert [name.partition("/")[0] for name in changed] == ["artifacts", INDEX]
    assert run(bare, "log", "-1", "--format=%an %s", branch) == "Ada Publish six"
    assert list(json.loads(run(bare, "show", f"{branch}:{INDEX}"))["computes"]) == ["islands", "six"]
    assert list(json.loads(run(bare, "show", f"main:{INDEX}"))["computes"]) == ["islands"]
    run(bare, "update-ref", "refs/heads/main", branch)  # as a maintainer merges it
    with phasic.configure(registry=str(bare)):
        assert Graph(models.lineages(6)).pull_cache()


def test_what_is_published_already_pushes_nothing(bare):
    assert json.loads(publish(islands(), str(bare)))["islands"]
    assert run(bare, "branch", "--format=%(refname:short)") == "main"


def test_nothing_is_replaced_and_nothing_pushed(bare):
    with pytest.raises(HubError, match="another entry"):
        publish(Graph(models.lineages(6)), str(bare), "islands")
    assert run(bare, "branch", "--format=%(refname:short)") == "main"


def test_the_same_branch_again_is_refused_by_git_and_said(bare):
    publish(Graph(models.lineages(6)), str(bare), "six")
    before = run(bare, "rev-parse", "publish/" + run(bare, "branch", "--list", "publish/*").split("/")[1])
    changed = {"id": "six", "description": "Another text", "registry": str(bare)}
    with pytest.raises(HubError, match="git push fails"):
        Graph(models.lineages(6)).push_cache(**changed)
    assert before in run(bare, "branch", "--list", "publish/*", "--format=%(objectname)")


def test_on_github_gh_opens_the_pull_request(bare, tmp_path, monkeypatch):
    tools = tmp_path / "tools"
    tools.mkdir()
    gh = tools / "gh"
    gh.write_text(
        f"#!{sys.executable}\nimport json, sys\n"
        f"json.dump(sys.argv[1:], open({str(tmp_path / 'asked')!r}, 'w'))\n"
        f"print('{GITHUB}/pull/1')\n"
    )
    gh.chmod(0o755)
    monkeypatch.setenv("PATH", str(tools), prepend=":")
    assert publish(Graph(models.lineages(6)), GITHUB, "six") == f"{GITHUB}/pull/1"
    asked = json.loads((tmp_path / "asked").read_text())
    branch = run(bare, "branch", "--list", "publish/*", "--format=%(refname:short)")
    assert asked[:9] == [
        *("pr", "create", "--repo", "owner/traces", "--head", branch, "--title", "Publish six", "--body")
    ]
    assert "Two islands" in asked[9]
    gh.write_text("#!/bin/sh\necho not logged in >&2\nexit 4\n")
    with pytest.raises(HubError, match="gh pr fails: not logged in"):
        publish(Graph(models.lineages(7)), GITHUB, "seven")


def test_a_link_in_a_repository_leads_nowhere(bare, folder, tmp_path):
    outside = tmp_path / "outside"
    outside.mkdir()
    (folder / INDEX).unlink()
    for path in (folder / "artifacts").iterdir():
        path.unlink()
    (folder / "artifacts").rmdir()
    (folder / "artifacts").symlink_to(outside)
    run(folder, "add", "-A", ".")
    run(folder, "commit", "--quiet", "-m", "Lead out")
    run(folder, "push", "--quiet", bare.as_uri(), "main")
    with pytest.raises(HubError, match="cannot be written"):
        publish(islands(), str(bare))
    assert list(outside.iterdir()) == []


def test_a_repository_that_is_not_there_is_passed_over(tmp_path):
    missing = str(tmp_path / "no.git")
    with (
        phasic.configure(registry=missing),
        pytest.warns(HubWarning, match="git clone fails"),
    ):
        assert list_computes() == []
    with pytest.raises(HubError, match="git clone fails"):
        publish(islands(), missing)


def test_without_git_that_is_said(bare, monkeypatch, tmp_path):
    monkeypatch.setenv("PATH", str(tmp_path))
    with pytest.raises(HubError, match="git is not installed"):
        publish(islands(), str(bare))


@pytest.mark.parametrize(
    ("address", "expected"),
    [
        ("https://github.com/owner/traces", True),
        ("https://github.com/owner/traces.git", True),
        ("git@github.com:owner/traces.git", True),
        ("ssh://git@example.org/traces", True),
        ("/some/where/traces.git", True),
        ("https://example.org/traces", False),
        ("https://github.com/owner/traces/raw/main", False),
        ("registry", False),
        ("builtin", False),
    ],
)
def test_a_repository_is_known_by_its_address(address, expected):
    assert git.is_repository(address) is expected


def test_a_signature_that_is_added_later_gets_a_branch_of_its_own(bare, tmp_path):
    pytest.importorskip("cryptography")
    SigningKey.make(tmp_path / "key")
    options = {"id": "islands", "description": "Two islands", "author": "A <a@example.org>"}
    branch = islands().push_cache(**options, registry=str(bare), sign=tmp_path / "key")
    entry = json.loads(run(bare, "show", f"{branch}:{INDEX}"))["computes"]["islands"]
    assert len(entry["signatures"]) == 1
    run(bare, "update-ref", "refs/heads/main", branch)
    SigningKey.make(tmp_path / "new")
    second = islands().push_cache(**options, registry=str(bare), sign=tmp_path / "new")
    assert second != branch
    entry = json.loads(run(bare, "show", f"{second}:{INDEX}"))["computes"]["islands"]
    assert len(entry["signatures"]) == 2
