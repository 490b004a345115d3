"""POST /commit: an image of a container as it is now."""

from __future__ import annotations

from cuddy.api import create_config, fields, names
from cuddy.api.image_create import instructions
from cuddy.engine import commit

TYPE_CHECKING = False
if TYPE_CHECKING:
    from typing import Any

    from cuddy.api.http import Call

TEXTS = ("User", "WorkingDir", "StopSignal")
LISTS = ("Env", "Cmd", "Entrypoint", "OnBuild", "Shell")
SETS = ("ExposedPorts", "Volumes")


def commit_(call: Call) -> None:
    """What the container has changed, and what the request changes of its config."""
    options = commit.Options(
        name=names.join(call.text("repo"), call.text("tag")),
        author=call.text("author"),
        message=call.text("comment"),
        changes=tuple(instructions(call)),
        pause=call.flag("pause", True),
        config=read_config(call.document()),
    )
    with call.until_client_leaves():
        made = commit.commit(call.home, call.text("container"), options)
    call.answer({"Id": made.id}, 201)


def read_config(document: dict[str, Any]) -> dict[str, Any]:
    """The config in a body, as far as it says something of an image. Raises InvalidArgument."""
    found: dict[str, Any] = {name: fields.text(document, name) for name in TEXTS}
    found |= {name: fields.words(document, name) for name in LISTS}
    found |= {name: dict.fromkeys(fields.mapping(document, name), {}) for name in SETS}
    found["Labels"] = fields.labels(document, "Labels")
    found["Healthcheck"] = _healthcheck(fields.mapping(document, "Healthcheck"))
    return {name: value for name, value in found.items() if value}


def _healthcheck(document: dict[str, Any]) -> dict[str, Any]:
    found: dict[str, Any] = {"Test": fields.texts(document, "Test")}
    for name in create_config.DURATIONS.values():
        found[name] = fields.number(document, name)
    return {name: value for name, value in found.items() if value}
