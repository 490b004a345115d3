"""What a container's program finds: arguments, user, files, limits, and nothing of the host's."""

from __future__ import annotations

import os
import resource
import signal
import stat
from pathlib import Path

import pytest

from bundles import OTHER, PATH, Bundle, Runtime
from child import in_child
from console import wait_until
from cuddy.runtime import create
from cuddy.runtime.bundle import load
from cuddy.runtime.start import start


def lines(result: object) -> list[str]:
    """What a run printed, which must have succeeded."""
    assert result.code == 0, result.err  # type: ignore[attr-defined]
    return result.out.splitlines()  # type: ignore[attr-defined, no-any-return]


def is_odd(text: str) -> bool:
    return not text.isprintable()


class TestArguments:
    def test_they_arrive_byte_for_byte(self, runtime: Runtime, bundle: Bundle) -> None:
        words = ["", "a b", "\n", "ünï", "\x1b[31m", "*"]
        result = runtime.run(bundle.runs("printf", "%s|", *words))
        assert result.out == "".join(f"{word}|" for word in words)

    def test_one_of_64_kib(self, runtime: Runtime, bundle: Bundle) -> None:
        bundle.runs("sh", "-c", "echo ${#1}", "sh", "x" * 65536)
        assert lines(runtime.run(bundle)) == ["65536"]

    def test_more_than_the_kernel_takes_is_an_error_in_one_line(
        self, runtime: Runtime, bundle: Bundle
    ) -> None:
        result = runtime.run(bundle.runs("echo", "x" * 200_000))
        assert result.code != 0
        assert "too long" in result.err
        assert len(result.err) < 2000

    def test_environment_is_exactly_the_configs_and_a_home(
        self, runtime: Runtime, bundle: Bundle
    ) -> None:
        bundle.process["env"] = [PATH, "A=b=c", "EMPTY=", "LINES=a\nb"]
        environment = runtime.run(bundle.runs("env")).out
        assert environment.startswith(f"{PATH}\nA=b=c\nEMPTY=\nLINES=a\nb\nHOME=/")

    def test_the_last_value_of_a_name_counts(self, runtime: Runtime, bundle: Bundle) -> None:
        bundle.process["env"] = ["HOME=/x", "A=b", PATH, "HOME=", "A=c"]
        assert sorted(lines(runtime.run(bundle.runs("env")))) == ["A=c", "HOME=/root", PATH]

    def test_nothing_of_the_callers_environment_is_seen(
        self, runtime: Runtime, bundle: Bundle
    ) -> None:
        environment = os.environ | {"SECRET": "x"}
        assert "SECRET" not in runtime.run(bundle.runs("env"), env=environment).out

    @pytest.mark.parametrize(
        ("program", "code"),
        [("no-such", 127), ("/no/such", 127), ("/etc/passwd", 126), ("/etc", 126)],
    )
    def test_a_program_that_cannot_run_fails_create(
        self, runtime: Runtime, bundle: Bundle, program: str, code: int
    ) -> None:
        result = runtime.create(bundle.runs(program))
        assert result.code != 0
        assert program in result.err
        assert runtime("state", "box").code != 0

    def test_a_program_of_another_architecture_fails_start(
        self, runtime: Runtime, bundle: Bundle
    ) -> None:
        bundle.runs(bundle.program("alien", "\x7fELF of no machine at all"))
        result = runtime.run(bundle)
        assert result.code != 0
        assert "exec format error" in result.err

    def test_a_program_named_with_control_characters_is_named_without(
        self, runtime: Runtime, bundle: Bundle
    ) -> None:
        result = runtime.create(bundle.runs("/\x1b]0;owned\x07\n\r"))
        assert result.code != 0
        assert not is_odd(result.err.rstrip("\n"))
        assert len(result.err.splitlines()) == 1


