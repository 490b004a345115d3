"""Doctor: what this machine lacks for containers of an ordinary user, and what mends each. Pure.

`doctor_facts.py` looks; here is what it means. Of what is missing some keeps containers from
running at all, and some only leaves them with less: other ids, networks, limits.
"""

from __future__ import annotations

from cuddy.shapes import NamedTuple

TYPE_CHECKING = False
if TYPE_CHECKING:
    from collections.abc import Iterator, Mapping

OK, LESS, BROKEN = "ok", "less", "missing"
IDS = 65536
OLDEST_KERNEL = (5, 11)
"""The first whose overlayfs works in a user namespace."""
WANTED = ("cpu", "io", "memory", "pids")
LEADING_OUT = ("pasta", "slirp4netns")
"""What leads out of an ordinary user's containers, the better one first."""
PACKAGES = {
    "newuidmap": {"dnf": "shadow-utils", "zypper": "shadow", "apk": "shadow-uidmap",
                  "pacman": "shadow", "": "uidmap"},
    "pasta": {"": "passt"},
    "slirp4netns": {"": "slirp4netns"},
    "fuse-overlayfs": {"": "fuse-overlayfs"},
    "nft": {"": "nftables"},
}  # fmt: skip
"""What brings a program: mostly of the same name everywhere, ""."""
INSTALL = {
    "apt-get": "apt-get install {}", "dnf": "dnf install {}", "zypper": "zypper install {}",
    "apk": "apk add {}", "pacman": "pacman -S {}",
}  # fmt: skip


class Facts(NamedTuple):
    """What there is. Of programs the paths, "" for those that are not there."""

    user: str = "root"
    uid: int = 0
    kernel: tuple[int, int] = (6, 1)
    refusal: str = ""  # of a new user namespace: why, or ""
    powerless: str = ""  # root in it: what it may not do all the same, or ""
    max_namespaces: int = 1
    clone_sysctl: str = ""  # of Debian's old kernels: 0 or 1
    apparmor_restricts: bool = False
    no_new_privileges: bool = False
    uids: int = 0  # granted ones
    gids: int = 0
    free_id: int = 100_000
    programs: Mapping[str, str] = {}
    unprivileged: tuple[str, ...] = ()  # programs that lack their set-uid bit
    overlay: str = ""  # of the kernel, in a user namespace: why not, or ""
    where: str = ""  # the directory in which that was tried
    devices: Mapping[str, str] = {}  # their paths: "", absent or closed
    group: str = ""  # the control group that is not ours
    controllers: tuple[str, ...] = ()  # that are delegated
    cgroups: str = "v2"
    has_systemd: bool = True
    run_root: str = ""
    packager: str = "apt-get"


class Finding(NamedTuple):
    """One thing: how it is, what that means, and the commands that mend it."""

    topic: str
    state: str
    meaning: str
    fix: tuple[str, ...] = ()


def examine(facts: Facts) -> list[Finding]:
    """Everything, in the order in which a command comes upon it."""
    if facts.uid == 0:
        return [*kernel(facts), *firewall(facts), *limits(facts)]
    return [
        *kernel(facts), *namespaces(facts), *ids(facts), *id_programs(facts), *overlays(facts),
        *networks(facts), *firewall(facts), *limits(facts), *run_directory(facts),
    ]  # fmt: skip


def is_well(findings: list[Finding]) -> bool:
    """Whether containers run, be it with less."""
    return all(each.state != BROKEN for each in findings)


def kernel(facts: Facts) -> Iterator[Finding]:
    """Whether it is new enough."""
    shown = ".".join(map(str, facts.kernel))
    if facts.uid and facts.kernel < OLDEST_KERNEL and not facts.programs.get("fuse-overlayfs"):
        oldest = ".".join(map(str, OLDEST_KERNEL))
        text = f"{shown}: overlayfs in a user namespace needs {oldest}, or else fuse-overlayfs"
        yield Finding("kernel", BROKEN, text, install(facts, "fuse-overlayfs"))
    else:
        yield Finding("kernel", OK, shown)


