"""Sources of binds that init is handed: below closed directories, and with other owners."""

from __future__ import annotations

import os
from pathlib import Path

import pytest

from bundles import OTHER, Bundle, Runtime
from cuddy.kernel import mount

RANGES = [{"containerID": 0, "hostID": 200_000, "size": 65536}]
RBIND = ("rbind", "rprivate")


@pytest.fixture
def strange(bundle: Bundle) -> Bundle:
    """A bundle with a user namespace, its root the host's root's, below closed directories."""
    bundle.namespace("user")
    bundle.linux.update(uidMappings=RANGES, gidMappings=RANGES)
    bundle.path.chmod(0o700)
    return bundle


@pytest.fixture
def data(tmp_path: Path) -> Path:
    """A directory below a closed one, whose file belongs to somebody."""
    directory = tmp_path / "closed/data"
    directory.mkdir(parents=True)
    directory.parent.chmod(0o700)
    directory.chmod(0o755)
    (directory / "file").write_text("content\n")
    os.chown(directory / "file", 7, 8)
    return directory


def mount_mapped(bundle: Bundle, source: Path, *options: str) -> None:
    bundle.mount("/mnt", "bind", source, *(options or RBIND))
    bundle.config["mounts"][-1] |= {"uidMappings": RANGES, "gidMappings": RANGES}


SHOW = "stat -c %u:%g /mnt/file"


class TestUserNamespace:
    @pytest.mark.skipif(bool(OTHER), reason="others want the way open")
    def test_the_way_to_the_root_may_be_closed_to_it(
        self, runtime: Runtime, strange: Bundle
    ) -> None:
        assert runtime.run(strange.script("id -u; ls -d /proc/1")).out == "0\n/proc/1"

    def test_the_way_to_a_source_may_be_closed_to_it(
        self, runtime: Runtime, strange: Bundle, data: Path
    ) -> None:
        strange.mount("/mnt", "bind", data, *RBIND)
        assert runtime.run(strange.script(f"{SHOW}; cat /mnt/file")).out == "65534:65534\ncontent"

    def test_a_seccomp_profile_is_found(self, runtime: Runtime, strange: Bundle) -> None:
        strange.linux["seccomp"] = {
            "defaultAction": "SCMP_ACT_ALLOW",
            "syscalls": [{"names": ["mkdir", "mkdirat"], "action": "SCMP_ACT_ERRNO"}],
        }
        result = runtime.run(strange.script("id -u; mkdir /tmp/x"))
        assert result.out == "0"
        assert "Operation not permitted" in result.err


class TestMapped:
    def test_its_files_belong_to_the_users_of_the_map(
        self, runtime: Runtime, strange: Bundle, data: Path
    ) -> None:
        mount_mapped(strange, data)
        os.chown(data, 0, 0)
        result = runtime.run(strange.script(f"{SHOW}; echo x > /mnt/new; stat -c %u /mnt/new"))
        assert result.out == "7:8\n0"
        assert (data / "new").stat().st_uid == 0

    def test_also_without_a_user_namespace(
        self, runtime: Runtime, bundle: Bundle, data: Path
    ) -> None:
        mount_mapped(bundle, data)
        assert runtime.run(bundle.script(SHOW)).out == "200007:200008"

    @pytest.mark.parametrize("option", ["idmap", "ridmap"])
    def test_without_a_map_of_its_own_it_has_the_containers(
        self, runtime: Runtime, strange: Bundle, data: Path, option: str
    ) -> None:
        strange.mount("/mnt", "bind", data, "bind", option)
        assert runtime.run(strange.script(SHOW)).out == "7:8"

    def test_without_any_map_it_is_refused(
        self, runtime: Runtime, bundle: Bundle, data: Path
    ) -> None:
        bundle.mount("/mnt", "bind", data, "bind", "idmap")
        result = runtime.create(bundle)
        assert result.code == 1
        assert "uidMappings and gidMappings" in result.err
        assert not list(runtime.directory.glob("state/*"))

    def test_only_a_bind_can_be_mapped(self, runtime: Runtime, strange: Bundle) -> None:
        strange.mount("/mnt", "tmpfs", "tmpfs", "idmap")
        result = runtime.create(strange)
        assert result.code == 1
        assert "bind-mounts" in result.err

    @pytest.mark.parametrize(("option", "below"), [("idmap", "65534"), ("ridmap", "9")])
    def test_what_is_mounted_below_only_if_asked_for(
        self, runtime: Runtime, strange: Bundle, data: Path, option: str, below: str
    ) -> None:
        other = data.parent / "other"
        for directory in (data / "below", other):
            directory.mkdir()
        os.chown(other, 9, 9)
        # Not a tmpfs, which can be mapped since Linux 6.3.
        mount.bind(str(other), str(data / "below"))
        try:
            mount_mapped(strange, data, "rbind", option)
            assert runtime.run(strange.script("stat -c %u /mnt /mnt/below")).out == f"0\n{below}"
        finally:
            mount.umount(str(data / "below"))
