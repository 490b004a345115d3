"""`push`, `pull -a`, `tags` and `search` against a real registry server, others as judges."""

from __future__ import annotations

import json
import shutil
import subprocess
from collections.abc import Iterator
from pathlib import Path

import pytest

import images
import isolation
from console import ENGINE, Cuddy
from hostile_registry import Answer
from registry import Registry

pytestmark = pytest.mark.skipif(ENGINE != "cuddy", reason="registries are configured otherwise")


def put(cuddy: Cuddy, built: images.BuiltImage, name: str) -> None:
    images.install(images.Storage(str(cuddy.root)), built, name)


def small(text: str, compression: str = "gzip", docker: bool = False) -> images.BuiltImage:
    archive = images.tar(images.entry("etc/text", text.encode()))
    return images.image([images.layer(archive, compression, docker=docker)], docker=docker)


@pytest.fixture(scope="module")
def docker(tmp_path_factory: pytest.TempPathFactory) -> Iterator[list[str]]:
    """A dockerd that does nothing but pull."""
    if not shutil.which("dockerd"):
        pytest.skip("dockerd is not installed")
    room = tmp_path_factory.mktemp("dockerd")
    client = "/usr/bin/docker" if Path("/usr/bin/docker").exists() else "docker"
    command = [client, "--host", f"unix://{room}/s"]
    daemon = ["dockerd", "--host", f"unix://{room}/s", "--data-root", f"{room}/root",
              "--exec-root", f"{room}/run", "--pidfile", f"{room}/pid", "--group", "root",
              "--iptables=false", "--bridge=none", "--storage-driver=vfs"]  # fmt: skip
    with (
        (room / "log").open("wb") as log,
        subprocess.Popen(daemon, stdout=log, stderr=log) as process,
    ):
        try:
            for _ in range(100):
                if subprocess.run([*command, "info"], capture_output=True).returncode == 0:
                    break
                if process.poll() is not None:
                    pytest.skip(f"dockerd does not run: {(room / 'log').read_text()[-300:]}")
            yield command
        finally:
            process.terminate()
            process.wait(20)


@pytest.fixture(scope="module")
def repository(registry: Registry) -> str:
    built = small("many tags")
    for tag in ("1.10", "1.9", "2.0", "2.0-rc1", "latest", "1.9-slim"):
        registry.push(built, "cli/tags", tag)
    return f"{registry.host}/cli/tags"


class TestPush:
    def test_the_output_is_docker_s(self, fresh: Cuddy, registry: Registry) -> None:
        built = small("output")
        name = registry.name("cli/output", "1")
        put(fresh, built, name)
        diff_id = json.loads(built.blobs[built.id])["rootfs"]["diff_ids"][0][7:19]
        for state in ("Pushed", "Layer already exists"):
            assert fresh.ok("push", name).splitlines() == [
                f"The push refers to repository [{registry.host}/cli/output]",
                f"{diff_id}: Preparing",
                f"{diff_id}: {state}",
                f"1: digest: {built.digest} size: {len(built.manifest)}",
            ]
        listed = fresh.ok("images", "--digests", f"{registry.host}/cli/output")
        assert built.digest in listed

    def test_without_a_tag_it_is_latest(self, fresh: Cuddy, registry: Registry) -> None:
        put(fresh, small("latest"), registry.name("cli/latest"))
        out = fresh.ok("push", f"{registry.host}/cli/latest").splitlines()
        assert out[0] == "Using default tag: latest"
        assert out[-1].startswith("latest: digest: sha256:")

    def test_quiet(self, fresh: Cuddy, registry: Registry) -> None:
        name = registry.name("cli/quiet")
        put(fresh, small("quiet"), name)
        assert fresh.ok("push", "-q", name) == name

    def test_bars_at_a_terminal_which_is_left_clean(self, fresh: Cuddy, registry: Registry) -> None:
        put(fresh, small("bars"), registry.name("cli/bars"))
        with fresh.terminal("push", registry.name("cli/bars")) as terminal:
            assert terminal.ends(timeout=30) == 0
            screen = "\n".join(terminal.screen())
        assert "Pushed" in screen
        assert "latest: digest: sha256:" in screen

    def test_every_tag(self, fresh: Cuddy, registry: Registry) -> None:
        for tag in "12":
            put(fresh, small(f"tag {tag}"), registry.name("cli/every", tag))
        out = fresh.ok("push", "--all-tags", f"{registry.host}/cli/every").splitlines()
        assert [line.partition(":")[0] for line in out if ": digest: " in line] == ["1", "2"]
        assert out[0].startswith("The push refers to")
        assert fresh.ok("image", "push", "-aq", f"{registry.host}/cli/every")

    @pytest.mark.parametrize(
        ("words", "match"),
        [
            (["-a", "127.0.0.1:1/x:1"], "tag can't be used with --all-tags/-a"),
            (["127.0.0.1:1/x@sha256:" + "0" * 64], "cannot push a digest reference"),
            (["--disable-content-trust=false", "127.0.0.1:1/x"], "content trust"),
            (["127.0.0.1:1/x"], "No such image: 127.0.0.1:1/x"),
            (["127.0.0.1:1/UPPER"], "lower case"),
        ],
    )
    def test_what_cannot_be_pushed(self, fresh: Cuddy, words: list[str], match: str) -> None:
        result = fresh("push", *words)
        assert result.code == 1
        assert match in result.complaint


