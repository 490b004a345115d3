"""Egress control: what a container reaches, what it does not, and where that is written down."""

from __future__ import annotations

import json
import subprocess
import sys
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import pytest

from console import Cuddy, wait_until
from cuddy.kernel import program
from netns import listen
from outside import Outside

pytestmark = [
    pytest.mark.skipif(not program.find("nft"), reason="nft is not installed"),
    pytest.mark.skipif(not program.find("python3"), reason="hostile programs are in Python"),
]

ZONE = """
www.allowed.test.   1    IN CNAME  edge.elsewhere.test.
edge.elsewhere.test. 1   IN A      {outside}
old.allowed.test.   99999999 IN A  {outside}
now.allowed.test.   0    IN A      {outside}
meta.allowed.test.  60   IN A      169.254.169.254
loop.allowed.test.  60   IN A      127.0.0.1
host.allowed.test.  60   IN A      {host}
other.test.         60   IN A      {outside}
"""
TRY = """
import errno, socket, sys, time
def attempt(kind, where, port, family=socket.AF_INET):
    began = time.monotonic()
    try:
        with socket.socket(family, kind) as made:
            made.settimeout(5)
            made.connect((where, port))
            if kind == socket.SOCK_DGRAM:
                made.send(b"x")
            said = "reached"
    except OSError as error:
        said = errno.errorcode.get(error.errno, repr(error))
    print(where, port, said, "late" if time.monotonic() - began > 0.5 else "at once")
def tcp(where, port): attempt(socket.SOCK_STREAM, where, port)
def udp(where, port): attempt(socket.SOCK_DGRAM, where, port)
def look_up(name):
    try:
        return socket.getaddrinfo(name, 0, socket.AF_INET, socket.SOCK_STREAM)[0][4][0]
    except OSError as error:
        return repr(error)
"""


@pytest.fixture(scope="module", autouse=True)
def resolver_lock(home: Cuddy) -> None:
    """The resolver's lock stays when it ends: it is there before the first test looks for leaks."""
    (home.run_root / "resolver.lock").touch(mode=0o600)


@pytest.fixture(scope="module")
def names(outside: Outside) -> Iterator[str]:
    """A name server at the host's own address; returns that."""
    zone = ZONE.format(outside=outside.address, host=outside.our_address)
    server = Path(__file__).parents[1] / "zone_server.py"
    command = [sys.executable, str(server), outside.our_address, zone]
    with subprocess.Popen(command, stdout=subprocess.PIPE, text=True) as process:
        assert process.stdout and process.stdout.readline() == "serving\n"
        yield outside.our_address
        process.kill()


def try_(cuddy: Cuddy, script: str, *words: str) -> list[str]:
    """What a Python program says that runs in a container of the host's own tools."""
    out = cuddy.ok("run", *words, "host", "python3", "-c", TRY + script)
    return out.splitlines()


Attempts = list[tuple[str, str, str, str, str]]


def log(cuddy: Cuddy, name: str, *words: str) -> Attempts:
    """The attempts that a container's log lists."""
    out = cuddy.ok("network", "log", "--format", "json", *words, name)
    fields = ("Verdict", "Protocol", "Address", "Port", "Name")
    lines: list[dict[str, Any]] = [json.loads(line) for line in out.splitlines()]
    return [tuple(line[field] for field in fields) for line in lines]  # type: ignore[misc]


def await_log(cuddy: Cuddy, name: str, count: int) -> Attempts:
    """The log when so many attempts are in it: it is written by another process."""
    wait_until(lambda: len(log(cuddy, name)) >= count, what=f"{count} attempts")
    return log(cuddy, name)


