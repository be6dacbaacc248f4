"""A Landfall on this machine. LANDFALL_BINARIES names the folder with the command."""

from __future__ import annotations

import os
import re
import subprocess
import urllib.request
from pathlib import Path

ROOT = Path(__file__).parents[2]


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
