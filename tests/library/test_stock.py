"""Images, volumes and networks as objects."""

from __future__ import annotations

from pathlib import Path

import pytest

from cuddy import Engine
from cuddy.errors import InUse, NoSuchImage, NoSuchNetwork, NoSuchVolume
from cuddy.library.wishes import Wishes
from registry import Registry


def test_images_are_got_named_and_removed(engine: Engine, registry: Registry) -> None:
    name = registry.name("alpine")
    image = engine.images.pull(name)
    assert name in image.tags and image.size > 0
    image.tag("mine:1")
    assert "mine:1" in engine.images.get(image.id).tags
    assert image.id in [each.id for each in engine.images.list(filters={"reference": "mine"})]
    engine.images.remove("mine:1")
    engine.images.remove(name)
    with pytest.raises(NoSuchImage):
        engine.images.get("mine:1")


def test_an_image_of_a_container_and_an_archive_of_it(engine: Engine, tmp_path: Path) -> None:
    with engine.containers.run("alpine", ["touch", "/made"], network="none") as container:
        container.wait()
        image_id = container.commit("made:1", message="by a test")
    engine.images.save("made:1", tmp_path / "made.tar")
    engine.images.get("made:1").remove()
    (image,) = engine.images.load(tmp_path / "made.tar")
    assert image.id == image_id and image.tags == ["made:1"]
    assert engine.run("made:1", "ls /made", network="none").stdout == "/made\n"
    image.remove()
    engine.images.prune()


def test_a_volume_outlives_containers_and_goes_with_its_block(engine: Engine) -> None:
    with engine.volumes.create("kept", labels={"a": "b"}) as volume:
        mounted: Wishes = {"volumes": {volume.name: "/data"}, "network": "none"}
        engine.run("alpine", ["sh", "-c", "echo text >/data/file"], **mounted)
        assert engine.run("alpine", "cat /data/file", **mounted).stdout == "text\n"
        assert [each.name for each in engine.volumes.list()] == ["kept"]
        with engine.containers.create("alpine", **mounted), pytest.raises(InUse):
            volume.remove()
    with pytest.raises(NoSuchVolume):
        engine.volumes.get("kept")


def test_containers_of_a_network_find_each_other_by_name(engine: Engine) -> None:
    with (
        engine.networks.create("front", labels={"a": "b"}) as network,
        engine.containers.run("alpine", "sleep 1000", network="front", name="web") as web,
    ):
        found = engine.run("alpine", "nslookup web", network="front")
        assert web.ip_address in found.stdout
        network.disconnect(web)
        network.connect(web, aliases=["site"])
        assert "site" in engine.run("alpine", "nslookup site", network="front").stdout
        assert "front" in [each.name for each in engine.networks.list()]
    with pytest.raises(NoSuchNetwork):
        engine.networks.get("front")
