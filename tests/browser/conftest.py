"""A Landfall on this machine, and a browser that looks at its page. LANDFALL_BINARIES names the folder with the command."""

from __future__ import annotations

import os
import re
import shutil
import subprocess
import urllib.request
from pathlib import Path

import pytest
from playwright.sync_api import Browser, Page, expect, sync_playwright

ROOT = Path(__file__).parents[2]

# How long anything may take that is waited for, in milliseconds.
PATIENCE = 30_000


class Landfall:
    """`landfall local`, with what people do to it outside the browser."""

    def __init__(self, folder: Path) -> None:
        binaries = Path(os.environ.get("LANDFALL_BINARIES", ROOT / "target" / "debug"))
        self.command = str(binaries / "landfall")
        self.folder = folder
        self.process = subprocess.Popen(
            [self.command, "local", "--port", "0", "--allow-changes"], stdout=subprocess.PIPE, text=True
        )
        told = ""
        while "?token=" not in told:
            line = self.process.stdout.readline()
            assert line, f"it ended, and had said:\n{told}"
            told += line
        self.endpoint = re.search(r"listens at (http://[\d.:]+)\. ", told)[1]
        self.page = re.search(r"(http://\S+\?token=\S+)", told)[1]

    def put_file(self, name: str, text: str) -> None:
        url = f"{self.endpoint}/landfall-config/services/{name}"
        urllib.request.urlopen(urllib.request.Request(url, data=text.encode(), method="PUT")).close()

    def push(self, image: str, *command: str) -> None:
        """Pushes an image whose tasks run this command."""
        port = self.endpoint.rsplit(":", 1)[1]
        push = [self.command, "local", "push", image, "--dir", str(self.folder), "--port", port, "--", *command]
        subprocess.run(push, check=True, stdout=subprocess.DEVNULL)

    def stop(self) -> None:
        self.process.terminate()
        self.process.wait()


@pytest.fixture(scope="session")
def landfall(tmp_path_factory):
    running = Landfall(tmp_path_factory.mktemp("application"))
    yield running
    running.stop()


@pytest.fixture(scope="session")
def browser():
    chromium = os.environ.get("LANDFALL_CHROMIUM") or shutil.which("chromium")
    assert chromium, "there is no chromium: install Debian's package of this name, or name one in LANDFALL_CHROMIUM"
    expect.set_options(timeout=PATIENCE)
    with sync_playwright() as playwright:
        # In a container root has no sandbox. It sees nothing but this machine's own page.
        running = playwright.chromium.launch(executable_path=chromium, args=["--no-sandbox"])
        yield running
        running.close()


def enter(browser: Browser, landfall: Landfall, **how) -> tuple[Page, list[str]]:
    """A page that was let in, and what goes wrong in it: errors, and requests to anywhere else."""
    context = browser.new_context(locale="en-GB", **how)
    context.set_default_timeout(PATIENCE)
    page = context.new_page()
    wrong: list[str] = []
    here = landfall.page.split("/?")[0]
    page.on("pageerror", lambda error: wrong.append(str(error)))
    page.on("console", lambda message: wrong.append(message.text) if message.type == "error" else None)
    page.on("request", lambda request: None if request.url.startswith(here) else wrong.append(request.url))
    page.goto(landfall.page)
    return page, wrong


@pytest.fixture
def page(browser, landfall):
    page, wrong = enter(browser, landfall, viewport={"width": 1280, "height": 900})
    yield page
    page.context.close()
    assert wrong == []
