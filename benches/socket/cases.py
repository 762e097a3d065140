"""What is measured: each case is one server with so many tokens in turn."""

import json
import subprocess
from dataclasses import dataclass

import servers

NODE = servers.BENCHES / "node"


@dataclass(frozen=True)
class Case:
    name: str
    server: str
    command: tuple
    tokens: int
    kind: str  # floor, ours, rival, node
    guards: bool
    how: str = ""


def plan():
    """Bare routes with one token are what the rest is held against; what remembers is shown a thousand tokens too."""
    return [*_ours(), *_rivals(), *_node()]


def _ours():
    for tokens in (1, 1000):
        for name, kind in (
            ("bare", "floor"),
            ("two_empty_layers", "floor"),
            ("remembered", "ours"),
            ("first_sight", "ours"),
        ):
            yield Case(name, name, (servers.serve(), name), tokens, kind, kind == "ours")


def _rivals():
    told = subprocess.run([servers.serve(), "rivals"], check=True, capture_output=True, text=True).stdout
    for rival in json.loads(told):
        name = f'{rival["name"]} {rival["version"]}'
        yield Case(name, rival["name"], (servers.serve(), rival["name"]), 1, "rival", True, rival["how"])


def _node():
    version = _locked()
    bare = "no token asked for"
    for server, package, tokens, how in (
        ("node_bare", "node", 1, f"node's own http server, {bare}"),
        ("express_bare", "express", 1, bare),
        ("express-oauth2-jwt-bearer", "express-oauth2-jwt-bearer", 1, "static keys, two scopes; in express"),
        ("fastify_bare", "fastify", 1, bare),
        ("fast-jwt", "fast-jwt", 1, "its cache on, called from a hook of fastify's, two scopes"),
        ("fast-jwt", "fast-jwt", 1000, ""),
    ):
        command = (NODE / "node_modules/.bin/node", NODE / "server.mjs", server)
        yield Case(f"{server} {version(package)}", server, command, tokens, "node", "bare" not in server, how)


def _locked():
    packages = json.loads((NODE / "package-lock.json").read_text())["packages"]
    return lambda name: packages[f"node_modules/{name}"]["version"]
