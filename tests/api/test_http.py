"""What every request has in common: paths, versions, heads, bodies, errors."""

from __future__ import annotations

import json

import pytest

from engine_api import Api, UnixConnection


def test_ping_says_which_engine_this_is(api: Api) -> None:
    answer = api("GET", "/_ping")
    assert (answer.status, answer.data) == (200, b"OK")
    assert answer.headers["Api-Version"] == "1.45"
    assert answer.headers["Ostype"] == "linux"
    assert answer.headers["Docker-Experimental"] == "false"
    assert answer.headers["Server"].endswith(" (linux)")
    assert answer.headers["Content-Length"] == "2"
    head = api("HEAD", "/v1.30/_ping")
    assert (head.status, head.data) == (200, b"")


def test_versions_and_info_are_told_with_and_without_a_version_in_the_path(api: Api) -> None:
    for prefix in ("", "/v1.24", "/v1.45"):
        version = api.get(f"{prefix}/version")
        assert (version["ApiVersion"], version["MinAPIVersion"]) == ("1.45", "1.24")
        assert api.get(f"{prefix}/info")["OSType"] == "linux"


@pytest.mark.parametrize(
    ("version", "message"),
    [
        ("1.46", "client version 1.46 is too new. Maximum supported API version is 1.45"),
        (
            "1.23",
            "client version 1.23 is too old. Minimum supported API version is 1.24, please "
            "upgrade your client to a newer version",
        ),
    ],
)
def test_a_version_that_is_not_spoken_is_refused(api: Api, version: str, message: str) -> None:
    answer = api("GET", f"/v{version}/info")
    assert (answer.status, answer.message) == (400, message)


def test_unknown_endpoints_are_pages_not_found(api: Api) -> None:
    for method, path in (("GET", "/nosuch"), ("PUT", "/info"), ("GET", "/v1.45"), ("GET", "/")):
        answer = api(method, path)
        assert (answer.status, answer.message) == (404, "page not found")


def test_empty_steps_of_a_path_are_redirected(api: Api) -> None:
    answer = api("GET", "/v1.45/images/a.b//c/json")
    assert (answer.status, answer.headers["Location"]) == (301, "/v1.45/images/a.b/c/json")
    assert answer.data == b""
    assert api("GET", "//info?a=%2F&b").headers["Location"] == "/info?a=%2F&b"


def test_a_connection_takes_one_request_after_the_other(api: Api) -> None:
    connection = UnixConnection(api.path, 10)
    for _ in range(3):
        connection.request("GET", "/_ping", b"nobody reads this")
        assert connection.getresponse().read() == b"OK"
    connection.close()


def test_containers_are_listed(api: Api) -> None:
    assert json.dumps(api.get("/containers/json", all=1, filters="")) == "[]"
