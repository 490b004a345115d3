"""Create: what is refused before anything is made, and what the record then says."""

from __future__ import annotations

import os
from pathlib import Path
from typing import Any

import pytest

from cuddy import files
from cuddy.engine import container, containers, create, names, rm
from cuddy.engine.home import Home
from cuddy.engine.options import ContainerOptions
from cuddy.errors import (
    CuddyError,
    InvalidArgument,
    NameTaken,
    NoSuchContainer,
    NoSuchImage,
)
from cuddy.image import host

ID = "0123456789abcdef" * 4


def check(**values: Any) -> None:
    create.check(ContainerOptions("image", **values))


class TestRefused:
    @pytest.mark.parametrize(
        ("values", "kind", "complaint"),
        [
            ({"name": "-x"}, InvalidArgument, "container name"),
            ({"name": "../x"}, InvalidArgument, "container name"),
            ({"pid_mode": "container:"}, InvalidArgument, "--pid: invalid PID mode"),
            ({"ipc_mode": "public"}, InvalidArgument, "invalid IPC mode: public"),
            ({"uts_mode": "x"}, InvalidArgument, "--uts: invalid UTS mode"),
            ({"userns_mode": "mine"}, InvalidArgument, "--userns: invalid USER mode"),
            ({"cgroupns_mode": "x"}, InvalidArgument, "--cgroupns: invalid CGROUP mode"),
            ({"network": "container:"}, InvalidArgument, "Invalid network mode"),
            (
                {"hostname": "box", "uts_mode": "host"},
                InvalidArgument,
                "conflicting options: hostname and the UTS mode",
            ),
            (
                {"domainname": "box", "uts_mode": "host"},
                InvalidArgument,
                "conflicting options: domainname and the UTS mode",
            ),
            (
                {"hostname": "box", "network": "container:x"},
                InvalidArgument,
                "conflicting options: hostname and the network mode",
            ),
            (
                {"dns": ("1.1.1.1",), "network": "container:x"},
                InvalidArgument,
                "conflicting options: dns and the network mode",
            ),
            (
                {"add_hosts": ("a:1.1.1.1",), "network": "container:x"},
                InvalidArgument,
                "conflicting options: custom host-to-IP mapping and the network mode",
            ),
            ({"isolation": "hyperv"}, InvalidArgument, 'Invalid isolation: "hyperv" - linux'),
            ({"runtime": "nosuch"}, InvalidArgument, "unknown or invalid runtime name: nosuch"),
            ({"group_add": ("a:b",)}, InvalidArgument, "invalid group"),
            ({"sysctls": ("kernel.pid_max=1",)}, InvalidArgument, "is not allowed"),
            ({"sysctls": ("net.core.somaxconn",)}, InvalidArgument, "is not allowed"),
            ({"sysctls": ("net.a/../../x=1",)}, InvalidArgument, "invalid sysctl"),
            (
                {"sysctls": ("net.core.somaxconn=1",), "network": "host"},
                InvalidArgument,
                'sysctl "net.core.somaxconn" not allowed in host network namespace',
            ),
            (
                {"sysctls": ("kernel.shmmax=1",), "ipc_mode": "host"},
                InvalidArgument,
                'sysctl "kernel.shmmax" is not allowed in the hosts ipc namespace',
            ),
            ({"shm_size": -1}, InvalidArgument, "SHM size can not be less than 0"),
            ({"storage_opt": ("size=1g",)}, InvalidArgument, "--storage-opt is supported only for"),
            ({"storage_opt": ("size",)}, InvalidArgument, "invalid storage option"),
            ({"gpus": ("foo=1",)}, InvalidArgument, "unexpected key 'foo'"),
            ({"annotations": ("x",)}, InvalidArgument, "invalid annotation"),
            ({"devices": ("null",)}, InvalidArgument, "null is not an absolute path"),
            ({"devices": ("/dev/null:/x:rx",)}, InvalidArgument, "bad mode specified: rx"),
            ({"devices": (":/x",)}, InvalidArgument, "bad format for path"),
            ({"device_cgroup_rules": ("c 1:3",)}, InvalidArgument, "invalid device cgroup format"),
            ({"cap_add": ("FOO",)}, InvalidArgument, 'unknown capability: "CAP_FOO"'),
            (
                {"pull": "sometimes"},
                InvalidArgument,
                "invalid pull option: 'sometimes': must be one",
            ),
            ({"platform": "a/b/c/d"}, InvalidArgument, "invalid platform"),
            ({"restart": "sometimes"}, InvalidArgument, "unknown policy 'sometimes'"),
            ({"hostname": "-box"}, InvalidArgument, "hostname"),
            ({"hostname": "a b"}, InvalidArgument, "hostname"),
            ({"hostname": "a\nb"}, InvalidArgument, "hostname"),
            ({"hostname": "x" * 65}, InvalidArgument, "hostname"),
            ({"domainname": "a\nb"}, InvalidArgument, "domain"),
            ({"domainname": "x" * 65}, InvalidArgument, "domain"),
            ({"workdir": "tmp"}, InvalidArgument, "working directory"),
            ({"workdir": "/a\0b"}, InvalidArgument, "NUL"),
            ({"command": ("a\0b",)}, InvalidArgument, "NUL"),
            ({"entrypoint": ("a\0b",)}, InvalidArgument, "NUL"),
            ({"user": "a:b:c"}, InvalidArgument, "user"),
            ({"user": "a\nb"}, InvalidArgument, "user"),
            ({"user": "4294967295"}, InvalidArgument, "out of range"),
            ({"user": "0:4294967296"}, InvalidArgument, "out of range"),
            ({"user": "-1"}, InvalidArgument, "out of range"),
            ({"user": "+1"}, InvalidArgument, "out of range"),
            ({"stop_signal": "WARP"}, InvalidArgument, "invalid signal"),
            ({"dns": ("x",)}, InvalidArgument, "address"),
            ({"add_hosts": ("box",)}, InvalidArgument, "box"),
            ({"memory": 1}, InvalidArgument, "Minimum memory limit allowed is 6MB"),
            ({"security_opt": ("warp",)}, InvalidArgument, "invalid --security-opt 2"),
            ({"cap_add": ("WARP",)}, InvalidArgument, "capability"),
            ({"volumes": ("x",)}, InvalidArgument, "must be absolute"),
            ({"volumes": ("/a:/x", "/b:/x/")}, InvalidArgument, "Duplicate"),
            ({"volumes": ("/a:/x",), "tmpfs": ("/x",)}, InvalidArgument, "Duplicate"),
            ({"tmpfs": ("/x", "/x/:size=1m")}, InvalidArgument, "Duplicate"),
            ({"tmpfs": ("x",)}, InvalidArgument, "absolute"),
        ],
    )
    def test_what_makes_no_sense(
        self, values: dict[str, Any], kind: type[CuddyError], complaint: str
    ) -> None:
        with pytest.raises(kind, match=complaint) as caught:
            check(**values)
        assert caught.value.exit_code in (1, 125)

    @pytest.mark.parametrize(
        "values",
        [
            {},
            {"name": "/box"},
            {"hostname": "box.example.org", "domainname": "example.org"},
            {"user": "4294967294:4294967294"},
            {"user": "a b"},
            {"add_hosts": ("gw:host-gateway",)},
            {"network": "host"},
            {"stop_signal": "RTMIN+3"},
        ],
    )
    def test_what_is_fine(self, values: dict[str, Any]) -> None:
        check(**values)