class TestUser:
    def test_ids_and_groups_are_the_configs(self, runtime: Runtime, bundle: Bundle) -> None:
        bundle.process["user"] = {"uid": 1000, "gid": 2000, "additionalGids": [5, 6]}
        found = lines(runtime.run(bundle.runs("cat", "/proc/self/status")))
        fields = dict(line.split(":\t") for line in found if ":\t" in line)
        assert set(fields["Uid"].split()) == {"1000"}
        assert set(fields["Gid"].split()) == {"2000"}
        assert {"5", "6"} <= set(fields["Groups"].split())

    def test_the_groups_are_no_others(self, runtime: Runtime, bundle: Bundle) -> None:
        """That the primary one has to be among them (CVE-2022-2989) is for the bundle's author."""
        bundle.process["user"] = {"uid": 1000, "gid": 2000}
        groups = lines(runtime.run(bundle.runs("grep", "Groups", "/proc/self/status")))
        assert groups[0].split() == ["Groups:"]

    @pytest.mark.parametrize(("uid", "home"), [(0, "/root"), (1000, "/home/u"), (7, "/")])
    def test_without_a_home_it_has_its_users(
        self, runtime: Runtime, bundle: Bundle, uid: int, home: str
    ) -> None:
        accounts = "root:x:0:0::/root:/bin/sh\nbroken\nu:x:1000:1000::/home/u:/bin/sh\n"
        (bundle.rootfs / "etc/passwd").write_text(accounts)
        bundle.process["user"] = {"uid": uid, "gid": 0}
        bundle.process["env"] = [PATH, "HOME="]
        assert lines(runtime.run(bundle.script("echo $HOME"))) == [home]

    @pytest.mark.parametrize("kind", ["fifo", "link", "nothing"])
    def test_hostile_accounts_are_no_way_out(
        self, runtime: Runtime, bundle: Bundle, kind: str
    ) -> None:
        accounts = bundle.rootfs / "etc/passwd"
        accounts.unlink()
        if kind == "fifo":
            os.mkfifo(accounts)
        elif kind == "link":
            accounts.symlink_to("/proc/self/fd/0")
        bundle.process["env"] = [PATH]
        assert lines(runtime.run(bundle.script("echo $HOME"))) == ["/"]

    def test_another_user_may_open_its_own_streams_again(
        self, runtime: Runtime, bundle: Bundle
    ) -> None:
        bundle.process["user"] = {"uid": 1000, "gid": 1000}
        bundle.script("echo out >/dev/stdout; echo err >/dev/stderr; echo fd >/proc/self/fd/1")
        result = runtime.run(bundle)
        assert (result.code, result.stdout, result.stderr) == (0, b"out\nfd\n", b"err\n")

    def test_the_null_device_stays_roots(self, runtime: Runtime, bundle: Bundle) -> None:
        before = os.stat("/dev/null")
        bundle.process["user"] = {"uid": 1000, "gid": 1000}
        runtime.run(bundle.runs("true"))
        assert os.stat("/dev/null").st_uid == before.st_uid == 0

    def test_so_does_any_other_device_that_is_no_terminal(
        self, runtime: Runtime, bundle: Bundle, tmp_path: Path
    ) -> None:
        os.mknod(tmp_path / "zero", stat.S_IFCHR | 0o666, os.makedev(1, 5))
        bundle.process["user"] = {"uid": 1000, "gid": 1000}
        with open(tmp_path / "zero", "rb") as zero:
            assert runtime.run(bundle.runs("true"), stdin=zero).code == 0
        assert os.stat(tmp_path / "zero").st_uid == 0

    @pytest.mark.parametrize(("given", "shown"), [(None, "0022"), (0o077, "0077"), (0, "0000")])
    def test_umask(self, runtime: Runtime, bundle: Bundle, given: int | None, shown: str) -> None:
        if given is not None:
            bundle.process["user"]["umask"] = given
        before = os.umask(0o055)
        try:
            assert lines(runtime.run(bundle.runs("sh", "-c", "umask"))) == [shown]
        finally:
            os.umask(before)


