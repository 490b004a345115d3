"""Who may come in to the dashboard, and that nothing of it stays when it ends."""

from __future__ import annotations

import re
import socket
import stat
import subprocess
from contextlib import suppress
from pathlib import Path

import pytest

from console import ENGINE, Cuddy, children_of, is_alive, kill, wait_until
from dashboard import Dashboard, serving
from engine_api import Answer
from ordinary_user import OrdinaryUser, with_alpine
from registry import Registry

pytestmark = pytest.mark.skipif(ENGINE != "cuddy", reason="no other engine has one")
LIST = "/containers/json"
UPGRADE = {
    "Connection": "Upgrade", "Upgrade": "websocket", "Sec-WebSocket-Version": "13",
    "Sec-WebSocket-Key": "dGhlIHNhbXBsZSBub25jZQ==",
}  # fmt: skip


def test_whoever_has_the_token_is_let_in(dashboard: Dashboard, cuddy: Cuddy) -> None:
    cuddy.ok("create", "--name", "box", "alpine", "true")
    answer = dashboard.ask("GET", f"{LIST}?all=1", dashboard.own)
    assert [each["Names"] for each in answer.json] == [["/box"]]
    by_name = {
        "Host": f"localhost:{dashboard.port}",
        "Authorization": dashboard.own["Authorization"],
    }
    assert dashboard.ask("GET", LIST, by_name).status == 200


@pytest.mark.parametrize("path", [LIST, "/cuddy/samples", "/version", "/nowhere"])
def test_without_the_token_nothing_is_told(dashboard: Dashboard, path: str) -> None:
    token = dashboard.token
    wrong = ("", "Bearer", "Bearer ", f"Bearer {token}x", f"Bearer {token[:-1]}", f"Basic {token}",
             "Bearer \xe9")  # fmt: skip
    for said in wrong:
        answer = dashboard.ask("GET", path, {"Authorization": said} if said else {})
        assert answer.status == 401, said
        assert "cuddy dashboard" in answer.message
    assert dashboard.ask("GET", f"{path}?token={dashboard.token}", {}).status == 401
    assert dashboard.ask("GET", path, {"Cookie": f"token={dashboard.token}"}).status == 401


def test_another_name_of_this_machine_is_none_of_ours(dashboard: Dashboard) -> None:
    port = dashboard.port
    for host in ("evil.example", f"evil.example:{port}", "127.0.0.1", f"127.0.0.2:{port}",
                 f"127.0.0.1:{port}.evil.example", f"[::1]:{port}", ""):  # fmt: skip
        for path in ("/", LIST):
            answer = dashboard.ask("GET", path, dashboard.own | {"Host": host})
            assert answer.status == 421, host


def test_another_page_may_ask_for_nothing(dashboard: Dashboard) -> None:
    port = dashboard.port
    for origin in ("http://evil.example", f"http://127.0.0.1:{port + 1}", "null", "",
                   f"https://127.0.0.1:{port}", f"http://localhost:{port}"):  # fmt: skip
        for method, path in (("GET", LIST), ("POST", "/containers/box/start"), ("GET", "/")):
            assert dashboard.ask(method, path, dashboard.own | {"Origin": origin}).status == 403, (
                origin
            )
    token = {"Authorization": dashboard.own["Authorization"]}
    assert dashboard.ask("POST", "/containers/box/start", token).status == 403
    assert dashboard.ask("GET", LIST, token | {"Sec-Fetch-Site": "same-site"}).status == 403
    assert dashboard.ask("GET", "/", {"Sec-Fetch-Site": "cross-site"}).status == 200  # a link to it


def test_a_websocket_needs_token_and_origin(dashboard: Dashboard, cuddy: Cuddy) -> None:
    cuddy.ok("run", "-d", "--name", "box", "alpine", "sleep", "1000")

    def ask(**headers: str) -> Answer:
        found = {name.replace("_", "-"): value for name, value in headers.items()}
        return dashboard.ask("GET", f"/cuddy/exec/{'0' * 64}/terminal", UPGRADE | found)

    token = f"cuddy, token.{dashboard.token}"
    assert ask(Origin=dashboard.address).status == 401
    assert ask(Origin=dashboard.address, Sec_WebSocket_Protocol="cuddy, token.").status == 401
    assert ask(Sec_WebSocket_Protocol=token).status == 403
    assert ask(Origin="http://evil.example", Sec_WebSocket_Protocol=token).status == 403
    known = ask(Origin=dashboard.address, Sec_WebSocket_Protocol=token)
    assert (known.status, known.headers["Sec-WebSocket-Protocol"]) == (404, "cuddy")


