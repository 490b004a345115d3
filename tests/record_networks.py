"""Asks the real docker what tests/golden/networks keeps: `make recordings`, as root.

Docker's client on the PATH talks to a dockerd of its own, as in tests/record.py; one for each
transcript.
"""

from __future__ import annotations

import gzip
import json
import shlex
import subprocess
import sys
import tempfile
import time
from collections.abc import Iterator
from contextlib import ExitStack, contextmanager
from pathlib import Path

TESTS = Path(__file__).parent
sys.path[:0] = [str(TESTS), str(TESTS.parent), str(TESTS.parent / "src")]

from bench import engines  # noqa: E402

import images  # noqa: E402 - found by the line above
import isolation  # noqa: E402
import recorded  # noqa: E402
import recorded_networks as kept  # noqa: E402
from recorded import Exchange, Known  # noqa: E402


@contextmanager
def docker() -> Iterator[engines.Engine]:
    """A dockerd that has `alpine`."""
    with ExitStack() as stack:
        directory = stack.enter_context(tempfile.TemporaryDirectory(ignore_cleanup_errors=True))
        # dockerd leaves the namespace that --network host is of mounted.
        leftover = ["umount", "--lazy", f"{directory}/run/netns/default"]
        stack.callback(subprocess.run, leftover, check=False, stderr=subprocess.DEVNULL)
        daemon = stack.enter_context(engines.docker(Path(directory)))
        engine = daemon._replace(prefix=("docker", *daemon.prefix[1:]))
        alpine = images.alpine()
        blobs = [alpine.blobs[each["digest"]] for each in alpine.document["layers"]]
        tars = tuple(map(gzip.decompress, blobs))
        archive = recorded.docker_archive(Known(alpine, tars, ("alpine:latest",), ""))
        subprocess.run(engine.words("load"), input=archive, check=True, capture_output=True)
        yield engine
        if ids := engine.ask("ps", "-aq").split():
            engine.ask("rm", "-f", *ids)


def ask(engine: engines.Engine, words: list[str], ids: dict[str, str]) -> Exchange:
    """One command; `ids` grows by what it made."""
    done = subprocess.run(
        engine.words(*words), capture_output=True, text=True, stdin=subprocess.DEVNULL, timeout=60
    )
    listed = engine.ask("network", "ls", "--no-trunc", "--format", "{{.ID}} {{.Name}}")
    listed += "\n" + engine.ask("ps", "-a", "--no-trunc", "--format", "{{.ID}} {{.Names}}")
    for line in filter(None, listed.splitlines()):
        identity, _, name = line.partition(" ")
        ids.setdefault(identity, name)
    out, err = (kept.masked(kept.ended(text), ids) for text in (done.stdout, done.stderr))
    return Exchange(tuple(words), time.time_ns(), done.returncode, out, err)


def record() -> None:
    kept.FOLDER.mkdir(exist_ok=True)
    for name, text in kept.TRANSCRIPTS.items():
        with docker() as engine:
            heading = engine.ask(
                "version", "--format", "docker {{.Client.Version}}, dockerd "
                "{{.Server.Version}} (API {{.Server.APIVersion}})",
            )  # fmt: skip
            ids: dict[str, str] = {}
            lines = [shlex.split(line) for line in text.strip().splitlines()]
            answers = [ask(engine, words, ids) for words in lines]
            recorded.write(name, answers, heading, folder=kept.FOLDER)
    with docker() as engine:
        for command in filter(None, kept.DOCUMENTED.values()):
            engine.ask(*shlex.split(command))
        found = json.loads(engine.ask("network", "inspect", *kept.DOCUMENTED))
        documents = {each["Name"]: kept.normal(each) for each in found}
        kept.DOCUMENTS.write_text(json.dumps(documents, indent=1) + "\n")


if __name__ == "__main__":
    if not isolation.is_inside():
        sys.exit(isolation.enter([sys.executable, __file__]))
    record()