class TestPowers:
    def status(self, runtime: Runtime, bundle: Bundle) -> dict[str, str]:
        found = lines(runtime.run(bundle.runs("cat", "/proc/self/status")))
        return {line.split(":")[0]: line.split(":")[1].strip() for line in found if ":" in line}

    def test_capabilities_are_those_asked_for(self, runtime: Runtime, bundle: Bundle) -> None:
        bundle.process["capabilities"] = {
            "bounding": ["CAP_CHOWN", "CAP_KILL"],
            "permitted": ["CAP_CHOWN"],
            "effective": ["CAP_CHOWN"],
        }
        found = self.status(runtime, bundle)
        # Root regains at execve(2) what is in its bounding set: capabilities(7).
        assert int(found["CapBnd"], 16) == int(found["CapEff"], 16) == 1 << 0 | 1 << 5
        assert int(found["CapInh"], 16) == int(found["CapAmb"], 16) == 0

    def test_a_user_may_run_what_its_capabilities_let_it(
        self, runtime: Runtime, bundle: Bundle
    ) -> None:
        (bundle.rootfs / "bin/busybox").chmod(0o744)
        bundle.process["user"] = {"uid": 1000, "gid": 1000}
        assert runtime.run(bundle.runs("/bin/true"), "none").code != 0
        for kind in ("bounding", "effective", "permitted", "inheritable", "ambient"):
            bundle.process["capabilities"][kind] = ["CAP_DAC_OVERRIDE"]
        assert runtime.run(bundle.runs("/bin/true"), "some").code == 0

    def test_a_user_with_ambient_capabilities_has_them(
        self, runtime: Runtime, bundle: Bundle
    ) -> None:
        bundle.process["user"] = {"uid": 1000, "gid": 1000}
        sets = ("bounding", "permitted", "effective", "inheritable", "ambient")
        bundle.process["capabilities"] = dict.fromkeys(sets, ["CAP_KILL"])
        found = self.status(runtime, bundle)
        assert int(found["CapEff"], 16) == int(found["CapAmb"], 16) == 1 << 5

    def test_without_capabilities_there_are_none(self, runtime: Runtime, bundle: Bundle) -> None:
        del bundle.process["capabilities"]
        found = self.status(runtime, bundle)
        assert int(found["CapBnd"], 16) == int(found["CapEff"], 16) == 0

    @pytest.mark.parametrize("wanted", [False, True])
    def test_no_new_privileges(self, runtime: Runtime, bundle: Bundle, wanted: bool) -> None:
        bundle.process["noNewPrivileges"] = wanted
        assert self.status(runtime, bundle)["NoNewPrivs"] == str(int(wanted))

    def test_signals_are_neither_blocked_nor_ignored(
        self, runtime: Runtime, bundle: Bundle
    ) -> None:
        before = signal.getsignal(signal.SIGHUP)
        signal.signal(signal.SIGHUP, signal.SIG_IGN)
        try:
            found = self.status(runtime, bundle)
        finally:
            signal.signal(signal.SIGHUP, before)
        assert {found[name].strip("0") for name in ("SigBlk", "SigIgn")} == {""} or OTHER

    def test_oom_score(self, runtime: Runtime, bundle: Bundle) -> None:
        bundle.process["oomScoreAdj"] = 500
        assert lines(runtime.run(bundle.runs("cat", "/proc/self/oom_score_adj"))) == ["500"]


