"""`ps`, `stats` and `top` print what the real docker printed of the same containers.

The transcripts in tests/golden/containers are docker's; how it was made is told in
record_containers.py. Records are those that docker had, in the same shape; this process stands in
for the monitors of those that run.
"""

from __future__ import annotations

import os
from collections.abc import Iterator
from pathlib import Path

import pytest

import recorded
import recorded_containers as kept
from cuddy import files
from cuddy.engine import liveness
from cuddy.engine.home import Home, open_home
from cuddy.image.storage import Storage
from recorded import Exchange

DIFFERENT = {
    "ps -a --format {{.Names}} -f name=[": "docker shows nothing, we say that it is no pattern",
    "ps -a --format {{.Names}} -f before=over -f before=well": "docker takes one of them at random",
}
DELAYS_NS = (0, 20_000_000, 60_000_000)
"""What passed between the moment that is noted and docker's looking at the clock."""


@pytest.fixture(scope="module")
def root(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Path]:
    root = tmp_path_factory.mktemp("recorded")
    home = open_home(str(root / "root"), str(root / "run"))
    recorded.install(Storage(home.root), kept.images()[0])
    for document in kept.documents():
        install(home, document)
    yield root
    files.remove_tree(str(root))


def install(home: Home, document: dict[str, object]) -> None:
    """A container's directory with the record that docker had."""
    where = home.container_dir(str(document["Id"]))
    files.make_directory(where)
    status = {key: document.pop(key) for key in ("State", "NetworkSettings")}
    files.write_json(f"{where}/container.json", document, durable=False)
    files.write_json(f"{where}/status.json", status, durable=False)
    os.symlink(str(document["Id"]), f"{home.names_dir}{document['Name']}")
    if status["State"]["Running"]:  # type: ignore[index]
        files.make_directory(home.run_dir(str(document["Id"])))
        liveness.record_monitor(home.run_dir(str(document["Id"])))


def line(exchange: Exchange) -> str:
    return " ".join(exchange.words)


def is_still(exchange: Exchange) -> bool:
    """Whether an answer does not depend on what runs: it is an error, or of what has ended."""
    return exchange.code != 0 or exchange.words[-1] in ("idle", "over")


STILL = filter(is_still, recorded.read("others", kept.FOLDER))


@pytest.mark.parametrize("exchange", [*recorded.read("ps", kept.FOLDER), *STILL], ids=line)
def test_what_docker_shows_of_the_same_containers(root: Path, exchange: Exchange) -> None:
    result = recorded.ask(root, exchange.words, exchange.moment_ns)
    if line(exchange) in DIFFERENT:
        return
    for delay_ns in DELAYS_NS:
        result = recorded.ask(root, exchange.words, exchange.moment_ns + delay_ns)
        if result.stdout.decode() == exchange.out:
            break
    assert result.stdout.decode() == exchange.out
    assert result.code == exchange.code, result.err
    assert bool(result.stderr) == bool(exchange.err), result.err
    assert all(each.startswith("cuddy: ") for each in result.err.splitlines())
