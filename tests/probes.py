"""Requests to the API that are wrong in one place: every field of every body, every parameter,
filter, name, header and archive, with every odd value there is for it.
"""

from __future__ import annotations

import json
import random
from base64 import b64encode, urlsafe_b64encode
from collections.abc import Iterable, Iterator
from itertools import chain
from typing import Any, NamedTuple
from urllib.parse import quote, quote_from_bytes

import images
import openapi

JSON = b"Content-Type: application/json\r\n"
TAR = b"Content-Type: application/x-tar\r\n"
AWAY = "127.0.0.1:1/x"
"""An image of a registry that is not there."""
DEEP = 900
"""Documents in documents that a reader of JSON still takes."""

WORDS = [
    "", " ", "a", "0", "1", "-1", "true", "none", "host", "box", "container:", "container:box",
    "container:nosuch", "default", "bridge", "\0", "a\0b", "é", "\U0001f600",
    "\N{ARABIC-INDIC DIGIT THREE}",
    "²", "..", ".", "/", "//", "/..", "../../../../etc/passwd", "/proc/self/exe", "/nosuch/there",
    "~", "-", "--help", "a\nb", "a\r\nX: y", "\x1b[31m", "\x7f", ":", "::", ":::", "=", "=a",
    "a=b", "a=b=c", ",", ";",
    "%s%n", "%", "{{.Name}}", "{{", "${X}", "$(id)", "*", "[", "[[", "(", "(a+)+$", "a{9999999999}",
    "\\", "'", '"', "@", "@sha256:", "sha256:" + "0" * 64, "0" * 64, "f" * 12, "a" * 300,
    "a" * 70000,
    "1e400", "NaN", "Infinity", "0x10", "1.5", "1s", "-1h", "99999999999999999999h",
    "2020-13-45T99:99:99Z",
    "9" * 18, "9" * 19, "9" * 5000, "18446744073709551616", "1970-01-01T00:00:00.999999999Z",
    "127.0.0.1", "999.1.1.1", "::1", "fe80::1%lo", "10.0.0.0/8", "10.0.0.0/33", "0.0.0.0/0",
    "02:42:ac:11:00:02",
    "80/tcp", "80/sctp", "99999/tcp", "1-2", "1-65535", "80-70/udp", "{", "[]", "null", "{}",
    "apparmor=x", "seccomp=unconfined", "seccomp={}", "label=a:b", "no-new-privileges", "ALL",
    "CAP_X",
    "nofile=1:2", "SIGKILL", "SIGX", "64", "65", "max", "unlimited",
]  # fmt: skip
"""Texts that mean something somewhere, and texts that should mean nothing anywhere."""
NUMBERS = [0, 1, -1, 2, 100, 65535, 65536, 2**31 - 1, 2**31, 2**32, 2**53, 2**62, 2**63 - 1,
           -(2**63), 2**63, 2**64, 10**30, -(10**30), 1.5, -0.0, 1e15, 1e308]  # fmt: skip
LISTS: list[Any] = [[], [""], [None], [[]], [{}], [1], ["\0"], [["a"]], [{"a": "b"}], ["a"] * 5000]
OBJECTS: list[Any] = [{}, {"": ""}, {"a": None}, {"a": 1}, {"a": {}}, {"a": "b"}, {"\0": "\0"},
                      {"a=b": "c"}, {"Name": "x"}, {"name": "x", "NAME": "y"}]  # fmt: skip