class TestJudges:
    """Other programs pull what we push; the digests are the same everywhere."""

    def push(self, fresh: Cuddy, registry: Registry, repository: str, docker: bool) -> str:
        self.built = images.alpine() if docker else images.image(
            [self.oci_layer(), images.layer(images.tar(images.entry("etc/x", b"y")))]
        )  # fmt: skip
        put(fresh, self.built, registry.name(repository))
        fresh.ok("push", registry.name(repository), timeout=60)
        return registry.name(repository)

    def oci_layer(self) -> images.Layer:
        below = images.busybox()
        found = below.document["layers"][0]
        diff_id = json.loads(below.blobs[below.id])["rootfs"]["diff_ids"][0]
        return images.Layer(below.blobs[found["digest"]], f"{images.OCI_LAYER}+gzip", diff_id)

    @pytest.mark.parametrize("docker", [False, True])
    def test_skopeo(
        self, fresh: Cuddy, registry: Registry, other_registry: Registry, tmp_path: Path,
        docker: bool,
    ) -> None:  # fmt: skip
        if not shutil.which("skopeo"):
            pytest.skip("skopeo is not installed")
        name = self.push(fresh, registry, f"judge/skopeo{int(docker)}", docker)
        raw = subprocess.run(
            ["skopeo", "inspect", "--raw", "--tls-verify=false", f"docker://{name}"],
            check=True, capture_output=True,
        ).stdout  # fmt: skip
        assert raw == self.built.manifest
        target = other_registry.name(f"from-skopeo{int(docker)}")
        subprocess.run(
            ["skopeo", "--insecure-policy", "copy", "-q", "--all", "--src-tls-verify=false",
             "--dest-tls-verify=false", f"docker://{name}", f"docker://{target}"],
            check=True, capture_output=True,
        )  # fmt: skip
        fresh.ok("pull", target, timeout=60)
        assert self.built.digest in fresh.field(target, "{{.RepoDigests}}")

    @pytest.mark.parametrize("docker", [False, True])
    def test_podman(self, fresh: Cuddy, registry: Registry, tmp_path: Path, docker: bool) -> None:
        if not shutil.which("podman"):
            pytest.skip("podman is not installed")
        name = self.push(fresh, registry, f"judge/podman{int(docker)}", docker)
        state = f"{isolation.directory()}/pm"
        podman = ["podman", "--root", f"{tmp_path}/podman", "--runroot", state,
                  "--storage-driver", "vfs"]  # fmt: skip
        done = subprocess.run(
            [*podman, "pull", "-q", "--tls-verify=false", name], capture_output=True, text=True
        )
        assert done.returncode == 0, done.stderr
        assert done.stdout.strip() == self.built.id.partition(":")[2]
        found = subprocess.check_output([*podman, "image", "inspect", name])
        assert json.loads(found)[0]["Digest"] == self.built.digest

    @pytest.mark.parametrize("docker_types", [False, True])
    def test_docker(
        self, fresh: Cuddy, registry: Registry, docker: list[str], docker_types: bool
    ) -> None:
        name = self.push(fresh, registry, f"judge/docker{int(docker_types)}", docker_types)
        done = subprocess.run([*docker, "pull", name], capture_output=True, text=True)
        assert done.returncode == 0, done.stderr
        assert f"Digest: {self.built.digest}" in done.stdout
        found = json.loads(subprocess.check_output([*docker, "image", "inspect", name]))[0]
        assert found["Id"] == self.built.id
        back = name.replace("judge/", "back/")
        subprocess.run([*docker, "tag", name, back], check=True)
        subprocess.run([*docker, "push", "-q", back], check=True, capture_output=True)
        fresh.ok("pull", back, timeout=60)
        assert fresh.field(back, "{{.Id}}") == self.built.id


class TestPullAllTags:
    def test_all_of_a_repository(self, fresh: Cuddy, registry: Registry) -> None:
        for tag in ("1.0", "1.10", "1.9"):
            registry.push(small(tag), "cli/all-tags", tag)
        name = f"{registry.host}/cli/all-tags"
        out = fresh.ok("pull", "-a", name, timeout=60).splitlines()
        pulling = [line for line in out if "Pulling from" in line]
        assert pulling == [f"{tag}: Pulling from cli/all-tags" for tag in ("1.0", "1.9", "1.10")]
        assert out[-2:] == [f"Status: Downloaded newer image for {name}", name]
        again = fresh.ok("pull", "--all-tags", name, timeout=60).splitlines()
        assert again[-2] == f"Status: Image is up to date for {name}"
        assert len(fresh.ok("images", "--format", "{{.Tag}}", name).splitlines()) == 3

    def test_not_with_a_tag(self, fresh: Cuddy) -> None:
        for name in ("127.0.0.1:1/x:1", "127.0.0.1:1/x@sha256:" + "0" * 64):
            assert "tag can't be used with --all-tags/-a" in fresh("pull", "-a", name).complaint

    def test_content_trust_is_refused_rather_than_ignored(self, fresh: Cuddy) -> None:
        result = fresh("pull", "--disable-content-trust=false", "127.0.0.1:1/x")
        assert result.code == 1
        assert "content trust" in result.complaint


