"""The command line of phasic: ``python -m phasic hub``, which is ``python -m hashcache hub``."""

from __future__ import annotations

import argparse
import sys
from collections.abc import Sequence

from phasic.hub import command


def main(arguments: Sequence[str] | None = None) -> int:
    """Run one command; returns the exit status."""
    parser = argparse.ArgumentParser(prog="python -m phasic", description="Phase-type distributions.")
    parser.add_argument("command", choices=["hub"], help="eliminations that others have published")
    parser.add_argument("arguments", nargs=argparse.REMAINDER, help="see `python -m phasic hub --help`")
    options = parser.parse_args(arguments)
    return command.main(options.arguments, "python -m phasic hub")


if __name__ == "__main__":
    sys.exit(main())
