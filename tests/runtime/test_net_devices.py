"""Links of the host's that a container gets: linux.netDevices."""

from __future__ import annotations

import subprocess
from collections.abc import Iterator

import pytest

from bundles import Bundle, Runtime
from cuddy.kernel import netlink, rtnetlink


def ip(*words: str) -> str:
    done = subprocess.run(["ip", *words], check=True, capture_output=True, text=True)
    return done.stdout


@pytest.fixture
def link(runtime: Runtime) -> Iterator[str]:
    """One end of a pair of links; made after the runtime, gone before its containers are."""
    ip("link", "add", "moves0", "type", "veth", "peer", "name", "stays0")
    ip("link", "set", "moves0", "mtu", "1400", "address", "02:00:00:00:00:77")
    ip("address", "add", "192.0.2.77/24", "dev", "moves0")
    ip("address", "add", "127.0.0.77/8", "scope", "host", "dev", "moves0")
    yield "moves0"
    ip("link", "del", "stays0")


@pytest.fixture
def watched(bundle: Bundle) -> Bundle:
    """A bundle whose program tells what links it has."""
    (bundle.rootfs / "bin/ip").symlink_to("busybox")
    return bundle.script("ip address; sleep 1000")


@pytest.mark.usefixtures("link")
class TestMoved:
    @pytest.mark.parametrize("name", ["moves0", "eth7"])
    def test_it_keeps_what_it_was(self, runtime: Runtime, watched: Bundle, name: str) -> None:
        watched.linux["netDevices"] = {"moves0": {"name": name} if name != "moves0" else {}}
        runtime.started(watched)
        out = runtime.ok("exec", "box", "ip", "address", "show", "dev", name)
        assert "192.0.2.77/24" in out
        assert "127.0.0.77" not in out
        assert "mtu 1400" in out
        assert "02:00:00:00:00:77" in out
        assert "UP" in out
        with netlink.open() as socket:
            assert not rtnetlink.find_link(socket, "moves0")

    def test_into_a_user_namespaces_network(self, runtime: Runtime, watched: Bundle) -> None:
        ranges = [{"containerID": 0, "hostID": 0, "size": 65536}]
        watched.namespace("user")
        watched.linux.update(uidMappings=ranges, gidMappings=ranges)
        watched.linux["netDevices"] = {"moves0": {}}
        runtime.started(watched)
        assert "192.0.2.77/24" in runtime.ok("exec", "box", "ip", "address")


class TestRefused:
    @pytest.mark.parametrize(
        ("devices", "words"),
        [
            ({"missing0": {}}, "no such device"),
            ({"a/b": {}}, "no name of a link"),
            ({"moves0": {"name": "x" * 16}}, "no name of a link"),
            ({"moves0": {"name": "eth%d"}}, "no name of a link"),
            ({"one0": {"name": "x"}, "two0": {"name": "x"}}, "twice"),
        ],
    )
    def test_what_cannot_be(
        self, runtime: Runtime, bundle: Bundle, devices: dict[str, object], words: str
    ) -> None:
        bundle.linux["netDevices"] = devices
        result = runtime.create(bundle)
        assert result.code != 0
        assert words in result.err
        assert not list(runtime.directory.glob("state/*"))

    def test_without_a_network_of_its_own(self, runtime: Runtime, bundle: Bundle) -> None:
        bundle.namespace("network", None)
        bundle.linux["netDevices"] = {"lo": {}}
        result = runtime.create(bundle)
        assert result.code != 0
        assert "network namespace" in result.err
