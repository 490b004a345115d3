"""Bodies of `POST /containers/create` become options, or are refused."""

from __future__ import annotations

import json
from typing import Any

import pytest
from hypothesis import example, given, settings
from hypothesis import strategies as st

from cuddy.api import create_body
from cuddy.engine import create
from cuddy.engine.endpoint import EndpointWish
from cuddy.engine.options import ContainerOptions
from cuddy.errors import CuddyError, InvalidArgument


def options(**document: Any) -> ContainerOptions:
    return create_body.options({"Image": "alpine", **document})


def of_host(**host: Any) -> ContainerOptions:
    return options(HostConfig=host)


def test_a_body_that_says_only_the_image_is_an_ordinary_container() -> None:
    wanted = ContainerOptions(
        image="alpine", pull="never", outputs=(), attach_stdin=False, shm_size=0,
        memory=0, memory_swap=0, memory_reservation=0, kernel_memory=0, nano_cpus=0, cpu_shares=0,
        cpu_period=0, cpu_quota=0, cpu_rt_period=0, cpu_rt_runtime=0, blkio_weight=0,
    )  # fmt: skip
    assert options() == wanted
    assert options(HostConfig=None, NetworkingConfig=None, Env=None, Cmd=None) == wanted


@pytest.mark.parametrize("body", [{}, {"HostConfig": []}, {"Image": 1}, {"Image": "a", "Env": "X"}])
def test_a_body_that_is_none_is_refused(body: dict[str, Any]) -> None:
    with pytest.raises(InvalidArgument):
        create_body.options(body)


def test_a_wrong_type_is_told_with_the_name_of_its_field() -> None:
    words = "Image must be a string, not a number"
    with pytest.raises(InvalidArgument, match=words):
        create_body.options({"Image": 5})


def test_names_of_fields_are_found_in_any_case() -> None:
    assert create_body.options({"image": "alpine", "hostconfig": {"privileged": True}}).privileged


def test_a_command_may_be_one_word_and_an_entrypoint_may_be_empty() -> None:
    assert options(Cmd="sleep 60").command == ("sleep 60",)
    assert options(Entrypoint="/init").entrypoint == ("/init",)
    assert options(Entrypoint=[]).entrypoint == ()
    assert options(Entrypoint=[""]).entrypoint == ("",)
    assert options(Entrypoint=None).entrypoint is None


def test_variables_without_a_value_stay_so() -> None:
    assert options(Env=["A=1", "B", "C="]).env == ("A=1", "B", "C=")


def test_health_checks_have_their_words_and_nanoseconds() -> None:
    found = options(Healthcheck={"Test": ["CMD", "true"], "Interval": 10**9, "Retries": 2})
    assert found.health_test == ("CMD", "true")
    assert (found.health_interval, found.health_retries) == (10**9, 2)
    assert options(Healthcheck={"Test": ["NONE"]}).no_healthcheck
    with pytest.raises(InvalidArgument, match="Unknown healthcheck type"):
        options(Healthcheck={"Test": ["true"]})


def test_ports_are_published_as_the_client_asks() -> None:
    found = of_host(
        PortBindings={
            "80/tcp": [{"HostIp": "127.0.0.1", "HostPort": "8080"}, {"HostIp": "::1"}],
            "53/udp": [{"HostIp": "", "HostPort": ""}],
            "81/tcp": [],
            "82/tcp": None,
            "83": [{"HostPort": "0"}],
            "84/tcp": [{"HostPort": "8000-8010"}],
        }
    )
    assert found.publish == (
        "127.0.0.1:8080:80/tcp", "[::1]::80/tcp", "53/udp", "81/tcp", "82/tcp", "83",
        ":8000-8010:84/tcp",
    )  # fmt: skip
    assert options(ExposedPorts={"80/tcp": {}}).expose == ("80/tcp",)


