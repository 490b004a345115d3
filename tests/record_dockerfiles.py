"""Asks the real docker what tests/golden/docker/dockerfiles.json keeps: `make recordings`, as root.

Each case is what follows a `FROM scratch`; kept is what the classic builder writes into the config
of the image, or its word that it is an error.
"""

from __future__ import annotations

import json
import os
import subprocess
import sys
import tempfile
from pathlib import Path
from typing import Any

TESTS = Path(__file__).parent
sys.path[:0] = [str(TESTS), str(TESTS.parent), str(TESTS.parent / "src")]

from bench import engines  # noqa: E402 - found by the line above

KEPT = TESTS / "golden/docker/dockerfiles.json"
FIELDS = (
    "Cmd", "Entrypoint", "Env", "ExposedPorts", "Healthcheck", "Labels", "OnBuild", "Shell",
    "StopSignal", "User", "Volumes", "WorkingDir",
)  # fmt: skip


def ask(engine: engines.Engine, directory: Path, case: str) -> dict[str, Any] | None:
    """What docker makes of a case; None if that is an error."""
    (directory / "Dockerfile").write_text(f"FROM scratch\n{case}\n")
    build = [*engine.prefix, "build", "-q", "--no-cache", "-t", "asked", str(directory)]
    environment = os.environ | {"DOCKER_BUILDKIT": "0"}
    if subprocess.run(build, env=environment, capture_output=True).returncode:
        return None
    inspect = [*engine.prefix, "image", "inspect", "asked"]
    (found,) = json.loads(subprocess.check_output(inspect))
    config = {field: found["Config"][field] for field in FIELDS if found["Config"].get(field)}
    return config | ({"author": found["Author"]} if found.get("Author") else {})


def main() -> None:
    cases = json.loads(KEPT.read_text())
    with tempfile.TemporaryDirectory() as name:
        directory = Path(name)
        (directory / "context").mkdir()
        with engines.docker(directory / "docker", "--iptables=false", "--bridge=none") as engine:
            answers = {case: ask(engine, directory / "context", case) for case in cases}
    KEPT.write_text(json.dumps(answers, indent=1, ensure_ascii=False) + "\n")


if __name__ == "__main__":
    main()
