"""Driver options of a container's link, by Docker's rules and the kernel's."""

from __future__ import annotations

import pytest

from cuddy.engine import link_options, network_options
from cuddy.engine.endpoint import EndpointConfig, EndpointWish
from cuddy.engine.options import ContainerOptions
from cuddy.errors import Conflict, InvalidArgument

MARTIANS = "net.ipv4.conf.IFNAME.log_martians=1"


def named(name: str) -> EndpointConfig:
    return {"DriverOpts": {link_options.NAME: name}}


def with_sysctls(text: str) -> EndpointConfig:
    return {"DriverOpts": {link_options.SYSCTLS: text}}


@pytest.mark.parametrize("name", ["up", "eth9", "lan.100", "a" * 15])
def test_names_of_links(name: str) -> None:
    assert link_options.name_of(named(name)) == name


@pytest.mark.parametrize(
    "name",
    ["", "lo", "all", "..", "a/b", "a b", "a:1", "eth%d", "a" * 16, "a\n", "\u00e9" * 8],
)
def test_what_no_link_is_called(name: str) -> None:
    with pytest.raises(InvalidArgument, match="invalid name of a link"):
        link_options.check(named(name))


@pytest.mark.parametrize(
    "name", ["com.docker.network.nonsense", "com.docker.network.endpoint.nonsense"]
)
def test_unknown_options_are_refused(name: str) -> None:
    with pytest.raises(InvalidArgument, match=f"unknown driver option '{name}'"):
        link_options.check({"DriverOpts": {name: "b"}})


def test_options_under_other_peoples_names_mean_nothing() -> None:
    link_options.check({"DriverOpts": {"org.example.colour": "blue", "key": "value"}})


def test_settings_of_a_link() -> None:
    text = f"{MARTIANS}, net.ipv6.neigh.ifname.retrans_time_ms=2=3"
    assert link_options.sysctls_of(with_sysctls(text)) == (
        ("net/ipv4/conf/{}/log_martians", "1"),
        ("net/ipv6/neigh/{}/retrans_time_ms", "2=3"),
    )


@pytest.mark.parametrize(
    "text",
    [
        "net.ipv4.conf.eth0.log_martians=1",
        "net.core.conf.IFNAME.x=1",
        "net.ipv4.conf.IFNAME=1",
        "kernel.ipv4.conf.IFNAME.x=1",
        "net.ipv4.conf.IFNAME.x.y=1",
        "net.ipv4..IFNAME.x=1",
        ",",
    ],
)
def test_settings_of_something_else(text: str) -> None:
    with pytest.raises(InvalidArgument, match="unrecognised network interface sysctl"):
        link_options.check(with_sysctls(text))


@pytest.mark.parametrize(
    "text", ["net.ipv4.conf.IFNAME.x", "net.ipv4.{}.IFNAME.x=1", "net.ipv4./.IFNAME.x=1"]
)
def test_settings_that_are_no_path(text: str) -> None:
    with pytest.raises(InvalidArgument, match="invalid sysctl"):
        link_options.check(with_sysctls(text))


def test_two_links_of_one_name() -> None:
    with pytest.raises(Conflict, match="the name up"):
        link_options.check_names([named("up"), {}, named("up")])
    with pytest.raises(Conflict, match="the name up"):
        link_options.check_names([named("up")], ["up"])


def test_links_that_nobody_named_keep_out_of_the_way() -> None:
    configs: dict[str, EndpointConfig] = {"a": {}, "b": named("eth0"), "c": {}}
    assert link_options.free_name("eth0", 0, configs) == "eth3"
    assert link_options.free_name("eth2", 2, configs) == "eth2"


def test_sysctl_of_eth0_is_one_of_the_first_link() -> None:
    options = ContainerOptions(
        "alpine",
        network="a",
        endpoints=(EndpointWish("a", with_sysctls(MARTIANS)), EndpointWish("b")),
        sysctls=("net.ipv4.conf.eth0.forwarding=0", "net.ipv4.ip_forward=1"),
    )
    assert network_options.wish_of(options, "a")["DriverOpts"] == {
        link_options.SYSCTLS: f"{MARTIANS},net.ipv4.conf.IFNAME.forwarding=0"
    }


@pytest.mark.parametrize(
    ("network", "link"), [("a", "eth1"), ("none", "eth0"), ("container:x", "eth0")]
)
def test_sysctl_of_a_link_that_nobody_can_name(network: str, link: str) -> None:
    options = ContainerOptions(
        "alpine", network=network, sysctls=(f"net.ipv4.conf.{link}.log_martians=1",)
    )
    with pytest.raises(InvalidArgument, match="unable to determine network endpoint for sysctl"):
        link_options.check_sysctls(options)
