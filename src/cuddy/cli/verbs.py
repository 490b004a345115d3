"""Which commands there are: the tables from verb to module, and the words that name one.

A verb's module is imported when the verb is used, and only then.
"""

from __future__ import annotations

import os

from cuddy.errors import UsageError, WrongArguments

TYPE_CHECKING = False
if TYPE_CHECKING:
    from cuddy.cli.flags import Command

NETWORK = {
    "connect": "network.connect", "create": "network.create", "disconnect": "network.disconnect",
    "inspect": "network.inspect", "ls": "network.ls", "list": "network.ls", "log": "network.log",
    "prune": "network.prune", "rm": "network.rm", "remove": "network.rm", "why": "network.why",
}  # fmt: skip
BUILDS = {
    "inspect": "builder.inspect", "logs": "builder.log", "ls": "builder.ls", "rm": "builder.rm",
}  # fmt: skip
BUILDER = {
    "build": "build", "du": "builder.du", "inspect": "builder.builder", "log": "builder.log",
    "ls": "builder.builders", "prune": "builder.prune", "shell": "builder.shell",
    "version": "builder.version",
}  # fmt: skip
GROUPS: dict[str, dict[str, str]] = {
    "builder": BUILDER,
    "builder history": BUILDS,
    "buildx": BUILDER | {"b": "build"},
    "buildx history": BUILDS,
    "container": {
        "attach": "container.attach",
        "commit": "container.commit",
        "cp": "container.cp",
        "create": "container.create",
        "diff": "container.diff",
        "exec": "container.exec",
        "explain": "container.explain",
        "export": "container.export",
        "inspect": "container.inspect",
        "kill": "container.kill",
        "logs": "container.logs",
        "pause": "container.pause",
        "ls": "container.ps",
        "list": "container.ps",
        "prune": "container.prune",
        "ps": "container.ps",
        "port": "container.port",
        "rename": "container.rename",
        "restart": "container.restart",
        "rm": "container.rm",
        "remove": "container.rm",
        "run": "container.run",
        "start": "container.start",
        "stats": "container.stats",
        "stop": "container.stop",
        "top": "container.top",
        "unpause": "container.unpause",
        "update": "container.update",
        "wait": "container.wait",
    },
    "image": {
        "build": "build",
        "diff": "image.diff",
        "explore": "image.explore",
        "history": "image.history",
        "import": "image.import_",
        "inspect": "image.inspect",
        "ls": "image.images",
        "list": "image.images",
        "load": "image.load",
        "prune": "image.prune",
        "pull": "image.pull",
        "push": "image.push",
        "tags": "image.tags",
        "rm": "image.rmi",
        "remove": "image.rmi",
        "save": "image.save",
        "tag": "image.tag",
    },
    "network": NETWORK,
    "sandbox": {
        "create": "sandbox.create",
        "ls": "sandbox.ls",
        "list": "sandbox.ls",
        "exec": "container.exec",
        "put": "sandbox.put",
        "get": "sandbox.get",
        "write": "sandbox.write",
        "read": "sandbox.read",
        "snapshot": "sandbox.snapshot",
        "restore": "sandbox.restore",
        "fork": "sandbox.fork",
        "diff": "sandbox.diff",
        "stats": "sandbox.stats",
        "rm": "sandbox.rm",
        "remove": "sandbox.rm",
    },
    "system": {
        "boot": "system.boot",
        "check": "system.check",
        "dashboard": "system.dashboard",
        "df": "system.df",
        "doctor": "system.doctor",
        "halt": "system.halt",
        "events": "system.events",
        "info": "system.info",
        "serve": "system.serve",
        "prune": "system.prune",
    },
    "try": {
        "run": "trial.try_",
        "ls": "trial.ls",
        "list": "trial.ls",
        "diff": "trial.diff",
        "apply": "trial.apply",
        "discard": "trial.discard",
        "commit": "trial.commit",
    },
    "volume": {
        "cp": "volume.cp",
        "create": "volume.create",
        "diff": "volume.diff",
        "export": "volume.export",
        "import": "volume.import_",
        "inspect": "volume.inspect",
        "ls": "volume.ls",
        "list": "volume.ls",
        "mv": "volume.mv",
        "prune": "volume.prune",
        "rm": "volume.rm",
        "remove": "volume.rm",
        "snapshot": "volume.snapshot",
    },
}
GROUP_SUMMARIES = {
    "builder": "Manage builds",
    "builder history": "Commands to work on build records",
    "buildx": "Docker Buildx: the same as builder",
    "buildx history": "Commands to work on build records",
    "container": "Manage containers",
    "image": "Manage images",
    "network": "Manage networks",
    "sandbox": "Manage sandboxes: containers for the commands of an agent or a test",
    "system": "Manage cuddy",
    "try": "Run commands on a copy-on-write view of this machine: cuddy try -- COMMAND",
    "volume": "Manage volumes",
}
VERBS: dict[str, str] = {
    "run": "container.run",
    "exec": "container.exec",
    "port": "container.port",
    "ps": "container.ps",
    "build": "build",
    "pull": "image.pull",
    "push": "image.push",
    "images": "image.images",
    "version": "system.version",
    "info": "system.info",
    "attach": "container.attach",
    "commit": "container.commit",
    "compose": "compose",
    "cp": "container.cp",
    "create": "container.create",
    "dashboard": "system.dashboard",
    "diff": "container.diff",
    "doctor": "system.doctor",
    "events": "system.events",
    "explain": "container.explain",
    "export": "container.export",
    "history": "image.history",
    "import": "image.import_",
    "inspect": "system.inspect",
    "kill": "container.kill",
    "login": "system.login",
    "logout": "system.logout",
    "logs": "container.logs",
    "pause": "container.pause",
    "rename": "container.rename",
    "restart": "container.restart",
    "rm": "container.rm",
    "load": "image.load",
    "rmi": "image.rmi",
    "save": "image.save",
    "search": "image.search",
    "start": "container.start",
    "stats": "container.stats",
    "stop": "container.stop",
    "tag": "image.tag",
    "tags": "image.tags",
    "top": "container.top",
    "unpause": "container.unpause",
    "update": "container.update",
    "wait": "container.wait",
}
SUBVERBS = {"build": {"log": "builder.log", "shell": "builder.shell"}}
"""Verbs that have verbs of their own beside what they take; see `find_command`."""
UNSAID = {"try": "run"}
"""The verb of a group that need not be said where a flag or `--` follows."""
STARTING = {
    "container.run": "monitor", "container.exec": "keeper", "sandbox.create": "monitor",
}  # fmt: skip
"""Commands that will need exactly one process that stays, and its trade (engine/nursery.py)."""
MOST_USED = ("run", "exec", "ps", "build", "pull", "push", "images", "version", "info")