class TestLimits:
    def test_a_limit_is_set(self, runtime: Runtime, bundle: Bundle) -> None:
        bundle.process["rlimits"] = [{"type": "RLIMIT_NOFILE", "soft": 100, "hard": 200}]
        assert lines(runtime.run(bundle.script("ulimit -Sn; ulimit -Hn"))) == ["100", "200"]

    @pytest.mark.skipif(bool(OTHER), reason="others fail")
    @pytest.mark.parametrize(
        ("kind", "most", "letter"), [("NOFILE", 3, "n"), ("AS", 8192 << 10, "v")]
    )
    def test_what_the_way_to_the_program_takes_is_not_counted(
        self, runtime: Runtime, bundle: Bundle, kind: str, most: int, letter: str
    ) -> None:
        bundle.process["rlimits"] = [{"type": f"RLIMIT_{kind}", "soft": most, "hard": most}]
        shown = most // 1024 if letter == "v" else most
        assert runtime.run(bundle.script(f"ulimit -{letter}")).out.split() == [str(shown)]

    @pytest.mark.skipif(bool(OTHER), reason="others fail")
    def test_one_that_cannot_be_raised_is_clamped_and_said_so(
        self, runtime: Runtime, bundle: Bundle
    ) -> None:
        before = resource.getrlimit(resource.RLIMIT_NOFILE)
        ceiling = 1000
        bundle.process["rlimits"] = [{"type": "RLIMIT_NOFILE", "soft": 5000, "hard": 5000}]
        limit = lambda: resource.setrlimit(resource.RLIMIT_NOFILE, (ceiling, ceiling))  # noqa: E731
        result = runtime.run(bundle.script("ulimit -Sn; ulimit -Hn"), preexec_fn=limit)
        assert resource.getrlimit(resource.RLIMIT_NOFILE) == before
        raised = "CAP_SYS_RESOURCE" in own_capabilities()
        assert lines(result) == (["5000", "5000"] if raised else ["1000", "1000"])
        assert raised or "ulimit nofile" in result.err

    def test_an_unknown_one_is_an_error(self, runtime: Runtime, bundle: Bundle) -> None:
        bundle.process["rlimits"] = [{"type": "RLIMIT_WARP", "soft": 1, "hard": 1}]
        result = runtime.run(bundle.runs("true"))
        assert result.code != 0
        assert "RLIMIT_WARP" in result.err


def own_capabilities() -> frozenset[str]:
    from cuddy.kernel import capabilities

    return capabilities.own()


class TestWorkingDirectory:
    def test_it_is_made_if_missing(self, runtime: Runtime, bundle: Bundle) -> None:
        bundle.process["cwd"] = "/made/for/it"
        assert lines(runtime.run(bundle.runs("pwd"))) == ["/made/for/it"]
        assert (bundle.rootfs / "made/for/it").is_dir()

    def test_it_is_made_in_a_read_only_root(self, runtime: Runtime, bundle: Bundle) -> None:
        bundle.config["root"]["readonly"] = True
        bundle.process["cwd"] = "/new/../new/one"
        assert lines(runtime.run(bundle.runs("pwd"))) == ["/new/one"]

    def test_through_links_it_stays_inside(
        self, runtime: Runtime, bundle: Bundle, tmp_path: Path
    ) -> None:
        (bundle.rootfs / "link").symlink_to(f"../..{tmp_path}/outside")
        bundle.process["cwd"] = "/link/made"
        result = runtime.run(bundle.runs("/bin/pwd"))
        assert not (tmp_path / "outside").exists()
        assert result.code != 0 or lines(result) == [f"{tmp_path}/outside/made"]

    @pytest.mark.parametrize("number", [3, 4, 5, 6, 7, 8, 9, 100])
    def test_a_descriptor_of_the_runtime_is_no_way_out(
        self, runtime: Runtime, bundle: Bundle, number: int
    ) -> None:
        """CVE-2024-21626: as working directory, a leaked directory leads to the host."""
        leaked = os.open("/", os.O_RDONLY | os.O_DIRECTORY)
        os.dup2(leaked, 100)
        bundle.process["cwd"] = f"/proc/self/fd/{number}"
        try:
            result = runtime.run(bundle.script("ls ../../../.. .; pwd"), pass_fds=[100])
        finally:
            os.close(leaked)
            os.close(100)
        assert result.code != 0
        assert result.stdout == b""

    def test_nor_is_one_that_it_is_given(self, runtime: Runtime, bundle: Bundle) -> None:
        """CVE-2024-21626 with a directory that the program is to have: not even that."""
        runtime.started(bundle.runs("sleep", "1000"), "running")
        runtime.program[:0] = ["/bin/sh", "-c", 'exec 3</; exec "$@"', "sh"]
        given, words = ["--preserve-fds", "1"], ["--cwd", "/proc/self/fd/3", "running", "ls"]
        bundle.process["cwd"] = "/proc/self/fd/3"
        for result in (
            runtime.run(bundle.runs("ls"), flags=given),
            runtime("exec", *given, *words),
        ):
            assert (result.code != 0, result.stdout) == (True, b"")
        bundle.process["cwd"] = "/"
        assert runtime.run(bundle.runs("ls", "/proc/self/fd/3"), "other", given).code == 0

    def test_a_file_is_no_directory(self, runtime: Runtime, bundle: Bundle) -> None:
        bundle.process["cwd"] = "/etc/passwd"
        assert runtime.run(bundle.runs("true")).code != 0


