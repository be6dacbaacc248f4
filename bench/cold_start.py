"""How fast the functions start, beside the least that Rust can do and beside what others do.

    python3 bench/cold_start.py

plays the Lambda Runtime API, starts each executable cold, one after the other in turn, and times two things from the start of the
process: until it asks for its first invocation (`init`), and until its first request to AWS arrives (`first call`), which an
endpoint on this machine takes over plain HTTP. What a client of the SDK costs that is only built when it is needed is in the second
number. `of floor` is init as a multiple of that of a function without any SDK. It prints a table, and how large the executable
is in a zip.

Each function gets its example of `events/`. Python has boto3 in AWS's own runtime interface client, Node the AWS SDK v3 in one
bundle; both make a client for S3 while they start. Builds with cargo and installs with pip and npm what it needs, below target/.

These are ratios on one machine. In AWS come the sandbox, the download of the code, TLS and AWS's own time; and while a function
handles an event it has the share of a CPU that its memory buys. Lambda's own runtimes for Python and Node contain an SDK, so
their zips are not compared.

    --rounds N      how often each is started (15)
    --only A,B      only these rows, and the floor
    --no-build      take target/release as it is
"""

import argparse
import gzip
import json
import os
import pathlib
import select
import shutil
import signal
import socket
import statistics
import subprocess
import sys
import time
import venv

ROOT = pathlib.Path(__file__).resolve().parent.parent
TARGET = pathlib.Path(os.environ.get("CARGO_TARGET_DIR", ROOT / "target"))
HERE = TARGET / "bench"
BENCH = ROOT / "bench"
ACCOUNT, REGION = "123456789012", "eu-west-1"
# Which event a trigger gets; a step gets the example that has its name.
EVENTS = {
    "config-changed": "service-file-created",
    "execution-ended": "execution-aborted",
    "image-pushed": "image-pushed",
    "rollout-changed": "rollout-completed",
    "sweep-due": "sweep-due",
    "watch-drift": "rollout-completed",
}
# Some functions once more, as they start with the operating system's root certificates.
NATIVE = ["claim-release", "verify-health", "sweep-due"]
SLOWEST = 30.0


class RuntimeApi:
    """The Runtime API and AWS's endpoint on one loopback port, for one process at a time."""

    def __init__(self):
        self.listener = socket.create_server(("127.0.0.1", 0))
        self.port = self.listener.getsockname()[1]

    def measure(self, command, environment, event):
        """Seconds until the first `next`, seconds until the first call (none if there is none), and MB of memory at the first."""
        environment = environment | {
            "AWS_LAMBDA_RUNTIME_API": f"127.0.0.1:{self.port}",
            "AWS_ENDPOINT_URL": f"http://127.0.0.1:{self.port}",
        }
        silent = [(os.POSIX_SPAWN_OPEN, fd, "/dev/null", os.O_RDWR, 0) for fd in (0, 1, 2)]
        start = time.perf_counter()
        process = os.posix_spawn(command[0], command, environment, file_actions=silent)
        try:
            return self.follow(process, start, event)
        finally:
            os.kill(process, signal.SIGKILL)
            os.waitpid(process, 0)

    def follow(self, process, start, event):
        init = memory = None
        connections = {}
        try:
            while True:
                ready, _, _ = select.select([self.listener, *connections], [], [], SLOWEST)
                now = time.perf_counter() - start
                if not ready:
                    sys.exit("a process did not ask for an invocation: run it by hand to see why")
                for source in ready:
                    if source is self.listener:
                        connections[source.accept()[0]] = b""
                        continue
                    received = source.recv(65536)
                    if not received:
                        del connections[source]
                        source.close()
                        continue
                    connections[source] += received
                    path, connections[source] = request(connections[source])
                    if path is None:
                        continue
                    if not path.startswith("/2018-06-01/"):
                        return init, now, memory
                    if path.endswith("/next"):
                        if init is not None:
                            return init, None, memory
                        init, memory = now, resident(process)
                        source.sendall(invocation(event))
                    else:
                        source.sendall(answer(b'{"status":"OK"}', "202 Accepted"))
        finally:
            for connection in connections:
                connection.close()


def request(received):
    """The path of the first whole request, and what comes after it."""
    head, end, body = received.partition(b"\r\n\r\n")
    if not end:
        return None, received
    length = 0
    for line in head.split(b"\r\n")[1:]:
        name, _, value = line.partition(b":")
        if name.lower() == b"content-length":
            length = int(value)
    if len(body) < length:
        return None, received
    return head.split(b" ")[1].decode(), body[length:]


def answer(body, status="200 OK", headers=""):
    return f"HTTP/1.1 {status}\r\ncontent-type: application/json\r\n{headers}content-length: {len(body)}\r\n\r\n".encode() + body


def invocation(event):
    deadline = int((time.time() + 60) * 1000)
    return answer(
        json.dumps(event).encode(),
        headers=f"lambda-runtime-aws-request-id: 1\r\nlambda-runtime-deadline-ms: {deadline}\r\n"
        f"lambda-runtime-invoked-function-arn: arn:aws:lambda:{REGION}:{ACCOUNT}:function:bench\r\n"
        "lambda-runtime-trace-id: Root=1-5bef4de7-ad49b0e87f6ef6c87fc2e700\r\n",
    )


def resident(process):
    pages = int(pathlib.Path(f"/proc/{process}/statm").read_text().split()[1])
    return pages * os.sysconf("SC_PAGE_SIZE") / 1e6


