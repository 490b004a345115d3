"""What other builders made of the projects of tests/corpus, as `record_builds.py` keeps it.

A recording has what is different from the image that a project's last stage stands on, so that it
says nothing about the versions of what this machine's images are made of.
"""

from __future__ import annotations

import fnmatch
import json
import re
from pathlib import Path
from typing import Any

import flattened
import projects
from flattened import Flat

FOLDER = Path(__file__).parent / "golden/builds"


def path(name: str) -> Path:
    """Where the recording of a project is."""
    return FOLDER / f"{name}.json"


def read(name: str) -> dict[str, Any]:
    """The recording of a project."""
    return json.loads(path(name).read_text())  # type: ignore[no-any-return]


def document(name: str, versions: dict[str, str], answers: dict[str, Flat | str]) -> dict[str, Any]:
    """What is kept of answers; the one that counts is BuildKit's, if it could build it."""
    able = [each for each in answers if isinstance(answers[each], Flat)]
    by = next(each for each in ("buildkit", "podman", "classic") if each in able)
    chosen = trimmed(name, answers[by])  # type: ignore[arg-type]
    others: dict[str, Any] = {}
    for each, answer in answers.items():
        if each != by:
            label = f"{each}, {versions[each]}"
            others[label] = (
                f"refused: {answer}"
                if isinstance(answer, str)
                else compare(chosen, trimmed(name, answer))
            )
    return {"by": f"{by}, {versions[by]}", **chosen, "others": others}


def compare(wanted: dict[str, Any], found: dict[str, Any]) -> list[str]:
    """Where two differ, a line each."""
    return [
        f"{part}: {line}"
        for part in ("config", "tree")
        for line in flattened.differences(wanted[part], found[part])
    ]


def trimmed(name: str, flat: Flat) -> dict[str, Any]:
    """An image without what comes from its base, and without what depends on programs."""
    changes = flattened.changes(base_of(name), flat.tree)
    patterns = projects.SPECIAL.get(name, projects.PLAIN).loose
    kept = {
        key: loosened(line) if any(fnmatch.fnmatch(key, each) for each in patterns) else line
        for key, line in sorted(changes.items())
        if not any(key.startswith(each) for each in patterns if each.endswith("/"))
    }
    return {"config": flat.config, "tree": kept}


def loosened(line: str | None) -> str | None:
    """A line of a file without its size and content."""
    return line and re.sub(r"^(f \S+ \S+) \d+ \w+", r"\1 *", line)


def base_of(name: str) -> flattened.Tree:
    """The tree that a project's last stage stands on."""
    images_of = projects.last_base(name)
    if not images_of:
        return {}
    built = projects.base(images_of)
    return flattened.merged([built.blobs[each["digest"]] for each in built.document["layers"]])
