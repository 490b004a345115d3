"""The commands that make a container like one by hand: unshare, mount, ip, and a few files. Pure.

    a process goes into control groups, into namespaces, gives up power, and waits at a gate
    its files, devices and network are made around it, from outside
    its root changes, the gate opens, its program runs

So nothing of the image runs before all is there, and nothing of the image is needed to make it. The
lines are for sh or bash, as root. They can be pasted one by one to look around in between: the last
line runs the program, and takes away what was made when it has ended.
"""

from __future__ import annotations

import re

from cuddy.engine import explain_shell_files as files
from cuddy.engine.explain_shell_files import Step, quote
from cuddy.runtime import resources

TYPE_CHECKING = False
if TYPE_CHECKING:
    from cuddy.engine.explain_facts import Facts
    from cuddy.engine.explain_ground import Ground
    from cuddy.kernel.cgroup_hierarchies import Hierarchy
    from cuddy.kernel.cgroup_limits import CgroupWrite

NAMES = {"mount": "mount", "uts": "uts", "ipc": "ipc", "network": "net", "pid": "pid",
         "cgroup": "cgroup", "time": "time"}  # fmt: skip
"""Kinds of namespaces as unshare(1) and nsenter(1) call them. Not users: see `left_out`."""
LIMITS = {"RLIMIT_RTPRIO": "rtprio", "RLIMIT_NPROC": "nproc"}
CONSTANTS = "BASHOPTS|BASH_VERSINFO|EUID|PPID|SHELLOPTS|UID"
VARIABLE = re.compile(rf"(?!({CONSTANTS})=)[A-Za-z_]\w*=", re.ASCII)
"""Beginning of what a shell can export: some names are constants of bash."""


def script(facts: Facts, ground: Ground) -> str:
    """All of it."""
    steps = [
        *begin(facts, ground),
        *groups(facts),
        *birth(facts),
        *files.root(facts.config, ground),
        *files.mounts(facts, ground),
        *names(facts),
        *network(facts, ground),
        *files.hidden(facts.config, ground),
        *end(),
    ]
    name = facts.record["Name"].removeprefix("/")
    head = [
        f"# A container like {name!r} by hand: as root, in sh or bash, line by line or all at once."
    ]
    head += [f"# Not made by hand: {each}." for each in left_out(facts)]
    body = [line for step in steps for line in ("", *comment(step.why), *step.lines)]
    return "\n".join([*head, *body]) + "\n"


def comment(text: str) -> list[str]:
    """A comment of one line or more."""
    return [f"# {line}" for line in text.split("\n")]


def left_out(facts: Facts) -> list[str]:
    """What these commands do not give it, and why."""
    found = []
    if facts.config["linux"].get("seccomp"):
        found.append("the seccomp filter, as no usual program loads one")
    if facts.config["process"].get("apparmorProfile"):
        found.append("the AppArmor profile (aa-exec would set it)")
    if facts.record["HostConfig"]["IDMappings"]:
        found.append("users of its own (unshare --map-users would): root in there is root out here")
    if not all(map(VARIABLE.match, facts.config["process"]["env"])):
        found.append("variables of its environment with names that a shell does not take")
    if is_v2_devices(facts):
        found.append("which devices it may open: on version 2 that is a BPF program")
    if facts.config["process"].get("oomScoreAdj", 0) < 0:
        found.append(
            "its score for the lack of memory, which is lowered (choom would, where it may)"
        )
    return found


def is_v2_devices(facts: Facts) -> bool:
    """Whether no file says which devices may be used."""
    hierarchy = facts.hierarchies.of("devices")
    return hierarchy is None or hierarchy.version == 2


def begin(facts: Facts, ground: Ground) -> list[Step]:
    """A directory to build in, and what takes everything away."""
    why = "A directory for it. $R will be its root."
    ending = (
        "What is to go when it has ended, or when this shell does: mounts and links go with its\n"
        "namespaces. `end` takes away what is there, at any time."
    )
    joined, _ = plan(facts)
    lines = ['rm -rf --one-file-system "${C:?}" "$S"']
    if joined:
        lines.append(f"rmdir {' '.join(map(place, joined))} 2> /dev/null")
    if ground.wiring and not ground.wiring.is_there and ("net", "") in kinds(facts):
        lines.append(f"ip link del {quote(ground.wiring.bridge)} 2> /dev/null")
    copying = (
        "A copy of the shell that becomes its program: by /proc/self/exe that could write to the\n"
        "shell it came from."
    )
    return [
        Step(why, ["C=$(mktemp -d /tmp/byhand.XXXXXX); G=${C##*/}; R=$C/root"]),
        Step(copying, ['S=$(mktemp /tmp/byhand.XXXXXX); cp /bin/sh "$S"; chmod 755 "$S"']),
        Step(
            ending,
            [
                'J=; P=; n=0; kills() { [ -z "$J" ] || { kill -9 "$J" $P; wait "$J"; while '
                '[ "$P" ] && kill -0 "$P" && [ $((n = n + 1)) -lt 99 ]; do sleep 0.1; done; }; }',
                "end() { trap - EXIT; kills 2> /dev/null; exec 7<&- 8<&- 9<&-; "
                f"{'; '.join(lines)}; }}",
                "trap end EXIT; case $- in *i*) ;; *) trap 'exit 130' INT; "
                "trap 'exit 143' HUP TERM;; esac",
            ],
        ),
    ]