VALUES: list[Any] = [None, True, False, *NUMBERS, *WORDS, *LISTS, *OBJECTS]
DOCUMENTS = [
    b"", b" ", b"null", b"true", b"1", b'"x"', b"[]", b"{", b"}", b"{}x", b"{,}", b"{'a':1}",
    b'{"a":1,}', b'{"a":NaN}', b'{"a":Infinity}', b'{"a":1e400}', b'{"a":-0}',
    b'{"Image":"\\ud800"}',
    b'{"Image":"\\udcff"}', b'{"Image":"\xff"}', b'\xef\xbb\xbf{}',
    '{"Image":"a"}'.encode("utf-16"),
    b'{"Image":"a","Image":1}', b'{"image":"alpine","IMAGE":5}', b'{"\\u0000":1}',
    b'{"Image":"a\nb"}',
    b'{"a":' + b"9" * 5000 + b"}", b"[" * 100_000, b'{"a":' * 100_000,
    b'{"a":' * DEEP + b"1" + b"}" * DEEP,
    b'{"Labels":' + b'{"a":' * DEEP + b"1" + b"}" * (DEEP + 1),
    b'{"Image":"alpine","Cmd":[' + b"[" * DEEP + b"]" * DEEP + b"]}",
    b"{" + b",".join(b'"k%d":1' % i for i in range(20_000)) + b"}", b"/* */ {}", b"\0", b"{}\0",
]  # fmt: skip
NAMES = [
    b"box", b"/box", b"nosuch", b"%2fbox", b"%00", b"box%00", b"%2e%2e", b"..%2f..%2fetc%2fpasswd",
    b"%ff",
    b"%c3%a9", b"%f0%9f%98%80", b"%0a", b"%0d%0aX:%20y", b"%", b"%zz", b"%u0000", b"-", b"--help",
    b":", b"@",
    b"a:b:c", b"a@b@c", b"sha256:", b"sha256:" + b"0" * 64, b"0" * 64, b"0" * 12, b"b", b"alpine",
    b"alpine:latest",
    b"ALPINE", b"alpine:" + b"x" * 200, b"a" * 300, b"a" * 20_000, b"a/b/c", b"host", b"bridge",
    b"none", b"vol", b"%20",
    b"*", b"[", b"$(id)", b"{{.}}", b"json", b"a%2fjson", b"~", b"127.0.0.1:1/x", b"[::1]:1/x",
]  # fmt: skip
FILTERS = [
    "ancestor", "before", "config", "container", "daemon", "dangling", "driver", "event", "exited",
    "expose", "health", "id", "image", "inuse", "is-official", "is-task", "isolation", "label",
    "label!", "name", "network", "node", "plugin", "private", "publish", "reference", "scope",
    "shared", "since", "stars", "status", "type", "unused-for", "until", "volume", "", "nosuch",
    "\0",
]  # fmt: skip
COMMON = ("h", "w", "stdout", "stderr", "stdin", "filters", "platform", "size")
"""Parameters whose names stand in no call."""
BASES: dict[str, dict[str, Any]] = {
    "/containers/create": {"Image": "alpine", "Cmd": ["true"]},
    "/containers/{name}/exec": {"Cmd": ["true"]},
    "/networks/create": {"Name": "probe"},
    "/networks/{name}/connect": {"Container": "box"},
    "/networks/{name}/disconnect": {"Container": "box"},
    "/commit": {},
}
"""What the rest of a body is, so that one wrong field is all that is wrong."""
ITEMS: dict[str, dict[str, Any]] = {
    "Mounts": {"Type": "volume", "Source": "vol", "Target": "/mnt"},
    "Devices": {"PathOnHost": "/dev/null"},
    "Ulimits": {"Name": "nofile", "Soft": 1, "Hard": 2},
    "DeviceRequests": {"Driver": "cdi", "DeviceIDs": ["a.b/c=d"]},
    "Config": {"Subnet": "10.99.0.0/24"},
}
"""What the rest of a document in a list is."""
USUAL: dict[str, dict[str, Any]] = {
    "/events": {"until": 1},
    "/containers/{name}/stats": {"stream": 0, "one-shot": 1},
    "/containers/{name}/logs": {"stdout": 1},
    "/containers/{name}/archive": {"path": "/tmp"},
    "/containers/{name}/resize": {"h": 1, "w": 1},
    "/containers/{name}/attach": {"logs": 1, "stdout": 1},
    "/containers/{name}/stop": {"t": 0},
    "/containers/{name}/restart": {"t": 0},
    "/containers/{name}/rename": {"name": "box"},
    "/commit": {"container": "box", "repo": "probed"},
    "/images/get": {"names": "alpine"},
    "/images/create": {"fromImage": AWAY},
    "/images/{name}/tag": {"repo": "probed"},
    "/build": {"t": "probed"},
}
"""What the rest of a query is."""


