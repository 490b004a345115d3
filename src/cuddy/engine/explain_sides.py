"""What `explain` says of the two views: namespaces, processes, names, users, mounts, network. Pure.

A namespace is a number in a link below /proc/PID/ns: where both sides have the same number they see
the same thing, and what one of them changes the other one has as well.
"""

from __future__ import annotations

from cuddy.engine import sharing
from cuddy.engine.explain_facts import Facts, Row

TYPE_CHECKING = False
if TYPE_CHECKING:
    from collections.abc import Collection, Iterator

    from cuddy.engine.explain_facts import Task

KINDS = {
    "mount": "its own tree of mounts",
    "pid": "it sees and signals only its own processes",
    "network": "its own links, addresses, ports, firewall",
    "uts": "its own host name",
    "ipc": "its own System V memory and POSIX queues",
    "cgroup": "its own group is the top of /sys/fs/cgroup",
    "user": "its own ids: root in there is somebody else out here",
    "time": "its own offset of the clocks since boot",
}
SAME = {
    "mount": "the host's mounts",
    "pid": "the host's processes",
    "network": "the host's network",
    "uts": "the host's name",
    "ipc": "the host's memory and queues",
    "cgroup": "the host's view of all groups",
    "user": "the host's ids: root in there is root out here, with the powers listed below",
    "time": "the host's clocks",
}
MODES = {
    "network": "NetworkMode", "pid": "PidMode", "ipc": "IpcMode", "uts": "UTSMode",
    "cgroup": "CgroupnsMode", "user": "UsernsMode",
}  # fmt: skip
MOST_TASKS = 12
MOST_MOUNTS = 24
SHORT = 12


def namespaces(facts: Facts) -> list[Row]:
    """Each kind: its number on both sides, and whether it is shared."""
    rows = []
    for kind, number in facts.host.namespaces.items():
        peer = sharing.peer_of(facts.record["HostConfig"].get(MODES.get(kind, ""), "") or "")
        if facts.inside:
            inner = facts.inside.namespaces.get(kind, 0)
            is_own, shown = inner != number, str(inner)
        else:
            listed = {each["type"] for each in facts.config["linux"]["namespaces"]}
            is_own = kind in listed or bool(peer)
            shown = "a new one" if is_own and not peer else "the same"
            shown = f"that of {peer[:SHORT]}" if peer else shown
        words = f"shared with container {peer[:SHORT]}" if peer else KINDS[kind]
        note = f"own: {words}" if is_own and not peer else words
        rows.append(Row(kind, str(number), shown, note if is_own else f"shared: {SAME[kind]}"))
    return rows


def processes(facts: Facts) -> list[Row]:
    """What ps shows on both sides: one process has two numbers."""
    if not facts.inside:
        words = " ".join(facts.config["process"]["args"])
        return [Row("ps", f"{facts.host.processes} processes", "none: it does not run", words)]
    count, all_out_here = facts.inside.processes, f"{facts.host.processes} processes"
    rows = [
        Row(
            "ps",
            all_out_here,
            f"{count} process{'' if count == 1 else 'es'}",
            "the host sees those of the container among its own",
        )
    ]
    if facts.inside.namespaces.get("pid") == facts.host.namespaces.get("pid"):
        rows = [Row("ps", all_out_here, "the same", f"shared: {count} of them are its own")]
    rows += [task_row(task) for task in facts.tasks[:MOST_TASKS]]
    if (left := count - MOST_TASKS) > 0:
        rows.append(Row("", "", f"and {left} more"))
    return rows


def task_row(task: Task) -> Row:
    """One process from both sides."""
    outer, inner = (
        f"pid {pid}, uid {uid}"
        for pid, uid in ((task.pid, task.uid), (task.inner_pid, task.inner_uid))
    )
    return Row("process", outer, inner, task.command)


def names(facts: Facts) -> list[Row]:
    """hostname on both sides."""
    inner = facts.inside.hostname if facts.inside else facts.config.get("hostname", "")
    is_shared = not any(each["type"] == "uts" for each in facts.config["linux"]["namespaces"])
    note = "shared" if is_shared else "set by sethostname(2) in its own UTS namespace"
    return [Row("hostname", facts.host.hostname, inner or facts.host.hostname, note)]


