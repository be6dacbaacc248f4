"""How quickly the page shows a thousand services, in Chromium.

    LANDFALL_BINARIES=target/simulation target/python/browser/bin/python bench/console.py

The interpreter is the one that `.ci/run browser` has installed Playwright for. Starts `landfall local`, has it release one service, copies what
it keeps of that a thousand times, and opens the page: when something is painted first, when all rows are there, and how long a
search takes. A benchmark, not a test: nothing fails when a number grows.
"""

import http.client
import shutil
import subprocess
import sys
import tempfile
import time
from pathlib import Path

from playwright.sync_api import sync_playwright

sys.path.append(str(Path(__file__).parents[1] / "tests" / "browser"))

from landfall import Landfall  # noqa: E402

SERVICES = 1_000
FILE = """
cluster: { clusterName: web }
images: { web: { repository: hello, tag: "semver:^1" } }
taskDefinition: { family: hello, containerDefinitions: [{ name: web, memory: 64 }] }
service: { serviceName: hello, desiredCount: 1 }
"""


def fill(landfall):
    landfall.put_file("hello.yaml", FILE)
    landfall.push("hello:1.0.0", "sleep", "1000")
    host = landfall.endpoint.removeprefix("http://")
    here = ["--port", host.rsplit(":", 1)[1]]
    watch = [landfall.command, "watch", "web/hello", "--image", "hello:1.0.0", *here]
    subprocess.run(watch, check=True, stdout=subprocess.DEVNULL)
    state = http.client.HTTPConnection(host)

    def ask(method, key, body=None):
        state.request(method, f"/landfall-state/{key}", body=body)
        answer = state.getresponse()
        text = answer.read().decode()
        assert answer.status == 200, (method, key, answer.status, text)
        return text

    copied = ["desired.json", "releases/00000001.json"]
    known = {key: ask("GET", f"services/web/hello/{key}") for key in copied}
    for number in range(SERVICES - 1):
        name = f"service-{number:04}"
        for key, text in known.items():
            text = text.replace("web/hello", f"web/{name}").replace("services/hello.yaml", f"services/{name}.yaml")
            ask("PUT", f"services/web/{name}/{key}", text)


def look(address):
    with sync_playwright() as playwright:
        browser = playwright.chromium.launch(executable_path=shutil.which("chromium"), args=["--no-sandbox"])
        page = browser.new_page()
        began = time.monotonic()
        page.goto(address)
        page.locator("tbody tr").nth(SERVICES - 1).wait_for(state="attached")
        rows = time.monotonic() - began
        painted = page.evaluate("performance.getEntriesByName('first-contentful-paint')[0].startTime")
        searched = page.evaluate(
            """async () => {
                const field = document.querySelector("input[type=search]");
                const began = performance.now();
                field.value = "service-0777";
                field.dispatchEvent(new Event("input", { bubbles: true }));
                await new Promise(done => requestAnimationFrame(() => requestAnimationFrame(done)));
                return performance.now() - began;
            }"""
        )
        assert page.locator("tbody tr:visible").count() == 1, "the search finds one"
        browser.close()
    print(f"first paint {painted:.0f} ms, all {SERVICES} rows after {rows:.2f} s, search to the second frame {searched:.0f} ms")


def main():
    with tempfile.TemporaryDirectory() as folder:
        landfall = Landfall(Path(folder))
        try:
            fill(landfall)
            look(landfall.page)
        finally:
            landfall.stop()


main()
