"""A browser that looks at the page of a Landfall on this machine."""

from __future__ import annotations

import os
import shutil

import pytest
from landfall import Landfall
from playwright.sync_api import Browser, Page, expect, sync_playwright

# How long anything may take that is waited for, in milliseconds.
PATIENCE = 30_000


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
