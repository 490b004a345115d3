"""The part of those commands that makes its files: root, mounts, devices, covers. Pure.

An image is a stranger's, and a link in it may lead to a file of the host's. So as long as the root
is built from outside, no link of its file system is followed (nosymfollow, Linux 5.10).
"""

from __future__ import annotations

import itertools
import os
import shlex

from cuddy.image import host
from cuddy.kernel import mount, overlay
from cuddy.runtime import devices
from cuddy.shapes import NamedTuple

TYPE_CHECKING = False
if TYPE_CHECKING:
    from cuddy.engine.explain_facts import Facts
    from cuddy.engine.explain_ground import Ground
    from cuddy.runtime.spec import Config, MountEntry

COVER = (
    'for p in "$@"; do if [ -d "$p" ]; then mount -t tmpfs -o ro,size=0 tmpfs "$p"; '
    'elif [ -e "$p" ]; then mount --bind /dev/null "$p"; fi; done'
)
FREEZE = (
    'for p in "$@"; do if [ -e "$p" ]; then mount --bind "$p" "$p"; '
    'mount -o remount,bind,ro,nosuid,nodev,noexec "$p"; fi; done'
)
OURS = frozenset(("idmap", "ridmap", "tmpcopyup", "bind", "rbind"))
"""Options that mount(8) does not have, or has as words of its own."""


class Step(NamedTuple):
    """Lines to type, and what they are for."""

    why: str
    lines: list[str]


def quote(text: str) -> str:
    """A text as one word of the shell's, without anything that a terminal or a line editor obeys.

    Whoever pastes it types it: an escape sequence would end the paste, and what follows be a line.
    """
    return (
        "".join(shlex.quote(part) if is_plain else spelt(part) for is_plain, part in runs(text))
        or "''"
    )


def runs(text: str) -> list[tuple[bool, str]]:
    """The text in pieces that can be shown, and those that cannot."""
    groups = itertools.groupby(text, lambda each: each.isprintable() or each == "\n")
    return [(is_plain, "".join(found)) for is_plain, found in groups]


def spelt(text: str) -> str:
    """Characters by the numbers of their bytes."""
    data = text.encode(errors="surrogateescape")
    return f"\"$(printf '{''.join(f'{chr(92)}{byte:03o}' for byte in data)}')\""


def at(path: str) -> str:
    """A path in the root, for the shell. An image may say `..`."""
    path = "/" + os.path.normpath("/" + path).lstrip("/")
    return f'"$R"{quote(path)}' if path != "/" else '"$R"'


def root(config: Config, ground: Ground) -> list[Step]:
    """The union of the image's layers and an empty directory that takes what is written."""
    lines = ['mkdir "$C/work" "$R"; mkdir -m 755 "$C/upper"']
    if ground.overlays:
        return [Step("Its root: a skeleton, and overlays over the host's directories.",
                     [*lines, *skeleton(ground)])]  # fmt: skip
    lower = ":".join(map(overlay.escape, ground.lower_dirs))
    options = f"lowerdir={lower},upperdir=$C/upper,workdir=$C/work"
    lines.append(f'inside mount -t overlay -o nosymfollow,{shell(options)} overlay "$R"')
    return [
        Step(
            "Its root: the image's layers, the uppermost first, and over them an empty directory\n"
            "that takes what is written. No link in it is followed until it is the root.",
            lines,
        )
    ]


def shell(text: str) -> str:
    """A text in which $C is the shell's, quoted."""
    return '"$C"'.join(quote(part) if part else "" for part in text.split("$C"))


def skeleton(ground: Ground) -> list[str]:
    """The root of the image `host`."""
    lines = ['inside mount -t tmpfs -o mode=755 tmpfs "$R"']
    lines += [
        f"inside mkdir -p -m {mode:o} {at(f'/{path}')}" for path, mode in host.SKELETON.items()
    ]
    lines += [f"inside ln -s {quote(target)} {at(f'/{name}')}" for name, target in ground.links]
    for path in ground.overlays:
        flat = host.flat(path)
        lower = f"/{path}" if path != "etc" else f"{overlay.escape(ground.masks)}:/etc"
        options = f"lowerdir={lower},upperdir=$C/upper/{flat},workdir=$C/work/{flat}"
        lines += [
            f'mkdir -m 755 "$C/upper/{flat}" "$C/work/{flat}"; inside mkdir -p {at(f"/{path}")}',
            f"inside mount -t overlay -o {shell(options)} overlay {at(f'/{path}')}",
        ]
    return lines


def mounts(facts: Facts, ground: Ground) -> list[Step]:
    """The kernel's file systems, devices, the user's directories."""
    kernels = [*itertools.takewhile(lambda entry: not is_bind(entry), ground.mounts)]
    others = ground.mounts[len(kernels) :]
    own_dev = not any(is_bind(entry) and entry["destination"] == "/dev" for entry in others)
    steps = []
    if kernels:
        lines = [line for entry in kernels for line in make(entry, facts)]
        steps.append(Step("What the kernel shows: its processes, its devices, its groups.", lines))
    if own_dev:
        steps.append(Step("Devices that every program expects, and links.", nodes(facts.config)))
    if others:
        ways = [*passages(facts.config, ground)]
        lines = [
            line for entry in others
            for line in (bind(entry, ground, ways) if is_bind(entry) else make(entry, facts))
        ]  # fmt: skip
        steps.append(Step("Files and directories of the host's that it has.", lines))
    cwd = facts.config["process"]["cwd"]
    if cwd != "/":
        steps.append(Step("Where it begins.", [f"inside mkdir -p {at(cwd)}"]))
    return steps