class TestPolicies:
    def test_an_allowed_name_works_on_its_port_and_nothing_else(
        self, cuddy: Cuddy, outside: Outside, names: str
    ) -> None:
        script = f"""
tcp("{outside.address}", 80)
tcp(look_up("www.allowed.test"), 80)
tcp("{outside.address}", 81)
udp("{outside.address}", 80)
tcp("{names}", 53)
udp("{names}", 53)
udp("8.8.8.8", 53)
print(look_up("secret.other.test"))
"""
        words = ("--name", "box", "--dns", names, "--egress", "allow:www.allowed.test:80/tcp")
        found = try_(cuddy, script, *words)
        assert found == [
            f"{outside.address} 80 ECONNREFUSED at once",
            f"{outside.address} 80 reached at once",
            f"{outside.address} 81 ECONNREFUSED at once",
            f"{outside.address} 80 EPERM at once",
            f"{names} 53 ECONNREFUSED at once",
            f"{names} 53 EPERM at once",
            "8.8.8.8 53 EPERM at once",
            "gaierror(-2, 'Name or service not known')",
        ]
        assert await_log(cuddy, "box", 8) == [
            ("refused", "tcp", outside.address, "80", ""),
            ("allowed", "tcp", outside.address, "80", "www.allowed.test"),
            ("refused", "tcp", outside.address, "81", "www.allowed.test"),
            ("refused", "udp", outside.address, "80", "www.allowed.test"),
            ("refused", "tcp", names, "53", ""),
            ("refused", "udp", names, "53", ""),
            ("refused", "udp", "8.8.8.8", "53", ""),
            ("refused", "dns", "", "53", "secret.other.test"),
        ]

    def test_any_ttl_lets_the_connection_after_the_answer_work(
        self, cuddy: Cuddy, outside: Outside, names: str
    ) -> None:
        script = 'for name in ("now", "old"): tcp(look_up(f"{name}.allowed.test"), 80)'
        words = ("--rm", "--dns", names, "--egress", "allow:*.allowed.test")
        assert try_(cuddy, script, *words) == [f"{outside.address} 80 reached at once"] * 2

    def test_no_name_leads_to_the_host_or_its_secrets(
        self, cuddy: Cuddy, outside: Outside, names: str
    ) -> None:
        script = """
for name in ("host", "meta"):
    tcp(look_up(f"{name}.allowed.test"), 8080)
"""
        words = ("--name", "box", "--dns", names, "--egress", "allow:*.allowed.test")
        with listen(8080):
            found = try_(cuddy, script, *words)
            reached = try_(
                cuddy, f'tcp("{names}", 8080)', "--rm", "--egress", f"allow:{names}:8080"
            )
        assert found == [
            f"{names} 8080 ECONNREFUSED at once",
            "169.254.169.254 8080 ECONNREFUSED at once",
        ]
        assert ("refused", "tcp", names, "8080", "host.allowed.test") in await_log(cuddy, "box", 2)
        assert reached == [f"{names} 8080 reached at once"]

    def test_none_still_serves_a_published_port(self, cuddy: Cuddy) -> None:
        server = "import socket; s = socket.create_server(('', 7000)); c, _ = s.accept()\n"
        server += "c.sendall(b'served'); c.close()"
        cuddy.ok("run", "-d", "--name", "box", "--egress", "none", "-p", "127.0.0.1:18237:7000",
                 "host", "python3", "-c", server)  # fmt: skip
        wait_until(lambda: ":1B58" in cuddy.ok("exec", "box", "cat", "/proc/net/tcp"))
        fetch = "exec 3<>/dev/tcp/127.0.0.1/18237; cat <&3"
        done = subprocess.run(["bash", "-c", fetch], check=True, capture_output=True, timeout=5)
        assert done.stdout == b"served"

    def test_names_of_etc_hosts_are_allowed_like_others(
        self, cuddy: Cuddy, outside: Outside
    ) -> None:
        script = f'tcp("db", 80); tcp("{outside.address}", 80); tcp("cache", 80)'
        words = ("--rm", "--add-host", f"db:{outside.address}", "--add-host", "cache:192.0.2.9")
        found = try_(cuddy, script, *words, "--egress", "allow:db:80")
        assert found == [
            "db 80 reached at once",
            f"{outside.address} 80 reached at once",
            "cache 80 ECONNREFUSED at once",
        ]

    def test_neighbours_are_allowed_by_name_only(self, cuddy: Cuddy) -> None:
        cuddy.ok("network", "create", "egressnet")
        server = "import socket; s = socket.create_server(('', 80), backlog=9)\nwhile 1: s.accept()"
        for name in ("db", "cache"):
            cuddy.ok("run", "-d", "--name", name, "--network", "egressnet", "host", "python3", "-c",
                     server)  # fmt: skip
        address = cuddy.inspect("db")["NetworkSettings"]["Networks"]["egressnet"]["IPAddress"]
        wait_until(lambda: ":0050" in cuddy.ok("exec", "db", "cat", "/proc/net/tcp"))
        words = ("--rm", "--network", "egressnet", "--egress")
        script = f'tcp("{address}", 80); tcp(look_up("db"), 80); print(look_up("cache"))'
        assert try_(cuddy, script, *words, "allow:db:80") == [
            f"{address} 80 ECONNREFUSED at once",
            f"{address} 80 reached at once",
            "gaierror(-2, 'Name or service not known')",
        ]
        assert try_(cuddy, f'tcp("{address}", 80)', *words, "none") == [
            f"{address} 80 ECONNREFUSED at once"
        ]

    def test_a_restart_begins_anew_and_the_log_goes_on(
        self, cuddy: Cuddy, outside: Outside, names: str
    ) -> None:
        script = f'tcp("{outside.address}", 80); tcp(look_up("now.allowed.test"), 80)'
        words = ("--name", "box", "--dns", names, "--egress", "allow:*.allowed.test:80")
        try_(cuddy, script, *words)
        cuddy.ok("start", "-a", "box")
        verdicts = [attempt[0] for attempt in await_log(cuddy, "box", 4)]
        assert verdicts == ["refused", "allowed"] * 2

    def test_it_can_be_updated_while_it_runs(self, cuddy: Cuddy, outside: Outside) -> None:
        server = "import socket; s = socket.create_server(('', 80)); s.accept()"
        cuddy.ok("run", "-d", "--name", "box", "--egress", "none", "host", "python3", "-c", server)
        attempt = f'tcp("{outside.address}", 80)'
        execute = ("exec", "box", "python3", "-c", TRY + attempt)
        assert cuddy.ok(*execute) == f"{outside.address} 80 ECONNREFUSED at once"
        cuddy.ok("update", "--egress", f"allow:{outside.address}:80", "box")
        assert cuddy.ok(*execute) == f"{outside.address} 80 reached at once"
        assert await_log(cuddy, "box", 2)[-1][0] == "allowed"
        cuddy.ok("update", "--egress", "none", "box")
        assert "ECONNREFUSED" in cuddy.ok(*execute)
        assert len(await_log(cuddy, "box", 3)) == 3
        cuddy.ok("update", "--egress", "all", "box")
        assert "reached" in cuddy.ok(*execute)
        result = cuddy("update", "--egress", "none", "box")
        assert (result.code, "round the rules" in result.err) == (1, True)
        cuddy.ok("stop", "-t", "0", "box")
        cuddy.ok("update", "--egress", "none", "box")
        cuddy.ok("start", "box")
        assert "ECONNREFUSED" in cuddy.ok(*execute)

    def test_a_network_that_comes_later_is_under_the_rules_from_the_first_packet(
        self, cuddy: Cuddy, outside: Outside
    ) -> None:
        cuddy.ok("network", "create", "laternet")
        words = ("--network", "none", "--egress", "none", "host", "sleep", "1000")
        cuddy.ok("run", "-d", "--name", "box", *words)
        tables = ["nsenter", f"--net=/proc/{cuddy.pid('box')}/ns/net", "nft", "list", "tables"]
        listed = subprocess.run(tables, check=True, capture_output=True, text=True).stdout
        assert "cuddy-egress" in listed
        cuddy.ok("network", "disconnect", "none", "box")
        cuddy.ok("network", "connect", "laternet", "box")
        found = cuddy.ok("exec", "box", "python3", "-c", TRY + f'tcp("{outside.address}", 80)')
        assert found == f"{outside.address} 80 ECONNREFUSED at once"
        assert await_log(cuddy, "box", 1)[0][:4] == ("refused", "tcp", outside.address, "80")

    def test_inspect_shows_the_policy(self, cuddy: Cuddy) -> None:
        cuddy.ok("create", "--name", "box", "--egress", "allow:A.test.:443", "--egress",
                 "allow:10.1.2.3/8", "alpine")  # fmt: skip
        assert cuddy.field("box", "{{.HostConfig.Egress}}") == "allow:a.test:443,10.0.0.0/8"
        cuddy.ok("create", "--name", "free", "alpine")
        assert "Egress" not in cuddy.inspect("free")["HostConfig"]


