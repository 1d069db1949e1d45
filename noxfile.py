"""The suite on every CPython at hand: bytecode differs between minor versions, and keys are made of it."""

import nox

nox.options.default_venv_backend = "venv"
nox.options.error_on_missing_interpreters = False


@nox.session(python=["3.11", "3.12", "3.13", "3.14"])
def tests(session: nox.Session) -> None:
    """Install the project with what its tests need, and run them."""
    session.install("--editable", ".[test]")
    session.run("python", "-m", "pytest", "-n", "2", *session.posargs)
