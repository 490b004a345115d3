"""Containers as the real docker made them, and the same ones for cuddy.

tests/golden/containers/containers.json   what `docker inspect` says of each
tests/golden/containers/*.txt             transcripts, see recorded.py

`tests/record_containers.py` makes both.
"""

from __future__ import annotations

import json
from pathlib import Path
from typing import Any

import recorded
from recorded import Known

FOLDER = Path(__file__).parent / "golden/containers"
DOCUMENTS = FOLDER / "containers.json"
IMAGES: list[dict[str, Any]] = [
    {"names": ["tiny:1", "me/tiny:latest"], "layers": [{"bin/": None}],
     "document": {"architecture": "amd64", "created": "2024-01-02T03:04:05Z", "config": {}}},
    {"names": ["other/gone:2"], "layers": [{"opt/": None}],
     "document": {"architecture": "amd64", "created": "2024-01-02T03:04:05Z", "config": {}}},
]  # fmt: skip
KEPT = ("Id", "Created", "Path", "Args", "State", "Image", "Name", "RestartCount", "Driver",
        "Platform", "HostConfig", "Config", "Mounts", "NetworkSettings")  # fmt: skip
KEPT_OF_HOST = ("NetworkMode", "PortBindings", "RestartPolicy", "AutoRemove", "Isolation")


def images() -> list[Known]:
    """The images of the containers."""
    return [recorded.build(each) for each in IMAGES]


def documents() -> list[dict[str, Any]]:
    """The containers, newest first."""
    found: list[dict[str, Any]] = json.loads(DOCUMENTS.read_text())
    return found


def trim(document: dict[str, Any]) -> dict[str, Any]:
    """What matters of a container's document."""
    document = {key: document[key] for key in KEPT}
    document["HostConfig"] = {key: document["HostConfig"][key] for key in KEPT_OF_HOST}
    document["Mounts"].sort(key=lambda mount: mount.get("Name") or mount["Source"])
    if health := document["State"].get("Health"):
        health["Log"] = health["Log"][-1:]
    return document
