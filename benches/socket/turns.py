"""One turn: wrk calls a server for a while, and both say what it took."""

import math
import os
import pathlib
import signal
import subprocess
import time
from dataclasses import dataclass

CORE = "1"
SCRIPT = pathlib.Path(__file__).with_name("wrk.lua")
# Turns until every token is known to who remembers, and node's compiler has seen enough.
WARM_UP, WARM_UP_NODE = 3, 6


@dataclass(frozen=True)
class Turn:
    request_ns: float  # of the wall clock's time
    server_ns: float  # of the processor's time, the kernel's work for the server's sockets among it
    server_core: float  # how much of the turn the server ran
    server_waited: float  # how much of it something else ran where the server wanted to
    client_core: float


def warm(take, case):
    for _ in range(WARM_UP_NODE if case.kind == "node" else WARM_UP):
        take(case)


def turn(server, folder, tokens, options):
    ran, waited = _scheduled(server.pid)
    requests, seconds, client = _wrk(server, folder, tokens, options)
    ran_then, waited_then = _scheduled(server.pid)
    ran, waited = ran_then - ran, waited_then - waited
    total = seconds * 1e9
    return Turn(total / requests, ran / requests, ran / total, waited / total, client / seconds)


def _wrk(server, folder, tokens, options):
    """Requests, seconds, and the processor's seconds that wrk took. Told whole seconds, it is interrupted sooner."""
    url = f"http://127.0.0.1:{server.port}/orders"
    load = ["-t1", f"-c{options.connections}", f"-d{math.ceil(options.turn) + 1}s", "-s", SCRIPT]
    command = ["taskset", "-c", CORE, "wrk", *load, url, "--", folder / "tokens", str(tokens)]
    with subprocess.Popen(command, stdout=subprocess.PIPE, stderr=subprocess.STDOUT, text=True) as wrk:
        time.sleep(options.turn)
        wrk.send_signal(signal.SIGINT)
        said = wrk.stdout.read()
        _, status, used = os.wait4(wrk.pid, 0)
        wrk.returncode = os.waitstatus_to_exitcode(status)
    try:
        requests, micros, wrong = map(int, said.splitlines()[-1].split())
    except (IndexError, ValueError):
        raise RuntimeError(f"wrk failed: {said}") from None
    if wrong or not requests:
        raise RuntimeError(f"{wrong} of {requests} requests went wrong: {said}")
    return requests, micros / 1e6, used.ru_utime + used.ru_stime


def _scheduled(pid):
    """Nanoseconds that all threads of a process ran, and that they waited for a core."""
    threads = pathlib.Path(f"/proc/{pid}/task").glob("*/schedstat")
    told = [thread.read_text().split() for thread in threads]
    return sum(int(ran) for ran, *_ in told), sum(int(waited) for _, waited, *_ in told)