class Probe(NamedTuple):
    """One request. `target`: as it is sent."""

    method: str
    target: bytes
    headers: bytes = b""
    body: bytes = b""

    @property
    def head(self) -> bytes:
        first = b"%b %b HTTP/1.1\r\nHost: engine\r\n" % (self.method.encode(), self.target)
        return first + self.headers + b"Content-Length: %d\r\n\r\n" % len(self.body)

    def __str__(self) -> str:
        parts = (self.target, self.headers, self.body.rstrip(b"\0"))
        return f"{self.method} {' '.join(shortened(part) for part in parts if part)}"


def shortened(data: bytes) -> str:
    """The beginning and the end of some bytes."""
    text = data.decode("latin-1").encode("unicode_escape").decode()
    return text if len(text) < 300 else f"{text[:200]}...{text[-80:]}"


class Operation(NamedTuple):
    """What can be asked of one endpoint."""

    method: str
    path: str
    parameters: list[str]
    schema: dict[str, Any]

    def probe(self, *, name: bytes = b"", query: bytes | None = None, headers: bytes = b"",
              body: bytes | None = None) -> Probe:  # fmt: skip
        """A request of it that is as usual but for what is said."""
        target = self.path.encode().replace(b"{name}", name or self.usual_name())
        query = encode(USUAL.get(self.path, {})) if query is None else query
        if body is None:
            has_body = self.method in ("POST", "PUT")
            body = self.usual_body() if has_body else b""
        kind = (
            (TAR if self.takes_archive() else JSON)
            if body and b"Content-Type" not in headers
            else b""
        )
        return Probe(self.method, b"/v1.45" + target + b"?" + query, kind + headers, body)

    def usual_name(self) -> bytes:
        for part, name in (("/images/", b"alpine"), ("/networks/", b"net"), ("/volumes/", b"vol"),
                           ("/distribution/", AWAY.encode())):  # fmt: skip
            if self.path.startswith(part):
                return name
        return b"box"

    def usual_body(self) -> bytes:
        if self.takes_archive():
            return archive(Dockerfile=b"FROM scratch\nLABEL a=b\n")
        return json.dumps(BASES[self.path]).encode() if self.path in BASES else b""

    def takes_archive(self) -> bool:
        return self.path in ("/build", "/images/load", "/containers/{name}/archive")


def encode(query: dict[str, Any]) -> bytes:
    return b"&".join(
        quote(name).encode() + b"=" + quote(str(value), errors="surrogateescape").encode()
        for name, value in query.items()
    )


def archive(**files: bytes) -> bytes:
    return images.tar(*(images.entry(name, content) for name, content in files.items()))


def operations() -> Iterator[Operation]:
    for path, methods in openapi.document()["paths"].items():
        for method, found in methods.items():
            names = [each["name"] for each in found["parameters"] if each["in"] == "query"]
            content = found.get("requestBody", {}).get("content", {})
            schema = content.get("application/json", {}).get("schema", {})
            yield Operation(method.upper(), path, names, schema)


def all_probes(operation: Operation) -> list[Probe]:
    """Everything wrong that can be asked of an endpoint, in no order, always the same."""
    found = list(
        chain(
            of_fields(operation), of_parameters(operation), of_filters(operation),
            of_names(operation), of_documents(operation), of_headers(operation),
            of_archives(operation), of_versions(operation),
        )
    )  # fmt: skip
    random.Random(operation.path).shuffle(found)
    return found


def of_fields(operation: Operation) -> Iterator[Probe]:
    usual = BASES.get(operation.path, {})
    for path in places(operation.schema):
        for value in VALUES + elements(operation.schema, path):
            body = json.dumps(put(usual, path, value)).encode("utf-8", "surrogatepass")
            yield operation.probe(body=body)


def places(schema: dict[str, Any]) -> Iterator[tuple[str | int, ...]]:
    """Where there is a value in documents of a schema."""
    for name, each in schema.get("properties", {}).items():
        yield (name,)
        inner, step = (each["items"], (name, 0)) if "items" in each else (each, (name,))
        yield from ((*step, *rest) for rest in places(inner))


