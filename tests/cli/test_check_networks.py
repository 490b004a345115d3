"""`system check --repair` of networks: each kind of stray is planted, told, and gone after it.

What belongs to another Home, or to nobody of ours, stays.
"""

from __future__ import annotations

import json
import socket
import subprocess
from collections.abc import Callable
from pathlib import Path
from typing import Any

import pytest

from console import ENGINE, Cuddy, bridge_of, is_alive, kill, monitor_of, wait_until
from leaks import nftables

pytestmark = pytest.mark.skipif(ENGINE != "cuddy", reason="it is about our own things")
SLEEP = ("alpine", "sleep", "1000")


def ip(*words: str) -> None:
    subprocess.run(["ip", *words], check=True)


def nft(script: str) -> None:
    subprocess.run(["nft", "-f", "-"], input=script, text=True, check=True)


def links() -> set[str]:
    return {name for _, name in socket.if_nameindex()}


def leases_of(cuddy: Cuddy, name: str = "bridge") -> Path:
    network_id = cuddy.ok("network", "inspect", "-f", "{{.Id}}", name)
    return cuddy.run_root / "networks" / f"{network_id}.json"


def change(path: Path, edit: Callable[[dict[str, Any]], object]) -> None:
    document = json.loads(path.read_text())
    edit(document)
    path.write_text(json.dumps(document))


def is_repaired(cuddy: Cuddy, *told: str) -> None:
    """It is told, without being touched; then repaired; then all is sound."""
    before = links(), set(nftables())
    result = cuddy("system", "check")
    assert result.err == ""
    assert [words for words in told if words not in result.out] == [], result.out
    assert (links(), set(nftables())) == before
    result = cuddy("system", "check", "--repair")
    assert (result.code, result.err) == (0, ""), result.out
    assert [words for words in told if words not in result.out] == [], result.out
    assert cuddy.ok("system", "check") == "sound"


@pytest.fixture
def box(fresh: Cuddy) -> Cuddy:
    """A Home of its own, with the running container `box`, which publishes port 8080."""
    fresh.ok("run", "-d", "--name", "box", "-p", "8080:80", *SLEEP)
    return fresh


def plant_links(box: Cuddy) -> list[str]:
    """Of a network that is gone, of containers that are gone."""
    found = box.ok("create", *SLEEP)
    ip("link", "add", "shopping", "type", "bridge")
    ip("link", "set", "shopping", "alias", f"cuddy {box.root}/networks")
    for name in (f"veth{found[:10]}0", "vethaaaaaaaaaa0"):
        ip("link", "add", name, "type", "veth", "peer", f"p{name[4:12]}")
        ip("link", "set", name, "master", bridge_of(box))
    return [
        "link shopping: its network is gone",
        f"link veth{found[:10]}0: its container is gone",
        "link vethaaaaaaaaaa0: its container is gone",
    ]


def plant_rules(box: Cuddy) -> list[str]:
    """About a link that is not there, and a port that leads to nobody."""
    nft("table inet cuddy { chain cud-0123-forward { drop\n }\n }")
    nft("table inet cuddy { map cud-0123-ports { type inet_service : ipv4_addr\n }\n }")
    nobody = box.field("box", "{{.NetworkSettings.Gateway}}").rpartition(".")[0] + ".200"
    nft(f"add element inet cuddy {bridge_of(box)}-ports {{ tcp . 9999 : {nobody} . 80 }}")
    return [
        "rules of cud-0123: there is no such link",
        f"port 9999/tcp: it leads to {nobody}, which nobody on bridge has",
    ]


def plant_half_a_connect(box: Cuddy) -> list[str]:
    """A lease and a link of a running container on a network that it is not on."""
    found = box.inspect("box")["Id"]
    lease = {"addresses": ["172.31.7.7"], "names": ["box"]}
    change(leases_of(box, "net"), lambda document: document["leases"].update({found: lease}))
    ip("link", "add", f"veth{found[:10]}1", "type", "veth", "peer", "far1")
    return [f"its link veth{found[:10]}1 leads to no network", "it has an address on network"]


