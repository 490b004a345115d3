"""Writes docs/compatibility.md: every command and flag of docker, and what cuddy makes of it.

    python docs/commands/compatibility.py

What docker has was asked of its client (tests/record_flags.py), what cuddy has stands in the tables
of its commands. What both have is a yes; where that is not the whole truth, and why something is
missing, is said here, once. A flag that docker has, cuddy has not, and nobody explains is an error:
tests/test_docs.py.
"""

from __future__ import annotations

import json
import sys
from collections.abc import Iterator
from pathlib import Path
from typing import Any, NamedTuple

ROOT = Path(__file__).parent.parent.parent
sys.path.insert(0, str(ROOT / "src"))

from cuddy.cli import verbs  # noqa: E402 - found by the line above
from cuddy.cli.flags import Command, Flag  # noqa: E402

PAGE = ROOT / "docs/compatibility.md"
RECORDED = ROOT / "tests/golden/docker/flags.json"

WINDOWS, PLUGINS = "Windows only", "plugins"
LATER = "later"
NEW = ("container create", "container run")
BUILD = ("image build",)
BUILDX = {
    "allow", "annotation", "attest", "build-context", "builder", "cache-to", "call", "check", "load",
    "metadata-file", "no-cache-filter", "output", "progress", "provenance", "push", "sbom", "secret",
    "ssh", "max-used-space", "min-free-space", "verbose",
}  # fmt: skip
"""Flags that docker's client has by its plugin buildx, which was not there when it was asked."""
BUILDX_COMMANDS = {"du", "b", "inspect", "logs", "ls", "version", "rm"}
SWARM = "Swarm"

COMMANDS = {
    "volume update": ("no", SWARM),
}
"""Docker's commands that cuddy has not, if it has not."""

MISSING: dict[tuple[tuple[str, ...], str], tuple[str, str]] = {
    (("container start",), "checkpoint"): (LATER, "an experiment of docker's that needs CRIU"),
    (("container start",), "checkpoint-dir"): (LATER, "an experiment of docker's that needs CRIU"),
    (("image ls",), "tree"): (LATER, "an experiment of docker's containerd store; "
                              "one platform of an image is kept here"),
    **{(("volume create",), flag): ("no", SWARM) for flag in (
        "availability", "group", "limit-bytes", "required-bytes", "scope", "secret", "sharing",
        "topology-preferred", "topology-required", "type",
    )},
    (("volume ls",), "cluster"): ("no", SWARM),
}  # fmt: skip
"""Flags that cuddy has not, if it has not."""

REFUSED: dict[tuple[tuple[str, ...], str], tuple[str, str]] = {
    **{(NEW, flag): ("no", f"{WINDOWS}; refused in docker's words") for flag in (
        "cpu-count", "cpu-percent", "io-maxbandwidth", "io-maxiops",
    )},
    (BUILD, "isolation"): ("no", f"{WINDOWS}; `default` is taken, as by docker on Linux"),
    (NEW, "isolation"): ("no", f"{WINDOWS}; `default` is taken, as by docker on Linux"),
    (NEW, "storage-opt"): ("differs", "refused in docker's words for file systems without quotas, "
                           "whatever the file system"),
    (NEW, "volume-driver"): ("no", f"{PLUGINS}; `local` is taken"),
    (NEW, "use-api-socket"): (LATER, "there is no API socket yet that could be lent"),
    **{(("network create",), flag): ("no", f"{SWARM}; refused in docker's words") for flag in (
        "ingress",
    )},
    (("network create",), "scope"): ("no", f"{SWARM}; `local` is taken"),
    (("network create",), "ipam-driver"): ("no", f"{PLUGINS}; `default` is taken"),
}  # fmt: skip
"""Flags that are understood, and refused but for the value that says nothing."""

NOTES = {
    "container top": "Without a container it is a live view of all of them; docker's is an error.",
}
"""What is to be said of a command beside its flags."""

