"""--publish and --expose, as docker reads them."""

from __future__ import annotations

import pytest

from cuddy.errors import InvalidArgument
from cuddy.network import ports
from cuddy.network.ports import Binding, Port


@pytest.mark.parametrize(
    ("text", "expected"),
    [
        ("80", [Binding(Port(80))]),
        (":80", [Binding(Port(80))]),
        ("0:80", [Binding(Port(80))]),
        ("8080:80", [Binding(Port(80), "", 8080, 8080)]),
        ("8080:80/UDP", [Binding(Port(80, "udp"), "", 8080, 8080)]),
        ("127.0.0.1:8080:80", [Binding(Port(80), "127.0.0.1", 8080, 8080)]),
        ("127.0.0.1::80", [Binding(Port(80), "127.0.0.1")]),
        ("0.0.0.0:8080:80", [Binding(Port(80), "0.0.0.0", 8080, 8080)]),
        ("[::1]:8080:80", [Binding(Port(80), "::1", 8080, 8080)]),
        ("[0::1]::80", [Binding(Port(80), "::1")]),
        ("::1:8080:80", [Binding(Port(80), "::1", 8080, 8080)]),
        ("[::]:8080:80/udp", [Binding(Port(80, "udp"), "::", 8080, 8080)]),
        ("80-81", [Binding(Port(80)), Binding(Port(81))]),
        ("90-91:80-81", [Binding(Port(80), "", 90, 90), Binding(Port(81), "", 91, 91)]),
        ("90-99:80", [Binding(Port(80), "", 90, 99)]),
        ("published=8080,target=80,protocol=udp", [Binding(Port(80, "udp"), "", 8080, 8080)]),
        ("target=80", [Binding(Port(80))]),
    ],
)
def test_what_is_published_where(text: str, expected: list[Binding]) -> None:
    found = ports.parse_publish(text)
    assert found == expected
    assert ports.read_bindings(ports.bindings_document(found)) == expected


@pytest.mark.parametrize(
    ("text", "message"),
    [
        ("", "no port specified: <empty>"),
        ("80:", "no port specified: 80:"),
        ("abc:80", "invalid hostPort: abc"),
        ("80:abc", "invalid containerPort: abc"),
        ("70000:80", "invalid hostPort: 70000"),
        ("80:٣", "invalid containerPort: ٣"),
        ("90-80:80", "invalid hostPort: 90-80"),
        ("1-2:3-5", "invalid ranges specified for container and host Ports: 3-5 and 1-2"),
        ("80:80/foo", "invalid proto: foo"),
        ("1.2.3:80:80", "invalid IP address: 1.2.3"),
        ("host:80:80", "invalid IP address: host"),
        ("1:2:3:4", "invalid IP address: 1:2"),
        ("[::1:80:80", "invalid IP address: [::1"),
        ("[::g]:80:80", "invalid IP address: [::g]"),
        ("mode=host,target=80", "invalid publish opts format: mode=host"),
    ],
)
def test_what_makes_no_sense_is_refused_in_dockers_words(text: str, message: str) -> None:
    with pytest.raises(InvalidArgument) as raised:
        ports.parse_publish(text)
    assert raised.value.message == message


def test_exposed_ports() -> None:
    assert ports.parse_expose("80") == [Port(80)]
    assert ports.parse_expose("80-81/udp") == [Port(80, "udp"), Port(81, "udp")]
    for text in ("abc", "80-", "90-80", "1:2", ""):
        with pytest.raises(InvalidArgument, match="for --expose"):
            ports.parse_expose(text)
    with pytest.raises(InvalidArgument, match="invalid proto: x"):
        ports.parse_expose("80/x")


def test_documents_say_ranges_and_free_choice() -> None:
    wishes = [*ports.parse_publish("90-99:80"), *ports.parse_publish("127.0.0.1::81")]
    assert ports.bindings_document(wishes) == {
        "80/tcp": [{"HostIp": "", "HostPort": "90-99"}],
        "81/tcp": [{"HostIp": "127.0.0.1", "HostPort": ""}],
    }
