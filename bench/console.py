"""How quickly the page shows a thousand services, in Chromium.

    target/python/browser/bin/python bench/console.py target/simulation/landfall

The interpreter is the one that `.ci/run browser` has installed Playwright for. Starts `landfall local`, has it release one service, copies what
it keeps of that a thousand times, and opens the page: when something is painted first, when all rows are there, and how long a
search takes. A benchmark, not a test: nothing fails when a number grows.
"""

import http.client
import re
import shutil
import socket
import subprocess
import sys
import tempfile
import time

from playwright.sync_api import sync_playwright

SERVICES = 1_000
FILE = """
cluster: { clusterName: web }
images: { web: { repository: hello, tag: "semver:^1" } }
taskDefinition: { family: hello, containerDefinitions: [{ name: web, memory: 64 }] }
service: { serviceName: hello, desiredCount: 1 }
"""
# What signed it is not looked at by the embedded AWS.
SIGNED = {
    "Authorization": "AWS4-HMAC-SHA256 Credential=local/20260101/eu-west-1/s3/aws4_request, SignedHeaders=host, Signature=x"
}


def free_port():
    with socket.socket() as listener:
        listener.bind(("127.0.0.1", 0))
        return listener.getsockname()[1]


class Bucket:
    def __init__(self, port, name):
        self.connection, self.name = http.client.HTTPConnection("127.0.0.1", port), name

    def ask(self, method, key, body=None):
        self.connection.request(method, f"/{self.name}/{key}", body=body, headers=SIGNED)
        answer = self.connection.getresponse()
        text = answer.read().decode()
        assert answer.status == 200, (method, key, answer.status, text)
        return text


def fill(port, landfall, folder):
    Bucket(port, "landfall-config").ask("PUT", "services/hello.yaml", FILE)
    here = ["--port", str(port)]
    push = [landfall, "local", "push", "hello:1.0.0", "--dir", folder, *here, "--", "sleep", "1000"]
    subprocess.run(push, check=True, stdout=subprocess.DEVNULL)
    watch = [landfall, "watch", "web/hello", "--image", "hello:1.0.0", *here]
    subprocess.run(watch, check=True, stdout=subprocess.DEVNULL)
    state = Bucket(port, "landfall-state")
    copied = ["desired.json", "releases/00000001.json"]
    known = {key: state.ask("GET", f"services/web/hello/{key}") for key in copied}
    for number in range(SERVICES - 1):
        name = f"service-{number:04}"
        for key, text in known.items():
            text = text.replace("web/hello", f"web/{name}").replace("services/hello.yaml", f"services/{name}.yaml")
            state.ask("PUT", f"services/web/{name}/{key}", text)


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


def main(landfall):
    port = free_port()
    local = subprocess.Popen([landfall, "local", "--port", str(port)], stdout=subprocess.PIPE, text=True)
    try:
        address = next(found[0] for line in local.stdout if (found := re.search(r"http://\S+\?token=\S+", line)))
        with tempfile.TemporaryDirectory() as folder:
            fill(port, landfall, folder)
        look(address)
    finally:
        local.terminate()


main(sys.argv[1])