@pytest.fixture
def home(tmp_path: Path) -> Home:
    made = Home(f"{tmp_path}/root", f"{tmp_path}/run")
    for path in (made.containers_dir, made.names_dir, made.tmp_dir, made.run_root):
        os.makedirs(path)
    return made


def record(home: Home, image: dict[str, Any] | None = None, **values: Any) -> Any:
    options = ContainerOptions("image", **({"command": ("sh",)} | values))
    found = host.IMAGE._replace(config={"config": image or {}})
    return create.build_record(home, options, found, ID)


class TestRecord:
    def test_the_hostname_is_the_short_id_the_one_given_or_the_hosts(self, home: Home) -> None:
        assert record(home)["Config"]["Hostname"] == ID[:12]
        assert record(home, hostname="box")["Config"]["Hostname"] == "box"
        assert record(home, network="host")["Config"]["Hostname"] == os.uname().nodename

    def test_the_image_is_asked_where_the_user_says_nothing(self, home: Home) -> None:
        image = {"User": "me", "WorkingDir": "/srv", "StopSignal": "SIGQUIT", "Env": ["A=1"]}
        config = record(home, image)["Config"]
        assert (config["User"], config["WorkingDir"], config["StopSignal"]) == (
            "me", "/srv", "SIGQUIT",
        )  # fmt: skip
        assert "A=1" in config["Env"]
        config = record(home, image, user="you", workdir="/", stop_signal="INT")["Config"]
        assert (config["User"], config["WorkingDir"], config["StopSignal"]) == ("you", "/", "INT")

    def test_an_image_cannot_make_a_container_that_does_not_stop(self, home: Home) -> None:
        assert record(home, {"StopSignal": "WARP"})["Config"]["StopSignal"] == "SIGTERM"
        assert record(home, {"StopSignal": ""})["Config"]["StopSignal"] == "SIGTERM"

    def test_an_images_relative_working_directory_is_below_the_root(self, home: Home) -> None:
        assert record(home, {"WorkingDir": "app"})["Config"]["WorkingDir"] == "/app"

    def test_an_image_sets_only_what_images_may_set(self, home: Home) -> None:
        """CVE-2014-6408: no security option comes from an image."""
        image = {"Privileged": True, "CapAdd": ["ALL"], "HostConfig": {"Privileged": True},
                 "SecurityOpt": ["seccomp=unconfined"], "Binds": ["/:/host"]}  # fmt: skip
        config = record(home, image)["HostConfig"]
        assert (config["Privileged"], config["CapAdd"], config["Binds"]) == (False, [], [])
        assert config["SecurityOpt"] == []

    def test_path_and_args_are_the_whole_command(self, home: Home) -> None:
        found = record(home, {"Entrypoint": ["e", "1"], "Cmd": ["c"]}, command=())
        assert (found["Path"], found["Args"]) == ("e", ["1", "c"])
        assert (found["Config"]["Entrypoint"], found["Config"]["Cmd"]) == (["e", "1"], ["c"])