def plant_files(box: Cuddy) -> list[str]:
    """Of a network that is gone, of a writer, a container and a resolver that were killed."""
    where = box.run_root / "networks"
    (where / f"{'e' * 64}.json").write_text('{"last": {}, "leases": {}}')
    (where / "x.json.999999999-5-abcdef.tmp").write_text("")
    lease = {"addresses": ["172.31.7.8"], "names": ["dead"]}
    change(leases_of(box), lambda document: document["leases"].update({"d" * 64: lease}))
    (box.run_root / "resolver.sock").touch()
    return [
        "resolver: it was killed (remove its socket)",
        f"who is on network {'e' * 12}: the network is gone",
        "networks/x.json.999999999-5-abcdef.tmp: its owner died over it",
        f"container {'d' * 12}: its monitor died",
    ]


def files_of(cuddy: Cuddy) -> dict[str, str]:
    return {path.name: path.read_text() for path in (cuddy.run_root / "networks").iterdir()}


def test_strays_are_told_and_removed_and_nothing_else(box: Cuddy) -> None:
    box.ok("network", "create", "net")
    box.ok("run", "--rm", "--network", "net", "alpine", "true")
    box.ok("run", "-d", "--network", "container:box", *SLEEP)
    wait_until(lambda: not (box.run_root / "resolver.sock").exists())
    before = links(), set(nftables())
    leases = {name: json.loads(text or "{}") for name, text in files_of(box).items()}
    told = [*plant_links(box), *plant_rules(box), *plant_half_a_connect(box), *plant_files(box)]
    is_repaired(box, *told)
    assert (links(), set(nftables())) == before
    assert {name: json.loads(text or "{}") for name, text in files_of(box).items()} == leases


def test_leases_that_nobody_can_read(box: Cuddy) -> None:
    held = json.loads(leases_of(box).read_text())["leases"]
    leases_of(box).write_text("{")
    is_repaired(box, "it cannot be read")
    assert json.loads(leases_of(box).read_text())["leases"] == held
    box.ok("rm", "-f", "box")
    assert json.loads(leases_of(box).read_text())["leases"] == {}


def test_what_belongs_to_others_stays(box: Cuddy, cuddy: Cuddy) -> None:
    cuddy.ok("network", "create", "theirs")
    cuddy.ok("run", "-d", "--name", "other", "-p", "8090:80", "--network", "theirs", *SLEEP)
    cuddy.ok("run", "-d", "-p", "8091:80", *SLEEP)
    ip("link", "add", "elsewhere", "type", "bridge")
    ip("link", "set", "elsewhere", "alias", "cuddy /some/where/networks")
    ip("link", "add", "vethbbbbbbbbbb0", "type", "veth", "peer", "far0")
    nft("table inet other { chain cud-0123-forward { drop\n }\n }")
    nft("table inet cuddy { chain elsewhere-forward { drop\n }\n chain strange { drop\n }\n }")
    before = links(), set(nftables())
    try:
        assert box.ok("system", "check", "--repair") == "sound"
        assert (links(), set(nftables())) == before
    finally:
        for name in ("elsewhere", "vethbbbbbbbbbb0"):
            ip("link", "delete", name)
        nft("delete table inet other\ndelete chain inet cuddy elsewhere-forward")
        nft("delete chain inet cuddy strange")


def test_after_a_killed_monitor_the_link_goes_though_somebody_is_in_the_namespace(
    box: Cuddy,
) -> None:
    """As with a shell that was left open in `nsenter`."""
    name = f"veth{box.inspect('box')['Id'][:10]}0"
    with subprocess.Popen(
        ["nsenter", f"--net=/proc/{box.pid('box')}/ns/net", "cat"], stdin=-1
    ) as shell:
        monitor = monitor_of(box, "box")
        wait_until(lambda: Path(f"/proc/{shell.pid}/comm").read_text() == "cat\n")
        kill(monitor)
        wait_until(lambda: not is_alive(monitor))
        box.ok("ps")
        assert name in links()
        is_repaired(box, f"link {name}: its container is gone")
        assert name not in links()
        shell.kill()
