"""One emulator and one installation for the whole run. LANDFALL_BINARIES names the folder with the functions' executables."""

from __future__ import annotations

import os
from pathlib import Path

import pytest

from emulator import Emulator
from installation import ROOT, deploy, package, read_template
from landfall import Landfall


@pytest.fixture(scope="session")
def emulator(tmp_path_factory):
    running = Emulator(tmp_path_factory.mktemp("ministack"))
    print(f"ministack runs on {running.endpoint}, log in {running.log}")
    yield running
    running.stop()


@pytest.fixture(scope="session")
def template():
    return read_template(ROOT / "template.yaml")


@pytest.fixture(scope="session")
def stack(emulator, template):
    """The outputs of the installed stack."""
    binaries = Path(os.environ.get("LANDFALL_BINARIES", ROOT / "target" / "debug"))
    return deploy(emulator, package(emulator, template, binaries))


@pytest.fixture(scope="session")
def landfall(emulator, stack):
    """The installed Landfall, as the people who use it see it."""
    return Landfall(emulator, stack, ROOT / "events")