class TestTags:
    def test_versions_are_counted(self, fresh: Cuddy, repository: str) -> None:
        found = fresh.ok("tags", "-q", repository).split()
        assert found == ["latest", "1.9", "1.9-slim", "1.10", "2.0-rc1", "2.0"]
        assert fresh.ok("tags", repository).splitlines()[0].split() == ["REPOSITORY", "TAG"]

    def test_some_of_them(self, fresh: Cuddy, repository: str) -> None:
        assert fresh.ok("tags", "-q", "--match", "1.*", repository).split() == [
            "1.9", "1.9-slim", "1.10",
        ]  # fmt: skip
        assert fresh.ok("tags", "-q", "--limit", "2", repository).split() == ["2.0-rc1", "2.0"]
        assert fresh.ok("tags", "--format", "{{.Tag}}!", "-n1", repository) == "2.0!"
        assert fresh.ok("tags", "-q", "--match", "none*", repository) == ""

    def test_of_what_is_not_there(self, fresh: Cuddy, registry: Registry) -> None:
        result = fresh("tags", f"{registry.host}/no/such")
        assert result.code == 1
        assert f"No such image: {registry.host}/no/such (" in result.complaint

    def test_of_one_image(self, fresh: Cuddy) -> None:
        assert "names one image" in fresh("tags", "alpine:3").complaint
        assert "--limit 0" in fresh("tags", "--limit", "0", "alpine").complaint


class TestSearch:
    RESULTS = {
        "results": [
            {"name": "alp", "description": "short", "star_count": 5, "is_official": True},
            {"name": "team/alp2", "star_count": 50, "is_official": False, "description":
             "a very long description that goes on and on until it is truncated at forty-five"},
            {"name": "zzz", "description": "line\nbreak", "star_count": 0},
        ]
    }  # fmt: skip
    WANTED = """\
NAME        DESCRIPTION                                     STARS     OFFICIAL
alp         short                                           5         [OK]
team/alp2   a very long description that goes on and on …   50        \

zzz         line break                                      0         \
"""
    WANTED_JSON = """\
{"Description":"short","IsOfficial":"true","Name":"alp","StarCount":"5"}
{"Description":"a very long description that goes on and on …","IsOfficial":"false",\
"Name":"team/alp2","StarCount":"50"}
{"Description":"line break","IsOfficial":"false","Name":"zzz","StarCount":"0"}"""

    def test_an_index_is_shown_as_docker_shows_it(self, fresh: Cuddy, hostile) -> None:
        """What docker 28.2 printed for the same answer."""
        server = hostile({"/v1/search": [Answer(body=json.dumps(self.RESULTS).encode())]})
        term = f"{server.host}/alp"
        assert fresh.ok("search", term) == self.WANTED.removesuffix("\n")
        for form in ("json", "{{json .}}"):
            assert fresh.ok("search", "--format", form, term) == self.WANTED_JSON
        official = fresh.ok("search", "-f", "is-official=true", term).splitlines()
        assert official == [
            "NAME      DESCRIPTION   STARS     OFFICIAL",
            "alp       short         5         [OK]",
        ]
        assert len(fresh.ok("search", "-f", "stars=5", term).splitlines()) == 3
        assert "forty-five" in fresh.ok("search", "--no-trunc", term)
        assert len(fresh.ok("search", "--limit", "1", term).splitlines()) == 2

    def test_a_registry_that_has_only_a_catalog(self, fresh: Cuddy, registry: Registry) -> None:
        out = fresh.ok("search", f"{registry.host}/alp").splitlines()
        assert out[0].split() == ["NAME", "DESCRIPTION", "STARS", "OFFICIAL"]
        assert out[1].split() == [f"{registry.host}/alpine", "0"]
        assert fresh.ok("search", "--format", "{{.Name}}", f"{registry.host}/no-such-word") == ""

    @pytest.mark.parametrize(
        ("words", "match"),
        [
            (["--limit", "200"], "Limit 200 is outside the range of [1, 100]"),
            (["-f", "foo=1"], "Invalid filter 'foo'"),
            (["-f", "stars=x"], "Invalid filter 'stars=x'"),
            (["-f", "is-official=maybe"], "Invalid filter 'is-official=maybe'"),
        ],
    )
    def test_what_makes_no_sense(self, fresh: Cuddy, words: list[str], match: str) -> None:
        result = fresh("search", *words, "x")
        assert result.code == 1
        assert match in result.complaint
