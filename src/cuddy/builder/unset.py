"""--unset: what a build does not take over from the configs of its bases.

--unset volume,expose,entrypoint     all of it
--unset env=JAVA_HOME,label=vendor   one of several
"""

from __future__ import annotations

from cuddy import comma_separated, suggest
from cuddy.engine import defaults
from cuddy.errors import InvalidArgument

TYPE_CHECKING = False
if TYPE_CHECKING:
    from collections.abc import Iterable
    from typing import Any

    from cuddy.builder.state import State
    from cuddy.image.spec import RunConfig

FIELDS = {
    "cmd": "Cmd",
    "entrypoint": "Entrypoint",
    "env": "Env",
    "expose": "ExposedPorts",
    "healthcheck": "Healthcheck",
    "label": "Labels",
    "onbuild": "OnBuild",
    "shell": "Shell",
    "stopsignal": "StopSignal",
    "user": "User",
    "volume": "Volumes",
    "workdir": "WorkingDir",
}
"""Instructions, and the fields of a config that they set."""
PLURALS = {"envs": "env", "labels": "label", "ports": "expose", "volumes": "volume"}
SEVERAL = ("env", "expose", "label", "volume")
"""Instructions that set one thing of several."""


def parse(texts: Iterable[str]) -> list[tuple[str, str]]:
    """What is to go: (field of the config, one thing in it; "" for all). Raises InvalidArgument."""
    found = []
    for text in texts:
        try:
            words = comma_separated.read_record(text)
        except ValueError as error:
            raise InvalidArgument(f"invalid value {text!r} for --unset: {error}") from None
        found += [_parse_word(word) for word in words]
    return found


def _parse_word(text: str) -> tuple[str, str]:
    word, equals, one = text.strip().partition("=")
    name = word.lower()
    name = PLURALS.get(name, name)
    if name not in FIELDS:
        near = suggest.closest(name, FIELDS)
        raise InvalidArgument(
            f"--unset: nothing of an image's config is called {word!r}",
            hint=f"did you mean {near}?" if near else f"one of {', '.join(FIELDS)}",
        )
    if equals and (name not in SEVERAL or not one):
        raise InvalidArgument(f"--unset {text}: {name} is unset as a whole", hint=f"--unset {name}")
    return FIELDS[name], one


def unset(config: RunConfig, wanted: Iterable[tuple[str, str]]) -> RunConfig:
    """A config without what is to go. `wanted`: from `parse`."""
    left: dict[str, Any] = dict(config)
    for field, one in wanted:
        value = left.get(field)
        if not one or not value:
            left.pop(field, None)
        elif field == "Env":
            left[field] = [each for each in value if each.partition("=")[0] != one]
        else:
            names = (one, f"{one}/tcp") if field == "ExposedPorts" else (one,)
            left[field] = {name: value[name] for name in value if name not in names}
    result: Any = left
    made: RunConfig = result
    return made


def unset_state(state: State, texts: Iterable[str]) -> State:
    """A base without what is to go; a PATH it has in any case. Raises InvalidArgument."""
    config = unset(state.config, parse(texts))
    environment = config.get("Env") or []
    if not any(each.startswith("PATH=") for each in environment):
        config["Env"] = [defaults.PATH, *environment]
    return state._replace(config=config)