def write(home: Home, name: str = "", container_id: str = ID) -> None:
    """Make a container as far as its files, of the image `host`."""
    made = record(home) | {"Id": container_id, "Image": host.IMAGE.id}
    create.write(home, made, ContainerOptions("image", name=name))


class TestClaimingNames:
    def test_a_name_leads_to_its_container(self, home: Home) -> None:
        os.makedirs(home.container_dir(ID))
        assert names.claim(home, ID, "box") == "box"
        assert containers.find_id(home, "box") == containers.find_id(home, "/box") == ID

    def test_a_name_in_use_says_who_has_it(self, home: Home) -> None:
        os.makedirs(home.container_dir(ID))
        names.claim(home, ID, "box")
        with pytest.raises(NameTaken, match=ID[:12]) as caught:
            names.claim(home, "f" * 64, "box")
        assert "cuddy rm box" in caught.value.hint

    def test_a_name_that_leads_nowhere_is_free(self, home: Home) -> None:
        """A `create` that was killed between name and directory leaves one."""
        names.claim(home, "e" * 64, "box")
        assert names.claim(home, ID, "box") == "box"
        assert os.readlink(f"{home.names_dir}/box") == ID

    def test_without_a_wish_a_free_random_one_is_found(self, home: Home) -> None:
        taken = {names.claim(home, ID, "") for _ in range(50)}
        assert len(taken) == 50 or not os.path.isdir(home.container_dir(ID))


