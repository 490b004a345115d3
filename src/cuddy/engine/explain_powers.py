"""What `explain` says of power: capabilities in words, the seccomp filter, hidden paths. Pure."""

from __future__ import annotations

from cuddy.engine.explain_facts import Facts, Row
from cuddy.kernel import capabilities, syscall_table
from cuddy.kernel.syscall import MACHINE

TYPE_CHECKING = False
if TYPE_CHECKING:
    from typing import Any

WORDS = {
    "CHOWN": "give any file to anybody",
    "DAC_OVERRIDE": "read, write and enter whatever modes say",
    "DAC_READ_SEARCH": "read any file, open files by handle",
    "FOWNER": "do to any file what only its owner may",
    "FSETID": "keep set-uid bits of files that change",
    "KILL": "send signals to anybody's processes",
    "SETGID": "become any group",
    "SETUID": "become any user",
    "SETPCAP": "take powers from itself for good",
    "LINUX_IMMUTABLE": "make files that nobody can change",
    "NET_BIND_SERVICE": "listen on ports below 1024",
    "NET_BROADCAST": "nothing: the kernel asks for it nowhere",
    "NET_ADMIN": "change links, addresses, routes, the firewall",
    "NET_RAW": "send packets of any form, as ping does",
    "IPC_LOCK": "keep memory from being swapped out",
    "IPC_OWNER": "use anybody's System V memory and queues",
    "SYS_MODULE": "load code into the kernel",
    "SYS_RAWIO": "use I/O ports and raw memory",
    "SYS_CHROOT": "call chroot, enter mount namespaces",
    "SYS_PTRACE": "look into any process and change it",
    "SYS_PACCT": "have the kernel account for processes",
    "SYS_ADMIN": "mount, make namespaces, and much more",
    "SYS_BOOT": "reboot, load another kernel",
    "SYS_NICE": "raise priorities, move others between CPUs",
    "SYS_RESOURCE": "go beyond limits and quotas",
    "SYS_TIME": "set the clocks",
    "SYS_TTY_CONFIG": "hang up terminals",
    "MKNOD": "make device nodes; opening is another matter",
    "LEASE": "be told when any file is opened",
    "AUDIT_WRITE": "write to the kernel's audit log",
    "AUDIT_CONTROL": "change what is audited",
    "SETFCAP": "give powers to program files",
    "MAC_OVERRIDE": "pass Smack's rules",
    "MAC_ADMIN": "change Smack's and others' rules",
    "SYSLOG": "read the kernel's messages and addresses",
    "WAKE_ALARM": "wake the machine up",
    "BLOCK_SUSPEND": "keep the machine awake",
    "AUDIT_READ": "read the audit log",
    "PERFMON": "watch the whole machine's performance",
    "BPF": "load programs into the kernel's machine",
    "CHECKPOINT_RESTORE": "choose pids, save and restore processes",
}
TELLING = (
    "mount", "unshare", "setns", "ptrace", "bpf", "reboot", "kexec_load", "init_module",
    "open_by_handle_at", "keyctl", "userfaultfd", "perf_event_open", "io_uring_setup", "swapon",
    "settimeofday", "clone3", "iopl",
)  # fmt: skip
"""System calls that say most about a filter."""
PREFIX = "CAP_"
ALLOW = "SCMP_ACT_ALLOW"
ANSWERS = {
    "SCMP_ACT_ERRNO": "refused",
    "SCMP_ACT_KILL": "killed for it",
    "SCMP_ACT_KILL_THREAD": "killed for it",
    "SCMP_ACT_KILL_PROCESS": "killed for it",
    "SCMP_ACT_TRAP": "a signal for it",
    "SCMP_ACT_NOTIFY": "somebody else is asked",
    "SCMP_ACT_TRACE": "a tracer is asked",
    "SCMP_ACT_LOG": "allowed and logged",
    ALLOW: "allowed",
}


def powers(facts: Facts) -> list[Row]:
    """Each capability: kept or dropped, and what it is good for."""
    kept = bounding(facts)
    host = capabilities.own()
    return [
        Row(
            name.removeprefix(PREFIX).lower(),
            "has" if name in host else "has not",
            "kept" if name in kept else "dropped",
            WORDS.get(name.removeprefix(PREFIX), ""),
        )
        for name in capabilities.NAMES
    ]


def bounding(facts: Facts) -> frozenset[str]:
    """What no program in the container can go beyond: as the kernel says, or as it will be."""
    if mask := facts.status.get("CapBnd"):
        return capabilities.from_mask(int(mask, 16))
    return frozenset(facts.config["process"].get("capabilities", {}).get("bounding", ()))


def seccomp(facts: Facts) -> list[Row]:
    """What the filter lets through, in numbers and for the calls that tell most."""
    section = facts.config["linux"].get("seccomp")
    if not section:
        return [Row("system calls", "all", "all", "no seccomp filter")]
    everything = set(syscall_table.load(MACHINE))
    default = ANSWERS.get(section["defaultAction"], section["defaultAction"])
    free, conditional, others = sort_calls(section)
    free, conditional = free & everything, (conditional - free) & everything
    rows = [
        Row("system calls", str(len(everything)), f"{len(free)} allowed", "without a question"),
        Row("", "", f"{len(conditional)} under conditions", ", ".join(sorted(conditional))),
        Row("all others", "", default, "what the default action says"),
    ]
    for call in TELLING:
        if call in everything:
            answer = others.get(call, default)
            answer = "under conditions" if call in conditional else answer
            rows.append(Row(call, "allowed", "allowed" if call in free else answer))
    return rows


def sort_calls(section: dict[str, Any]) -> tuple[set[str], set[str], dict[str, str]]:
    """The calls that are allowed, those allowed with some arguments, and what others get."""
    free: set[str] = set()
    conditional: set[str] = set()
    others: dict[str, str] = {}
    for rule in section.get("syscalls") or ():
        if rule["action"] != ALLOW:
            others |= dict.fromkeys(rule["names"], ANSWERS.get(rule["action"], rule["action"]))
        elif rule.get("args"):
            conditional.update(rule["names"])
        else:
            free.update(rule["names"])
    return free, conditional, others


def paths(facts: Facts) -> list[Row]:
    """What of /proc and /sys is covered, and what cannot be written to."""
    linux = facts.config["linux"]
    hidden = "hidden under an empty directory or /dev/null"
    rows = [Row(path, "", "masked", hidden) for path in linux.get("maskedPaths", [])]
    rows += [Row(path, "", "read-only", "") for path in linux.get("readonlyPaths", [])]
    if facts.config["root"].get("readonly"):
        rows.append(Row("/", "", "read-only", "nothing of the root can be changed"))
    there = present(facts)
    return [row for row in rows if not there or row.thing in there] or [
        Row("/proc, /sys", "", "as on the host", "nothing is hidden")
    ]


def present(facts: Facts) -> set[str]:
    """Which of these paths a running container has; a path that this kernel lacks is skipped."""
    if not facts.inside:
        return set()
    return {point.target for point in facts.inside.mounts}
