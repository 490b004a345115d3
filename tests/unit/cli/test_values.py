"""Values are read by Docker's grammars, refusals are worded as docker's."""

from __future__ import annotations

from collections.abc import Callable
from typing import Any

import pytest
from hypothesis import given
from hypothesis import strategies as st

from cuddy.cli import values


@pytest.mark.parametrize(
    ("word", "bytes_"),
    [
        ("0", 0), ("42", 42), ("42b", 42), ("42B", 42), ("1k", 1024), ("1kb", 1024),
        ("1KiB", 1024), ("512m", 512 << 20), ("5 m", 5 << 20), ("5.5mb", 5767168),
        ("1g", 1 << 30), ("2T", 2 << 40), ("1p", 1 << 50), (".5g", 1 << 29), ("1.", 1),
    ],
)  # fmt: skip
def test_sizes(word: str, bytes_: int) -> None:
    assert values.size(word) == bytes_


@pytest.mark.parametrize(
    ("word", "message"),
    [
        ("", "invalid size: ''"), ("foo", "invalid size: 'foo'"), ("-1", "invalid size: '-1'"),
        ("5q", "invalid suffix: 'q'"), ("5mm", "invalid suffix: 'mm'"),
        ("5bb", "invalid suffix: 'bb'"),
        (".m", 'strconv.ParseFloat: parsing ".": invalid syntax'),
        ("1.2.3m", 'strconv.ParseFloat: parsing "1.2.3": invalid syntax'),
        ("1_0m", 'strconv.ParseFloat: parsing "1_0": invalid syntax'),
        ("9999999999p", "size out of range: '9999999999p'"),
        ("9" * 400, f"size out of range: '{'9' * 400}'"),
        ("9" * 400 + "m", f"size out of range: '{'9' * 400}m'"),
    ],
)  # fmt: skip
def test_what_is_no_size(word: str, message: str) -> None:
    with pytest.raises(ValueError) as caught:
        values.size(word)
    assert str(caught.value) == message


def test_minus_one_is_a_size_only_where_it_means_unlimited() -> None:
    assert values.size_or_unlimited("-1") == -1
    assert values.size_or_unlimited("1g") == 1 << 30


@pytest.mark.parametrize(
    ("word", "value"),
    [
        ("1.5", 1_500_000_000),
        ("2", 2 * 10**9),
        (".5", 5 * 10**8),
        ("0.000000001", 1),
        ("1.", 10**9),
    ],
)
def test_cpus(word: str, value: int) -> None:
    assert values.nano_cpus(word) == value


@pytest.mark.parametrize(
    ("word", "message"),
    [
        ("x", "failed to parse x as a rational number"),
        ("", "failed to parse  as a rational number"),
        ("-1", "failed to parse -1 as a rational number"),
        ("1.1234567891", "value is too precise"),
    ],
)
def test_what_is_no_number_of_cpus(word: str, message: str) -> None:
    with pytest.raises(ValueError) as caught:
        values.nano_cpus(word)
    assert str(caught.value) == message


@pytest.mark.parametrize(
    ("word", "value"), [("10", 10), ("-5", -5), ("+7", 7), ("0x10", 16), ("010", 8), ("0b11", 3)]
)
def test_integers_as_go_reads_them(word: str, value: int) -> None:
    assert values.integer(word) == value


@pytest.mark.parametrize("word", ["", "x", "1.0", " 1", "1 ", "--1", "08", "٣"])
def test_what_is_no_integer(word: str) -> None:
    with pytest.raises(ValueError, match="invalid syntax"):
        values.integer(word)


def test_an_integer_has_64_bits() -> None:
    with pytest.raises(ValueError, match='parsing "99999999999999999999": value out of range'):
        values.integer("99999999999999999999")


@pytest.mark.parametrize(
    ("word", "value"),
    [("nofile=5", "nofile=5:5"), ("nofile=5:9", "nofile=5:9"), ("core=-1", "core=-1:-1"),
     ("nofile=5:-1", "nofile=5:-1")],
)  # fmt: skip
def test_ulimits(word: str, value: str) -> None:
    assert values.ulimit(word) == value


@pytest.mark.parametrize(
    ("word", "message"),
    [
        ("foo", "invalid ulimit argument: foo"),
        ("foo=1", "invalid ulimit type: foo"),
        ("nofile=", 'strconv.ParseInt: parsing "": invalid syntax'),
        ("nofile=5:3", "ulimit soft limit must be less than or equal to hard limit: 5 > 3"),
        (
            "nofile=-1:3",
            "ulimit soft limit must be less than or equal to hard limit: "
            "soft: -1 (unlimited), hard: 3",
        ),
        (
            "nofile=1:2:3",
            "too many limit value arguments - 1:2:3, can only have up to two, `soft[:hard]`",
        ),
    ],
)
def test_what_is_no_ulimit(word: str, message: str) -> None:
    with pytest.raises(ValueError) as caught:
        values.ulimit(word)
    assert str(caught.value) == message


@pytest.mark.parametrize(
    ("parse", "word", "value"),
    [
        (values.extra_host, "a:1.2.3.4", "a:1.2.3.4"),
        (values.extra_host, "a=1.2.3.4", "a:1.2.3.4"),
        (values.extra_host, "a:[::1]", "a:::1"),
        (values.extra_host, "a:host-gateway", "a:host-gateway"),
        (values.address, "::1", "::1"),
        (values.domain, "example.com", "example.com"),
        (values.domain, ".", "."),
        (values.stream, "STDOUT", "stdout"),
        (values.variable, "A=", "A="),
        (values.label, "a.b/c", "a.b/c"),
        (values.filter_, "a=b=c", "a=b=c"),
    ],
)
def test_names_and_addresses(parse: Callable[[str], str], word: str, value: str) -> None:
    assert parse(word) == value


@pytest.mark.parametrize(
    ("parse", "word", "message"),
    [
        (values.extra_host, "foo", 'bad format for add-host: "foo"'),
        (values.extra_host, "a:b", 'invalid IP address in add-host: "b"'),
        (values.address, "x", "IP address is not correctly formatted: x"),
        (values.domain, "a b", "a b is not a valid domain"),
        (values.stream, "foo", "valid streams are STDIN, STDOUT and STDERR"),
        (values.variable, "=x", "invalid environment variable: =x"),
        (values.label, "", "invalid label '': empty name"),
        (values.filter_, "x", "bad format of filter (expected name=value)"),
    ],
)
def test_refusals_are_worded_as_dockers(
    parse: Callable[[str], Any], word: str, message: str
) -> None:
    with pytest.raises(ValueError) as caught:
        parse(word)
    assert str(caught.value) == message


PARSERS = (
    values.boolean, values.integer, values.size, values.size_or_unlimited, values.nano_cpus,
    values.variable, values.label, values.ulimit, values.address, values.extra_host, values.domain,
    values.stream, values.filter_,
)  # fmt: skip


@given(st.sampled_from(PARSERS), st.text())
def test_any_word_is_read_or_refused_with_a_value_error(
    parse: Callable[[str], object], word: str
) -> None:
    try:
        parse(word)
    except ValueError:
        pass
