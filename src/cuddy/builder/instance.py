"""Builders as buildx counts them: here there is one, this machine, and it always runs."""

from __future__ import annotations

from cuddy import __version__
from cuddy.errors import WrongArguments
from cuddy.image import platform

TYPE_CHECKING = False
if TYPE_CHECKING:
    from typing import Any

NAME = "default"
NAMES = (NAME, "cuddy")


def describe() -> dict[str, Any]:
    """The builder, in the words of `buildx ls --format json`."""
    node = {
        "Name": NAME, "Endpoint": NAME, "Status": "running", "Version": f"cuddy-{__version__}",
        "Platforms": [str(platform.host())],
    }  # fmt: skip
    return {"Name": NAME, "Driver": "docker", "Current": True, "Nodes": [node]}


def find(name: str) -> dict[str, Any]:
    """The builder of that name. Raises WrongArguments."""
    if name and name not in NAMES:
        raise WrongArguments(
            f'no builder "{name}" found', hint=f"there is one, '{NAME}': this machine"
        )
    return describe()