def executable(pid: int) -> str:
    """What a process executes."""
    try:
        return os.readlink(f"/proc/{pid}/exe")
    except OSError:
        return "nothing: it has ended"


class TestNothingOfTheHost:
    def test_no_descriptor_but_the_three(self, runtime: Runtime, bundle: Bundle) -> None:
        read_end, write_end = os.pipe()
        directory = os.open("/", os.O_RDONLY)
        try:
            fds = (read_end, write_end, directory)
            result = runtime.run(bundle.runs("ls", "/proc/self/fd"), pass_fds=fds)
        finally:
            for fd in fds:
                os.close(fd)
        # The fourth is ls looking at the directory.
        assert lines(result) == ["0", "1", "2", "3"]

    @pytest.mark.skipif(bool(OTHER), reason="our library")
    def test_nor_any_of_a_program_that_uses_the_library(
        self, runtime: Runtime, bundle: Bundle
    ) -> None:
        """The command line closes what it inherits; other callers may have anything open."""
        bundle.script("ls /proc/self/fd >/log").write()
        runtime.made("box")

        def make() -> int:
            os.set_inheritable(os.open("/", os.O_RDONLY), True)
            born = create.begin(load(str(bundle.path)), "box", state_root=str(runtime.state_root))
            create.finish(born)
            start(str(runtime.state_root), "box")
            return born.pid

        runtime.wait(in_child(make))
        assert (bundle.rootfs / "log").read_text().split() == ["0", "1", "2", "3"]

    def test_the_executor_is_not_the_hosts_interpreter(
        self, runtime: Runtime, bundle: Bundle
    ) -> None:
        """CVE-2019-5736, with the container's own program: its interpreter is who executes it.

        That is the springboard, which then executes itself for ever; Python would end.
        """
        bundle.runs(bundle.program("trap", "#!/proc/self/exe\n"))
        pid = runtime.created(bundle)
        waiting = executable(pid)
        runtime("start", "box")
        wait_until(lambda: executable(pid) != waiting)
        for _ in range(20):
            assert "memfd" in executable(pid) or OTHER

    def test_a_shebang_of_proc_self_exe_is_never_python(
        self, runtime: Runtime, bundle: Bundle
    ) -> None:
        """CVE-2019-5736, from a shell inside."""
        trap = bundle.program("trap", "#!/proc/self/exe sh\necho caught\n")
        result = runtime.run(bundle.script(f"readlink /proc/1/exe; {trap}; true"))
        assert "python" not in result.out + result.err

    def test_the_hosts_files_are_not_there(self, runtime: Runtime, bundle: Bundle) -> None:
        assert "home" not in lines(runtime.run(bundle.runs("ls", "/")))
        mounts = lines(runtime.run(bundle.runs("cat", "/proc/self/mountinfo")))
        assert {line.split()[4] for line in mounts} == {"/", "/proc", "/dev", "/dev/pts", "/sys"}

    def test_the_session_is_its_own(self, runtime: Runtime, bundle: Bundle) -> None:
        sid = lines(runtime.run(bundle.script("cat /proc/self/stat")))[0].split()[5]
        assert sid == "1"


