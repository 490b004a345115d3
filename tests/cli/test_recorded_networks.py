"""Commands about networks do and say what the real docker did and said.

The transcripts in tests/golden/networks are docker's, see recorded_networks.py. Each is played from
its first command, since one builds upon the other.
"""

from __future__ import annotations

import json
import shlex
from typing import Any

import pytest

import recorded
import recorded_networks as kept
from console import Cuddy, Result
from recorded import Exchange

SAID = "said in fewer words"
DIFFERENT = {
    # what docker shows -> why we do not
    "network create -d overlay two": SAID,
    "network create --scope global two": SAID,
    "network create --subnet fd00:2::/64 v4": "we warn that it will not be used",
    "network ls -f dangling=false --format '{{.Name}}'": "this docker forgets who is on them",
    "network ls --format '{{.Nope}}'": "docker tells of Go's types",
    "network connect --alias x bridge idle": "the words of docker 28",
    "network disconnect one db": "we say its name, not its id",
    "network disconnect -f one db": "we say its name, not its id",
    "network disconnect host db": "we say its name, not its id",
    "network disconnect one shared": "we say its name, not its id",
    "network disconnect -f one nope": "it is the container that is not there",
    "network prune -f --filter until=x": "the words of our other prunes",
    "network create -o unknown=1 full3": "we say that nobody knows the option",
    "network create --opt a lab2": "we say that nobody knows the option",
    "network inspect -f '{{.Nope}}' one": "docker shows a blank line before it complains",
}
"""Commands of which only the exit code is compared."""
NO_PATTERN = "network ls -f 'name=[' --format '{{.Name}}'"
"""Docker shows nothing, we say that it is no pattern."""


class Player:
    """Repeats a transcript, and knows the ids of what it makes by their names."""

    def __init__(self, cuddy: Cuddy) -> None:
        self.cuddy = cuddy
        self.ids: dict[str, str] = {}

    def learn(self) -> None:
        """Note the ids that are new."""
        listed = self.cuddy.ok("network", "ls", "--no-trunc", "--format", "{{.ID}} {{.Name}}")
        listed += "\n" + self.cuddy.ok("ps", "-a", "--no-trunc", "--format", "{{.ID}} {{.Names}}")
        for line in filter(None, listed.splitlines()):
            identity, _, name = line.partition(" ")
            self.ids.setdefault(identity, name)

    def play(self, exchange: Exchange) -> str:
        """What is not as docker has it; "" if all is well."""
        result = self.cuddy(*exchange.words)
        makes = exchange.words[1:2] == ("create",) or exchange.words[0] in ("run", "create")
        if makes and not result.code:
            self.learn()
        command = shlex.join(exchange.words)
        problem = self.compare(exchange, result, by_code=command in DIFFERENT)
        return f"{command}: {problem}" if problem else ""

    def compare(self, exchange: Exchange, result: Result, *, by_code: bool) -> str:
        if shlex.join(exchange.words) == NO_PATTERN:
            return "" if result.code else "no complaint"
        if result.code != exchange.code:
            return f"exit code {result.code}, not {exchange.code}: {result.err}"
        if by_code:
            return ""
        out = kept.masked(kept.ended(result.stdout.decode()), self.ids)
        if out != exchange.out:
            return f"printed {out!r}, not {exchange.out!r}"
        err = kept.masked(result.err, self.ids)
        if bool(err) != bool(exchange.err):
            return f"complained {err!r}, not {exchange.err!r}"
        missing = [line for line in complaints(exchange) if line.lower() not in err.lower()]
        return f"complained {err!r}, without {missing}" if missing else ""


def complaints(exchange: Exchange) -> list[str]:
    """Docker's words, without what only a client of a daemon says."""
    lines = exchange.err.partition("\n\nUsage:")[0].partition("\n! Usage:")[0].splitlines()
    found = []
    for line in lines:
        line = line.removeprefix("Error response from daemon: ").removeprefix("docker: ")
        if line and not line.startswith(("exit status", "Usage:", "Run '", "See '", "Error: ")):
            found.append(line.replace("docker network", "cuddy network"))
    return found


@pytest.mark.parametrize("name", kept.TRANSCRIPTS)
def test_networks_are_as_dockers(fresh: Cuddy, name: str) -> None:
    player = Player(fresh)
    player.learn()
    problems = [player.play(exchange) for exchange in recorded.read(name, kept.FOLDER)]
    assert not list(filter(None, problems)), "\n".join(filter(None, problems))


OURS = ("EnableIPv4",)
"""What dockerd has said since version 28, and the one that was asked did not."""


def test_documents_are_dockers_key_by_key(fresh: Cuddy) -> None:
    fresh.ok("run", "--rm", "alpine", "true")  # makes `bridge`
    for command in filter(None, kept.DOCUMENTED.values()):
        fresh.ok(*shlex.split(command))
    shown = json.loads(fresh.ok("network", "inspect", *kept.DOCUMENTED))
    found = {each["Name"]: each for each in shown}
    for name, expected in kept.documents().items():
        document = kept.normal(found[name])
        keys = [key for key in document if key not in OURS]
        assert keys == list(expected)
        assert without_choices(name, document) == without_choices(name, expected)


def without_choices(name: str, document: dict[str, Any]) -> dict[str, Any]:
    """A document without what each engine chooses for itself, and without gateways that this
    docker does not tell of.
    """
    document = {key: value for key, value in document.items() if key not in OURS}
    config = [dict(each) for each in document["IPAM"]["Config"]]
    for pool in config:
        if name in ("bridge", "plain"):
            pool.pop("Subnet")
        if name != "full":
            pool.pop("Gateway", None)
    document["IPAM"] = document["IPAM"] | {"Config": config}
    if name == "bridge":
        link, mtu = "com.docker.network.bridge.name", "com.docker.network.driver.mtu"
        document["Options"] = document["Options"] | {link: "", mtu: ""}
    return document
