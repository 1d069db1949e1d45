"""Write the pictures of the page `pictures.md`, by running its code: ``python docs/pictures/make.py``.

They go beside this file, or into the folder given as argument.
"""

from __future__ import annotations

import os
import re
import sys
from pathlib import Path

HERE = Path(__file__).resolve().parent


def main() -> None:
    """Run the blocks of Python on the page, one after another, where the pictures are wanted."""
    page = HERE.with_suffix(".md").read_text(encoding="utf-8")
    os.chdir(sys.argv[1] if len(sys.argv) > 1 else HERE)
    os.environ["PATH"] = ""  # without dot, so that they look the same wherever they are made
    session: dict[str, object] = {}
    for block in re.findall(r"^```python\n(.*?)^```$", page, flags=re.DOTALL | re.MULTILINE):
        exec(block, session)


if __name__ == "__main__":
    main()
