"""Volumes: named and anonymous, what is in them at first, and when they go."""

from __future__ import annotations

import json
import os
import random
import re
import signal
import subprocess
import time
from collections.abc import Callable, Iterator
from pathlib import Path

import pytest

import images
from console import ENGINE, Cuddy, kill, monitor_of, wait_until
from cuddy.image.storage import Storage
from images import entry, link

KILLS = int(os.environ.get("CUDDY_TESTS_KILLS", "2"))

KNOWN = Path("/proc/filesystems").read_text()
ours = pytest.mark.skipif(ENGINE != "cuddy", reason="looks into cuddy's directories")


def names(cuddy: Cuddy) -> list[str]:
    """The volumes that are there."""
    return cuddy.ok("volume", "ls", "-q").split()


def sh(script: str) -> list[str]:
    return ["alpine", "sh", "-c", script]


def above_alpine(*entries: object, **config: object) -> images.BuiltImage:
    """Alpine with a layer on top, and this in its config."""
    below = images.alpine()
    diff_ids = json.loads(below.blobs[below.id])["rootfs"]["diff_ids"]
    layers = [
        images.Layer(below.blobs[found["digest"]], found["mediaType"], diff_id)
        for found, diff_id in zip(below.document["layers"], diff_ids, strict=True)
    ]
    return images.image([*layers, images.layer(images.tar(*entries))], config=config)


@pytest.fixture
def stocked(cuddy: Cuddy) -> Iterator[str]:
    """An image with a volume at /stock, in which is something of every kind."""
    if ENGINE != "cuddy":
        pytest.skip("puts an image into cuddy's store")
    built = above_alpine(
        entry("stock", uid=7, gid=8, mode=0o2750, mtime=1_000_000_000),
        entry("stock/file", b"stocked\n", uid=5, gid=6, mode=0o4640, mtime=1_100_000_000),
        entry("stock/deep/er", b"deep"),
        link("stock/link", "/etc/shadow"),
        link("stock/again", "stock/file", hard=True),
        Volumes={"/stock": {}},
    )
    images.install(Storage(str(cuddy.root)), built, "stocked")
    yield "stocked"
    cuddy.remove_all()
    cuddy.ok("rmi", "stocked")


class TestNamed:
    def test_what_is_in_it_outlives_the_container(self, cuddy: Cuddy) -> None:
        cuddy.ok("run", "--rm", "-v", "data:/in", *sh("echo kept >/in/file"))
        assert cuddy.ok("run", "--rm", "-v", "data:/x:ro", "alpine", "cat", "/x/file") == "kept"
        assert names(cuddy) == ["data"]

    def test_read_only(self, cuddy: Cuddy) -> None:
        assert "ead-only" in cuddy("run", "--rm", "-v", "data:/in:ro", *sh("touch /in/x")).err

    def test_two_containers_see_the_same(self, cuddy: Cuddy) -> None:
        mount = ["--mount", "type=volume,src=data,dst=/in"]
        cuddy.ok("run", "-d", "--name", "one", *mount, "alpine", "sleep", "100")
        cuddy.ok("run", "--rm", *mount, *sh("echo hello >/in/file"))
        assert cuddy.ok("exec", "one", "cat", "/in/file") == "hello"

    def test_inspect_says_where_it_is_mounted(self, cuddy: Cuddy) -> None:
        cuddy.ok("create", "--name", "one", "-v", "data:/in:ro", "-v", "/anonymous", "alpine")
        point = next(p for p in cuddy.inspect("one")["Mounts"] if p["Destination"] == "/in")
        source = point.pop("Source")
        assert point == {
            "Type": "volume", "Name": "data", "Destination": "/in", "Driver": "local",
            "Mode": "ro", "RW": False, "Propagation": "",
        }  # fmt: skip
        assert source == cuddy.ok("volume", "inspect", "-f", "{{.Mountpoint}}", "data")
        assert cuddy.field("one", "{{json .HostConfig.Binds}}") == '["data:/in:ro"]'
        assert cuddy.field("one", "{{json .Config.Volumes}}") == '{"/anonymous":{}}'

    def test_templates_see_every_field_of_every_mount(self, cuddy: Cuddy) -> None:
        words = ["-v", "data:/in", "-v", "data:/in", "-v", "/tmp:/tmp"]  # the same twice is once
        cuddy.ok("create", "--name", "one", *words, "alpine")
        form = "{{range .Mounts}}{{.Type}}:{{.Name}}:{{.Driver}};{{end}}"
        shown = cuddy.ok("inspect", "-f", form, "one").rstrip(";").split(";")
        assert sorted(shown) == ["bind::", "volume:data:local"]

    def test_ps_filters_and_counts_them(self, cuddy: Cuddy) -> None:
        cuddy.ok("create", "--name", "one", "-v", "data:/in", "-v", "/x", "alpine")
        cuddy.ok("create", "--name", "two", "-v", "/tmp:/in", "alpine")
        listed = ["ps", "-a", "--format", "{{.Names}} {{.LocalVolumes}}", "--filter"]
        assert cuddy.ok(*listed, "volume=data") == "one 2"
        assert cuddy.ok(*listed, "volume=/x") == "one 2"
        assert cuddy.ok(*listed, "volume=/tmp") == "two 0"

    def test_one_that_a_container_mounts_is_not_removed(self, cuddy: Cuddy) -> None:
        container = cuddy.ok("create", "-v", "data:/in", "alpine")
        result = cuddy("volume", "rm", "data")
        assert result.code == 1
        assert f"remove data: volume is in use - [{container}]" in result.err
        cuddy.ok("rm", container)
        assert cuddy.ok("volume", "rm", "data") == "data"