DIFFERS: dict[tuple[tuple[str, ...], str], str] = {
    (("volume create",), "driver"): "`local`; others are plugins",
    (NEW, "volume"): "with an option more, `map`: whose the files are on the host",
    (NEW, "cgroupns"): "`private` is the default on both versions of control groups",
    (NEW, "device"): "names of vendors (CDI) are looked up in JSON files only, not in YAML",
    (NEW, "gpus"): "by NVIDIA's CDI specification in JSON; there are no plugins",
    (NEW, "disable-content-trust"): "taken and ignored: Notary's signatures are not verified",
    (NEW, "kernel-memory"): "taken and ignored with a warning, as by docker on kernels of today",
    (NEW, "log-driver"): "`json-file`, `local`, `journald`, `none`; the others are plugins. Logs "
                         "are rotated unless told otherwise: 10 MB, three files",
    (NEW, "log-opt"): "`tag` takes fields and no functions of Go's templates, patterns are Python's, "
                      "`max-size` alone keeps three files, `-1` is without limit",
    (NEW, "mount"): "`bind`, `volume`, `tmpfs`, `image`; no `npipe` (Windows) and no `cluster` "
                    "(Swarm)",
    (NEW, "network"): "also `pasta` and `slirp4netns` for an ordinary user, with options as podman has "
                      "them",
    (NEW, "publish"): "an ordinary user's are published at a start, not by `network connect`",
    (NEW, "runtime"): "`cuddy`, `runc`, `crun`, `runsc`, `youki`, `kata-runtime`, `krun` or a path",
    (NEW, "security-opt"): "no AppArmor profile is the default; SELinux labels are refused "
                            "but for `label=disable`",
    (NEW, "userns"): "`host`, or a user namespace: `auto`, `keep-id`, `nomap` and `container:` as "
                     "podman has them",
    (("container update",), "memory"): "also limits a container that had no limit, with as much swap",
    (("container cp",), "archive"): "also keeps the owners of what is copied out, which docker "
                                    "forgets",
    (BUILD, "compress"): "taken: nothing is sent anywhere that could be compressed",
    (BUILD, "disable-content-trust"): "only `true`: Notary's signatures are not verified",
    (BUILD, "force-rm"): "taken: steps leave no containers",
    (BUILD, "rm"): "taken, `false` with a warning: steps leave no containers",
    (BUILD, "platform"): "of another architecture where the kernel can run its programs",
    (BUILD, "security-opt"): "as `run` has it",
    (("image pull",), "disable-content-trust"): "only `true`: Notary's signatures are not verified",
    (("image push",), "disable-content-trust"): "only `true`: nothing is signed",
    (("image rm",), "platform"): "removes the image if it is for that platform; "
                                 "one platform of an image is kept",
    (("image load",), "platform"): "one platform of an image is kept",
    (("image save",), "platform"): "the platform that is kept, or an error",
    (("container rm",), "link"): "refused, in docker's words: a link lasts as long as its containers",
    (("container kill",), "signal"): "a signal that is neither SIGKILL nor the stop signal leaves the "
                                     "restart policy alone",
    (("system events",), "filter"): "an unknown filter is an error; docker ignores it",
    (("inspect",), "type"): "`config`, `node`, `secret`, `service`, `task` and `plugin` find "
                            "nothing",
    (("network create",), "driver"): "`bridge`, `macvlan`, `ipvlan` (an ordinary user's are bridges); "
                                     "`overlay` is Swarm's, others are plugins",
    (("network create",), "opt"): "a warning about an option that means nothing to the driver",
    (("network create",), "subnet"): "one that this host has a route or link in is refused; without "
                                     "one, a /22 is chosen in which it has none",
    (("network connect",), "driver-opt"): "`com.docker.network.endpoint.ifname` and `.sysctls`; others "
                                          "are refused, where docker ignores them",
    (("network inspect",), "verbose"): "taken and ignored: there are no other nodes",
    (("network ls",), "filter"): "`dangling` knows which networks running containers are on",
    (("system df",), "verbose"): "docker's tables, by the blocks that are allocated; they add up "
                                 "to du(1)",
}  # fmt: skip
"""Flags that both have, and that do not do quite the same."""


class Row(NamedTuple):
    """A flag of docker's. `answer`: yes, differs, no or later."""

    flag: str
    answer: str
    why: str


class Unexplained(Exception):
    """A flag or command of docker's that cuddy has not, and of which nobody says why."""


def recorded() -> dict[str, Any]:
    """What docker has."""
    found: dict[str, Any] = json.loads(RECORDED.read_text())
    commands = found["commands"]
    # A command of two groups, such as `builder build`, stands in the one that docker names first.
    found["commands"] = {
        name: said for name, said in commands.items() if said["names"][0] == name
        or said["names"][0] not in commands
    }  # fmt: skip
    return found


def command_of(name: str) -> Command | None:
    """Our command of a name such as `container run`; None if there is none."""
    group, _, verb = name.rpartition(" ")
    table = verbs.GROUPS.get(group, {}) if group else verbs.VERBS
    return verbs.load(table[verb]) if verb in table else None


def find_flag(command: Command, name: str) -> Flag | None:
    """Our flag of a name, which may be an alias of it."""
    return next((flag for flag in command.flags if name in (flag.name, *flag.aliases)), None)


def told(table: dict[tuple[tuple[str, ...], str], Any], command: str, flag: str) -> Any:
    """What a table says of a flag of a command."""
    return next((v for (names, own), v in table.items() if own == flag and command in names), None)