def elements(schema: dict[str, Any], path: tuple[str | int, ...]) -> list[Any]:
    """Lists of odd texts, if texts in a list are what belongs at a place."""
    for step in path:
        schema = schema["items"] if step == 0 else schema["properties"][step]
    texts = {"type": "array", "items": {"type": "string"}}
    return [[word] for word in WORDS] if schema == texts else []


def put(document: dict[str, Any], path: tuple[str | int, ...], value: Any) -> dict[str, Any]:
    """A copy of the document, with the value at a place."""
    name, *rest = path
    assert isinstance(name, str)
    if rest[:1] == [0]:
        inner = rest[1:]
        value = [put(ITEMS.get(name, {}), tuple(inner), value) if inner else value]
    elif rest:
        inside = document.get(name)
        value = put(inside if isinstance(inside, dict) else {}, tuple(rest), value)
    return {**document, name: value}


def of_parameters(operation: Operation) -> Iterator[Probe]:
    usual = USUAL.get(operation.path, {})
    for name in dict.fromkeys(
        [*operation.parameters, *(COMMON if "{name}" in operation.path else ())]
    ):
        rest = encode({key: value for key, value in usual.items() if key != name})
        raw = [quote(word).encode() for word in WORDS if len(word) < 10_000]
        for value in (*raw, b"%ff", b"%", b"%zz", b"%00", b"+", b"%ed%a0%80"):
            yield operation.probe(query=b"%b&%b=%b" % (rest, name.encode(), value))
        yield operation.probe(query=b"%b&%b" % (rest, name.encode()))
        yield operation.probe(query=b"%b&%b=1&%b=x" % (rest, name.encode(), name.encode()))
    yield operation.probe(query=b"&".join(b"x=1" for _ in range(1001)))
    yield operation.probe(query=b"&=&==&&;?#")


def of_filters(operation: Operation) -> Iterator[Probe]:
    if "filters" not in operation.parameters:
        return
    usual = USUAL.get(operation.path, {})
    small = [word for word in WORDS if len(word) < 1000]
    for name in FILTERS:
        values: list[Any] = [[word] for word in small]
        values += [{word: True} for word in small[::3]]
        values += [
            "x",
            1,
            None,
            True,
            [],
            {},
            [1],
            [None],
            [["a"]],
            {"a": False},
            {"a": 1},
            ["a", "b"],
        ]
        for value in values:
            yield operation.probe(query=encode({**usual, "filters": json.dumps({name: value})}))
    for text in DOCUMENTS:
        if len(text) < 10_000:
            query = encode(usual) + b"&filters=" + quote_from_bytes(text).encode()
            yield operation.probe(query=query)


def of_names(operation: Operation) -> Iterator[Probe]:
    if "{name}" in operation.path:
        yield from (operation.probe(name=name) for name in NAMES)


def of_documents(operation: Operation) -> Iterator[Probe]:
    if operation.method not in ("POST", "PUT", "DELETE"):
        return
    for body in DOCUMENTS:
        yield operation.probe(body=body)
    for kind in (
        b"",
        b"text/plain",
        b"application/json;charset=\xff",
        b"\xff",
        b"application/x-tar",
    ):
        yield operation.probe(body=b"{}", headers=b"Content-Type: " + kind + b"\r\n")


def of_versions(operation: Operation) -> Iterator[Probe]:
    usual = operation.probe()
    for version in (b"", b"/v1.24", b"/v1.44", b"/v1.99", b"/v0", b"/v", b"/v1", b"/v1.", b"/v.",
    b"/v1.45.6",
                    b"/v" + b"9" * 5000, b"/v1.%33", b"/v1.45/v1.45", b"//v1.45", b"/./v1.45",
                    b"/%2e%2e/v1.45"):  # fmt: skip
        yield usual._replace(target=usual.target.replace(b"/v1.45", version, 1))
    for method in ("PATCH", "OPTIONS", "TRACE", "X", "get", "HEAD"):
        yield usual._replace(method=method)