def namespaces(facts: Facts) -> Iterator[Finding]:
    """Whether the user may make user namespaces, and is root in them."""
    topic = "user namespaces"
    if facts.max_namespaces == 0:
        fix = setting("user.max_user_namespaces", "28633")
        yield Finding(topic, BROKEN, "their number is limited to 0", fix)
    elif facts.clone_sysctl == "0":
        fix = setting("kernel.unprivileged_userns_clone", "1")
        yield Finding(topic, BROKEN, "this kernel leaves them to root", fix)
    elif facts.apparmor_restricts and (facts.refusal or facts.powerless):
        fix = setting("kernel.apparmor_restrict_unprivileged_userns", "0")
        yield Finding(topic, BROKEN, "AppArmor takes all power in them from your programs", fix)
    elif facts.refusal:
        text = f"{facts.refusal}: in a container, its seccomp profile may forbid them"
        yield Finding(topic, BROKEN, text, ("docker run --security-opt seccomp=unconfined ...",))
    elif facts.powerless:
        yield Finding(topic, BROKEN, f"root in them cannot mount: {facts.powerless}")
    else:
        yield Finding(topic, OK, "you may make them")


def ids(facts: Facts) -> Iterator[Finding]:
    """Whether other ids were granted than the own one."""
    for kind, count in (("uid", facts.uids), ("gid", facts.gids)):
        topic = f"/etc/sub{kind}"
        if count >= IDS - 1:
            yield Finding(topic, OK, f"{count} {kind}s besides your own")
            continue
        last = facts.free_id + IDS - 1
        fix = f"sudo usermod --add-sub{kind}s {facts.free_id}-{last} {facts.user}"
        text = f"{count} {kind}s besides your own: " + (
            "in your containers everything belongs to root"
            if not count
            else "most images want more"
        )
        yield Finding(topic, LESS, text, (fix,))


def id_programs(facts: Facts) -> Iterator[Finding]:
    """Whether the granted ids can be used."""
    names = ("newuidmap", "newgidmap")
    missing = [name for name in names if not facts.programs.get(name)]
    if missing:
        text = f"there is no {' and no '.join(missing)}: granted ids cannot be used"
        yield Finding("newuidmap", LESS, text, install(facts, "newuidmap"))
    elif facts.unprivileged:
        paths = " ".join(facts.programs[name] for name in facts.unprivileged)
        text = f"{paths} may not map ids: not set-uid root"
        yield Finding("newuidmap", LESS, text, (f"sudo chmod u+s {paths}",))
    elif facts.no_new_privileges:
        text = "set-uid programs have no power in this session (no_new_privs)"
        yield Finding(
            "newuidmap", LESS, text, ("log in anew, or leave the sandbox that you are in",)
        )
    else:
        yield Finding("newuidmap", OK, "it is there, and newgidmap")


def overlays(facts: Facts) -> Iterator[Finding]:
    """Whether images' layers can be put one over another."""
    if not facts.overlay:
        yield Finding("overlayfs", OK, "the kernel's own")
        return
    refusal = f"the kernel's does not work in {facts.where}: {facts.overlay}"
    if not facts.programs.get("fuse-overlayfs"):
        text = f"{refusal}; fuse-overlayfs would"
        yield Finding("overlayfs", BROKEN, text, install(facts, "fuse-overlayfs"))
    elif facts.devices.get("/dev/fuse"):
        yield Finding("overlayfs", BROKEN, *device(facts, "/dev/fuse", f"{refusal}; and for "
                                                   "fuse-overlayfs ", "fuse"))  # fmt: skip
    else:
        yield Finding("overlayfs", LESS, f"{refusal}; fuse-overlayfs is used, which is slower")


def networks(facts: Facts, wanted: tuple[str, ...] = LEADING_OUT) -> Iterator[Finding]:
    """Whether containers can have a network that leads out. `wanted`: by one of these programs."""
    topic = "networks"
    programs = [name for name in wanted if facts.programs.get(name)]
    if not programs:
        missing = f"{wanted[0]} is not"
        if len(wanted) > 1:
            missing = f"neither {' nor '.join(wanted)} is"
        text = f"{missing} there: containers have the host's network or none"
        yield Finding(topic, LESS, text, install(facts, wanted[0]))
    elif facts.devices.get("/dev/net/tun"):
        yield Finding(topic, LESS, *device(facts, "/dev/net/tun", f"for {programs[0]} ", "tun"))
    else:
        yield Finding(topic, OK, f"by {programs[0]}")


