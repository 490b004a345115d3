"""Asks BuildKit what tests/golden/docker/copy.json keeps: `make recordings`, as root.

BuildKit carries out each line of `copy_cases`, onto a base image, and what is there afterwards is
kept: what differs from the base. It is dockerd's, of this machine or (with CUDDY_TESTS_DEBIAN, see
`record_builds.py`) a newer one.
"""

from __future__ import annotations

import json
import os
import shutil
import sys
import tarfile
from pathlib import Path

TESTS = Path(__file__).parent
sys.path[:0] = [str(TESTS), str(TESTS.parent), str(TESTS.parent / "src")]

import builders  # noqa: E402 - found by the line above
import copy_cases  # noqa: E402
import isolation  # noqa: E402


def main() -> None:
    if not isolation.is_inside():
        sys.exit(isolation.enter([sys.executable, os.path.abspath(__file__)]))
    directory = Path(isolation.directory())
    context = directory / "context"
    context.mkdir()
    copy_cases.make(context)
    with builders.running(directory / "builders", ("buildkit",)) as (builder,):
        found: dict[str, object] = {"by": builder.version}
        builder.run("import", "-", "base", data=copy_cases.archive(*copy_cases.BASE))
        before = built(builder, context, directory, "")
        assert isinstance(before, dict)
        for line in copy_cases.CASES:
            after = built(builder, context, directory, line)
            if isinstance(after, str) and "unknown flag" in after:
                continue  # it is too old
            found[line] = after if isinstance(after, str) else difference(before, after)
            print(line, found[line], flush=True)
    path = TESTS / "golden" / "docker" / "copy.json"
    path.write_text(json.dumps(found, indent=1) + "\n")


def built(
    builder: builders.Builder, context: Path, directory: Path, line: str
) -> dict[str, str] | str:
    """All files of an image, or the last line of what went wrong."""
    dockerfile, archive, root = (directory / name for name in ("Dockerfile", "made.tar", "made"))
    dockerfile.write_text(f"FROM base AS base\nFROM base\n{line}\n")
    words = ("build", "-q", "-f", str(dockerfile), "-o", f"type=tar,dest={archive}", str(context))
    try:
        builder.run(*words)
    except builders.Refused as error:
        told = [each for each in str(error).splitlines() if each.startswith("ERROR")]
        shown = (told or str(error).splitlines())[-1].replace(str(directory), "")
        return "error: " + shown.rpartition("failed to solve: ")[2]
    with tarfile.open(archive) as tar:
        tar.extractall(root, numeric_owner=True, filter="fully_trusted")
    found = copy_cases.listing(root)
    shutil.rmtree(root)
    archive.unlink()
    return found


def difference(before: dict[str, str], after: dict[str, str]) -> dict[str, str]:
    """What is other or new, and what is gone."""
    gone = {path: "gone" for path in before if path not in after}
    return {path: told for path, told in after.items() if told != before.get(path)} | gone


if __name__ == "__main__":
    main()
