"""The commands that make a container by hand, for machines that the tests do not run on."""

from __future__ import annotations

import subprocess
from typing import Any

import pytest

from cuddy.engine import explain_shell
from cuddy.engine.explain_facts import Facts, Side
from cuddy.engine.explain_ground import Ground, Wiring
from cuddy.engine.stats import Machine
from cuddy.kernel.cgroup_hierarchies import Hierarchies, Hierarchy

V2 = Hierarchies((Hierarchy(2, "/sys/fs/cgroup", ("cpu", "memory", "pids"), "/"),))


def script(
    hierarchies: Hierarchies, ground: Ground | None = None, *, env: tuple[str, ...] = ("A=x y",),
    cwd: str = "/", **linux: Any,
) -> str:  # fmt: skip
    record: Any = {"Name": "/one", "HostConfig": {"IDMappings": {}}}
    config: Any = {
        "root": {"path": "rootfs"},
        "process": {"args": ["echo", "a b; c"], "env": [*env], "cwd": cwd, "user": {"uid": 7}},
        "mounts": [],
        "linux": {
            "namespaces": [{"type": "mount"}, {"type": "network"}],
            "resources": {"memory": {"limit": 1 << 20}, "pids": {"limit": 9}},
        }
        | linux,
    }
    facts = Facts(record, config, Side(), hierarchies, Machine(1, 1, 1))
    return explain_shell.script(facts, ground or Ground(("/layers/a:b", "/layers/c")))


def test_version_2_gives_controllers_to_groups_below_and_has_no_file_for_devices() -> None:
    text = script(V2)
    enabling = "echo '+memory +pids' > /sys/fs/cgroup/cgroup.subtree_control"
    assert text.index(enabling) < text.index("mkdir /sys/fs/cgroup/$G")
    assert "echo 1048576 > /sys/fs/cgroup/$G/memory.max" in text
    assert "echo 9 > /sys/fs/cgroup/$G/pids.max" in text
    assert "devices.allow" not in text
    assert "on version 2 that is a BPF program" in text
    assert "rmdir /sys/fs/cgroup/$G" in text


def test_words_of_others_stay_words() -> None:
    text = script(V2)
    assert """export '"'"'A=x y'"'"' &&""" in text
    assert "echo 'a b; c'" in text
    assert "--reuid=7" in text
    assert r"lowerdir=/layers/a\:b:/layers/c" in text


def test_variables_of_an_image_reach_no_program_of_the_hosts() -> None:
    text = script(V2, env=("LD_PRELOAD=/layers/c/evil.so", "-Sevil x=", "evil", "UID=1", "a.b=1"))
    assert text.index("read go <&9; cd") < text.index("export LD_PRELOAD=/layers/c/evil.so && exec")
    assert text.count("evil") == 1
    assert "UID=1" not in text
    assert "names that a shell does not take" in text


def test_what_a_terminal_would_obey_is_spelt() -> None:
    value = "A=\x1b[201~\x15evil\r\t\x9b\u202e\udcff$(evil)'\n b"
    text = script(V2, env=(value,))
    assert text.replace("\n", "").isprintable()
    said = subprocess.run(
        ["sh", "-c", f"printf %s {explain_shell.quote(value)}"], stdout=subprocess.PIPE, check=True
    )
    assert said.stdout == value.encode(errors="surrogateescape")


def test_no_path_of_an_image_leads_out_of_its_root() -> None:
    assert 'inside mkdir -p "$R"/tmp/x\n' in script(V2, cwd="/a/../../../tmp/x")


def test_somebody_elses_namespace_is_entered_and_not_made() -> None:
    others = [{"type": "mount"}, {"type": "network", "path": "/proc/9/ns/net"}]
    text = script(V2, namespaces=others)
    assert "nsenter --net=/proc/9/ns/net unshare --fork --kill-child --mount setpriv" in text
    assert "ip link" not in text


@pytest.mark.parametrize("is_there", [True, False])
def test_a_switch_is_made_where_there_is_none(is_there: bool) -> None:
    wiring = Wiring("bridge", "cuddy0", is_there, "10.1.0.9/24", "10.1.0.1/24", leads_out=False)
    text = script(V2, Ground((), wiring=wiring))
    assert ("ip link add cuddy0 type bridge" in text) is not is_there
    assert ("ip link del cuddy0" in text) is not is_there
    assert "inside ip address add 10.1.0.9/24 dev eth0" in text
    assert "route add default" not in text
