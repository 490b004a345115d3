"""Named contexts: what their names and values mean."""

from __future__ import annotations

import json
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from pathlib import Path

import pytest

import archives
import images
from cuddy.builder import named_contexts, sources, tree
from cuddy.builder.named_contexts import Contexts, Wish
from cuddy.builder.options import BuildOptions
from cuddy.builder.state import State
from cuddy.errors import CorruptContent, CuddyError, InvalidArgument, NoSuchImage, NotFound
from cuddy.image import storage as storages
from cuddy.image import store
from cuddy.image.settings import Settings
from cuddy.image.storage import Storage
from git_repository import Repository, needs_git
from hostile_registry import Answer, Hostile

STATE = State((), {}, (), "linux/amd64")


class Brought(list[str]):
    """The names of images that were wanted."""

    def __call__(self, name: str) -> State:
        self.append(name)
        return STATE


@pytest.fixture
def storage(tmp_path: Path) -> Storage:
    found = Storage(str(tmp_path / "root"))
    storages.create(found)
    return found


@contextmanager
def opened(storage: Storage, *texts: str, bring: Brought | None = None) -> Iterator[Contexts]:
    scratch = f"{storage.root}/scratch"
    options = BuildOptions(".", build_contexts=texts)
    with Contexts(
        options, storage, scratch, Settings(timeout_s=2), Brought() if bring is None else bring
    ) as found:
        yield found


def names(found: Contexts, name: str) -> list[str]:
    top = found[name].tree
    assert top
    (entry,) = sources.find(top, ".")
    return [each.path.decode() for each in tree.walk(top, entry) if each.path]


def test_directories(storage: Storage, tmp_path: Path) -> None:
    for name in ("a", "b", ".dockerignore"):
        (tmp_path / name).write_text("b" if name.startswith(".") else "")
    with opened(storage, f"Name={tmp_path}".lower(), "other=/nothing") as found:
        assert "name" in found
        assert "docker.io/library/name:latest" in found
        assert "Name" not in found
        assert "" not in found
        assert "a" in names(found, "name")
        assert "b" not in names(found, "name")
        assert found["name:latest"] is found["name"]
        with pytest.raises(NotFound, match="failed to get build context other"):
            found["other"]


def test_images_and_stages(storage: Storage) -> None:
    bring = Brought()
    texts = ("alpine=docker-image://example.com/x:1", "base=target:Build")
    with opened(storage, *texts, bring=bring) as found:
        assert bring == []
        assert found["alpine"].state is STATE
        assert found["base"].stage == "Build"
        assert bring == ["example.com/x:1"]


@pytest.mark.parametrize("text", ["name", "=x", "Na me=x", "a//b=x"])
def test_what_is_none(storage: Storage, text: str) -> None:
    with pytest.raises(InvalidArgument, match="invalid context"), opened(storage, text):
        pass


def test_kinds(tmp_path: Path) -> None:
    assert named_contexts.parse("https://x/y.git") == Wish(named_contexts.REMOTE, "https://x/y.git")
    assert named_contexts.parse("git@x:y") == Wish(named_contexts.REMOTE, "git@x:y")
    assert named_contexts.parse("https://x/y") == Wish(named_contexts.REMOTE, "https://x/y")
    assert named_contexts.parse("oci-layout:///x@y:1") == Wish(named_contexts.LAYOUT, "/x@y:1")
    assert named_contexts.parse("./x@y:z") == Wish(named_contexts.DIRECTORY, "./x@y:z")


def test_a_file_by_http_is_called_context(
    storage: Storage, hostile: Callable[..., Hostile]
) -> None:
    server = hostile({"/x.tar": [Answer(body=b"content")]})
    with opened(storage, f"x=http://{server.host}/x.tar") as found:
        assert server.requests() == []
        assert names(found, "x") == ["context"]


@needs_git
def test_repositories(storage: Storage, tmp_path: Path) -> None:
    repository = Repository(tmp_path)
    repository.commit({"a/b": "b", ".dockerignore": "*"})
    with opened(storage, f"x=file://{repository.publish()}#:a") as found:
        assert names(found, "x") == ["b"]


def write_layout(directory: Path, *tags: str) -> images.BuiltImage:
    built = images.image([images.layer(images.tar(images.entry("f", b"f")))])
    entries = [
        archives.entry(built) | {"annotations": {"org.opencontainers.image.ref.name": tag}}
        for tag in tags
    ]
    for name, data in archives.layout(built, index=entries).items():
        path = directory / name
        path.parent.mkdir(parents=True, exist_ok=True)
        path.write_bytes(data)
    return built


def test_images_of_layouts(storage: Storage, tmp_path: Path) -> None:
    """They get no names in the store, whatever the layout says."""
    layout = tmp_path / "layout"
    built = write_layout(layout, "1", "2")
    bring = Brought()
    texts = (f"a=oci-layout://{layout}:1", f"b=oci-layout://{layout}@{built.digest}")
    with opened(storage, *texts, f"c=oci-layout://{layout}", bring=bring) as found:
        assert found["a"].state is STATE
        assert found["b"].state is STATE
        with pytest.raises(NoSuchImage, match="it has 1, 2"):
            found["c"]
    assert len(set(bring)) == 1
    assert store.resolve(storage, bring[0]).names == ()


@pytest.mark.parametrize("damage", ["index", "blob", "link", "digest", "missing"])
def test_broken_layouts_are_refused(storage: Storage, tmp_path: Path, damage: str) -> None:
    layout = tmp_path / "layout"
    built = write_layout(layout, "latest")
    blob = layout / archives.blob_path(next(iter(built.blobs)))
    if damage == "index":
        (layout / "index.json").write_text(json.dumps({"manifests": 1}))
    elif damage == "blob":
        blob.write_bytes(b"x")
    elif damage == "link":
        (tmp_path / "outside").write_bytes(blob.read_bytes())
        blob.unlink()
        blob.symlink_to(tmp_path / "outside")
    elif damage == "missing":
        blob.unlink()
    else:
        text = (layout / "index.json").read_text()
        (layout / "index.json").write_text(text.replace("sha256:", "sha256:../"))
    with opened(storage, f"a=oci-layout://{layout}") as found, pytest.raises(CorruptContent):
        found["a"]


def test_a_layout_that_is_not_there(storage: Storage) -> None:
    for where in ("/nothing", "/nothing@x"):
        with opened(storage, f"a=oci-layout://{where}") as found, pytest.raises(CuddyError):
            found["a"]
