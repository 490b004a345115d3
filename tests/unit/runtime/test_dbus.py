"""Bytes of D-Bus: what the specification shows, what is wrong, and everything there and back."""

from __future__ import annotations

import string
from typing import Any

import pytest
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st

from cuddy.runtime import dbus, dbus_values

NUMBERS = {"y": (0, 255), "n": (-(1 << 15), (1 << 15) - 1), "q": (0, (1 << 16) - 1),
           "i": (-(1 << 31), (1 << 31) - 1), "u": (0, (1 << 32) - 1),
           "x": (-(1 << 63), (1 << 63) - 1), "t": (0, (1 << 64) - 1)}  # fmt: skip
TEXT = st.text(st.characters(blacklist_characters="\0", blacklist_categories=("Cs",)), max_size=9)


def basic() -> st.SearchStrategy[tuple[str, Any]]:
    numbers = [st.tuples(st.just(kind), st.integers(*bounds)) for kind, bounds in NUMBERS.items()]
    return st.one_of(
        *numbers, st.tuples(st.just("s"), TEXT), st.tuples(st.just("b"), st.booleans())
    )


def combine(inner: st.SearchStrategy[tuple[str, Any]]) -> st.SearchStrategy[tuple[str, Any]]:
    def structure(members: list[tuple[str, Any]]) -> tuple[str, Any]:
        return f"({''.join(kind for kind, _ in members)})", tuple(value for _, value in members)

    def repeated(pair: tuple[tuple[str, Any], int]) -> tuple[str, Any]:
        (kind, value), count = pair
        return f"a{kind}", [value] * count

    return st.one_of(
        st.lists(inner, min_size=1, max_size=3).map(structure),
        st.tuples(inner, st.integers(0, 3)).map(repeated),
        inner.map(lambda pair: ("v", pair)),
    )


VALUES = st.recursive(basic(), combine, max_leaves=6)


@settings(deadline=None, suppress_health_check=[HealthCheck.too_slow])
@given(st.lists(VALUES, max_size=4))
def test_what_is_sent_is_what_is_received(pairs: list[tuple[str, Any]]) -> None:
    signature, values = "".join(kind for kind, _ in pairs), [value for _, value in pairs]
    assert dbus_values.decode(signature, dbus_values.encode(signature, values)) == values


@given(st.text("abgsoviunqxtdhy(){}", max_size=12), st.binary(max_size=64))
def test_broken_values_are_an_error_and_nothing_else(signature: str, data: bytes) -> None:
    try:
        dbus_values.decode(signature, data)
    except ValueError:
        pass


@given(st.binary(max_size=96).map(lambda rest: b"l\2\0\1" + rest))
def test_broken_messages_are_an_error_and_nothing_else(data: bytes) -> None:
    try:
        dbus.parse(data)
    except ValueError:
        pass


def test_values_lie_where_the_specification_says() -> None:
    assert dbus_values.encode("as", [["foo"]]) == b"\x08\0\0\0\x03\0\0\0foo\0"
    assert dbus_values.encode("yt", [1, 2]) == b"\1" + bytes(7) + b"\2" + bytes(7)
    assert dbus_values.encode("at", [[]]) == bytes(8)
    assert dbus_values.encode("v", [("u", 5)]) == b"\1u\0\0\5\0\0\0"


def test_the_other_order_of_bytes_is_read_as_well() -> None:
    assert dbus_values.decode("us", b"\0\0\0\7\0\0\0\1x\0", ">") == [7, "x"]


@pytest.mark.parametrize(
    ("signature", "value"),
    [("u", -1), ("s", 5), ("y", 256), ("s", "a\0b"), ("(su)", ("x",)), ("z", 1), ("()", ())],
)
def test_what_cannot_be_sent_is_an_error(signature: str, value: Any) -> None:
    with pytest.raises(ValueError):
        dbus_values.encode(signature, [value])


def test_a_message_is_put_together_and_taken_apart() -> None:
    fields = {dbus.PATH: "/a", dbus.MEMBER: "Do", dbus.DESTINATION: "org.example"}
    data = dbus.compose(dbus.CALL, 7, fields, "su", "text", 9)
    assert len(data) - dbus.FIXED_BYTES == dbus.length_of(data[: dbus.FIXED_BYTES])
    message = dbus.parse(data)
    assert (message.kind, message.serial, message.body) == (dbus.CALL, 7, ["text", 9])
    assert message.fields == fields | {dbus.SIGNATURE: "su"}


@pytest.mark.parametrize(
    ("address", "path"),
    [
        ("unix:path=/run/dbus/system_bus_socket", "/run/dbus/system_bus_socket"),
        ("unix:guid=1,abstract=/tmp/x", "\0/tmp/x"),
        ("tcp:host=localhost,port=1;unix:path=/a%20b", "/a b"),
        ("unix:path=/a%zz", "/a%zz"),
        ("tcp:host=x", ""),
        ("", ""),
    ],
)
def test_addresses(address: str, path: str) -> None:
    assert dbus.socket_path(address) == path


@given(st.text(string.printable, max_size=40))
def test_no_address_is_more_than_wrong(address: str) -> None:
    dbus.socket_path(address)
