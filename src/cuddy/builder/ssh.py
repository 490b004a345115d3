"""`--ssh default|ID[=SOCKET|KEY[,KEY]]`: an agent that steps may ask to sign (`type=ssh`).

A step never gets the user's socket but one of ours, behind which only questions pass on: which keys
there are, and to sign with one. It cannot add keys, remove them, or lock the agent.
Keys given as files go into an ssh-agent(1) of our own, which lives as long as the step.
"""

from __future__ import annotations

import os
import stat

from cuddy.errors import InvalidArgument, NotFound
from cuddy.shapes import NamedTuple

TYPE_CHECKING = False
if TYPE_CHECKING:
    from collections.abc import Mapping, Sequence

DEFAULT = "default"
SOCKET = "SSH_AUTH_SOCK"
MODE = 0o600


class Agent(NamedTuple):
    """Who signs: a socket of the user's, or keys in files."""

    id: str
    socket: str = ""
    keys: tuple[str, ...] = ()


def parse(text: str, environment: Mapping[str, str]) -> Agent:
    """One `--ssh`. Raises InvalidArgument."""
    if "\0" in text:
        raise InvalidArgument(f"NUL character in {text!r}")
    name, equals, value = text.partition("=")
    name = name or DEFAULT
    if not equals:
        socket = environment.get(SOCKET, "")
        if not socket:
            raise InvalidArgument(
                "invalid empty ssh agent socket: make sure SSH_AUTH_SOCK is set",
                hint=f"or name a key: --ssh {name}=FILE",
            )
        return Agent(name, socket=socket)
    paths = [path for path in value.split(",") if path]
    if not paths:
        raise InvalidArgument(f"invalid --ssh {text!r}: it names no socket and no key")
    sockets = [path for path in paths if is_socket(path)]
    if not sockets:
        return Agent(name, keys=tuple(paths))
    if len(paths) > 1:
        raise InvalidArgument(
            "invalid combination of keys and sockets" if len(sockets) < len(paths)
            else "only single socket allowed"
        )  # fmt: skip
    return Agent(name, socket=sockets[0])


def is_socket(path: str) -> bool:
    """Whether an agent listens there. Raises NotFound."""
    try:
        return stat.S_ISSOCK(os.stat(path).st_mode)
    except OSError as error:
        raise NotFound(f"failed to open {path}: {(error.strerror or '').lower()}",
                       hint="--ssh ID=SOCKET, or ID=KEY") from None  # fmt: skip


class Agents:
    """The agents of one build, by their ids."""

    def __init__(self, texts: Sequence[str], environment: Mapping[str, str]) -> None:
        self.agents = {agent.id: agent for agent in (parse(text, environment) for text in texts)}

    def get(self, name: str) -> Agent | None:
        """The agent of that id; "": the usual one."""
        return self.agents.get(name or DEFAULT)
