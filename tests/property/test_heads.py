"""A head that is read here means to h11 exactly the same, whatever its bytes."""

from __future__ import annotations

import h11
from hypothesis import example, given, settings
from hypothesis import strategies as st

from cuddy.api import heads

HEAD = b"GET / HTTP/1.1\r\nHost: a\r\n"
NAMES = ("Host", "host", "Accept", "X-A", "Connection", "Content-Length", "Transfer-Encoding",
         "Expect", "Upgrade", "TE", "Trailer", "Keep-Alive", "a_b", "content-length ")  # fmt: skip
VALUES = ("a", "keep-alive", "Keep-Alive", "close", "0", "5", "chunked", "100-continue", "a  b",
          " ", "", "a ", "\ta", "\x0b", "\x85", "é")  # fmt: skip
SEPARATORS = (": ", ": ", ": ", ":", ":  ", ":\t", " : ")
ENDS = ("\r\n", "\r\n", "\r\n", "\n", "\r", "\r\n ", "\r\n\t")
lines = st.tuples(*map(st.sampled_from, (NAMES, SEPARATORS, VALUES, ENDS))).map("".join)
odd = st.binary(max_size=20).map(lambda data: data.decode("latin-1"))


@st.composite
def nearly_usual(draw: st.DrawFn) -> bytes:
    """A head that a client might send, or one beside it."""
    method = draw(st.sampled_from(("GET", "HEAD", "GET", "POST", "get", "CONNECT")))
    target = draw(st.sampled_from(("/_ping", "/", "/a?b=c%20", "http://a/b", "*", "/\x7f", "/a b")))
    version = draw(st.sampled_from(("HTTP/1.1",) * 3 + ("HTTP/1.0", "HTTP/2.0", "HTTP/1.1 ")))
    headers = draw(st.lists(st.one_of(lines, odd), max_size=5))
    beyond = draw(st.one_of(st.just(""), odd))
    host = "" if draw(st.booleans()) else "Host: a\r\n"
    text = f"{method} {target} {version}\r\n{host}{''.join(headers)}\r\n{beyond}"
    return text.encode("latin-1")


def check(data: bytes) -> None:
    """What is read here, h11 reads to the same end."""
    found = heads.read_usual(data)
    if not found:
        return
    http = h11.Connection(h11.SERVER)
    http.receive_data(data)
    request = http.next_event()
    assert isinstance(request, h11.Request)
    assert heads.from_h11(request) == found
    assert len(request.headers) == len(found.headers)
    assert not http.they_are_waiting_for_100_continue
    assert isinstance(http.next_event(), h11.EndOfMessage)
    assert http.their_state is h11.DONE  # neither the end of the connection nor another protocol
    assert not http.trailing_data[0]


@settings(max_examples=300, deadline=None)
@given(nearly_usual())
@example(HEAD + b"Connection: keep-alive\r\n\r\n")
def test_every_usual_head_is_the_same_to_h11(data: bytes) -> None:
    check(data)


@settings(max_examples=200, deadline=None)
@given(st.binary(max_size=60))
def test_nor_do_bytes_of_any_kind_make_a_difference(data: bytes) -> None:
    for whole in (
        data,
        HEAD + data,
        HEAD + data + b"\r\n\r\n",
        b"GET /" + data + HEAD[5:] + b"\r\n",
    ):
        check(whole)


def test_what_clients_send_is_usual() -> None:
    for client in (
        b"Host: docker\r\nUser-Agent: Docker-Client/20.10.24+dfsg1 (linux)\r\n",
        b"Host: localhost\r\nUser-Agent: docker-sdk-python/7.1.0\r\n"
        b"Accept-Encoding: gzip, deflate\r\nAccept: */*\r\nConnection: keep-alive\r\n",
        b"Host: api.moby.localhost\r\nUser-Agent: curl/8.0\r\nAccept: */*\r\n",
    ):
        assert heads.read_usual(b"GET /v1.45/info HTTP/1.1\r\n" + client + b"\r\n"), client


def test_what_says_how_it_goes_on_is_not() -> None:
    for line in (
        b"Content-Length: 0", b"Transfer-Encoding: chunked", b"Connection: close", b"Host: b",
        b"Connection: Upgrade", b"Connection: keep-alive, close", b"Expect: 100-continue",
        b"X: ", b"X : a", b"X:a", b" X: a", b"X: a ", b"X: \xff", b"X: a\nb", b"X: a\r\n b",
    ):  # fmt: skip
        assert not heads.read_usual(HEAD + line + b"\r\n\r\n"), line
    for data in (HEAD, HEAD + b"\r", HEAD + b"\r\n ", HEAD + b"\r\n" + HEAD + b"\r\n", b"\r\n"):
        assert not heads.read_usual(data)
    assert heads.read_usual(HEAD + b"\r\n")