def test_the_page_may_not_ask_for_all_of_the_api(dashboard: Dashboard) -> None:
    for method, path in (("POST", "/containers/create"), ("POST", "/build"), ("GET", "/events"),
                         ("DELETE", "/containers/box"), ("PUT", "/containers/box/archive"),
                         ("POST", "/images/create"), ("POST", "/containers/prune")):  # fmt: skip
        assert dashboard.ask(method, path, dashboard.own).status == 404


def test_what_is_too_large_is_refused(dashboard: Dashboard) -> None:
    assert dashboard.ask("GET", "/", {"X-Large": "x" * 300_000}).status == 431
    assert dashboard.ask("GET", "/", {f"X-{n}": "x" for n in range(200)}).status == 431
    body = b'{"Cmd": "' + b"x" * (5 << 20) + b'"}'
    head = {"Content-Type": "application/json", "Content-Length": str(len(body))}
    with dashboard.connect() as sock:
        sock.sendall(request(dashboard, "POST /containers/box/exec", head))
        with suppress(ConnectionError):
            sock.sendall(body)
        assert sock.recv(12) == b"HTTP/1.1 413"


def test_nothing_but_its_files_is_sent(dashboard: Dashboard) -> None:
    for path in ("/main.js", "/style.css", "/icon.svg", "/"):
        answer = dashboard.ask("GET", path, {})
        assert answer.status == 200
        assert dashboard.ask("HEAD", path, {}).data == b""
        assert not re.search(
            rb"""(?:src|href|url|import|from)[=( ]+["']?(?:https?:)?//""", answer.data
        )
    for path in ("/../door.py", "/%2e%2e/door.py", "/page/main.js", "/door.py", "//etc/passwd"):
        assert dashboard.ask("GET", path, {}).status == 401


def test_every_answer_says_what_the_browser_may_do(dashboard: Dashboard) -> None:
    for answer in (
        dashboard.ask("GET", "/", {}),
        dashboard.ask("GET", LIST, dashboard.own),
        dashboard.ask("GET", LIST, {}),
    ):
        policy = answer.headers["Content-Security-Policy"]
        assert "default-src 'none'" in policy
        assert "frame-ancestors 'none'" in policy
        assert "unsafe" not in policy
        assert answer.headers["X-Frame-Options"] == "DENY"
        assert answer.headers["X-Content-Type-Options"] == "nosniff"
        assert answer.headers["Referrer-Policy"] == "no-referrer"
        assert answer.headers["Cache-Control"] == "no-store"
        assert "Set-Cookie" not in answer.headers
        assert "Access-Control-Allow-Origin" not in answer.headers
    refused = dashboard.ask("GET", "/", {"Host": "evil.example"})
    assert refused.headers["X-Frame-Options"] == "DENY"


def test_it_listens_on_this_machine_alone(dashboard: Dashboard) -> None:
    port = f"{dashboard.port:04X}"
    rows = [line.split() for line in Path("/proc/net/tcp").read_text().splitlines()[1:]]
    listening = {
        row[1].partition(":")[0] for row in rows if row[3] == "0A" and row[1].endswith(port)
    }
    assert listening == {"0100007F"}
    assert port not in Path("/proc/net/tcp6").read_text()


def test_the_token_is_in_no_argument_log_or_file(cuddy: Cuddy) -> None:
    with serving(cuddy) as dashboard:
        dashboard.ask("GET", LIST, dashboard.own)
        for pid in (dashboard.process.pid, *children_of(dashboard.process.pid)):
            for name in ("cmdline", "environ"):
                assert dashboard.token.encode() not in Path(f"/proc/{pid}/{name}").read_bytes()
        found = subprocess.run(
            ["grep", "-rl", dashboard.token, cuddy.run_root], capture_output=True
        )
        assert found.stdout == b""


def shells(cuddy: Cuddy) -> list[str]:
    """The commands in the container beside its first."""
    return [line.split()[-1] for line in cuddy.ok("top", "box").splitlines()[2:]]