class TestFinding:
    IDS = (ID, "0123" + "f" * 60, "fedc" * 16)

    @pytest.fixture(autouse=True)
    def three(self, home: Home) -> None:
        for container_id in self.IDS:
            os.makedirs(home.container_dir(container_id))

    def test_by_id_and_unique_beginning(self, home: Home) -> None:
        assert containers.find_id(home, ID) == containers.find_id(home, ID[:6]) == ID
        assert containers.find_id(home, "f") == self.IDS[2]

    def test_an_ambiguous_beginning_is_an_error(self, home: Home) -> None:
        with pytest.raises(InvalidArgument, match="ambiguous"):
            containers.find_id(home, "0123")

    def test_a_name_is_before_a_beginning_of_an_id(self, home: Home) -> None:
        names.claim(home, self.IDS[2], "0123456")
        assert containers.find_id(home, "0123456") == self.IDS[2]

    @pytest.mark.parametrize(
        "name",
        ["", "/", ".", "..", "../containers", "a/b", "a\0b", "\n", "*", "x" * 5000, "\udcff"],
    )
    def test_what_is_no_name_finds_nothing(self, home: Home, name: str) -> None:
        with pytest.raises(NoSuchContainer):
            containers.find_id(home, name)


class TestReading:
    def test_a_torn_record_is_one_line_that_says_what_to_do(self, home: Home) -> None:
        os.makedirs(home.container_dir(ID))
        Path(home.container_dir(ID), "container.json").write_text('{"Id": "0123')
        with pytest.raises(CuddyError) as caught:
            container.read(home, ID)
        assert f"cuddy rm -f {ID[:12]}" in caught.value.hint

    def test_a_file_that_is_no_record_is_no_crash(self, home: Home) -> None:
        os.makedirs(home.container_dir(ID))
        whole = record(home)
        for text in (
            "[]",
            "7",
            "{}",
            '{"Id": 5}',
            *(files.format_json(whole | {field: None}) for field in container.FIELDS),
        ):
            Path(home.container_dir(ID), "container.json").write_text(text)
            with pytest.raises(CuddyError):
                container.read(home, ID)

    def test_what_cannot_be_read_can_be_removed(self, home: Home) -> None:
        write(home, "box")
        Path(home.container_dir(ID), "container.json").write_text("{")
        with pytest.raises(CuddyError, match=ID[:12]):
            rm.rm(home, "box")
        rm.rm(home, "box", force=True)
        assert os.listdir(home.containers_dir) == os.listdir(home.names_dir) == []


class TestHome:
    def test_every_home_has_a_bridge_of_its_own_that_fits_a_links_name(self, home: Home) -> None:
        assert Home().bridge_link == "cuddy0"
        assert home.bridge_link != home._replace(root="/other").bridge_link
        assert len(home.bridge_link) <= 15


class TestPlatforms:
    @pytest.mark.parametrize(
        ("wanted", "os_name", "architecture", "variant", "fits"),
        [
            ("", "linux", "riscv64", "", True),
            ("linux/amd64", "linux", "amd64", "", True),
            ("amd64", "linux", "amd64", "", True),
            ("linux/amd64", "linux", "386", "", True),
            ("linux/arm64", "linux", "amd64", "", False),
            ("windows/amd64", "linux", "amd64", "", False),
            ("linux/arm/v6", "linux", "arm", "v7", False),
            ("linux/arm/v7", "linux", "arm", "v6", True),
            ("linux/aarch64", "linux", "arm64", "v8", True),
        ],
    )
    def test_an_image_that_is_here_fits_or_not(
        self, wanted: str, os_name: str, architecture: str, variant: str, fits: bool
    ) -> None:
        config = {"os": os_name, "architecture": architecture, "variant": variant}
        image = host.IMAGE._replace(config=config)
        assert create.fits_platform(image, wanted) == fits

    def test_the_host_is_no_other_machine(self, tmp_path: Path) -> None:
        other = "linux/s390x"
        options = ContainerOptions(host.NAME, command=("true",), platform=other)
        home = Home(str(tmp_path / "root"), str(tmp_path / "run"))
        with pytest.raises(NoSuchImage, match="host"):
            create.pull_image(home, options, None, None)
        assert create.find_image(home, options, host.NAME) is None