class TestFirstContent:
    @ours
    def test_what_the_image_has_there_is_copied_once(self, cuddy: Cuddy, stocked: str) -> None:
        look = "cd /stock; stat -c '%n %u %g %a %Y %h' . file; cat deep/er; readlink link"
        out = cuddy.ok("run", "--rm", "-v", "data:/stock", stocked, "sh", "-c", look)
        assert out.splitlines() == [
            ". 7 8 2750 1000000000 3", "file 5 6 4640 1100000000 2", "deep/etc/shadow",
        ]  # fmt: skip
        cuddy.ok("run", "--rm", "-v", "data:/stock", stocked, "rm", "/stock/file")
        out = cuddy.ok("run", "--rm", "-v", "data:/stock", stocked, "ls", "/stock")
        assert out.split() == ["again", "deep", "link"]

    def test_it_is_there_before_the_container_starts(self, cuddy: Cuddy) -> None:
        cuddy.ok("create", "-v", "data:/etc", "alpine")
        out = cuddy.ok("run", "--rm", "-v", "data:/x", "alpine", "cat", "/x/os-release")
        assert out == cuddy.ok("run", "--rm", "alpine", "cat", "/etc/os-release")

    @pytest.mark.parametrize("words", [["-v", "data:/etc/apk:nocopy"], ["--mount",
                                       "src=data,dst=/etc/apk,volume-nocopy"]])  # fmt: skip
    def test_not_if_it_is_not_wanted(self, cuddy: Cuddy, words: list[str]) -> None:
        assert cuddy.ok("run", "--rm", *words, "alpine", "ls", "/etc/apk") == ""

    def test_not_if_there_is_something_in_it(self, cuddy: Cuddy) -> None:
        cuddy.ok("run", "--rm", "-v", "data:/new", "alpine", "touch", "/new/mine")
        cuddy.ok("create", "-v", "data:/etc/apk", "alpine")
        assert cuddy.ok("run", "--rm", "-v", "data:/x", "alpine", "ls", "/x") == "mine"

    @ours
    def test_nothing_lies_over_a_file_of_the_image(self, cuddy: Cuddy) -> None:
        result = cuddy("run", "--rm", "-v", "/etc/passwd", "alpine", "true")
        assert result.code == 125
        assert "file exists /etc/passwd" in result.complaint
        assert names(cuddy) == []

    @ours
    def test_links_of_the_image_stay_inside(self, cuddy: Cuddy, tmp_path: Path) -> None:
        (tmp_path / "secret").write_text("secret")
        built = above_alpine(link("out", str(tmp_path)), link("up", "../" * 20 + str(tmp_path)[1:]))
        images.install(Storage(str(cuddy.root)), built, "hostile")
        for place in ("/out", "/up"):
            out = cuddy.ok("run", "--rm", "-v", f"data:{place}", "hostile", "ls", f"{place}/")
            assert out == ""
        assert os.listdir(tmp_path) == ["secret"]
        cuddy.ok("rmi", "hostile")

    @ours
    def test_of_many_first_users_each_sees_all_of_it(self, cuddy: Cuddy) -> None:
        words = ["run", "--rm", "-v", "data:/lib", "alpine", "sh", "-c", "ls -R /lib | wc -l"]
        command = [*cuddy.program, *words]
        pipe = subprocess.PIPE
        racing = [
            subprocess.Popen(command, env=cuddy.environment, stdout=pipe, stderr=pipe)
            for _ in range(4)
        ]
        seen = {process.communicate(timeout=60)[0] for process in racing}
        assert seen == {(cuddy.ok(*words) + "\n").encode()}

    @ours
    @pytest.mark.slow
    def test_a_kill_never_leaves_half_of_it(
        self, home_in: Callable[..., Cuddy], tmp_path: Path
    ) -> None:
        cuddy = home_in(tmp_path / "home")
        entries = [entry(f"many/{n // 50}/{n}", b"x" * 2000) for n in range(400)]
        images.install(Storage(str(cuddy.root)), above_alpine(*entries), "many")
        chance = random.Random(seed := random.SystemRandom().getrandbits(32))
        data = cuddy.root / "volumes/data/_data"
        create = [*cuddy.program, "create", "-v", "data:/many", "-v", "/many", "many"]
        began = time.monotonic()
        subprocess.run(create, env=cuddy.environment, check=True, stdout=subprocess.DEVNULL)
        took_s = time.monotonic() - began
        cuddy.remove_all()
        for number in range(KILLS):
            with subprocess.Popen(
                create, env=cuddy.environment, stdout=subprocess.DEVNULL
            ) as process:
                time.sleep(chance.uniform(0.3, 1) * took_s)
                process.send_signal(signal.SIGKILL)
            when = f"seed {seed}, kill {number}"
            out = cuddy.ok(
                "run", "--rm", "-v", "data:/many", "many", "sh", "-c", "find /many | wc -l"
            )
            assert out == "409", when
            assert len(os.listdir(data)) == 8, when
            cuddy.ok("system", "check", "--repair")
            assert set(names(cuddy)) - {"data"} == anonymous_of_containers(cuddy), when
            cuddy.remove_all()


