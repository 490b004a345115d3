"""Asks BuildKit what tests/golden/docker/copy.json keeps: `make recordings`, as root.

The BuildKit of a dockerd of our own carries out each line of `copy_cases`, onto a base image, and
what is there afterwards is kept: what differs from the base.
"""

from __future__ import annotations

import io
import json
import os
import subprocess
import sys
import tarfile
import tempfile
from pathlib import Path

TESTS = Path(__file__).parent
sys.path[:0] = [str(TESTS), str(TESTS.parent), str(TESTS.parent / "src")]

from bench import engines  # noqa: E402

import copy_cases  # noqa: E402 - found by the line above


def main() -> None:
    found: dict[str, dict[str, str] | str] = {}
    with (
        tempfile.TemporaryDirectory() as name,
        engines.docker(Path(name) / "docker", "--iptables=false", "--bridge=none") as engine,
    ):
        context = Path(name) / "context"
        context.mkdir()
        copy_cases.make(context)
        base = copy_cases.archive(*copy_cases.BASE)
        subprocess.run(engine.words("import", "-", "base"), input=base, check=True)
        before = built(engine, context, name, "")
        assert isinstance(before, dict)
        for line in copy_cases.CASES:
            after = built(engine, context, name, line)
            found[line] = after if isinstance(after, str) else difference(before, after)
            print(line, found[line])
    path = TESTS / "golden" / "docker" / "copy.json"
    path.write_text(json.dumps(found, indent=1) + "\n")


def built(engine: engines.Engine, context: Path, name: str, line: str) -> dict[str, str] | str:
    """All files of an image, or the last line of what went wrong."""
    dockerfile = Path(name) / "Dockerfile"
    dockerfile.write_text(f"FROM base AS base\nFROM base\n{line}\n")
    words = engine.words("build", "-q", "-f", str(dockerfile), "-o", "-", str(context))
    done = subprocess.run(words, capture_output=True, env=os.environ | {"DOCKER_BUILDKIT": "1"})
    if done.returncode:
        return "error: " + done.stderr.decode().strip().splitlines()[-1]
    root = Path(tempfile.mkdtemp(dir=name))
    with tarfile.open(fileobj=io.BytesIO(done.stdout)) as tar:
        tar.extractall(root, numeric_owner=True)
    return copy_cases.listing(root)


def difference(before: dict[str, str], after: dict[str, str]) -> dict[str, str]:
    """What is other or new, and what is gone."""
    gone = {path: "gone" for path in before if path not in after}
    return {path: told for path, told in after.items() if told != before.get(path)} | gone


if __name__ == "__main__":
    main()