def firewall(facts: Facts) -> Iterator[Finding]:
    """Whether ports can be published and networks kept apart."""
    if facts.programs.get("nft") or facts.programs.get("iptables"):
        yield Finding("firewall", OK, "nft" if facts.programs.get("nft") else "iptables")
    else:
        text = "neither nft nor iptables is there: bridges have no way out"
        yield Finding("firewall", LESS, text, install(facts, "nft"))


def limits(facts: Facts) -> Iterator[Finding]:
    """Whether containers can be limited, paused and counted."""
    topic = "control groups"
    missing = [name for name in WANTED if name not in facts.controllers]
    if facts.cgroups == "v1" or facts.cgroups == "hybrid":
        missing = [name for name in ("cpu", "memory", "pids") if name not in facts.controllers]
    if not missing:
        yield Finding(topic, OK, f"{facts.cgroups}: {', '.join(facts.controllers)}")
        return
    text = f"limits unavailable ({', '.join(missing)}) because {reason(facts)}"
    yield Finding(topic, LESS, text, delegation(facts))


def reason(facts: Facts) -> str:
    """Why there are limits that cannot be kept."""
    if not facts.uid:
        return "this kernel does not have them, or they are not mounted"
    if facts.group:
        return f"the control group {facts.group} is not delegated to you"
    return "they are not delegated to you"


def delegation(facts: Facts) -> tuple[str, ...]:
    """How a user is given control groups."""
    if not facts.uid:
        return ("boot with cgroup_enable=memory swapaccount=1, or mount the hierarchies",)
    if facts.cgroups != "v2":
        return (
            "boot with systemd.unified_cgroup_hierarchy=1: version 1 is not delegated to users",
        )
    if not facts.has_systemd:
        group = facts.group or "/sys/fs/cgroup/GROUP"
        return (
            f"sudo chown {facts.user} {group} {group}/cgroup.procs {group}/cgroup.subtree_control",
        )
    where = "/etc/systemd/system/user@.service.d"
    words = "cpu cpuset io memory pids"
    return (
        f"sudo mkdir -p {where}",
        f"printf '[Service]\\nDelegate={words}\\n' | sudo tee {where}/delegate.conf",
        "sudo systemctl daemon-reload, then log in anew",
        "systemd-run --user --scope -p Delegate=yes cuddy ...",
    )


def run_directory(facts: Facts) -> Iterator[Finding]:
    """Whether what runs is written down where it goes with the session or the machine."""
    if facts.run_root.startswith("/tmp/cuddy-run-"):
        text = f"{facts.run_root} is used, as there is no XDG_RUNTIME_DIR"
        fix = f"sudo loginctl enable-linger {facts.user}, then log in anew"
        yield Finding("running state", LESS, text, (fix,) if facts.has_systemd else ())
    else:
        yield Finding("running state", OK, facts.run_root)


def device(facts: Facts, path: str, before: str, module: str) -> tuple[str, tuple[str, ...]]:
    """What is wrong with a device, and what mends it."""
    if facts.devices[path] == "absent":
        return f"{before}there is no {path}", (f"sudo modprobe {module}",)
    return f"{before}{path} is not yours to open", (f"sudo chmod 0666 {path}",)


def install(facts: Facts, name: str) -> tuple[str, ...]:
    """The command that brings a program."""
    package = PACKAGES[name].get(facts.packager) or PACKAGES[name][""]
    command = INSTALL.get(facts.packager)
    return (f"sudo {command.format(package)}" if command else f"install {package}",)


def setting(name: str, value: str) -> tuple[str, ...]:
    """The commands that change a kernel setting, now and after the next boot."""
    file = f"/etc/sysctl.d/99-cuddy-{name.rpartition('.')[2].replace('_', '-')}.conf"
    return (
        f"echo {name}={value} | sudo tee {file}",
        f"sudo sysctl -p {file}",
    )
