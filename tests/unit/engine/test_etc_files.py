"""/etc/hosts of a container, and the other files about its networks."""

from __future__ import annotations

from pathlib import Path
from typing import Any

import pytest

from cuddy.engine import connection, etc_files
from cuddy.engine.connection import Connection, Place
from cuddy.network.endpoint import Endpoint
from cuddy.network.ipam import Pool
from cuddy.network.network import Network

ENDPOINT = Endpoint("bridge", "172.17.0.2", 16, "172.17.0.1", "02:42:ac:11:00:02", "veth0")
NETWORK = Network("0" * 64, "bridge", "bridge", "cuddy0", (Pool("172.17.0.0/16", "172.17.0.1"),))
CONNECTED = Connection((Place(NETWORK, ENDPOINT, {}, "1" * 64),))


def container(mode: str = "bridge", domain: str = "", extra: tuple[str, ...] = ()) -> Any:
    return {
        "Config": {"Hostname": "box", "Domainname": domain},
        "HostConfig": {"NetworkMode": mode, "ExtraHosts": list(extra)},
    }


def hosts_text(record: Any, connected: Connection) -> str:
    found = [place.endpoint for place in connected.places]
    host = connection.host_address(connected.places)
    return etc_files.hosts_text(record, found, host=host)


class TestHosts:
    def test_a_container_knows_itself_by_its_address(self) -> None:
        text = hosts_text(container(), CONNECTED)
        assert text.splitlines()[0] == "127.0.0.1\tlocalhost"
        assert text.splitlines()[-1] == "172.17.0.2\tbox"

    def test_with_a_domain_the_whole_name_comes_first(self) -> None:
        text = hosts_text(container(domain="example.org"), CONNECTED)
        assert text.endswith("172.17.0.2\tbox.example.org box\n")

    def test_without_an_address_it_has_no_line_of_its_own(self) -> None:
        assert "box" not in hosts_text(container("none"), Connection())

    def test_extra_hosts_and_the_bridge_as_the_way_to_the_host(self) -> None:
        given = container(extra=("db:10.0.0.5", "up:host-gateway", "six:[::1]"))
        lines = hosts_text(given, CONNECTED).splitlines()
        assert {"10.0.0.5\tdb", "172.17.0.1\tup", "::1\tsix"} <= set(lines)

    @pytest.mark.parametrize("mode", ["host", "none"])
    def test_without_a_network_of_its_own_the_host_is_the_machine_itself(self, mode: str) -> None:
        text = hosts_text(container(mode, extra=("up:host-gateway",)), Connection())
        assert "127.0.0.1\tup" in text.splitlines()

    def test_on_the_hosts_network_it_is_the_hosts_own(self) -> None:
        text = hosts_text(container("host", extra=("db:10.0.0.5",)), Connection())
        own = etc_files.read_text("/etc/hosts").rstrip("\n")
        assert text.startswith(f"{own}\n10.0.0.5\tdb\n")

    @pytest.mark.parametrize(
        ("mode", "connected", "address"),
        [("bridge", CONNECTED, "172.17.0.1"), ("host", Connection(), "127.0.0.1")],
    )
    def test_the_host_has_names(self, mode: str, connected: Connection, address: str) -> None:
        lines = hosts_text(container(mode), connected).splitlines()
        assert f"{address}\thost.docker.internal" in lines
        assert f"{address}\thost.containers.internal" in lines

    def test_where_the_host_cannot_be_reached_it_has_no_names(self) -> None:
        place = CONNECTED.places[0]
        beside = Connection((place._replace(network=NETWORK._replace(driver="macvlan")),))
        for text in (
            hosts_text(container("none"), Connection()),
            hosts_text(container(), beside),
        ):
            assert "internal" not in text

    @pytest.mark.parametrize("mode", ["bridge", "host"])
    def test_the_users_word_for_a_name_of_the_host_wins(self, mode: str) -> None:
        given = container(mode, extra=("Host.Docker.internal:10.0.0.5",))
        text = hosts_text(given, CONNECTED if mode == "bridge" else Connection())
        assert [line for line in text.splitlines() if "docker" in line.lower()] == [
            "10.0.0.5\tHost.Docker.internal"
        ]


class TestFiles:
    def test_a_file_that_is_not_there_is_empty(self, tmp_path: Path) -> None:
        assert etc_files.read_text(f"{tmp_path}/none") == ""

    def test_overwriting_keeps_the_file_that_is_bound_into_the_root(self, tmp_path: Path) -> None:
        path = tmp_path / "hosts"
        path.write_text("something longer than what follows")
        before = path.stat().st_ino
        etc_files.overwrite(str(path), "short\n")
        assert (path.stat().st_ino, path.read_text()) == (before, "short\n")

    def test_overwriting_follows_no_link(self, tmp_path: Path) -> None:
        (tmp_path / "target").write_text("kept")
        (tmp_path / "link").symlink_to("target")
        with pytest.raises(OSError):
            etc_files.overwrite(f"{tmp_path}/link", "x")
        assert (tmp_path / "target").read_text() == "kept"