class TestDevices:
    NODES = {
        "null": (1, 3), "zero": (1, 5), "full": (1, 7), "random": (1, 8), "urandom": (1, 9),
        "tty": (5, 0),
    }  # fmt: skip

    def test_the_standard_ones_and_links(self, runtime: Runtime, bundle: Bundle) -> None:
        format_ = "%n %F %t:%T %a"
        names = [f"/dev/{name}" for name in self.NODES]
        found = lines(runtime.run(bundle.runs("stat", "-c", format_, *names)))
        assert found == [
            f"/dev/{name} character special file {major:x}:{minor:x} 666"
            for name, (major, minor) in self.NODES.items()
        ]
        script = "for n in fd stdin stdout stderr ptmx; do readlink /dev/$n; done"
        assert lines(runtime.run(bundle.script(script))) == [
            "/proc/self/fd", "/proc/self/fd/0", "/proc/self/fd/1", "/proc/self/fd/2", "pts/ptmx",
        ]  # fmt: skip

    def test_those_of_the_config_have_its_mode_and_owner(
        self, runtime: Runtime, bundle: Bundle
    ) -> None:
        bundle.linux["devices"] = [
            {"path": "/dev/deep/fuse", "type": "c", "major": 10, "minor": 229,
             "fileMode": 0o620, "uid": 5, "gid": 6},
            {"path": "/dev/pipe", "type": "p"},
            {"path": "/elsewhere", "type": "b", "major": 7, "minor": 0},
        ]  # fmt: skip
        names = ["/dev/deep/fuse", "/dev/pipe", "/elsewhere"]
        found = lines(runtime.run(bundle.runs("stat", "-c", "%F %t:%T %a %u:%g", *names)))
        assert found[0] == "character special file a:e5 620 5:6"
        assert found[1].startswith("fifo")
        assert found[2].startswith("block special file 7:0")

    def test_given_twice_is_once(self, runtime: Runtime, bundle: Bundle) -> None:
        null = {"path": "/dev/null", "type": "c", "major": 1, "minor": 3}
        pipe = {"path": "/dev/pipe", "type": "p"}
        bundle.linux["devices"] = [null, null, pipe, pipe]
        assert runtime.run(bundle.runs("true")).code == 0

    def test_an_unknown_type_is_an_error(self, runtime: Runtime, bundle: Bundle) -> None:
        bundle.linux["devices"] = [{"path": "/dev/x", "type": "z", "major": 1, "minor": 3}]
        assert runtime.run(bundle.runs("true")).code != 0