def plan(facts: Facts) -> tuple[list[Hierarchy], list[CgroupWrite]]:
    """The hierarchies that its groups are in, and what is written there."""
    writes = resources.plan(facts.config["linux"].get("resources", {}), facts.hierarchies)
    if is_v2_devices(facts):
        writes = [write for write in writes if write.controller != "devices"]
    controllers = {write.controller for write in writes}
    return facts.hierarchies.joined(controllers), writes


def groups(facts: Facts) -> list[Step]:
    """Control groups: a directory is a group, a number in a file is a limit."""
    joined, writes = plan(facts)
    if not joined:
        return []
    lines = []
    for hierarchy in joined:
        names = [n for n in hierarchy.controllers if n in {w.controller for w in writes}]
        if hierarchy.version == 2 and names:
            enabled = " ".join(f"+{name}" for name in names)
            lines.append(f"echo {quote(enabled)} > {hierarchy.target}/cgroup.subtree_control")
        lines.append(f"mkdir {place(hierarchy)}")
        if "cpuset" in hierarchy.controllers and hierarchy.version == 1:
            lines += [
                f"cat {hierarchy.target}/cpuset.{each} > {place(hierarchy)}/cpuset.{each}"
                for each in ("cpus", "mems")
            ]
    for write in writes:
        hierarchy = facts.hierarchies.of(write.controller) or joined[0]
        lines.append(f"echo {quote(write.value)} > {place(hierarchy)}/{write.file}")
    return [Step("Control groups say what it may use: limits, and devices.", lines)]


def place(hierarchy: Hierarchy) -> str:
    """The group's directory, for the shell."""
    return f"{quote(hierarchy.target)}/$G"


def kinds(facts: Facts) -> list[tuple[str, str]]:
    """Its namespaces by unshare's names, with the path of one that is somebody else's or ""."""
    listed = facts.config["linux"]["namespaces"]
    return [(NAMES[n["type"]], n.get("path", "")) for n in listed if n["type"] in NAMES]


def birth(facts: Facts) -> list[Step]:
    """The process, in its groups and namespaces, with its powers, at the gate."""
    process = facts.config["process"]
    joined, _ = plan(facts)
    enter = "".join(f"echo 0 > {place(h)}/cgroup.procs; " for h in joined)
    others = [f"--{name}={quote(path)}" for name, path in kinds(facts) if path]
    new = [f"--{name}" for name, path in kinds(facts) if not path]
    words = [
        *score(facts),
        *(["nsenter", *others] if others else []),
        "unshare", "--fork", "--kill-child", *new,
        *limits(facts), *powers(facts),
        "env", "-i", "--default-signal=INT,QUIT",
    ]  # fmt: skip
    wait = f'echo here >&7; read go <&9; cd "$0" && {exports(facts)}exec "$@" 7<&- 8<&- 9<&-'
    cwd, command = quote(process["cwd"]), " ".join(map(quote, process["args"]))
    gates = ['mkfifo "$C/here" "$C/gate"; exec 7<> "$C/here" 8<&0 9<> "$C/gate"']
    spawn = [
        f"( {enter}exec {' '.join(words)} \\",
        f'  "$S" -c {quote(wait)} {cwd} {command} ) <&8 & J=$!',
    ]
    find = ['read here <&7; read P < "/proc/$J/task/$J/children"']
    inside = ["--target", '"$P"', *(f"--{name}" for name, _ in kinds(facts))]
    reach = [f'inside() {{ nsenter {" ".join(inside)} "$@"; }}']
    return [
        Step(
            "Two pipes: it says when it is there, and waits at the gate until it may go on.", gates
        ),
        Step(
            "A process: it enters the groups, gets namespaces of its own, gives up powers, and\n"
            "waits. Its shell is the host's; what it runs in the end is the container's, and so\n"
            "are the variables: the host's programs have none of them.",
            spawn,
        ),
        Step("Wait for it. $P is its number out here; in there it is 1 (ls -l /proc/$P/ns).", find),
        Step("To do something from out here in its namespaces.", reach),
    ]