def test_mounts_are_had_with_what_they_say_and_no_more() -> None:
    found = of_host(
        Binds=["/src:/dst:ro", "named:/data"],
        Tmpfs={"/run": "size=1m", "/tmp": ""},
        VolumesFrom=["other:ro"],
        Mounts=[
            {"Type": "volume", "Source": "v", "Target": "/v", "ReadOnly": False,
             "BindOptions": None,
             "VolumeOptions": {"NoCopy": True, "Labels": {"a": "b"}, "Subpath": "x",
                               "DriverConfig": {"Name": "local", "Options": {"type": "tmpfs"}}}},
            {"Type": "bind", "Source": "/s", "Target": "/d", "Consistency": "default",
             "BindOptions": {"Propagation": "rslave", "CreateMountpoint": True}},
            {"Type": "tmpfs", "Target": "/t",
             "TmpfsOptions": {"SizeBytes": 1024, "Mode": 448, "Options": [["noexec"]]}},
        ],
    )  # fmt: skip
    assert found.volumes == ("/src:/dst:ro", "named:/data")
    assert found.tmpfs == ("/run:size=1m", "/tmp")
    assert found.volumes_from == ("other:ro",)
    volume, bind, tmpfs = found.mounts
    assert volume["VolumeOptions"]["DriverConfig"] == {
        "Name": "local",
        "Options": {"type": "tmpfs"},
    }
    assert "ReadOnly" not in volume and "BindOptions" not in volume
    assert bind["BindOptions"] == {"Propagation": "rslave", "CreateMountpoint": True}
    assert tmpfs["TmpfsOptions"] == {"SizeBytes": 1024, "Mode": 448, "Options": [["noexec"]]}
    assert options(Volumes={"/data": {}}).volumes == ("/data",)


def test_networks_are_those_of_the_endpoints() -> None:
    def wanted(mode: str, **endpoints: Any) -> ContainerOptions:
        body = {"EndpointsConfig": endpoints}
        return options(HostConfig={"NetworkMode": mode}, NetworkingConfig=body)

    assert wanted("default", default={}).network == "bridge"
    assert wanted("default", default={}).endpoints == ()
    assert wanted("front").network == "front"
    assert wanted("default", front={}).network == "front"
    both = wanted(
        "front", back={"Aliases": ["b"]}, front={"IPAMConfig": {"IPv4Address": "10.1.1.1"}}
    )
    assert both.network == "front"
    assert both.endpoints == (
        EndpointWish("back", {"Aliases": ["b"]}),
        EndpointWish("front", {"IPAMConfig": {"IPv4Address": "10.1.1.1"}}),
    )
    assert wanted("container:x", front={}).endpoints == ()
    with pytest.raises(InvalidArgument, match="cannot attach both"):
        create.check(wanted("host", front={}))
    assert options(NetworkDisabled=True).network == "none"


def test_a_hardware_address_may_be_said_twice() -> None:
    mac = "92:d0:c6:0a:29:33"
    found = options(
        MacAddress=mac,
        HostConfig={"NetworkMode": "front"},
        NetworkingConfig={"EndpointsConfig": {"front": {"MacAddress": mac}}},
    )
    assert found.mac_address == ""
    assert found.endpoints == (EndpointWish("front", {"MacAddress": mac}),)
    assert create_body.warnings({"MacAddress": mac}, (1, 44))
    assert not create_body.warnings({"MacAddress": mac}, (1, 43))


def test_what_the_host_gives_is_read_field_by_field() -> None:
    found = of_host(
        RestartPolicy={"Name": "on-failure", "MaximumRetryCount": 3},
        Ulimits=[{"Name": "nofile", "Soft": 10, "Hard": 20}, {"Name": "core", "Soft": 0}],
        LogConfig={"Type": "json-file", "Config": {"max-size": "1m"}},
        Devices=[{"PathOnHost": "/dev/fuse", "PathInContainer": "/dev/f"}],
        BlkioWeightDevice=[{"Path": "/dev/sda", "Weight": 20}],
        BlkioDeviceReadBps=[{"Path": "/dev/sda", "Rate": 1024}],
        Sysctls={"net.core.somaxconn": "1024"},
        MemorySwappiness=-1, PidsLimit=None, Init=True, ConsoleSize=[24, 80],
        MaskedPaths=[], ReadonlyPaths=None, Annotations={"a": "b"}, AutoRemove=True,
    )  # fmt: skip
    assert found.restart == "on-failure:3"
    assert found.ulimits == ("nofile=10:20", "core=0:0")
    assert (found.log_driver, found.log_opts) == ("json-file", (("max-size", "1m"),))
    assert found.devices == ("/dev/fuse:/dev/f:rwm",)
    assert found.blkio_weight_device == ("/dev/sda:20",)
    assert found.device_read_bps == ("/dev/sda:1024",)
    assert found.sysctls == ("net.core.somaxconn=1024",)
    assert (found.memory_swappiness, found.pids_limit) == (-1, None)
    assert (found.masked_paths, found.readonly_paths) == ((), None)
    assert found.init is True and found.auto_remove and found.console_size == (24, 80)
    assert of_host(PidsLimit=0).pids_limit == 0