class TestRoot:
    def test_read_only_it_cannot_be_written_and_its_mounts_can(
        self, runtime: Runtime, bundle: Bundle
    ) -> None:
        bundle.config["root"]["readonly"] = True
        bundle.mount("/tmp", "tmpfs")
        result = runtime.run(bundle.script("touch /tmp/x && touch /x"))
        assert result.code != 0
        assert "ead-only" in result.err
        assert not (bundle.rootfs / "x").exists()

    def test_read_only_its_working_directory_is_made_before(
        self, runtime: Runtime, bundle: Bundle
    ) -> None:
        bundle.config["root"]["readonly"] = True
        bundle.process["cwd"] = "/new/one"
        assert lines(runtime.run(bundle.runs("pwd"))) == ["/new/one"]

    def test_masked_paths_are_empty_and_missing_ones_skipped(
        self, runtime: Runtime, bundle: Bundle
    ) -> None:
        (bundle.rootfs / "secret").write_text("secret")
        (bundle.rootfs / "secrets").mkdir()
        (bundle.rootfs / "secrets/one").write_text("secret")
        bundle.linux["maskedPaths"] = ["/secret", "/secrets", "/proc/cpuinfo", "/no/such"]
        script = "cat /secret /proc/cpuinfo; ls -A /secrets; touch /secrets/x"
        result = runtime.run(bundle.script(script))
        assert result.stdout == b""
        assert result.code != 0

    def test_readonly_paths_are_readable(self, runtime: Runtime, bundle: Bundle) -> None:
        (bundle.rootfs / "frozen").mkdir()
        (bundle.rootfs / "frozen/file").write_text("cold\n")
        bundle.linux["readonlyPaths"] = ["/frozen", "/proc/sys", "/no/such"]
        script = "cat /frozen/file; touch /frozen/x; echo 1 >/proc/sys/vm/drop_caches"
        result = runtime.run(bundle.script(script))
        assert result.out == "cold"
        assert result.err.count("ead-only") == 2

    def test_it_is_private_unless_asked(self, runtime: Runtime, bundle: Bundle) -> None:
        out = runtime.run(bundle.runs("cat", "/proc/self/mountinfo")).out
        root = next(line for line in out.splitlines() if " / / " in line or line.split()[4] == "/")
        assert "shared:" not in root

    def test_hostname_and_domain(self, runtime: Runtime, bundle: Bundle) -> None:
        bundle.config |= {"hostname": "box", "domainname": "example.org"}
        bundle.script("hostname; cat /proc/sys/kernel/domainname")
        assert lines(runtime.run(bundle)) == ["box", "example.org"]

    def test_sysctls_of_its_namespaces(self, runtime: Runtime, bundle: Bundle) -> None:
        bundle.linux["sysctl"] = {"net.ipv4.ip_unprivileged_port_start": "77"}
        path = "/proc/sys/net/ipv4/ip_unprivileged_port_start"
        assert lines(runtime.run(bundle.runs("cat", path))) == ["77"]

    def test_a_sysctl_that_cannot_be_set_is_named(self, runtime: Runtime, bundle: Bundle) -> None:
        bundle.linux["sysctl"] = {"net.no.such": "1"}
        result = runtime.run(bundle.runs("true"))
        assert result.code != 0
        assert "net.no.such" in result.err.replace("/", ".")

    def test_names_have_fields_of_their_own(self, runtime: Runtime, bundle: Bundle) -> None:
        """By sysctl as well they may only be the same."""
        bundle.config["domainname"] = "example.org"
        bundle.linux["sysctl"] = {"kernel.domainname": "example.org"}
        assert runtime.run(bundle.runs("true")).code == 0
        for name in ("kernel.domainname", "kernel.hostname"):
            bundle.linux["sysctl"] = {name: "example.com"}
            result = runtime.run(bundle.runs("true"))
            assert result.code != 0
            assert "conflicts" in result.err

    def test_a_network_that_is_the_callers_is_the_hosts(
        self, runtime: Runtime, bundle: Bundle
    ) -> None:
        bundle.namespace("network", "/proc/self/ns/net")
        bundle.linux["sysctl"] = {"net.ipv4.ip_unprivileged_port_start": "1024"}
        assert runtime.run(bundle.runs("true")).code != 0

    def test_a_sysctl_of_the_host_is_refused(self, runtime: Runtime, bundle: Bundle) -> None:
        """runtime-spec: only what has a namespace of the container's."""
        before = Path("/proc/sys/kernel/printk_delay").read_text()
        for name in ("kernel.printk_delay", "kernel/printk_delay", "vm.swappiness", "kernel.x"):
            bundle.linux["sysctl"] = {name: before.strip()}
            result = runtime.run(bundle.runs("true"))
            assert result.code != 0, name
            assert name in result.err

    @pytest.mark.parametrize(
        ("name", "kind"), [("net.core.somaxconn", "network"), ("kernel.msgmax", "ipc")]
    )
    def test_a_sysctl_of_a_namespace_it_shares_is_the_hosts(
        self, runtime: Runtime, bundle: Bundle, name: str, kind: str
    ) -> None:
        bundle.namespace(kind, None)
        bundle.linux["sysctl"] = {name: "1000"}
        assert runtime.run(bundle.runs("true")).code != 0

    @pytest.mark.parametrize("name", ["../../etc/passwd", "net/../../sysrq-trigger", "", "net."])
    def test_the_name_of_a_sysctl_leads_nowhere_else(
        self, runtime: Runtime, bundle: Bundle, name: str
    ) -> None:
        bundle.linux["sysctl"] = {name: "1"}
        assert runtime.run(bundle.runs("true")).code != 0