HOSTILE = """
import ctypes, os, socket, struct, subprocess
libc = ctypes.CDLL(None, use_errno=True)
def fails(what, do):
    try:
        do()
        print(what, "WORKED")
    except OSError as error:
        print(what, "failed")
    except subprocess.CalledProcessError as error:
        print(what, "failed")
fails("packet", lambda: socket.socket(socket.AF_PACKET, socket.SOCK_RAW, 0x0300))
fails("raw", lambda: socket.socket(socket.AF_INET, socket.SOCK_RAW, 255))
fails("raw6", lambda: socket.socket(socket.AF_INET6, socket.SOCK_RAW, 58))
fails("vsock", lambda: socket.socket(40, socket.SOCK_STREAM))
def ring():
    if libc.syscall(425, 4, ctypes.create_string_buffer(120)) < 0:  # io_uring_setup
        raise OSError(ctypes.get_errno(), "no ring")
fails("ring", ring)
def mark():
    with socket.socket(socket.AF_INET, socket.SOCK_DGRAM) as s:
        s.setsockopt(socket.SOL_SOCKET, 36, struct.pack("I", MARK))
fails("mark", mark)
def flush():
    subprocess.run(["nft", "flush", "ruleset"], check=True, capture_output=True)
fails("flush", flush)
def listen_to_log():
    s = socket.socket(socket.AF_NETLINK, socket.SOCK_RAW, 12)
    body = struct.pack("=BB", 0, 0) + struct.pack("!H", 1) + struct.pack("=HHI", 5, 1, 1)
    s.send(struct.pack("=IHHII", 16 + len(body), 0x401, 5, 1, 0) + body)
    code = struct.unpack_from("=i", s.recv(4096), 16)[0]
    if code:
        raise OSError(-code, "refused")
fails("log", listen_to_log)
def unshare():
    if libc.unshare(0x10000000):
        raise OSError(ctypes.get_errno(), "unshare")
try:
    unshare()
except OSError:
    pass
fails("packet again", lambda: socket.socket(socket.AF_PACKET, socket.SOCK_RAW, 0x0300))
fails("flush again", flush)
fails("mark again", mark)
""".replace("MARK", "0x4E000000")