def anonymous_of_containers(cuddy: Cuddy) -> set[str]:
    """The anonymous volumes that containers have."""
    ids = cuddy.ok("ps", "-aq").split()
    points = [point for each in ids for point in cuddy.inspect(each)["Mounts"]]
    return {point["Name"] for point in points} - {"data"}


class TestAnonymous:
    def test_it_goes_with_rm(self, cuddy: Cuddy) -> None:
        cuddy.ok("run", "--rm", "-v", "/data", "-v", "named:/n", "alpine", "touch", "/data/x")
        wait_until(lambda: names(cuddy) == ["named"])

    @ours
    def test_the_images_volumes_too(self, cuddy: Cuddy, stocked: str) -> None:
        cuddy.ok("run", "-d", "--rm", "--name", "one", stocked, "sleep", "100")
        assert len(names(cuddy)) == 1
        assert cuddy.ok("exec", "one", "cat", "/stock/file") == "stocked"
        cuddy.ok("rm", "-f", "one")
        wait_until(lambda: not names(cuddy))

    def test_rm_keeps_it_and_rm_v_does_not(self, cuddy: Cuddy) -> None:
        cuddy.ok("create", "--name", "one", "-v", "/data", "-v", "named:/n", "alpine")
        cuddy.ok("create", "--name", "two", "-v", "/data", "alpine")
        kept = next(p["Name"] for p in cuddy.inspect("one")["Mounts"] if p["Name"] != "named")
        cuddy.ok("rm", "one")
        cuddy.ok("rm", "-v", "two")
        assert set(names(cuddy)) == {kept, "named"}
        cuddy.ok("volume", "prune", "-f")
        assert names(cuddy) == ["named"]

    @ours
    def test_it_goes_with_rm_even_if_the_monitor_was_killed(self, cuddy: Cuddy) -> None:
        cuddy.ok("run", "-d", "--rm", "--name", "one", "-v", "/data", "alpine", "sleep", "100")
        kill(monitor_of(cuddy, "one"))
        wait_until(lambda: not cuddy.ok("ps", "-aq"))
        assert names(cuddy) == []

    @ours
    def test_what_a_kill_left_without_a_container_is_found(self, cuddy: Cuddy) -> None:
        container = cuddy.ok("create", "--rm", "-v", "/data", "alpine")
        doomed = cuddy.root / "tmp" / f"{container}.1-1-x.tmp"  # as if killed just after the rename
        os.rename(cuddy.root / "containers" / container, doomed)
        assert len(names(cuddy)) == 1
        result = cuddy("system", "check")
        assert (result.code, "a killed command left it" in result.out) == (0, True), result
        cuddy.ok("system", "check", "--repair")
        assert names(cuddy) == []

    @ours
    def test_a_repair_never_takes_the_volume_of_a_broken_container(self, cuddy: Cuddy) -> None:
        container = cuddy.ok("create", "-v", "/data", "alpine")
        (name,) = names(cuddy)
        (cuddy.root / "containers" / container / "container.json").write_text("broken")
        cuddy.ok("system", "check", "--repair")
        cuddy.ok("system", "check", "--repair")
        assert names(cuddy) == [name]