def test_requests_for_devices_keep_their_shape() -> None:
    request = {"Driver": "", "Count": -1, "Capabilities": [["gpu"]], "DeviceIDs": None}
    assert of_host(DeviceRequests=[request]).device_requests == (
        {"Driver": "", "Count": -1, "Capabilities": [["gpu"]], "DeviceIDs": None, "Options": {}},
    )


KNOWN = (
    "Image", "Cmd", "Entrypoint", "Env", "Hostname", "User", "Labels", "StopSignal", "StopTimeout",
    "Shell", "ExposedPorts", "Volumes", "Healthcheck", "WorkingDir", "MacAddress",
    "NetworkDisabled", "Tty", "OpenStdin",
)  # fmt: skip
OF_HOST = (
    "Binds", "Mounts", "Tmpfs", "VolumesFrom", "PortBindings", "RestartPolicy", "LogConfig",
    "NetworkMode", "Links", "Dns", "ExtraHosts", "CapAdd", "SecurityOpt", "Devices",
    "DeviceRequests", "DeviceCgroupRules", "Ulimits", "Sysctls", "StorageOpt", "Memory",
    "MemorySwap", "NanoCpus", "CpuShares", "PidsLimit", "MemorySwappiness", "ConsoleSize",
    "MaskedPaths", "ReadonlyPaths", "IpcMode", "PidMode", "UsernsMode", "UTSMode", "GroupAdd",
    "Annotations", "BlkioWeight", "BlkioWeightDevice", "BlkioDeviceReadBps", "CpusetCpus",
    "CgroupParent", "Isolation", "Runtime", "VolumeDriver",
)  # fmt: skip
WORDS = st.sampled_from(
    ["", "/a:/b", "a=b", "80/tcp", "8000-8010", "host", "container:x", "on-failure", "CMD", "\0",
     "\ud800", "/", "nofile", "volume", "bind", "tmpfs", "::1", "json-file", "no-new-privileges",
     "/dev/null", "c 1:3 rwm", "default", "net.core.somaxconn", "99999999999999999999"]
)  # fmt: skip
SCALARS = st.none() | st.booleans() | st.integers() | st.floats() | WORDS | st.text(max_size=8)
INNER = st.sampled_from(
    ["Type", "Source", "Target", "Name", "Soft", "Hard", "Path", "Rate", "Weight", "Test", "Config",
     "HostIp", "HostPort", "VolumeOptions", "TmpfsOptions", "Capabilities", "Count", "PathOnHost",
     "MaximumRetryCount", "IPAMConfig", "Aliases"]
)  # fmt: skip
VALUES = st.recursive(
    SCALARS,
    lambda inner: (
        st.lists(inner, max_size=3)
        | st.dictionaries(WORDS | INNER | st.text(max_size=5), inner, max_size=3)
    ),
    max_leaves=8,
)
BODIES = st.fixed_dictionaries(
    {"Image": SCALARS | st.just("alpine")},
    optional={
        "HostConfig": st.dictionaries(st.sampled_from(OF_HOST), VALUES, max_size=4) | SCALARS,
        "NetworkingConfig": st.fixed_dictionaries({"EndpointsConfig": VALUES}) | VALUES,
        **dict.fromkeys(KNOWN[1:], VALUES),
    },
)


@settings(max_examples=150, deadline=None)
@given(BODIES)
@example({"Image": "a", "HostConfig": {"Mounts": [{"Type": "tmpfs", "Target": "/t",
                                                   "TmpfsOptions": {"Mode": -1}}]}})  # fmt: skip
def test_no_body_whatever_is_our_mistake(body: dict[str, Any]) -> None:
    try:
        found = create_body.options(body)
        create_body.warnings(body, (1, 45))
        create.check(found)
    except CuddyError as error:
        assert error.http_status < 500
    else:
        json.dumps(create.build_host_config(found)).encode()