def rows(name: str, docker: dict[str, Any], command: Command) -> Iterator[Row]:
    """The flags that docker has of a command. Raises Unexplained."""
    hidden = {flag: ["", None] for flag in docker["hidden"]}
    for flag, (short, value) in sorted((docker["flags"] | hidden).items()):
        ours = find_flag(command, flag)
        shown = f"`-{short}`, `--{flag}`" if short else f"`--{flag}`"
        if flag in hidden:
            shown += " (hidden)"
        if ours is None:
            reason = told(MISSING, name, flag)
            if not reason:
                raise Unexplained(f"cuddy {name} has no --{flag}, and nobody says why")
            yield Row(shown, *reason)
            continue
        if (told(MISSING, name, flag) or [LATER])[0] != LATER:
            raise Unexplained(f"cuddy {name} has --{flag}, which is said to be missing")
        if refused := told(REFUSED, name, flag):
            yield Row(shown, *refused)
            continue
        if short != ours.short and short:
            raise Unexplained(f"cuddy {name} --{flag} has no short form -{short}")
        if value is not None and bool(value) == bool(ours.kind.alone):
            raise Unexplained(f"cuddy {name} --{flag} takes a value where docker's takes none")
        differs = told(DIFFERS, name, flag)
        yield Row(shown, "differs" if differs else "yes", differs or "")


def own_flags(name: str, docker: dict[str, Any], command: Command) -> list[str]:
    """The flags that only cuddy has."""
    known = {*docker["flags"], *docker["hidden"], "help"}
    if name.endswith((" build", "builder prune")):
        known |= BUILDX
    own = [flag for flag in command.flags if not known & {flag.name, *flag.aliases}]
    return [f"`--{flag.name}`" for flag in own if not flag.hidden]


def section(name: str, docker: dict[str, Any]) -> str:
    """One command. Raises Unexplained."""
    command = command_of(name)
    if command is None:
        if name not in COMMANDS:
            raise Unexplained(f"there is no cuddy {name}, and nobody says why")
        answer, why = COMMANDS[name]
        return f"### {name}: {answer}\n\n{why[0].upper()}{why[1:]}.\n"
    lacking = [each for each in docker["names"] if command_of(each) is None]
    lines = [f"### {name}", ""]
    if others := [f"`{each}`" for each in docker["names"] if each not in (name, *lacking)]:
        lines += [f"Also: {', '.join(others)}.", ""]
    if lacking:
        lines += [f"Not under the name {', '.join(f'`{each}`' for each in lacking)}.", ""]
    found = list(rows(name, docker, command))
    if found:
        lines += ["| flag | | |", "|---|---|---|"]
        lines += [f"| {row.flag} | {row.answer} | {row.why} |" for row in found]
    else:
        lines.append("No flags.")
    if found := [flag.name for flag in command.flags if name in BUILD and flag.name in BUILDX]:
        shown = ", ".join(f"`--{flag}`" for flag in found)
        lines += ["", f"As with docker's plugin buildx: {shown}. Attestations are refused."]
    if name in NOTES:
        lines += ["", NOTES[name]]
    if own := own_flags(name, docker, command):
        lines += ["", f"Only cuddy has {', '.join(own)}."]
    return "\n".join(lines) + "\n"


def page() -> str:
    """docs/compatibility.md. Raises Unexplained."""
    docker = recorded()
    commands = docker["commands"]
    sections = {name: section(name, commands[name]) for name in commands}
    parts = [HEADING.format(version=docker["docker"], counts=counts(commands))]
    for title in ("container", "image", "builder", "network", "volume", "system", ""):
        parts.append(f"## {title.title() or 'Without a group'}\n")
        parts += [text for name, text in sections.items() if name.rpartition(" ")[0] == title]
    beyond = sorted(f"`{group} {verb}`" for group, verb in own_commands(commands))
    parts.append(f"## Only cuddy has\n\n{', '.join(beyond)}.\n")
    return "\n".join(parts)


HEADING = """\
# Compatibility

What cuddy makes of every command and flag of docker {version} that is about containers, images,
networks, volumes and the engine itself: {counts}.

- **yes**: the same name, short form and meaning.
- **differs**: it is there and does not do quite the same.
- **no**: it will not come, since it is about Swarm, Windows or plugins.
- **later**: not there yet.

Generated by `docs/commands/compatibility.py` from what docker's client says it has and from cuddy's
own tables of flags; what is not the same, and why something is missing, is said there.
"""


def counts(commands: dict[str, Any]) -> str:
    """How many flags have which answer."""
    found: dict[str, int] = {}
    for name, docker in commands.items():
        if command := command_of(name):
            for row in rows(name, docker, command):
                found[row.answer] = found.get(row.answer, 0) + 1
    return ", ".join(f"{found[each]} {each}" for each in ("yes", "differs", "no", LATER)
                     if each in found)  # fmt: skip


def own_commands(commands: dict[str, Any]) -> Iterator[tuple[str, str]]:
    """Group and verb of the commands that docker has not, under no name."""
    known = {name for docker in commands.values() for name in docker["names"]}
    modules = {verbs.find_command(name.split())[0] for name in known if command_of(name)}
    for group, table in verbs.GROUPS.items():
        for verb, module in table.items():
            if module not in modules and not ("build" in group and verb in BUILDX_COMMANDS):
                yield group, verb


if __name__ == "__main__":
    PAGE.write_text(page())
