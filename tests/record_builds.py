"""Asks other builders what the projects of tests/corpus come to: tests/golden/builds, as root.

    python tests/record_builds.py [PROJECT ...]

Wanted is the newest there is: with CUDDY_TESTS_DEBIAN a directory with another Debian is asked,
which `python tests/record_builds.py --debian SUITE DIRECTORY` makes (it needs mmdebstrap).

Kept of each project is what BuildKit made of it, or podman where BuildKit could not build it, or
the classic builder; and where the others differ from that, or why they could not.
"""

from __future__ import annotations

import json
import os
import subprocess
import sys
import tempfile
from collections.abc import Iterator
from contextlib import ExitStack, contextmanager
from pathlib import Path
from typing import Any

TESTS = Path(__file__).parent
sys.path[:0] = [str(TESTS), str(TESTS.parent), str(TESTS.parent / "src")]

import builders  # noqa: E402 - found by the line above
import file_server  # noqa: E402
import flattened  # noqa: E402
import isolation  # noqa: E402
import projects  # noqa: E402
import recorded_builds as kept  # noqa: E402

ORDER = ("buildkit", "podman", "classic")


def make_debian(suite: str, directory: str) -> None:
    """Another Debian with the engines of it in a directory."""
    source = f"deb [trusted=yes] http://deb.debian.org/debian {suite} main"
    flags = ["--variant=essential", "--mode=root", f"--include={','.join(builders.PACKAGES)}"]
    late = "--aptopt=Acquire::Check-Valid-Until false"
    subprocess.run(["mmdebstrap", *flags, late, suite, directory, source], check=True)


def load(builder: builders.Builder, bases: list[str]) -> None:
    """Give a builder the images that projects stand on."""
    for name in bases:
        builder.run("load", data=builders.docker_archive(projects.base(name), name))


def ask(name: str, found: list[builders.Builder], server: str) -> dict[str, flattened.Flat | str]:
    """What builders make of a project, or why they do not."""
    answers: dict[str, flattened.Flat | str] = {}
    for builder in found:
        with tempfile.TemporaryDirectory(prefix=f"{name}-") as directory:
            root = projects.copy(name, Path(directory, "project"), for_others=True)
            try:
                flags = projects.flags(name, root, server)
                answers[builder.name] = builder.build(name, flags, Path(directory))
            except builders.Refused as error:
                answers[builder.name] = reason(str(error))
    return answers


def reason(text: str) -> str:
    """The line of an error that says it."""
    lines = [line for line in text.splitlines() if line.strip()]
    marked = [line for line in lines if "rror" in line or "unknown" in line]
    return (marked or lines or ["nothing said"])[-1][:300]


@contextmanager
def world(
    wanted: tuple[str, ...], names: list[str]
) -> Iterator[tuple[list[builders.Builder], str]]:
    """Builders of these names with the images that projects need, and a server."""
    with ExitStack() as stack:
        directory = Path(isolation.directory())
        files = directory / "served"
        file_server.fill(files, projects.packed())
        server = stack.enter_context(file_server.serving(files))
        found = stack.enter_context(builders.running(directory / "builders", wanted))
        for each in found:
            if each.name != "buildkit" or "classic" not in [other.name for other in found]:
                load(each, projects.bases_of(names))  # both of docker's have one store
        yield found, server


def record(names: list[str]) -> None:
    kept.FOLDER.mkdir(exist_ok=True)
    with world(ORDER, names) as (found, server):
        versions = {each.name: each.version for each in found}
        for name in names:
            answers = ask(name, found, server)
            if not any(isinstance(answer, flattened.Flat) for answer in answers.values()):
                print(f"{name}: NOBODY: {answers}", flush=True)
                continue
            document = kept.document(name, versions, answers)
            text = json.dumps(document, indent=1, ensure_ascii=False)
            kept.path(name).write_text(text + "\n")
            print(summary(name, document), flush=True)


def summary(name: str, document: dict[str, Any]) -> str:
    lines = [f"{name}: {document['by']}, {len(document['tree'])} changed"]
    for other, answer in document["others"].items():
        told = [answer] if isinstance(answer, str) else answer
        lines += [f"  {other}: {line}" for line in told]
    return "\n".join(lines)


def main() -> Any:
    if sys.argv[1:2] == ["--debian"]:
        return make_debian(*sys.argv[2:])
    if not isolation.is_inside():
        sys.exit(isolation.enter([sys.executable, os.path.abspath(__file__), *sys.argv[1:]]))
    small = [name for name in projects.names() if not projects.is_large(name)]
    return record(sys.argv[1:] or small)


if __name__ == "__main__":
    main()