class TestHostilePrograms:
    @pytest.mark.parametrize("words", [(), ("--security-opt", "seccomp=unconfined")])
    def test_nothing_reaches_round_the_rules(
        self, cuddy: Cuddy, outside: Outside, words: tuple[str, ...]
    ) -> None:
        script = HOSTILE + f'tcp("{outside.address}", 80); udp("{outside.address}", 53)'
        found = try_(cuddy, script, "--name", "box", "--egress", "none", *words)
        assert not [line for line in found if "WORKED" in line or "reached" in line]
        assert len(found) == 13
        assert await_log(cuddy, "box", 2) == [
            ("refused", "tcp", outside.address, "80", ""),
            ("refused", "udp", outside.address, "53", ""),
        ]

    def test_exec_has_no_more_power(self, cuddy: Cuddy, outside: Outside) -> None:
        cuddy.ok("run", "-d", "--name", "box", "--egress", "none", "host", "sleep", "1000")
        result = cuddy("exec", "--privileged", "box", "true")
        assert (result.code, "under egress control" in result.err) == (1, True)
        script = HOSTILE + f'tcp("{outside.address}", 80)'
        found = cuddy.ok("exec", "box", "python3", "-c", TRY + script).splitlines()
        assert not [line for line in found if "WORKED" in line or "reached" in line]

    def test_who_joins_the_network_is_under_its_rules(self, cuddy: Cuddy, outside: Outside) -> None:
        cuddy.ok("run", "-d", "--name", "box", "--egress", "none", "host", "sleep", "1000")
        joining = ("--rm", "--network", "container:box")
        found = try_(cuddy, HOSTILE + f'tcp("{outside.address}", 80)', *joining)
        assert not [line for line in found if "WORKED" in line or "reached" in line]
        for more in (("--privileged",), ("--cap-add", "NET_ADMIN"), ("--egress", "all")):
            assert cuddy("run", *joining, *more, "alpine", "true").code == 125
        assert cuddy("run", "--rm", "--pid", "container:box", "alpine", "true").code == 125
        cuddy.ok("run", *joining, "--pid", "container:box", "alpine", "true")