class TestVolumesFrom:
    def test_all_mounts_of_a_stopped_container(self, cuddy: Cuddy, tmp_path: Path) -> None:
        words = ["-v", "/data", "-v", f"{tmp_path}:/host:ro"]
        cuddy.ok("run", "--name", "one", *words, *sh("echo lent >/data/file"))
        out = cuddy("run", "--rm", "--volumes-from", "one", *sh("cat /data/file; touch /host/x"))
        assert (out.out, out.code) == ("lent", 1)

    def test_read_only(self, cuddy: Cuddy) -> None:
        cuddy.ok("run", "-d", "--name", "one", "-v", "/data", "alpine", "sleep", "100")
        result = cuddy("run", "--rm", "--volumes-from", "one:ro", *sh("touch /data/x"))
        assert "ead-only" in result.err

    def test_an_anonymous_volume_goes_with_its_last_container(self, cuddy: Cuddy) -> None:
        cuddy.ok("create", "--name", "one", "-v", "/data", "alpine")
        cuddy.ok("create", "--name", "two", "--volumes-from", "one", "alpine")
        cuddy.ok("rm", "-v", "one")
        assert len(names(cuddy)) == 1
        cuddy.ok("rm", "-v", "two")
        assert names(cuddy) == []

    def test_a_container_that_is_not_there_is_an_error(self, cuddy: Cuddy) -> None:
        result = cuddy("create", "--volumes-from", "nobody", "alpine")
        assert "nobody" in result.complaint
        assert cuddy.ok("ps", "-aq") == ""


class TestSubpath:
    def test_a_directory_in_a_volume(self, cuddy: Cuddy) -> None:
        fill = "mkdir -p /v/a/b; echo deep >/v/a/b/file; ln -s a/b /v/link; ln -s /etc /v/out"
        cuddy.ok("run", "--rm", "-v", "data:/v", *sh(f"{fill}; ln -s ../../.. /v/a/up"))
        mount = "type=volume,src=data,dst=/in,volume-subpath="
        for path in ("a/b", "link", "a/../a/b"):
            out = cuddy.ok("run", "--rm", "--mount", f"{mount}{path}", "alpine", "cat", "/in/file")
            assert out == "deep"
        for path in ("out", "a/up", "nothing"):
            result = cuddy("run", "--rm", "--mount", f"{mount}{path}", "alpine", "true")
            assert result.code != 0
            assert f"cannot access path {path}" in result.err

    def test_it_may_be_a_file(self, cuddy: Cuddy) -> None:
        cuddy.ok("run", "--rm", "-v", "data:/v", *sh("echo file >/v/file"))
        mount = "type=volume,src=data,dst=/in,volume-subpath=file"
        assert cuddy.ok("run", "--rm", "--mount", mount, "alpine", "cat", "/in") == "file"


