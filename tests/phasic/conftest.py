from __future__ import annotations

import sys
from pathlib import Path

from hypothesis import settings

# Strategies are shared with the tests of other folders, and pytest puts only this folder on the path.
sys.path.append(str(Path(__file__).parents[1]))

# The first example of a run may wait for a compiler, and cores may be shared.
settings.register_profile("phasic", deadline=None)
settings.load_profile("phasic")
