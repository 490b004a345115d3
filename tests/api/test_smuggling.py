"""Requests whose end one may see here and another there: what stands between a client and us, and
lets only some requests pass, must not be led past.
"""

from __future__ import annotations

import re

import pytest

from engine_api import Api

HEAD = b"Host: engine\r\n"
PING = b"GET /_ping HTTP/1.1\r\n" + HEAD + b"\r\n"
HIDDEN = b"GET /hidden HTTP/1.1\r\n" + HEAD + b"\r\n"
"""A request that nobody may take for one: it would be answered with 404."""
CHUNKED = b"Transfer-Encoding: chunked\r\n"
TYPE = b"Content-Type: application/json\r\n"


def statuses(answer: bytes) -> list[int]:
    """The status of each answer."""
    return [int(found) for found in re.findall(rb"HTTP/1\.1 (\d+) ", answer)]


def post(headers: bytes, body: bytes = b"", version: bytes = b"1.1") -> bytes:
    return b"POST /auth HTTP/" + version + b"\r\n" + HEAD + TYPE + headers + b"\r\n" + body


@pytest.mark.parametrize(
    "headers",
    [
        CHUNKED + b"Content-Length: 4\r\n",
        b"Content-Length: 4\r\n" + CHUNKED,
        b"Content-Length: 4\r\nContent-Length: 5\r\n",
        b"Content-Length: 4, 5\r\n",
        b"Content-Length: +4\r\n",
        b"Content-Length: -1\r\n",
        b"Content-Length: 0x4\r\n",
        b"Content-Length: 4 4\r\n",
        b"Content-Length: \r\n",
        b"Content-Length: 4;\r\n",
        b"Content-Length: 1e1\r\n",
        b"Content-Length: 99999999999999999999999999999\r\n",
        b"Content-Length: \xb2\r\n",
        b"Content-Length\x00: 4\r\n",
        b"Content-Length : 4\r\n",
        CHUNKED + CHUNKED,
        b"Transfer-Encoding: chunked, chunked\r\n",
        b"Transfer-Encoding: identity\r\n",
        b"Transfer-Encoding: gzip, chunked\r\n",
        b"Transfer-Encoding: xchunked\r\n",
        b"Transfer-Encoding: \x0bchunked\r\n",
        b"Transfer-Encoding: chunked\x00\r\n",
        b'Transfer-Encoding: "chunked"\r\n',
        b"Transfer-Encoding : chunked\r\n",
        b"X: 1\rTransfer-Encoding: chunked\r\n",
        b"Host: other\r\n",
        b"no colon\r\n",
    ],
)
def test_a_body_without_one_clear_end_is_refused_and_all_after_it(api: Api, headers: bytes) -> None:
    for body in (b"0\r\n\r\n", b"null", b""):
        assert statuses(api.say(post(headers, body) + HIDDEN)) == [400]


def test_the_older_protocol_has_no_chunks(api: Api) -> None:
    assert statuses(api.say(post(CHUNKED, b"0\r\n\r\n", b"1.0") + HIDDEN)) == [400]


@pytest.mark.parametrize(
    "body",
    [
        b"0x4\r\nnull\r\n0\r\n\r\n",
        b"+4\r\nnull\r\n0\r\n\r\n",
        b"-4\r\nnull\r\n0\r\n\r\n",
        b"4 4\r\nnull\r\n0\r\n\r\n",
        b"\r\n4\r\nnull\r\n0\r\n\r\n",
        b"4\r\nnullnull\r\n0\r\n\r\n",
        b"4\r\nnullX\n0\r\n\r\n",
        b"4\r\nnull0\r\n\r\n",
        b"4" + b"0" * 25 + b"\r\nnull\r\n0\r\n\r\n",
        b"4;" + b"x" * 600_000 + b"\r\nnull\r\n0\r\n\r\n",
        b"4\r\nnull\r\n0\r\nno trailer\r\n\r\n",
    ],
)
def test_chunks_that_are_none_are_refused_and_all_after_them(api: Api, body: bytes) -> None:
    assert statuses(api.say(post(CHUNKED, body) + HIDDEN)) in ([400], [431])


@pytest.mark.parametrize(
    "line",
    [
        b"GET /_ping",
        b"GET  /_ping HTTP/1.1",
        b"GET /_ping HTTP/1.1 ",
        b"GET /_ping HTTP/11",
        b"GET /_ping HTTP/1.1\x00",
        b"GET /_ping\x00 HTTP/1.1",
        b"GET /_ping HTTP/x.y",
        b"G(T /_ping HTTP/1.1",
        b"get\x01 /_ping HTTP/1.1",
        b"\x00",
        b"PRI * HTTP/2.0",
        b"GET /_ping HTTP/0.9",
        b"GET /_ping ICY/1.1",
    ],
)
def test_a_first_line_that_is_none_is_refused(api: Api, line: bytes) -> None:
    assert statuses(api.say(line + b"\r\n" + HEAD + b"\r\n" + HIDDEN)) == [400]


def test_requests_may_come_together_and_are_answered_in_turn(api: Api) -> None:
    missing = b"GET /nosuch HTTP/1.1\r\n" + HEAD + b"\r\n"
    assert statuses(api.say(PING * 30 + missing + PING)) == [*([200] * 30), 404, 200]


@pytest.mark.parametrize("method", [b"GET", b"HEAD", b"POST", b"DELETE", b"OPTIONS", b"TRACE"])
def test_a_body_is_no_request_whoever_has_it(api: Api, method: bytes) -> None:
    body = HIDDEN.replace(b"hidden", b"_ping")
    first = method + b" /nosuch HTTP/1.1\r\n" + HEAD
    whole = first + b"Content-Length: %d\r\n\r\n" % len(body) + body
    chunked = first + CHUNKED + b"\r\n%x;ext=1\r\n" % len(body) + body + b"\r\n0\r\nX: 1\r\n\r\n"
    assert statuses(api.say(whole + chunked + PING)) == [404, 404, 200]


def test_nothing_is_answered_after_the_last_request(api: Api) -> None:
    last = b"GET /_ping HTTP/1.1\r\n" + HEAD + b"Connection: close\r\n\r\n"
    assert statuses(api.say(last + HIDDEN)) == [200]
    assert statuses(api.say(PING.replace(b"1.1", b"1.0") + HIDDEN)) == [200]


def test_what_is_not_taken_for_another_protocol_stays_a_request(api: Api) -> None:
    """`Upgrade` alone changes nothing: what follows is a request, or nothing at all."""
    asked = b"GET /nosuch HTTP/1.1\r\n" + HEAD + b"Connection: Upgrade\r\nUpgrade: h2c\r\n\r\n"
    assert statuses(api.say(asked + PING)) in ([404, 200], [404])
    assert statuses(api.say(b"CONNECT engine:80 HTTP/1.1\r\n" + HEAD + b"\r\n" + PING))[0] in (
        301, 404,
    )  # fmt: skip