class TestOptions:
    def test_a_tmpfs_is_one_for_all_who_mount_it(self, cuddy: Cuddy) -> None:
        cuddy.ok(
            "volume", "create", "-o", "type=tmpfs", "-o", "device=tmpfs", "-o", "o=size=1m", "ram"
        )
        cuddy.ok("run", "-d", "--name", "one", "-v", "ram:/in", *sh("echo x >/in/file; sleep 100"))
        wait_until(lambda: cuddy("exec", "one", "test", "-s", "/in/file").code == 0)
        out = cuddy.ok("run", "--rm", "-v", "ram:/in", *sh("cat /in/file; df -k /in | tail -n 1"))
        assert out.split()[:3] == ["x", "tmpfs", "1024"]

    @ours
    def test_a_bind_is_mounted_only_where_containers_are(
        self, cuddy: Cuddy, tmp_path: Path
    ) -> None:
        (tmp_path / "file").write_text("host")
        words = ["-o", "type=none", "-o", f"device={tmp_path}", "-o", "o=bind"]
        cuddy.ok("volume", "create", *words, "there")
        out = cuddy.ok("run", "--rm", "-v", "there:/in", "alpine", "cat", "/in/file")
        assert out == "host"
        assert os.listdir(cuddy.root / "volumes/there/_data") == []

    @ours
    def test_a_bind_gets_what_the_image_has_there_too(self, cuddy: Cuddy, tmp_path: Path) -> None:
        words = ["-o", "type=none", "-o", f"device={tmp_path}", "-o", "o=bind"]
        cuddy.ok("volume", "create", *words, "there")
        cuddy.ok("create", "-v", "there:/etc/apk", "alpine")
        assert "world" in os.listdir(tmp_path)
        assert not [name for name in os.listdir(tmp_path) if name.startswith(".")]

    def test_one_that_cannot_be_mounted_says_why(self, cuddy: Cuddy) -> None:
        words = ["-o", "type=none", "-o", "device=/nothing", "-o", "o=bind,password=secret"]
        cuddy.ok("volume", "create", *words, "there")
        result = cuddy("run", "--rm", "-v", "there:/in", "alpine", "true")
        assert result.code != 0
        assert "failed to mount local volume: mount /nothing" in result.err
        assert "secret" not in result.err

    @ours
    @pytest.mark.skipif("\tnfs" in KNOWN, reason="the kernel would connect")
    def test_nfs_is_asked_of_the_kernel_with_an_address(self, cuddy: Cuddy) -> None:
        """Nobody serves NFS here, if the kernel has it: what is seen is what it is asked for."""
        words = ["-o", "type=nfs", "-o", "device=:/export", "-o", "o=addr=localhost,nfsvers=4,ro"]
        cuddy.ok("volume", "create", *words, "far")
        command = [*cuddy.program, "run", "--rm", "--network", "none", "-v", "far:/in", "alpine"]
        environment = {**cuddy.environment, "CUDDY_TRACE": "1"}
        result = subprocess.run([*command, "true"], env=environment, capture_output=True, text=True)
        asked = r"'nfs', 1, 'addr=(127\.0\.0\.1|::1),nfsvers=4'\) = -1"
        assert re.search(asked, result.stderr)
        last = result.stderr.splitlines()[-1]
        failure = "failed to mount local volume: mount :/export: "
        assert failure in last
        # With the second the kernel has loaded its module for it.
        assert last.partition(failure)[2] in ("no such device", "connection refused")
        cuddy.ok("volume", "create", *words[:-1], "o=addr=nothing.invalid", "nowhere")
        complaint = cuddy("run", "--rm", "-v", "nowhere:/in", "alpine", "true").err
        assert "error resolving passed in network volume address nothing.invalid" in complaint


