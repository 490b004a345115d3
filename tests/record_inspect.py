"""Asks the real docker what tests/golden/inspect keeps: `make recordings`, as root.

Docker's client on the PATH talks to a dockerd of its own, as in tests/record.py.
"""

from __future__ import annotations

import gzip
import json
import subprocess
import sys
import tempfile
from contextlib import ExitStack
from pathlib import Path

TESTS = Path(__file__).parent
sys.path[:0] = [str(TESTS), str(TESTS.parent), str(TESTS.parent / "src")]

from bench import engines  # noqa: E402

import images  # noqa: E402 - found by the line above
import inspected  # noqa: E402
import isolation  # noqa: E402
import recorded  # noqa: E402
from recorded import Known  # noqa: E402


def record() -> None:
    with ExitStack() as stack:
        directory = Path(stack.enter_context(tempfile.TemporaryDirectory()))
        # dockerd leaves the namespace that --network host is of mounted.
        leftover = ["umount", "--lazy", f"{directory}/run/netns/default"]
        stack.callback(subprocess.run, leftover, check=False, stderr=subprocess.DEVNULL)
        daemon = stack.enter_context(engines.docker(directory))
        docker = daemon._replace(prefix=("docker", *daemon.prefix[1:]))
        alpine = images.alpine()
        blobs = [alpine.blobs[each["digest"]] for each in alpine.document["layers"]]
        tars = tuple(map(gzip.decompress, blobs))
        archive = recorded.docker_archive(Known(alpine, tars, ("alpine:latest",), ""))
        subprocess.run(docker.words("load"), input=archive, check=True, capture_output=True)
        for name, words in inspected.CASES.items():
            subprocess.run(docker.words(*words), check=False, capture_output=True)
            (container,) = docker.ask("ps", "-aq").split()
            (document,) = json.loads(docker.ask("inspect", container))
            inspected.write(name, words, document)
            docker.ask("rm", "-f", container)


if __name__ == "__main__":
    if not isolation.is_inside():
        sys.exit(isolation.enter([sys.executable, __file__]))
    record()