class TestTerminal:
    """console-socket: the master goes to whoever called."""

    def test_the_master_is_handed_over(self, runtime: Runtime, bundle: Bundle) -> None:
        bundle.process.update(terminal=True, consoleSize={"height": 33, "width": 99})
        bundle.script("tty; stty size; ls -l /dev/console | cut -c1; echo in: $(cat)")
        with Console(runtime.directory) as console:
            pid = runtime.started(bundle, "box", "--console-socket", console.path)
            master = console.receive()
            os.write(master, b"typed\n\x04")
            assert runtime.wait(pid) == 0
            text = read_all(master)
        assert text.splitlines()[:2] == ["/dev/pts/0", "33 99"] or "/dev/pts/0" in text
        assert "33 99" in text
        assert "in: typed" in text

    def test_it_is_the_controlling_terminal(self, runtime: Runtime, bundle: Bundle) -> None:
        bundle.process["terminal"] = True
        bundle.script(
            "trap 'echo interrupted; exit 3' INT; echo ready; while :; do sleep 0.01; done"
        )
        with Console(runtime.directory) as console:
            pid = runtime.started(bundle, "box", "--console-socket", console.path)
            master = console.receive()
            text = ""
            while "ready" not in text:
                text += os.read(master, 1000).decode()
            os.write(master, b"\x03")
            assert runtime.wait(pid) == 3
            assert "interrupted" in read_all(master)

    def test_one_without_the_other_is_an_error(self, runtime: Runtime, bundle: Bundle) -> None:
        bundle.process["terminal"] = True
        assert runtime.create(bundle).code != 0
        bundle.process["terminal"] = False
        with Console(runtime.directory) as console:
            result = runtime.create(bundle, "other", "--console-socket", console.path)
        assert result.code != 0
        assert not list(runtime.directory.glob("state/*"))

    def test_when_nobody_listens_nothing_is_made(self, runtime: Runtime, bundle: Bundle) -> None:
        bundle.process["terminal"] = True
        result = runtime.create(bundle, "box", "--console-socket", runtime.directory / "none")
        assert result.code != 0
        assert len(result.err.splitlines()) == 1
        assert not list(runtime.directory.glob("state/*"))


class Console:
    """Listens for a terminal's master."""

    def __init__(self, directory: Path) -> None:
        import socket

        self.path = directory / "console"
        self._listener = socket.socket(socket.AF_UNIX)
        self._listener.bind(str(self.path))
        self._listener.listen()
        self._opened: list[int] = []

    def __enter__(self) -> Console:
        return self

    def __exit__(self, *_: object) -> None:
        self._listener.close()
        for fd in self._opened:
            os.close(fd)

    def receive(self) -> int:
        import socket

        connection, _ = self._listener.accept()
        with connection:
            _, fds, _, _ = socket.recv_fds(connection, 100, 1)
        self._opened += fds
        assert stat.S_ISCHR(os.fstat(fds[0]).st_mode)
        return fds[0]


def read_all(fd: int) -> str:
    """What comes out of a terminal until its last process is gone."""
    data = b""
    try:
        while chunk := os.read(fd, 1000):
            data += chunk
    except OSError:
        pass
    return data.decode()
