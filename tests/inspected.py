"""What the real docker said of containers in `inspect`, and the same questions for cuddy.

tests/golden/inspect/*.json: {"words": how the container was made, "document": what was said},
written by `tests/record_inspect.py`. What differs from one run to the next, and from one engine to
another, is replaced by its type.
"""

from __future__ import annotations

import json
from pathlib import Path
from typing import Any

FOLDER = Path(__file__).parent / "golden/inspect"

CASES: dict[str, list[str]] = {
    "created": ["create", "alpine", "true"],
    "running": ["run", "-d", "alpine", "sleep", "1000"],
    "exited": ["run", "alpine", "sh", "-c", "exit 3"],
    "host": ["run", "-d", "--network", "host", "alpine", "sleep", "1000"],
    "alone": ["run", "-d", "--network", "none", "--read-only", "alpine", "sleep", "1000"],
    "full": [
        "create", "-it", "--hostname", "box", "--domainname", "example.com", "--user", "1:2",
        "--workdir", "/srv", "--env", "A=b c", "--label", "tier=front", "--label", "empty",
        "--entrypoint", "/bin/echo", "--stop-signal", "SIGINT", "--stop-timeout", "3",
        "--memory", "64m", "--cpus", "0.5", "--pids-limit", "50", "--cap-add", "NET_ADMIN",
        "--dns", "192.0.2.1", "--add-host", "db:192.0.2.2", "--init", "--rm", "alpine", "a", "b c",
    ],
}  # fmt: skip

VOLATILE = frozenset((
    "Id", "Created", "Image", "ResolvConfPath", "HostnamePath", "HostsPath", "LogPath", "Driver",
    "AppArmorProfile", "Pid", "StartedAt", "FinishedAt", "Runtime", "MaskedPaths", "LowerDir",
    "MergedDir", "UpperDir", "WorkDir", "SandboxID", "SandboxKey", "EndpointID", "Gateway",
    "IPAddress", "MacAddress", "NetworkID", "IPPrefixLen",
))  # fmt: skip


def normal(value: Any, key: str = "") -> Any:
    """A document in which what is never twice the same is told by its type and emptiness."""
    if isinstance(value, dict):
        return {each: normal(value[each], each) for each in value}
    if key == "Image" and not str(value).startswith("sha256:"):
        return value  # the name in Config
    if key == "Hostname" and len(value) == 12:
        return "of the id"
    if key == "Name" and str(value).startswith(("/", "overlay")):
        return "a name"
    if key in VOLATILE:
        return f"{type(value).__name__}{'' if value else ', empty'}"
    return value


def read(name: str) -> tuple[list[str], dict[str, Any]]:
    """How a container is made, and what docker said of it."""
    found = json.loads((FOLDER / f"{name}.json").read_text())
    return found["words"], found["document"]


def write(name: str, words: list[str], document: dict[str, Any]) -> None:
    """Keep what docker said."""
    FOLDER.mkdir(exist_ok=True)
    text = json.dumps({"words": words, "document": normal(document)}, indent=1)
    (FOLDER / f"{name}.json").write_text(text + "\n")
