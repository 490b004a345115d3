"""What is fuzzed: for each kind of foreign bytes a function that takes them, and good examples.

A function returns, or raises one of the target's own errors; anything else is a finding.
"""

from __future__ import annotations

import io
import json
import os
import shutil
import tarfile
import tempfile
from collections.abc import Callable
from pathlib import Path
from typing import Any, NamedTuple

from cuddy.builder import dockerfile, dockerignore, lint
from cuddy.engine import frames, mount_grammar
from cuddy.errors import CorruptContent, CuddyError, InvalidArgument, NotPermitted
from cuddy.image import auth, layer, pages, reference, spec
from cuddy.kernel.cgroup_hierarchies import Hierarchies, Hierarchy
from cuddy.network import dns_messages, resolv
from cuddy.runtime import bundle, mount_plan, profile, resources, sysctls
from fuzz.mutation import Choices, mutated

V1 = ("memory", "cpu", "cpuset", "pids", "blkio", "hugetlb", "net_cls", "net_prio", "rdma",
      "devices", "freezer")  # fmt: skip
V2 = ("memory", "cpu", "cpuset", "pids", "io", "hugetlb", "rdma")
HOSTS = (
    Hierarchies(tuple(Hierarchy(1, f"/cgroup/{name}", (name,), "/") for name in V1)),
    Hierarchies((Hierarchy(2, "/cgroup", V2, "/"),)),
)
ROOT = Path(__file__).parent.parent
DIGEST = "sha256:" + "a" * 64


class Target(NamedTuple):
    """`run` takes any bytes. `errors`: what it may raise. `seeds`: bytes that lead far inside."""

    run: Callable[[bytes], None]
    errors: tuple[type[Exception], ...] = (CuddyError,)
    seeds: tuple[bytes, ...] = ()


CONFIG: dict[str, Any] = {
    "ociVersion": "1.2.0",
    "root": {"path": "/", "readonly": True},
    "hostname": "box",
    "process": {
        "terminal": True, "consoleSize": {"height": 24, "width": 80},
        "user": {"uid": 1, "gid": 2, "umask": 18, "additionalGids": [3]},
        "args": ["sh", "-c", "true"], "env": ["PATH=/bin", "A=b"], "cwd": "/",
        "capabilities": {"bounding": ["CAP_KILL"], "effective": ["CAP_KILL"], "ambient": []},
        "rlimits": [{"type": "RLIMIT_NOFILE", "soft": 10, "hard": 20}],
        "noNewPrivileges": True, "oomScoreAdj": 5, "apparmorProfile": "", "selinuxLabel": "",
        "scheduler": {"policy": "SCHED_OTHER", "nice": 1}, "execCPUAffinity": {"initial": "0"},
        "ioPriority": {"class": "IOPRIO_CLASS_BE", "priority": 1},
    },
    "mounts": [
        {"destination": "/proc", "type": "proc", "source": "proc", "options": ["nosuid"]},
        {"destination": "/data", "type": "bind", "source": "/tmp", "options": ["rbind", "rro"],
         "uidMappings": [{"containerID": 0, "hostID": 1, "size": 2}],
         "gidMappings": [{"containerID": 0, "hostID": 1, "size": 2}]},
        {"destination": "/sys/fs/cgroup", "type": "cgroup", "source": "cgroup", "options": ["ro"]},
    ],
    "hooks": {"prestart": [{"path": "/bin/true", "args": ["true"], "env": [], "timeout": 1}]},
    "annotations": {"a": "b"},
    "linux": {
        "namespaces": [{"type": "mount"}, {"type": "pid"}, {"type": "uts"}, {"type": "user"},
                       {"type": "network", "path": "/proc/1/ns/net"}, {"type": "time"}],
        "uidMappings": [{"containerID": 0, "hostID": 1000, "size": 10}],
        "gidMappings": [{"containerID": 0, "hostID": 1000, "size": 10}],
        "timeOffsets": {"monotonic": {"secs": 1, "nanosecs": 2}},
        "devices": [{"path": "/dev/fuse", "type": "c", "major": 10, "minor": 229, "fileMode": 438,
                     "uid": 0, "gid": 0}],
        "cgroupsPath": "/a/b", "rootfsPropagation": "slave", "sysctl": {"net.ipv4.ip_forward": "1"},
        "maskedPaths": ["/proc/kcore"], "readonlyPaths": ["/proc/sys"], "mountLabel": "",
        "personality": {"domain": "LINUX32"},
        "netDevices": {"eth0": {"name": "eth1"}},
        "memoryPolicy": {"mode": "MPOL_BIND", "nodes": "0", "flags": []},
        "resources": {
            "devices": [{"allow": False, "access": "rwm"}, {"allow": True, "type": "c",
                        "major": 1, "minor": 3, "access": "rw"}],
            "memory": {"limit": 1 << 20, "swap": 1 << 21, "reservation": 5, "swappiness": 3},
            "cpu": {"shares": 5, "quota": 6, "period": 7, "cpus": "0", "mems": "0", "idle": 0},
            "pids": {"limit": 8}, "hugepageLimits": [{"pageSize": "2MB", "limit": 9}],
            "blockIO": {"weight": 10, "weightDevice": [{"major": 8, "minor": 0, "weight": 10}],
                        "throttleReadBpsDevice": [{"major": 8, "minor": 0, "rate": 1}]},
            "network": {"classID": 1, "priorities": [{"name": "eth0", "priority": 1}]},
            "rdma": {"mlx5_1": {"hcaHandles": 3, "hcaObjects": 4}},
            "unified": {"memory.high": "max"},
        },
        "seccomp": {
            "defaultAction": "SCMP_ACT_ERRNO", "defaultErrnoRet": 1, "flags": [],
            "architectures": ["SCMP_ARCH_X86_64", "SCMP_ARCH_X86"], "listenerPath": "/run/l.sock",
            "syscalls": [{"names": ["read", "clone"], "action": "SCMP_ACT_ALLOW", "args": [
                {"index": 0, "value": 1, "valueTwo": 2, "op": "SCMP_CMP_MASKED_EQ"}]},
                {"names": ["write"], "action": "SCMP_ACT_ERRNO", "errnoRet": 5}],
        },
    },
}  # fmt: skip
DESCRIPTOR = {"mediaType": spec.OCI_LAYER, "digest": DIGEST, "size": 5, "annotations": {"a": "b"}}
MANIFEST: dict[str, Any] = {
    "schemaVersion": 2, "mediaType": spec.OCI_MANIFEST, "layers": [DESCRIPTOR],
    "config": {**DESCRIPTOR, "mediaType": spec.OCI_CONFIG},
}  # fmt: skip
INDEX: dict[str, Any] = {
    "schemaVersion": 2, "manifests": [{**DESCRIPTOR, "platform": {"os": "linux"}}],
}  # fmt: skip
IMAGE_CONFIG: dict[str, Any] = {
    "architecture": "amd64", "os": "linux", "rootfs": {"type": "layers", "diff_ids": [DIGEST]},
    "history": [{"created_by": "sh", "empty_layer": True}],
    "config": {"Env": ["A=b"], "Cmd": ["sh"], "Volumes": {"/a": {}}, "ExposedPorts": {"80/tcp": {}},
               "Healthcheck": {"Test": ["CMD", "true"], "Interval": 5}},
}  # fmt: skip