def split_group(words: list[str]) -> tuple[str, list[str]]:
    """The group that the words begin with, of one word or of two, and the rest."""
    for length in (2, 1):
        group = " ".join(words[:length])
        if group in GROUPS and len(words) >= length:
            return group, words[length:]
    return "", words


def find_command(words: list[str]) -> tuple[str, str, list[str]]:
    """The module that the words name, its command as typed, and the rest. Raises UsageError.

    `cuddy build log` is a verb, unless there is a directory `log` that can be built.
    """
    group, [verb, *rest] = split_group(words)
    if group in UNSAID and verb.startswith("-"):
        return GROUPS[group][UNSAID[group]], f"cuddy {group}", [verb, *rest]
    verbs = GROUPS[group] if group else VERBS
    name = f"cuddy {group} {verb}" if group else f"cuddy {verb}"
    if (
        not group
        and verb in SUBVERBS
        and rest[:1]
        and rest[0] in SUBVERBS[verb]
        and not os.path.exists(f"{rest[0]}/Dockerfile")
    ):
        return SUBVERBS[verb][rest[0]], f"{name} {rest[0]}", rest[1:]
    if verb.startswith("-"):
        raise UsageError(f"unknown flag: {verb}", hint=f"see 'cuddy {group} --help'")
    if verb not in verbs:
        raise _unknown_command(group, verb)
    return verbs[verb], name, rest


def load(module: str) -> Command:
    """The command that a module under `cuddy.cli` declares."""
    command: Command = __import__(f"cuddy.cli.{module}", fromlist=["COMMAND"]).COMMAND
    return command


def _unknown_command(group: str, verb: str) -> WrongArguments:
    from cuddy import suggest

    path = f"cuddy {group}" if group else "cuddy"
    found = suggest.closest(verb, GROUPS[group] if group else [*VERBS, *GROUPS, "help"])
    meant = f"did you mean '{path} {found}'? " if found else ""
    if group in UNSAID:
        meant = f"a command comes after two dashes: '{path} -- {verb} ...'; "
    return WrongArguments(f"unknown command: {path} {verb}", hint=f"{meant}see '{path} --help'")


def names_of(module: str) -> list[str]:
    """Every name under which a module's command is reached, groups first."""
    return [
        f"cuddy {group} {verb}".replace("  ", " ")
        for group, verbs in [*GROUPS.items(), *SUBVERBS.items(), ("", VERBS)]
        for verb in verbs
        if verbs[verb] == module
    ]