def request(dashboard: Dashboard, first: str, headers: dict[str, str], body: bytes = b"") -> bytes:
    """A whole request of the page's."""
    named = {"Host": f"127.0.0.1:{dashboard.port}", **dashboard.own, **headers}
    lines = [f"{name}: {value}" for name, value in named.items()]
    return "\r\n".join([f"{first} HTTP/1.1", *lines, "", ""]).encode() + body


def open_terminal(
    dashboard: Dashboard, more: bytes = b"", answered: bytes = b"101"
) -> socket.socket:
    """A connection on which a program has begun. `more`: what else is asked for of it."""
    body = b'{"AttachStdin": true, "AttachStdout": true, "Tty": true, "Cmd": ["sleep", "1001"]%s}'
    body %= more
    head = {"Content-Type": "application/json", "Content-Length": str(len(body))}
    with dashboard.connect() as sock:
        first = "POST /containers/box/exec"
        sock.sendall(request(dashboard, first, head | {"Connection": "close"}, body))
        answer = b"".join(iter(lambda: sock.recv(4096), b""))
    made = re.search(rb'"Id": ?"(\w+)"', answer)
    assert made, answer
    sock = dashboard.connect()
    protocol = {"Sec-WebSocket-Protocol": f"cuddy, token.{dashboard.token}"}
    first = f"GET /cuddy/exec/{made[1].decode()}/terminal"
    sock.sendall(request(dashboard, first, UPGRADE | protocol))
    assert sock.recv(12) == b"HTTP/1.1 " + answered
    return sock


def test_nobody_gets_more_power_by_it_than_a_container_has(
    dashboard: Dashboard, cuddy: Cuddy
) -> None:
    cuddy.ok("run", "-d", "--init", "--name", "box", "alpine", "sleep", "1000")
    before = len(shells(cuddy))
    open_terminal(dashboard, b', "Privileged": true', answered=b"403").close()
    assert len(shells(cuddy)) == before


@pytest.mark.parametrize("how", ["ctrl-c", "kill -9"])
def test_nothing_is_left_when_it_ends(cuddy: Cuddy, how: str) -> None:
    cuddy.ok("run", "-d", "--init", "--name", "box", "alpine", "sleep", "1000")
    before = len(shells(cuddy))
    with serving(cuddy) as dashboard:
        sock = open_terminal(dashboard)
        wait_until(lambda: len(shells(cuddy)) > before)
        workers = children_of(dashboard.process.pid)
        assert workers
        if how == "kill -9":
            kill(dashboard.process.pid)
            dashboard.process.wait(30)
        else:
            dashboard.process.send_signal(2)
            assert dashboard.process.wait(30) == 0
        wait_until(lambda: not any(map(is_alive, workers)))
        wait_until(lambda: len(shells(cuddy)) == before)
        assert cuddy.field("box", "{{.State.Running}}") == "true"
        sock.close()


def test_an_ordinary_users_browser_opens_a_file_that_only_the_user_reads(
    registry: Registry, tmp_path: Path
) -> None:
    """What is given to `xdg-open` everybody may read."""
    with with_alpine(OrdinaryUser("cuddy-dash", has_ids=True), registry) as user:
        told = user.home / "told"
        opener = user.home / "xdg-open"
        opener.write_text(f'#!/bin/sh\necho "$@" > {told}.new; mv {told}.new {told}\n')
        opener.chmod(0o755)
        user.environment |= {"PATH": f"{user.home}:{user.environment['PATH']}", "DISPLAY": ":0"}
        user.ok("run", "-d", "--name", "box", "alpine", "sleep", "1000")
        with serving(user, opens=True) as dashboard:
            assert [each["Names"] for each in dashboard.ask("GET", LIST, dashboard.own).json] == [
                ["/box"]
            ]
            assert (
                len(dashboard.ask("GET", "/cuddy/samples", dashboard.own).json["Containers"]) == 1
            )
            explained = dashboard.ask("GET", "/cuddy/containers/box/explain", dashboard.own).json
            assert explained["Running"]
            wait_until(told.exists)
            assert dashboard.token not in told.read_text()
            file = Path(told.read_text().strip().removeprefix("file://"))
            assert dashboard.url in file.read_text()
            assert (file.stat().st_uid, stat.S_IMODE(file.stat().st_mode)) == (user.uid, 0o600)
            assert stat.S_IMODE(file.parent.stat().st_mode) == 0o700
        assert not file.parent.exists()
        user.ok("rm", "-f", "box")
