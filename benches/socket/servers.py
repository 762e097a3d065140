"""Servers: what they trust, how they are started, what they must answer, and that they end."""

import contextlib
import http.client
import os
import pathlib
import subprocess
from dataclasses import dataclass

BENCHES = pathlib.Path(__file__).resolve().parent.parent
TARGET = BENCHES.parent / "target"
CORE = "0"


def _program(name):
    return pathlib.Path(os.environ["CARGO_TARGET_DIR"]) / "release" / name


def serve():
    return _program("serve")


def minted(alg):
    """A new key, and tokens of it."""
    folder = TARGET / "socket" / alg
    subprocess.run([_program("mint"), alg, folder], check=True)
    return folder


@dataclass(frozen=True)
class Server:
    pid: int
    port: int


@contextlib.contextmanager
def running(cases, folder):
    """All of them by name, for as long as the block lasts, each proven."""
    with contextlib.ExitStack() as stack:
        started = {}
        for name, case in cases.items():
            started[name] = stack.enter_context(_started(case, folder))
            _prove(case, started[name], folder)
        yield started


@contextlib.contextmanager
def _started(case, folder):
    command = ["taskset", "-c", CORE, *case.command, folder]
    environment = os.environ | {"NODE_ENV": "production"}
    process = subprocess.Popen(command, stdout=subprocess.PIPE, env=environment, text=True)
    try:
        port = process.stdout.readline().strip()
        if not port.isdigit():
            raise RuntimeError(f"{case.name} did not start")
        yield Server(process.pid, int(port))
    finally:
        process.kill()
        process.wait()


def _prove(case, server, folder):
    read = lambda name: (folder / name).read_text()
    expected = [("a good token", read("tokens").split("\n", 1)[0], 200)]
    if case.guards:
        expected += [
            ("a tampered token", read("tampered"), 401),
            ("another audience's token", read("another_audience"), 401),
        ]
    connection = http.client.HTTPConnection("127.0.0.1", server.port, timeout=10)
    for what, token, status in expected:
        connection.request("GET", "/orders", headers={"Authorization": f"Bearer {token}"})
        response = connection.getresponse()
        response.read()
        if response.status != status:
            raise RuntimeError(f"{case.name} answers {response.status} to {what}, not {status}")
        if response.will_close:
            raise RuntimeError(f"{case.name} does not keep its connection after {what}")
    connection.close()
