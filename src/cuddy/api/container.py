"""One container: everything known of it, its processes and files, its name, its end."""

from __future__ import annotations

from cuddy.api import create_host, fields, piped
from cuddy.engine import containers, diff, endpoint, export, inspect, links, rename, rm, top, update
from cuddy.engine.options import UpdateOptions

TYPE_CHECKING = False
if TYPE_CHECKING:
    from typing import Any

    from cuddy.api.http import Call

KINDS = {"C": 0, "A": 1, "D": 2}
"""What became of a path, in Docker's numbers."""
SHORT_ID = 12


def inspect_(call: Call) -> None:
    """Everything known of it."""
    found = inspect.inspect_container(call.home, call.ref, size=call.flag("size"))
    if call.version < (1, 45):
        add_aliases(found)
    call.answer(found)


def add_aliases(found: dict[str, Any]) -> None:
    """Clients of before DNSNames look for a container's own names among its aliases."""
    own = [found["Id"][:SHORT_ID], found["Config"]["Hostname"]]
    for name, facts in found["NetworkSettings"]["Networks"].items():
        if name not in endpoint.BUILT_IN:
            facts["Aliases"] = list(dict.fromkeys([*(facts["Aliases"] or ()), *own]))


def top_(call: Call) -> None:
    """Its processes, as ps(1) shows them."""
    words = call.text("ps_args")
    found = top.top(call.home, call.ref, [words] if words else ())
    call.answer({"Titles": found.titles, "Processes": found.rows})


def changes(call: Call) -> None:
    """What it has changed of its image's files."""
    found = diff.diff(call.home, call.ref)
    call.answer(
        [{"Path": f"/{each.path.decode('utf-8', 'replace')}", "Kind": KINDS[each.letter]}
         for each in found]
    )  # fmt: skip


def export_(call: Call) -> None:
    """Its root as a tar, sent while it is written."""
    container_id = containers.find_id(call.home, call.ref)

    def write(fd: int) -> None:
        export.write(call.home, container_id, fd)

    piped.send(call, write, "application/octet-stream")


def rename_(call: Call) -> None:
    """Have it known by another name."""
    rename.rename(call.home, call.ref, call.text("name"))
    call.answer(status=204)


def remove(call: Call) -> None:
    """Away with it; or with `link`, only with what another container calls it."""
    if call.flag("link"):
        links.remove(call.home, call.ref)
    else:
        rm.rm(call.home, call.ref, force=call.flag("force"), volumes=call.flag("v"))
    call.answer(status=204)


def update_(call: Call) -> None:
    """Other limits, another restart policy; 0 and "" leave things as they are."""
    document = call.document()
    numbers: dict[str, Any] = {name: fields.number(document, create_host.NUMBERS[name])
               for name in UpdateOptions._fields if name in create_host.NUMBERS}  # fmt: skip
    policy = fields.mapping(document, "RestartPolicy")
    pids = fields.number_or_none(document, "PidsLimit")
    wanted = UpdateOptions(
        **numbers,
        cpuset_cpus=fields.text(document, "CpusetCpus"),
        cpuset_mems=fields.text(document, "CpusetMems"),
        pids_limit=-1 if pids == 0 else pids,
        restart=create_host.restart(policy) if fields.text(policy, "Name") else "",
    )
    call.answer({"Warnings": update.update(call.home, call.ref, wanted)})
