"""How long `landfall check` takes and how much memory it needs, as whole processes.

    cargo build --release -p landfall-cli && python3 tests/check_speed.py target/release/landfall
    python3 tests/check_speed.py --ask target/debug/landfall    fails if it takes more than its share

`--ask` has no clock: it compares processor time with that of a fixed piece of work in the same run, so a slow or busy machine
changes nothing.
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
# A piece of work whose length depends on the machine alone.
WORK = (sys.executable, "-I", "-S", "-c", "sum(number * number for number in range(3_000_000))")
# How many times the processor time of WORK the debug build may take: three to five times what it took in November 2026. The
# release build, which has to take under 50 ms and 2 s, is more than ten times faster.
MOST = {"a file of 300 lines": 0.3, "1,000 files": 12.0}
MOST_MEMORY = 50


def long_file():
    """The first collected file with a container that has many variables, LINES lines in all."""
    text = next(path for path in FILES if path.stem == "fargate-web-behind-alb").read_text()
    missing = LINES - len(text.splitlines())
    variables = "".join(f"        - {{ name: VARIABLE_{number}, value: {number} }}\n" for number in range(missing))
    return text.replace("      environment: []\n", f"      environment:\n{variables}", 1)


def run(*command):
    """Seconds, seconds of the processor, and MiB of one process."""
    begun = time.monotonic()
    process = os.fork()
    if process == 0:
        null = os.open(os.devnull, os.O_WRONLY)
        os.dup2(null, 1)
        os.dup2(null, 2)
        os.execv(command[0], command)
    _, status, usage = os.wait4(process, 0)
    assert status == 0, f"{command} failed"
    return time.monotonic() - begun, usage.ru_utime + usage.ru_stime, usage.ru_maxrss / 1024


def measured(what, *command, runs=RUNS):
    """The least seconds of the processor that any run took, and the most MiB."""
    found = [run(*command) for _ in range(runs)]
    seconds = [taken for taken, _, _ in found]
    memory = max(memory for _, _, memory in found)
    print(f"{what}: median {statistics.median(seconds) * 1000:.0f} ms, slowest {max(seconds) * 1000:.0f} ms, at most {memory:.0f} MiB ({runs} runs)")
    return min(processor for _, processor, _ in found), memory


def main():
    asked = sys.argv[1] == "--ask"
    landfall = os.path.abspath(sys.argv[-1])
    with tempfile.TemporaryDirectory() as folder:
        folder = pathlib.Path(folder)
        (folder / "long.yaml").write_text(long_file())
        many = folder / "many"
        many.mkdir()
        for number in range(1000):
            (many / f"{number}.yaml").write_text(FILES[number % len(FILES)].read_text())
        runs = 5 if asked else RUNS
        work, _ = measured("the fixed piece of work", *WORK, runs=runs)
        found = {
            f"a file of {LINES} lines": measured(f"a file of {LINES} lines", landfall, "check", str(folder / "long.yaml"), runs=runs),
            "1,000 files": measured("1,000 files", landfall, "check", str(many), runs=runs),
        }
    for what, (processor, memory) in found.items():
        share = processor / work
        print(f"{what}: {share:.2f} times the fixed piece of work, {memory:.0f} MiB")
        if asked and share > MOST[what]:
            sys.exit(f"{what}: at most {MOST[what]} times the fixed piece of work is asked for, and this took {share:.2f}")
        if asked and what != "1,000 files" and memory > MOST_MEMORY:
            sys.exit(f"{what}: at most {MOST_MEMORY} MiB are asked for, and this took {memory:.0f}")


if __name__ == "__main__":
    main()
