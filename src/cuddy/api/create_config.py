"""The top of a create body: what runs, and how it is attached. Docker's `Config`."""

from __future__ import annotations

from cuddy.api import fields
from cuddy.errors import InvalidArgument

TYPE_CHECKING = False
if TYPE_CHECKING:
    from collections.abc import Mapping
    from typing import Any

DURATIONS = {
    "health_interval": "Interval", "health_timeout": "Timeout",
    "health_start_period": "StartPeriod", "health_start_interval": "StartInterval",
    "health_retries": "Retries",
}  # fmt: skip
TESTS = ("NONE", "CMD", "CMD-SHELL")
"""What a probe begins with; without any it is the image's."""


def options(document: Mapping[str, Any]) -> dict[str, Any]:
    """Its part of the options. Raises InvalidArgument."""
    outputs = {"stdout": "AttachStdout", "stderr": "AttachStderr"}
    has_entrypoint = fields.has(document, "Entrypoint")
    return {
        "image": fields.text(document, "Image"),
        "command": tuple(fields.words(document, "Cmd")),
        "entrypoint": tuple(fields.words(document, "Entrypoint")) if has_entrypoint else None,
        "env": tuple(fields.texts(document, "Env")),
        "workdir": fields.text(document, "WorkingDir"),
        "user": fields.text(document, "User"),
        "hostname": fields.text(document, "Hostname"),
        "domainname": fields.text(document, "Domainname"),
        "labels": pairs(document, "Labels"),
        "stop_signal": fields.text(document, "StopSignal"),
        "stop_timeout_s": fields.number_or_none(document, "StopTimeout"),
        "shell": tuple(fields.words(document, "Shell")),
        "tty": fields.flag(document, "Tty"),
        "interactive": fields.flag(document, "OpenStdin"),
        "stdin_once": fields.flag(document, "StdinOnce"),
        "attach_stdin": fields.flag(document, "AttachStdin"),
        "outputs": tuple(name for name, key in outputs.items() if fields.flag(document, key)),
        "expose": tuple(fields.mapping(document, "ExposedPorts")),
        **health(fields.mapping(document, "Healthcheck")),
    }


def health(document: Mapping[str, Any]) -> dict[str, Any]:
    """The options of a health check. Raises InvalidArgument."""
    test = fields.texts(document, "Test")
    if test and test[0] not in TESTS:
        raise InvalidArgument(f"Unknown healthcheck type in API request: {test[0]}"
                              f" (expected one of {', '.join(TESTS)})")  # fmt: skip
    if test[:1] == ["NONE"]:
        return {"no_healthcheck": True}
    numbers = {name: fields.number(document, key) for name, key in DURATIONS.items()}
    return {"health_test": tuple(test), **numbers}


def pairs(document: Mapping[str, Any], name: str) -> tuple[tuple[str, str], ...]:
    """An object of strings. Raises InvalidArgument."""
    return tuple(fields.labels(document, name).items())
