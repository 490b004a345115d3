"""`info`, `version`: what the engine is and has, in docker's fields and words."""

from __future__ import annotations

import json
import re

from console import Cuddy

# What docker's client, compose and docker's Python library look at: API v1.50, SystemInfo.
FIELDS = [
    "ID", "Containers", "ContainersRunning", "ContainersPaused", "ContainersStopped", "Images",
    "Driver", "DriverStatus", "Plugins", "MemoryLimit", "SwapLimit", "CpuCfsPeriod",
    "CpuCfsQuota", "CPUShares", "CPUSet", "PidsLimit", "OomKillDisable", "IPv4Forwarding",
    "Debug", "NFd", "NGoroutines", "SystemTime", "LoggingDriver", "CgroupDriver",
    "CgroupVersion", "NEventsListener", "KernelVersion", "OperatingSystem", "OSVersion",
    "OSType", "Architecture", "IndexServerAddress", "NCPU", "MemTotal", "GenericResources",
    "DockerRootDir", "HttpProxy", "HttpsProxy", "NoProxy", "Name", "Labels",
    "ExperimentalBuild", "ServerVersion", "Runtimes", "DefaultRuntime", "Swarm",
    "LiveRestoreEnabled", "Isolation", "InitBinary", "SecurityOptions", "Warnings",
]  # fmt: skip


def test_info_has_dockers_fields_in_dockers_order(cuddy: Cuddy) -> None:
    found = json.loads(cuddy.ok("info", "--format", "json"))
    assert [key for key in found if key in FIELDS] == FIELDS
    assert found["Swarm"]["LocalNodeState"] == "inactive"
    assert found["Runtimes"]["cuddy"] == {"path": "cuddy-runtime"}
    assert (
        cuddy.ok("system", "info", "-f", "{{.OSType}} {{.ClientInfo.Context}}") == "linux default"
    )


def test_info_counts_containers_by_state(fresh: Cuddy) -> None:
    fresh.ok("create", "alpine", "true")
    fresh.ok("run", "-d", "alpine", "sleep", "1000")
    fresh.ok("run", "-d", "--name", "still", "alpine", "sleep", "1000")
    fresh.ok("pause", "still")
    lines = fresh.ok("info").splitlines()
    at = lines.index(" Containers: 3")
    assert lines[at + 1 : at + 4] == ["  Running: 1", "  Paused: 1", "  Stopped: 1"]
    assert " Images: 1" in lines
    assert f" Cuddy Root Dir: {fresh.root}" in lines
    assert any(re.fullmatch(r"  Backing Filesystem: \w+", line) for line in lines)


def test_version_tells_of_client_and_server(cuddy: Cuddy) -> None:
    found = json.loads(cuddy.ok("version", "--format", "json"))
    assert found["Client"]["Version"] == found["Server"]["Version"]
    assert (
        found["Server"]["Components"][0]["Details"]["ApiVersion"] == found["Server"]["ApiVersion"]
    )
    text = cuddy.ok("version")
    assert re.search(r"^  API version:      \S+ \(minimum version \S+\)$", text, re.MULTILINE)
    assert cuddy.ok("version", "-f", "{{.Server.Os}}") == "linux"