def users(facts: Facts) -> list[Row]:
    """Who the first process is, and whose ids its are."""
    user = facts.config["process"]["user"]
    uid, gid = user.get("uid", 0), user.get("gid", 0)
    ranges = facts.id_map or planned_map(facts)
    outer = next((uid - first + out for first, out, n in ranges if first <= uid < first + n), uid)
    rows = [
        Row("runs as", f"uid {outer}", f"uid {uid}, gid {gid}", "how ps shows its owner"),
        Row(
            "set-uid programs",
            "make root of anybody",
            "powerless" if facts.config["process"].get("noNewPrivileges") else "as on the host",
            "no_new_privs" if facts.config["process"].get("noNewPrivileges") else "",
        ),
    ]
    if not is_identity(ranges):
        for first, out, size in ranges:
            last = "" if size == 1 else f"-{first + size - 1}"
            last_out = "" if size == 1 else f"-{out + size - 1}"
            note = "the same users under other numbers"
            rows.append(Row("ids", f"{out}{last_out}", f"{first}{last}", note))
    return rows


def planned_map(facts: Facts) -> tuple[tuple[int, int, int], ...]:
    """The ids of a container that does not run."""
    maps = facts.config["linux"].get("uidMappings", [])
    return tuple((each["containerID"], each["hostID"], each["size"]) for each in maps)


def is_identity(ranges: tuple[tuple[int, int, int], ...]) -> bool:
    """Whether all ids are the host's."""
    return all(first == out for first, out, _ in ranges)


def mounts(facts: Facts) -> list[Row]:
    """What is mounted: the count on both sides, then each mount of the container's."""
    if facts.inside:
        points = facts.inside.mounts
        note = "pivot_root(2) took the host's out of sight"
        rows = [Row("mounts", str(len(facts.host.mounts)), str(len(points)), note)]
        covered = {*facts.config["linux"].get("maskedPaths", [])}
        covered |= {*facts.config["linux"].get("readonlyPaths", [])}
        shown = [point for point in points if point.target not in covered]
        for point in shown[:MOST_MOUNTS]:
            outer = source_of(point.fstype, point.source, point.root)
            rows.append(Row(point.target, outer, point.fstype, point.options))
        if (left := len(shown) - MOST_MOUNTS) > 0:
            rows.append(Row("", "", f"and {left} more"))
        return rows
    planned = facts.config["mounts"]
    rows = [Row("mounts", str(len(facts.host.mounts)), str(len(planned) + 1), "its root, and:")]
    for entry in planned:
        kind, source = entry.get("type", ""), entry.get("source", "")
        options = ",".join(entry.get("options", []))
        rows.append(Row(entry["destination"], source_of(kind, source, "/"), kind, options))
    return rows


def source_of(fstype: str, source: str, root: str) -> str:
    """Where a mount's content is, seen from the host."""
    if fstype == "bind":
        return source
    if source.startswith("/"):
        return source if root == "/" else f"{root} of {source}"
    return "made for it"


def network(facts: Facts) -> list[Row]:
    """Links and addresses on both sides."""
    mode = facts.record["HostConfig"]["NetworkMode"]
    if mode == "host":
        return [Row("network", "all links", "the same", "shared: what listens in there is open")]
    outer = facts.host.links
    if not facts.inside:
        return [Row("network", count(outer), "does not run", f"it would be on: {mode}")]
    rows = [Row("links", count(outer), count(facts.inside.links), f"network: {mode}")]
    rows += inner_links(facts)
    for name, place in (facts.record["NetworkSettings"].get("Networks") or {}).items():
        if gateway := place.get("Gateway"):
            rows.append(Row("way out", f"{gateway} on a bridge", "default route", f"via {name}"))
    return rows


def inner_links(facts: Facts) -> Iterator[Row]:
    """Each link of the container's."""
    assert facts.inside
    for link in facts.inside.links:
        note = "only inside" if link.name == "lo" else "the other end is a link of the host's"
        note = note if link.kind in ("veth", "") else f"a link of kind {link.kind}"
        yield Row(link.name, "", ", ".join(link.addresses) or "no address", note)


def count(links: Collection[object]) -> str:
    """How many links."""
    return f"{len(links)} link{'' if len(links) == 1 else 's'}"
