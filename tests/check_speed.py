"""How long `landfall check` takes and how much memory it needs, as whole processes.

    cargo build --release -p landfall-cli && python3 tests/check_speed.py target/release/landfall
"""

import os
import pathlib
import statistics
import sys
import tempfile
import time

FILES = sorted((pathlib.Path(__file__).parent / "service-files").glob("*.yaml"))
LINES = 300
RUNS = 15


def long_file():
    """The first collected file with a container that has many variables, LINES lines in all."""
    text = next(path for path in FILES if path.stem == "fargate-web-behind-alb").read_text()
    missing = LINES - len(text.splitlines())
    variables = "".join(f"        - {{ name: VARIABLE_{number}, value: {number} }}\n" for number in range(missing))
    return text.replace("      environment: []\n", f"      environment:\n{variables}", 1)


def run(*command):
    """Seconds and MiB of one process."""
    begun = time.monotonic()
    process = os.fork()
    if process == 0:
        null = os.open(os.devnull, os.O_WRONLY)
        os.dup2(null, 1)
        os.dup2(null, 2)
        os.execv(command[0], command)
    _, status, usage = os.wait4(process, 0)
    assert status == 0, f"{command} failed"
    return time.monotonic() - begun, usage.ru_maxrss / 1024


def measured(what, *command):
    runs = [run(*command) for _ in range(RUNS)]
    seconds = [taken for taken, _ in runs]
    memory = max(memory for _, memory in runs)
    print(f"{what}: median {statistics.median(seconds) * 1000:.0f} ms, slowest {max(seconds) * 1000:.0f} ms, at most {memory:.0f} MiB ({RUNS} runs)")


def main():
    landfall = os.path.abspath(sys.argv[1])
    with tempfile.TemporaryDirectory() as folder:
        folder = pathlib.Path(folder)
        (folder / "long.yaml").write_text(long_file())
        many = folder / "many"
        many.mkdir()
        for number in range(1000):
            (many / f"{number}.yaml").write_text(FILES[number % len(FILES)].read_text())
        measured(f"a file of {LINES} lines", landfall, "check", str(folder / "long.yaml"))
        measured("1,000 files", landfall, "check", str(many))


if __name__ == "__main__":
    main()