def exports(facts: Facts) -> str:
    """Its environment, set when the gate has opened.

    Before that it would be obeyed by programs of the host's: an image could have its own code
    loaded into them (LD_PRELOAD), or options and a command read by env(1).
    """
    words = [quote(each) for each in facts.config["process"]["env"] if VARIABLE.match(each)]
    return f"export {' '.join(words)} && " if words else ""


def limits(facts: Facts) -> list[str]:
    """prlimit(1) for the limits that are asked for."""
    found = [
        f"--{each['type'].removeprefix('RLIMIT_').lower()}={each['soft']}:{each['hard']}"
        for each in facts.config["process"].get("rlimits", [])
    ]
    return ["prlimit", *found] if found else []


def score(facts: Facts) -> list[str]:
    """choom(1), for one that is to go early when memory lacks.

    It writes to /proc by its number: before that is one of a pid namespace, and another's out here.
    """
    wanted = facts.config["process"].get("oomScoreAdj", 0)
    return ["choom", "-n", str(wanted), "--"] if wanted > 0 else []


def powers(facts: Facts) -> list[str]:
    """setpriv(1): the bounding set, and who it is."""
    process = facts.config["process"]
    kept = process.get("capabilities", {}).get("bounding", [])
    names = ",".join(f"+{name.removeprefix('CAP_').lower()}" for name in kept)
    words = ["setpriv", f"--bounding-set={','.join(filter(None, ('-all', names)))}"]
    words.append("--inh-caps=-all")
    user = process["user"]
    uid, gid = user.get("uid", 0), user.get("gid", 0)
    more = user.get("additionalGids", [])
    words += [f"--reuid={uid}", f"--regid={gid}"]
    words.append(f"--groups={','.join(map(str, more))}" if more else "--clear-groups")
    return [*words, "--no-new-privs"] if process.get("noNewPrivileges") else words


def names(facts: Facts) -> list[Step]:
    """The host name and kernel settings of its namespaces."""
    found = []
    if hostname := facts.config.get("hostname"):
        found.append(Step("Its own name.", [f"inside hostname {quote(hostname)}"]))
    if settings := facts.config["linux"].get("sysctl", {}):
        lines = [f"inside sysctl -q -w {quote(f'{k}={v}')}" for k, v in settings.items()]
        found.append(Step("Kernel settings of its namespaces.", lines))
    return found


def network(facts: Facts, ground: Ground) -> list[Step]:
    """Links: its loopback, and a pair of which one end is in there."""
    if ("net", "") not in kinds(facts):
        return []
    steps = [Step("Its loopback: a new network has nothing else.", ["inside ip link set lo up"])]
    if not (wiring := ground.wiring):
        return steps
    bridge = quote(wiring.bridge)
    if not wiring.is_there:
        lines = [
            f"ip link add {bridge} type bridge",
            f"ip address add {wiring.gateway} dev {bridge}",
            f"ip link set {bridge} up",
        ]
        steps.append(Step("A switch on the host, which has an address itself.", lines))
    lines = [
        'H=v${G##*.}; ip link add "$H" type veth peer name eth0 netns "$P"',
        f'ip link set "$H" master {bridge} up',
        f"inside ip address add {wiring.address} dev eth0",
        "inside ip link set eth0 up",
    ]
    if wiring.leads_out:
        lines.append(f"inside ip route add default via {wiring.gateway.partition('/')[0]}")
    why = (
        "A cable: one end in there is called eth0, the other one is plugged into the host's switch."
    )
    return [*steps, Step(why, lines)]


def end() -> list[Step]:
    """The root changes, the gate opens; afterwards everything goes."""
    return [
        Step(
            "Its root becomes the root of its mounts. The host's lies over it still, and goes.",
            ['inside sh -c \'cd "$1" && pivot_root . .\' sh "$R"', "inside umount -l /"],
        ),
        Step(
            "The gate opens: its program runs, here at this terminal. Ctrl-C is for it alone.",
            [
                "case $- in *i*) trap : INT;; esac; echo go >&9; "
                'fg > /dev/null 2>&1 || wait "$J"; J=; end; case $- in *i*) trap - INT;; esac'
            ],
        ),
    ]
