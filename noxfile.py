"""The suite on every CPython at hand: bytecode differs between minor versions, and keys are made of it."""

import os
import shutil
import subprocess

import nox

if shutil.which("pyenv"):  # its commands for a version work only where that version is chosen
    versions = subprocess.run(["pyenv", "versions", "--bare"], capture_output=True, text=True, check=False)
    os.environ.setdefault("PYENV_VERSION", ":".join(reversed(versions.stdout.split())))

nox.options.default_venv_backend = "venv"
nox.options.error_on_missing_interpreters = False


@nox.session(python=["3.11", "3.12", "3.13", "3.14"])
def tests(session: nox.Session) -> None:
    """Install the project with what its tests need, and run them."""
    session.install("--editable", ".[test]")
    session.run("python", "-m", "pytest", "-n", "2", *session.posargs)