def oci_config(data: bytes) -> None:
    """config.json: mutated, and everything that is decided of it before anything is made."""
    text = json.dumps(mutated((CONFIG,), data))
    document = bundle.files.parse_json(text)
    checked = bundle.examine("/nowhere", document)
    linux = checked.config["linux"]
    sysctls.check(checked)
    mount_plan.plan_mounts(checked.config)
    for hierarchies in HOSTS:
        try:
            resources.plan(linux.get("resources", {}), hierarchies)
        except NotPermitted:
            continue  # what one version has not
    if section := linux.get("seccomp"):
        profile.flags(section)
        profile.compile(section)


def image_documents(data: bytes) -> None:
    """Manifests, indexes and configs of images, mutated."""
    choices = Choices(data)
    check, seed = (
        (spec.check_manifest, MANIFEST),
        (spec.check_index, INDEX),
        (lambda found, what: spec.check_config(found, 1, what), IMAGE_CONFIG),
    )[choices.below(3)]
    text = json.dumps(mutated((seed,), choices.rest())).encode()
    found = check(spec.parse_document(text, "it"), "it")
    if check is spec.check_manifest:
        for each in found["layers"]:
            spec.compression(each)
            spec.foreign_urls(each)


def json_document(data: bytes) -> None:
    """Whatever claims to be JSON."""
    spec.parse_document(data, "it")


def layer_tar(data: bytes) -> None:
    """A layer, unpacked: nothing may be made beside its directory."""
    around = Path(tempfile.mkdtemp(prefix="cuddy-fuzz-"))
    inside = around / "inside"
    inside.mkdir()
    (around / "canary").write_text("untouched")
    try:
        layer.apply(iter([data[at : at + 700] for at in range(0, len(data), 700)]), str(inside))
        assert sorted(os.listdir(around)) == ["canary", "inside"]
        assert (around / "canary").read_text() == "untouched"
    finally:
        shutil.rmtree(around)


def image_reference(data: bytes) -> None:
    """A name of an image is one in its grammar, and then said the same again."""
    text = data.decode(errors="surrogateescape")
    found = reference.parse(text)
    assert reference.parse(str(found)) == found, (text, str(found))


