"""All edits after which an old result would be wrong, and all changes within one process."""

from __future__ import annotations

from .corners import CORNERS
from .helpers import HELPERS
from .own_code import OWN_CODE
from .runner import Scenario
from .sessions import SESSIONS
from .values import VALUES

SOUNDNESS: list[Scenario] = [*OWN_CODE, *HELPERS, *VALUES, *SESSIONS, *CORNERS]