def is_bind(entry: MountEntry) -> bool:
    """Whether it is something of the host's."""
    return entry.get("type") == "bind"


def passages(config: Config, ground: Ground) -> list[str]:
    """Directories of the host's below which something is made: a link in one of them could lead to
    where that would be a file of the host's, so none is followed meanwhile.
    """
    places = [entry["destination"] for entry in ground.mounts]
    places += [device["path"] for device in devices.wanted(config)]
    places += [f"{config['process']['cwd']}/."]
    return [
        entry["destination"] for entry in ground.mounts
        if is_bind(entry) and entry.get("source") in ground.directories
        and any(place.startswith(f"{entry['destination'].rstrip('/')}/") for place in places)
    ]  # fmt: skip


def make(entry: MountEntry, facts: Facts) -> list[str]:
    """A new file system."""
    target, fstype = entry["destination"], entry.get("type", "")
    words = [word for word in entry.get("options", []) if word not in OURS]
    lines = [f"inside mkdir -p {at(target)}"]
    if fstype not in ("cgroup", "cgroup2"):
        source = quote(entry.get("source") or fstype)
        return [
            *lines,
            f"inside mount -t {quote(fstype)} -o {quote(','.join(words))} {source} {at(target)}",
        ]
    joined = facts.hierarchies.joined(())
    ones = [hierarchy for hierarchy in joined if hierarchy.version == 1]
    if not ones:
        return [*lines, f"inside mount -t cgroup2 -o {quote(','.join(words))} cgroup {at(target)}"]
    lines.append(f"inside mount -t tmpfs -o mode=755 tmpfs {at(target)}")
    for hierarchy in ones:
        names = ",".join(hierarchy.controllers)
        directory = at(f"{target}/{names.removeprefix('name=')}")
        options = quote(",".join([*words, names]))
        lines += [
            f"inside mkdir {directory}",
            f"inside mount -t cgroup -o {options} cgroup {directory}",
        ]
    return lines


def bind(entry: MountEntry, ground: Ground, ways: list[str]) -> list[str]:
    """Something of the host's. `ways`: see `passages`."""
    target, source = entry["destination"], entry.get("source", "")
    words = entry.get("options", [])
    # What is mounted below it would have its links followed.
    way = "--rbind" if "rbind" in words and target not in ways else "--bind"
    parent = os.path.dirname(target)
    if source in ground.missing:
        text = {"hosts": "127.0.0.1 localhost", "hostname": "byhand"}.get(os.path.basename(target))
        how = f"echo {quote(text)}" if text else "cat /etc/resolv.conf"
        fill = f'{how} > "$1"'
        return [f"inside mkdir -p {at(parent)}", f"inside sh -c {quote(fill)} sh {at(target)}"]
    if source in ground.directories:
        lines = [f"inside mkdir -p {at(target)}"]
    else:
        lines = [f"inside mkdir -p {at(parent)}", f"inside touch {at(target)}"]
    lines.append(f"inside mount {way} {quote(source)} {at(target)}")
    flags = ["nosymfollow"] if target in ways else []
    flags += flags_of(entry)
    if flags:
        lines.append(f"inside mount -o remount,bind,{','.join(flags)} {at(target)}")
    return lines


def flags_of(entry: MountEntry) -> list[str]:
    """The flags of a bind."""
    words = entry.get("options", [])
    flags = [word for word in words if word in mount.OPTIONS and word not in OURS]
    return [*flags, "ro"] if "rro" in words else flags


def nodes(config: Config) -> list[str]:
    """Device nodes, and the links of /dev."""
    lines, wanted = [], {device["path"]: device for device in devices.wanted(config)}
    for parent in sorted({os.path.dirname(path) for path in wanted} - {"/dev"}):
        lines.append(f"inside mkdir -p {at(parent)}")
    for device in wanted.values():
        numbers = (
            "" if device["type"] == "p" else f" {device.get('major', 0)} {device.get('minor', 0)}"
        )
        mode = f"{devices.mode_of(device):o}"
        kind = "c" if device["type"] == "u" else device["type"]
        lines.append(f"inside mknod -m {mode} {at(device['path'])} {kind}{numbers}")
    links = (f"inside ln -s {target} {at(f'/dev/{name}')}" for name, target in devices.LINKS)
    return [*lines, *links]


def hidden(config: Config, ground: Ground) -> list[Step]:
    """Covers over what the kernel tells of the whole machine."""
    linux, steps = config["linux"], []
    if frozen := linux.get("readonlyPaths"):
        steps.append(Step("Read-only: a mount over itself.", [over(FREEZE, frozen)]))
    if masked := linux.get("maskedPaths"):
        why = "Hidden: an empty directory over a directory, the null device over a file."
        steps.append(Step(why, [over(COVER, masked)]))
    mode = "remount,bind,symfollow" + (",ro" if config["root"].get("readonly") else "")
    why = "The root is done: from here on its links are followed."
    lines = [f'inside mount -o {mode} "$R"']
    ways = passages(config, ground)
    for entry in ground.mounts:
        if entry["destination"] in ways:
            options = ",".join(["remount,bind,symfollow", *flags_of(entry)])
            lines.append(f"inside mount -o {options} {at(entry['destination'])}")
    steps.append(Step(why, lines))
    return steps


def over(loop: str, paths: list[str]) -> str:
    """A loop over paths of the root."""
    return f"inside sh -c {quote(loop)} sh {' '.join(map(at, paths))}"