def docker_file(data: bytes) -> None:
    """A Dockerfile, and what the linter says of it."""
    lint.check(dockerfile.parse(data))


def docker_ignore(data: bytes) -> None:
    rules = dockerignore.parse(data)
    for path in (b"a", b"a/b/c", b".git/config", data[:50].replace(b"\0", b"") or b"x"):
        rules.excludes(path)
        rules.may_hold(path)


def http_headers(data: bytes) -> None:
    """What registries say in headers: challenges and the next page."""
    text = data.decode("latin-1")
    for challenge in auth.parse_challenges(text):
        auth.wanted_scopes(challenge, ("repository:a:pull",))
    pages.next_page(text)


def attach_frames(data: bytes) -> None:
    """Frames of a monitor's socket: however they are cut, they come out the same."""
    whole = frames.Decoder().feed(data)
    decoder, found = frames.Decoder(), []
    for at in range(0, len(data), 3):
        found += decoder.feed(data[at : at + 3])
    assert found == whole


def dns_message(data: bytes) -> None:
    """Questions of containers and answers of servers."""
    query = dns_messages.read_query(dns_messages.write_query("name.example", 1, 7))
    try:
        dns_messages.read_query(data)
    finally:
        dns_messages.read_answer(query, 7, data)


def mount_flags(data: bytes) -> None:
    """-v and --volumes-from."""
    text = data.decode(errors="surrogateescape")
    try:
        mount_grammar.parse_volume(text)
    finally:
        mount_grammar.parse_volumes_from(text)


def host_files(data: bytes) -> None:
    """/etc/hosts and resolv.conf of images and hosts."""
    text = data.decode(errors="surrogateescape")
    resolv.parse(text)
    resolv.parse_hosts(text)


def some_tar(format: int) -> bytes:
    """An archive with one of each kind."""
    buffer = io.BytesIO()
    with tarfile.open(fileobj=buffer, mode="w", format=format) as archive:
        for name, kind in (("d", b"5"), ("d/f", b"0"), ("d/l", b"2"), ("d/h", b"1"), ("p", b"6"),
                           ("d/.wh.x", b"0"), ("d/.wh..wh..opq", b"0")):  # fmt: skip
            info = tarfile.TarInfo(name)
            info.type, info.linkname = kind, "d/f" if kind in b"12" else ""
            info.size = 5 if name == "d/f" else 0
            if format == tarfile.PAX_FORMAT:
                info.pax_headers = {"SCHILY.xattr.user.a": "b", "mtime": "1.5"}
            archive.addfile(info, io.BytesIO(b"12345"))
    return buffer.getvalue()


def corpus(pattern: str, most: int = 40) -> tuple[bytes, ...]:
    """Files of the tests, as seeds."""
    found = sorted((ROOT / "tests/corpus").glob(pattern))
    return tuple(path.read_bytes() for path in found[:most])


TARGETS: dict[str, Target] = {
    "config.json": Target(oci_config, (CuddyError, ValueError), (b"", bytes(40))),
    "image": Target(image_documents, (CuddyError, ValueError), (b"", bytes(40))),
    "json": Target(json_document, (CorruptContent,), (json.dumps(MANIFEST).encode(),)),
    "tar": Target(layer_tar, (CorruptContent,), tuple(
        some_tar(each) for each in (tarfile.PAX_FORMAT, tarfile.GNU_FORMAT, tarfile.USTAR_FORMAT)
    )),
    "reference": Target(image_reference, (InvalidArgument,), (
        b"alpine", b"localhost:5000/a/b:tag@" + DIGEST.encode(), b"[::1]:80/a", b"A/b",
    )),
    "dockerfile": Target(docker_file, (CuddyError,), corpus("*/Dockerfile")),
    "dockerignore": Target(docker_ignore, (CuddyError,), (b"**/a\n!b\n#c\n", b"[a-z]?\\*\n")),
    "http": Target(http_headers, (CuddyError,), (
        b'Bearer realm="https://a/b",service="c",scope="d:e:f"', b"Basic realm=x",
        b'</v2/_catalog?last=a&n=5>; rel="next"',
    )),
    "frames": Target(attach_frames, (ValueError,), (
        frames.encode(1, b"out") + frames.encode(2, b"err"),
    )),
    "dns": Target(dns_message, (dns_messages.Malformed,), (
        dns_messages.write_query("a.b", 1, 7), dns_messages.write_query("a.b", 28, 7) + bytes(30),
    )),
    "mounts": Target(mount_flags, (CuddyError,), (b"/a:/b:ro", b"name:/b:z,map=1:2", b"c:ro")),
    "resolv": Target(host_files, (), (b"nameserver 1.2.3.4\noptions ndots:2\n", b"::1 a b\n")),
}  # fmt: skip
