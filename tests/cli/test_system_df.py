"""`system df`: it adds up to what du says, and reclaimable is what can be had back."""

from __future__ import annotations

import json
import os
import subprocess
from pathlib import Path

import pytest

import images
from console import ENGINE, Cuddy
from cuddy.image import blobs
from cuddy.image.storage import Storage

pytestmark = pytest.mark.skipif(ENGINE != "cuddy", reason="it is about files of our root")


@pytest.fixture
def storage(fresh: Cuddy) -> Storage:
    return Storage(str(fresh.root))


def built(*texts: str) -> images.BuiltImage:
    layers = [images.layer(images.tar(images.entry(t, os.urandom(100_000)))) for t in texts]
    return images.image(layers)


def du(path: Path) -> int:
    command = ["du", "-s", "--block-size=1", str(path)]
    return int(subprocess.run(command, check=True, capture_output=True).stdout.split()[0])


def rows(cuddy: Cuddy) -> dict[str, dict[str, str]]:
    found = map(json.loads, cuddy.ok("system", "df", "--format", "json").splitlines())
    return {row["Type"]: row for row in found}


def total(cuddy: Cuddy) -> int:
    return sum(int(row["Bytes"]) for row in rows(cuddy).values())


def test_it_adds_up_to_du(fresh: Cuddy, storage: Storage) -> None:
    assert total(fresh) == du(fresh.root)
    images.install(storage, built("a", "b"), "x")
    fresh.ok("run", "--net", "none", "alpine", "sh", "-c", "head -c 300000 /dev/urandom > /f; ls")
    fresh.ok("create", "alpine", "true")
    blobs.write(storage, os.urandom(70_000))
    (Path(storage.ingest_dir) / f"sha256-{'0' * 64}").write_bytes(os.urandom(50_000))
    (fresh.root / "stray").write_bytes(os.urandom(20_000))
    (Path(storage.layers_dir) / "stray").mkdir()
    os.link(fresh.root / "stray", Path(storage.blobs_dir) / "again")
    assert total(fresh) == du(fresh.root)


def test_what_several_images_have_counts_once(fresh: Cuddy, storage: Storage) -> None:
    low, high = (images.layer(images.tar(images.entry(t, os.urandom(100_000)))) for t in "ab")
    images.install(storage, images.image([low]), "low")
    images.install(storage, images.image([low, high]), "both")
    assert total(fresh) == du(fresh.root)
    found = json.loads(fresh.ok("system", "df", "-v", "--format", "json"))
    by_name = {row["Repository"]: row for row in found["Images"]}
    assert by_name["alpine"]["SharedSize"] == "0B"
    assert by_name["low"]["SharedSize"] == by_name["both"]["SharedSize"] != "0B"
    assert by_name["low"]["Size"] < by_name["both"]["Size"]


def test_reclaimable_is_what_prune_frees(fresh: Cuddy, storage: Storage) -> None:
    images.install(storage, built("a"), "x")
    fresh.ok("create", "alpine", "true")
    blobs.write(storage, os.urandom(70_000))
    before = rows(fresh)["Images"]
    assert (before["TotalCount"], before["Active"]) == ("2", "1")
    freed = fresh.ok("image", "prune", "-af").rpartition(": ")[2]
    assert before["Reclaimable"].split()[0] == freed
    after = rows(fresh)["Images"]
    assert after["Reclaimable"] == "0B (0%)"
    assert int(before["Bytes"]) > int(after["Bytes"])


def test_a_running_container_is_not_reclaimable(fresh: Cuddy) -> None:
    fresh.ok("run", "-d", "--net", "none", "alpine", "sleep", "1000")
    assert (rows(fresh)["Containers"]["Active"], rows(fresh)["Containers"]["Reclaimable"]) == (
        "1", "0B (0%)"
    )  # fmt: skip
    fresh.remove_all()


def test_the_table_is_dockers(fresh: Cuddy) -> None:
    lines = fresh.ok("system", "df").splitlines()
    assert lines[0] == "TYPE            TOTAL     ACTIVE    SIZE      RECLAIMABLE"
    assert [line[:16].strip() for line in lines[1:]] == [
        "Images", "Containers", "Local Volumes", "Build Cache", "Other"
    ]  # fmt: skip
    assert lines[4] == "Build Cache     0         0         0B        0B"


def test_the_details_have_dockers_sections(fresh: Cuddy, storage: Storage) -> None:
    blobs.write(storage, os.urandom(70_000))
    fresh.ok("create", "--name", "mine", "alpine", "true")
    out = fresh.ok("system", "df", "-v")
    lines = out.splitlines()
    assert lines[:2] == ["Images space usage:", ""]
    titles = "REPOSITORY TAG IMAGE ID CREATED SIZE SHARED SIZE UNIQUE SIZE CONTAINERS"
    assert " ".join(lines[2].split()) == titles
    assert "Content that no image needs: 73.73kB" in lines
    assert "Containers space usage:" in lines
    assert lines[lines.index("Containers space usage:") + 3].split()[-1] == "mine"
    assert "Local Volumes space usage:" in lines
    assert "Build cache usage: 0B" in lines


def test_templates(fresh: Cuddy) -> None:
    assert fresh.ok("system", "df", "--format", "{{.Type}}").startswith("Images\nContainers\n")
    form = "{{range .Images}}{{.Repository}}:{{.Tag}} {{.Containers}}{{end}}"
    assert fresh.ok("system", "df", "-v", "--format", form) == "alpine:latest 0"