class TestVerbs:
    def test_create_ls_inspect_rm(self, cuddy: Cuddy) -> None:
        assert cuddy.ok("volume", "create", "--label", "a=b", "two10") == "two10"
        assert cuddy.ok("volume", "create", "two9") == "two9"
        listed = cuddy.ok("volume", "ls").splitlines()
        assert listed == ["DRIVER    VOLUME NAME", "local     two9", "local     two10"]
        (document,) = json.loads(cuddy.ok("volume", "inspect", "two10"))
        assert document.pop("CreatedAt").endswith("Z")
        assert document.pop("Mountpoint").endswith("/volumes/two10/_data")
        assert document == {
            "Driver": "local", "Labels": {"a": "b"}, "Name": "two10", "Options": None,
            "Scope": "local",
        }  # fmt: skip
        assert cuddy.ok("volume", "rm", "two9", "two10") == "two9\ntwo10"

    def test_creating_one_twice_changes_nothing(self, cuddy: Cuddy) -> None:
        cuddy.ok("volume", "create", "--label", "a=b", "data")
        cuddy.ok("volume", "create", "--label", "a=c", "data")
        assert cuddy.ok("volume", "inspect", "-f", "{{.Labels.a}}", "data") == "b"

    def test_one_without_a_name_is_anonymous(self, cuddy: Cuddy) -> None:
        name = cuddy.ok("volume", "create")
        assert len(name) == 64
        labels = cuddy.ok("volume", "inspect", "-f", "{{json .Labels}}", name)
        assert labels == '{"com.docker.volume.anonymous":""}'

    def test_filters(self, cuddy: Cuddy) -> None:
        for label, name in (("a=b", "one"), ("a", "two"), ("c", "three")):
            cuddy.ok("volume", "create", "--label", label, name)
        cuddy.ok("create", "-v", "two:/in", "alpine")
        for filter_, found in (
            ("label=a", "one two"), ("label=a=b", "one"), ("name=th", "three"),
            ("dangling=true", "one three"), ("dangling=0", "two"),
            ("driver=local", "one three two"),
        ):  # fmt: skip
            assert cuddy.ok("volume", "ls", "-q", "-f", filter_).split() == found.split()
        assert "invalid filter 'warp'" in cuddy("volume", "ls", "-f", "warp=1").complaint

    def test_prune_takes_named_ones_only_when_asked(self, cuddy: Cuddy) -> None:
        name = cuddy.ok("volume", "create")
        cuddy.ok("volume", "create", "data")
        out = cuddy("volume", "prune", input=b"n\n").out
        assert out.startswith("WARNING! This will remove anonymous local volumes not used by")
        out = cuddy.ok("volume", "prune", "-f")
        assert out.splitlines()[:2] == ["Deleted Volumes:", name]
        assert names(cuddy) == ["data"]
        cuddy.ok("volume", "prune", "-a", "-f", "--filter", "label!=x")
        assert names(cuddy) == []

    @ours
    def test_system_prune_takes_them_only_when_asked(self, fresh: Cuddy) -> None:
        fresh.ok("create", "-v", "/data", "-v", "named:/n", "alpine")
        fresh.ok("system", "prune", "-f", timeout=60)
        assert len(names(fresh)) == 2
        out = fresh.ok("system", "prune", "-f", "--volumes")
        assert "Deleted Volumes:" in out
        assert names(fresh) == ["named"]

    def test_what_is_not_there_is_an_error(self, cuddy: Cuddy) -> None:
        for words in (["rm", "nothing"], ["inspect", "nothing"], ["rm", "../x"]):
            result = cuddy("volume", *words)
            assert result.code == 1
            assert "no such volume" in result.complaint
        cuddy.ok("volume", "rm", "-f", "nothing")

    @pytest.mark.parametrize(
        ("words", "complaint"),
        [
            (["a/b"], "includes invalid characters for a local volume name"),
            (["x"], "volume name is too short"),
            (["-d", "warp", "data"], 'plugin "warp" not found'),
            (["-o", "warp=1", "data"], 'invalid option: "warp"'),
            (["-o", "type=nfs", "data"], 'missing required option: "device"'),
        ],
    )
    def test_nonsense_is_refused(self, cuddy: Cuddy, words: list[str], complaint: str) -> None:
        result = cuddy("volume", "create", *words)
        assert result.code == 1
        assert complaint in result.complaint

    @ours
    def test_one_that_cannot_be_removed_is_there_still(self, cuddy: Cuddy) -> None:
        cuddy.ok("run", "--rm", "-v", "data:/in", "alpine", "mkdir", "/in/there")
        place = cuddy.root / "volumes/data/_data/there"
        subprocess.run(["mount", "-t", "tmpfs", "none", place], check=True)
        result = cuddy("volume", "rm", "data")
        found = names(cuddy)
        subprocess.run(["umount", place], check=True)
        assert result.code == 1
        assert "cannot remove volume data" in result.complaint
        assert found == ["data"]
        cuddy.ok("volume", "rm", "data")

    @ours
    def test_df_counts_them(self, cuddy: Cuddy) -> None:
        cuddy.ok("run", "--name", "one", "-v", "data:/in", *sh("head -c 300000 /dev/zero >/in/x"))
        cuddy.ok("volume", "create", "other")
        form = '{{if eq .Type "Local Volumes"}}{{.TotalCount}} {{.Active}} {{.Bytes}}{{end}}'
        total, active, size = cuddy.ok("system", "df", "--format", form).split()
        assert (total, active) == ("2", "1")
        assert int(size) > 300_000
        rows = [line.split() for line in cuddy.ok("system", "df", "-v").splitlines()]
        assert [row[1] for row in rows if row and row[0] in ("data", "other")] == ["1", "0"]
