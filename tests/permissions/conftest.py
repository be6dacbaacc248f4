"""What the functions asked for in the journeys, the template that gives them their roles, and the schemas of what they announce."""

from __future__ import annotations

import os
import sys
from pathlib import Path

import pytest

ROOT = Path(__file__).resolve().parents[2]
sys.path[:0] = [str(ROOT / "tests/template"), str(ROOT / "events/schemas")]

from installed import Installed  # noqa: E402
from recording import Request, read  # noqa: E402


@pytest.fixture(scope="session")
def requests() -> list[Request]:
    """LANDFALL_RECORD_REQUESTS names the file that the journeys wrote."""
    return read(Path(os.environ["LANDFALL_RECORD_REQUESTS"]))


@pytest.fixture(scope="session")
def stack() -> Installed:
    """With any role passable: the journeys' files name several."""
    return Installed(PassableRoles="*")