def environment(name, **more):
    return {
        "PATH": os.environ["PATH"],
        "HOME": "/nonexistent",
        "AWS_REGION": REGION,
        "AWS_DEFAULT_REGION": REGION,
        "AWS_ACCESS_KEY_ID": "bench",
        "AWS_SECRET_ACCESS_KEY": "bench",
        "AWS_LAMBDA_FUNCTION_NAME": name,
        "AWS_LAMBDA_FUNCTION_VERSION": "$LATEST",
        "AWS_LAMBDA_FUNCTION_MEMORY_SIZE": "256",
        "AWS_LAMBDA_LOG_GROUP_NAME": f"/aws/lambda/{name}",
        "AWS_LAMBDA_LOG_STREAM_NAME": "bench",
        "_HANDLER": name,
        "CONFIG_BUCKET": "landfall-config",
        "STATE_BUCKET": "landfall-state",
        "STATE_MACHINE_ARN": f"arn:aws:states:{REGION}:{ACCOUNT}:stateMachine:landfall-release",
    } | more


def example(function):
    steps = ROOT / "events/steps" / f"{function}.json"
    return json.loads((steps if steps.exists() else ROOT / "events" / f"{EVENTS[function]}.json").read_text())


def functions():
    steps = [path.stem for path in (ROOT / "events/steps").glob("*.json")]
    return sorted([*EVENTS, *steps])


def python():
    """boto3 in the runtime interface client of Lambda's own Python runtime."""
    home, wanted = HERE / "python", BENCH / "python/requirements.txt"
    stamp = home / "requirements.txt"
    if not stamp.exists() or stamp.read_text() != wanted.read_text():
        shutil.rmtree(home, ignore_errors=True)
        venv.create(home, with_pip=True)
        subprocess.run([home / "bin/python", "-m", "pip", "install", "--quiet", "-r", wanted], check=True)
        shutil.copy(wanted, stamp)
    # Compiled beforehand, as in Lambda's image.
    subprocess.run([home / "bin/python", "-m", "compileall", "-q", BENCH / "python"], check=True)
    command = [str(home / "bin/python"), "-m", "awslambdaric", "function.handler"]
    more = {"LAMBDA_TASK_ROOT": str(BENCH / "python"), "PYTHONPATH": str(BENCH / "python"), "PATH": os.environ["PATH"]}
    return command, environment("function.handler", **more), {}


def node():
    """The AWS SDK v3, bundled and made small by esbuild."""
    home = HERE / "node"
    home.mkdir(parents=True, exist_ok=True)
    for name in ("package.json", "package-lock.json", "function.mjs"):
        shutil.copy(BENCH / "node" / name, home / name)
    if not (home / "node_modules").exists():
        subprocess.run(["npm", "ci", "--silent", "--no-audit", "--no-fund"], cwd=home, check=True)
    bundle = ["--bundle", "--minify", "--platform=node", "--format=esm", "--outfile=bundle.mjs", "--log-level=error"]
    # Some of the SDK's modules are CommonJS, and ask for Node's own by `require`.
    require = "import{createRequire}from'module';const require=createRequire(import.meta.url);"
    subprocess.run([home / "node_modules/.bin/esbuild", "function.mjs", *bundle, f"--banner:js={require}"], cwd=home, check=True)
    return [shutil.which("node"), str(home / "bundle.mjs")], environment("node"), {}


def rows(only):
    release = TARGET / "release"
    bootstrap = str(release / "bootstrap")
    wanted = lambda name: not only or name in only
    found = {"floor: lambda_runtime alone": ([str(release / "floor")], environment("floor"), {})}
    for name in filter(wanted, functions()):
        found[f"`{name}`"] = ([bootstrap], environment(name), example(name))
    for name in filter(wanted, NATIVE):
        found[f"`{name}`, TrustStore native"] = ([bootstrap], environment(name, TRUST_STORE="native"), example(name))
    if wanted("python"):
        found[f"Python {sys.version_info.major}.{sys.version_info.minor}, boto3"] = python()
    if wanted("node"):
        version = subprocess.run(["node", "--version"], capture_output=True, text=True, check=True).stdout
        found[f"Node {version[1:].split('.')[0]}, AWS SDK v3"] = node()
    return found


def main():
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--rounds", type=int, default=15)
    parser.add_argument("--only", type=lambda names: names.split(","))
    parser.add_argument("--no-build", action="store_true")
    arguments = parser.parse_args()
    if not arguments.no_build:
        build = ["cargo", "build", "--release", "--locked", "-p", "landfall-functions", "-p", "landfall-bench"]
        subprocess.run(build, cwd=ROOT, check=True)
    api = RuntimeApi()
    variants = rows(arguments.only)
    results = {name: [] for name in variants}
    # The first round only fills the page cache.
    for number in range(arguments.rounds + 1):
        for name, variant in variants.items():
            measured = api.measure(*variant)
            if number:
                results[name].append(measured)
    floor = statistics.median(init for init, _, _ in next(iter(results.values())))
    print("| | init ms, median | of floor | first call ms, median | memory at init MB |\n|---|---|---|---|---|")
    for name, measured in results.items():
        init = statistics.median(init for init, _, _ in measured)
        calls = [call for _, call, _ in measured if call is not None]
        call = f"{statistics.median(calls) * 1000:.1f}" if calls else "–"
        memory = statistics.median(memory for _, _, memory in measured)
        print(f"| {name} | {init * 1000:.1f} | {init / floor:.1f} | {call} | {memory:.1f} |")
    packed = len(gzip.compress((TARGET / "release/bootstrap").read_bytes(), 9))
    print(f"\n{arguments.rounds} cold starts each. The one executable takes {packed / 1e6:.2f} MB in a zip.")


if __name__ == "__main__":
    main()