class TestLog:
    def test_it_can_be_followed_until_the_container_ends(
        self, cuddy: Cuddy, outside: Outside
    ) -> None:
        script = f'time.sleep(1); tcp("{outside.address}", 80); time.sleep(0.5)'
        cuddy.ok("run", "-d", "--name", "box", "--egress", "none", "host", "python3", "-c",
                 TRY + script)  # fmt: skip
        lines = cuddy.ok("network", "log", "-f", "box", timeout=20).splitlines()
        assert [line.split()[:6] for line in lines] == [
            ["TIME", "VERDICT", "PROTOCOL", "ADDRESS", "PORT", "NAME"],
            [lines[1].split()[0], "refused", "tcp", outside.address, "80"],
        ]

    def test_parts_of_it_can_be_asked_for(self, cuddy: Cuddy, outside: Outside) -> None:
        script = f'for n in range(5): tcp("{outside.address}", 81 + n)'
        try_(cuddy, script, "--name", "box", "--egress", "none")
        await_log(cuddy, "box", 5)
        assert [port for _, _, _, port, _ in log(cuddy, "box", "--tail", "2")] == ["84", "85"]
        assert len(log(cuddy, "box", "--since", "10m")) == 5
        assert log(cuddy, "box", "--since", "2099-01-01T00:00:00Z") == []
        form = "{{.Verdict}} {{.Address}}:{{.Port}}"
        out = cuddy.ok("network", "log", "--format", form, "-n", "1", "box")
        assert out == f"refused {outside.address}:85"

    def test_without_control_there_is_none(self, cuddy: Cuddy) -> None:
        cuddy.ok("create", "--name", "box", "alpine")
        result = cuddy("network", "log", "box")
        assert (result.code, "not under egress control" in result.err) == (1, True)

    def test_it_goes_with_the_container(self, cuddy: Cuddy, outside: Outside) -> None:
        try_(cuddy, f'tcp("{outside.address}", 80)', "--name", "box", "--egress", "none")
        cuddy.ok("rm", "box")
        assert cuddy("network", "log", "box").code == 1


@pytest.mark.parametrize(
    ("words", "reason"),
    [
        (("--egress", "allow:a b"), "invalid egress rule"),
        (("--egress", "none", "--egress", "all"), "conflicting options"),
        (("--egress", "none", "--privileged"), "conflicting options"),
        (("--egress", "none", "--cap-add", "net_raw"), "conflicting options"),
        (("--egress", "none", "--network", "host"), "conflicting options"),
        (("--egress", "none", "--pid", "host"), "conflicting options"),
    ],
)
def test_what_cannot_be_is_refused(cuddy: Cuddy, words: tuple[str, ...], reason: str) -> None:
    result = cuddy("run", "--rm", *words, "alpine", "true")
    assert result.code == 125
    assert reason in result.err and result.err.count("\n") <= 1


def test_without_a_network_there_is_nothing_to_control(cuddy: Cuddy) -> None:
    cuddy.ok("run", "--rm", "--network", "none", "--egress", "none", "alpine", "true")