def of_headers(operation: Operation) -> Iterator[Probe]:
    """Credentials that come along."""
    names = {
        "/images/create": b"X-Registry-Auth", "/images/{name}/push": b"X-Registry-Auth",
        "/distribution/{name}/json": b"X-Registry-Auth", "/build": b"X-Registry-Config",
    }  # fmt: skip
    name = names.get(operation.path)
    if not name:
        return
    for value in credentials():
        target = AWAY.encode() if "{name}" in operation.path else b""
        yield operation.probe(name=target, headers=name + b": " + value + b"\r\n")
    yield operation.probe(headers=(name + b": e30=\r\n") * 5)


def credentials() -> Iterator[bytes]:
    yield from (
        b"",
        b"=",
        b"====",
        b"!",
        b"\xff\xfe",
        b"e30",
        b"bnVsbA",
        b"W10=",
        b"-_-_",
        b"e30=" * 9,
    )
    words = ["", "a", "\0", "é", "a:b", "a\r\nX: y", "\udcff", "x" * 5000]
    servers = [
        "",
        "http://[",
        "[::1",
        "http://a b",
        "//",
        "\0",
        "127.0.0.1:1",
        "https://127.0.0.1:1/v1/",
    ]
    for key, values in (
        ("username", [*words, 1, None, [], {}]), ("password", [*words, 1]), ("auth", [*words,
        "YTpi", "/w=="]),
        ("identitytoken", words), ("registrytoken", words), ("serveraddress", [*servers, 1, []]),
    ):  # fmt: skip
        for value in values:
            document = {"username": "u", "password": "p", key: value}
            yield b64encode(json.dumps(document).encode())
            yield urlsafe_b64encode(json.dumps({"127.0.0.1:1": document, "[": document}).encode())
    for text in DOCUMENTS:
        if len(text) < 10_000:
            yield b64encode(text)


def of_archives(operation: Operation) -> Iterator[Probe]:
    imports = operation.path == "/images/create"
    if not operation.takes_archive() and not imports:
        return
    query = encode({"fromSrc": "-"}) if imports else None
    for body in archives():
        yield operation.probe(query=query, body=body, headers=TAR)


def archives() -> Iterable[bytes]:
    """Archives that are damaged, and such as nobody makes."""
    whole = archive(Dockerfile=b"FROM scratch\n", **{"manifest.json": b"[]", "index.json": b"{}"})
    yield from (
        b"",
        bytes(512),
        bytes(1024),
        bytes(10_240),
        b"\x1f\x8b",
        b"BZh9",
        b"\xfd7zXZ\0",
        b"\x28\xb5\x2f\xfd",
        b"x" * 2000,
    )
    for size in (1, 100, 511, 512, 513, 1000, 1500, len(whole) - 600):
        yield whole[:size]
    for seed in range(60):
        chance = random.Random(seed)
        data = bytearray(whole)
        for _ in range(chance.randint(1, 8)):
            data[chance.randrange(1600)] = chance.choice(
                (0, 0x2F, 0x2E, 0x38, 0x7F, 0x80, 0xFF, chance.randrange(256))
            )
        yield bytes(data)
    for name in (
        "../x",
        "/etc/x",
        "a/../../x",
        "\0",
        "é" * 100,
        "a" * 300,
        ".",
        "",
        "a//b",
        ".wh..wh..opq",
        ".wh.a",
    ):
        yield archive(**{name: b"x"})
    for name in (
        "manifest.json",
        "index.json",
        "oci-layout",
        "repositories",
        "Dockerfile",
        ".dockerignore",
        ".dockerfile",
    ):
        for content in (b"", b"{", b"[]", b"{}", b"null", b"[{}]", b"[1]",
        b'[{"Config":1,"Layers":2,"RepoTags":3}]',
                        b'[{"Config":"../x","Layers":["/etc/passwd"],"RepoTags":["\\u0000"]}]',
                        b'{"manifests":[{}]}',
                        b'{"schemaVersion":2,"manifests":[{"digest":"sha256:..","size":-1}]}',
                        b"\xff", b"[" * 5000,
                        b"FROM \0", b"FROM", b"FROM nosuch@", b"FROM alpine\nUSER \xff\n",
                        b"# escape=\xff\n", b"FROM scratch\nCOPY"):  # fmt: skip
            yield archive(**{name: content})
