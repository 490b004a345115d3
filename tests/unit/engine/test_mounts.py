"""Which mount is where in the end."""

from __future__ import annotations

from typing import Any

import pytest

from cuddy.engine import mounts
from cuddy.engine.home import Home
from cuddy.engine.mounts import Lender
from cuddy.engine.options import ContainerOptions
from cuddy.errors import InvalidArgument, NotFound

HOME = Home("/var/lib/cuddy", "/run/cuddy")


def plan(*lenders: Lender, image: tuple[str, ...] = (), **options: Any) -> dict[str, Any]:
    """The mount points of such a container, by destination."""
    found = mounts.plan(HOME, ContainerOptions("image", **options), image, lenders)
    return {point["Destination"]: point for point in found}


def lender(*volumes: str, is_read_only: bool = False) -> Lender:
    """A container that was made with these -v."""
    options = ContainerOptions("image", volumes=volumes)
    return {"mounts": mounts.plan(HOME, options, ()), "is_read_only": is_read_only}


class TestPoints:
    def test_a_bind(self) -> None:
        (point,) = mounts.shown(plan(volumes=("/a/../c:/b/:ro",)).values())  # type: ignore[arg-type]
        assert point == {
            "Type": "bind", "Source": "/c", "Destination": "/b", "Mode": "ro", "RW": False,
            "Propagation": "rprivate",
        }  # fmt: skip

    def test_a_volume(self) -> None:
        (point,) = mounts.shown(plan(volumes=("data:/b",)).values())  # type: ignore[arg-type]
        assert point == {
            "Type": "volume", "Name": "data", "Source": "/var/lib/cuddy/volumes/data/_data",
            "Destination": "/b", "Driver": "local", "Mode": "z", "RW": True, "Propagation": "",
        }  # fmt: skip

    def test_an_anonymous_volume_has_64_digits(self) -> None:
        point = plan(volumes=("/b",))["/b"]
        assert len(point["Name"]) == 64
        assert point["Mode"] == ""

    def test_a_tmpfs_and_an_image(self) -> None:
        tmpfs = {"Type": "tmpfs", "Target": "/t"}
        image = {"Type": "image", "Source": "alpine", "Target": "/i"}
        found = plan(mounts=(tmpfs, image))
        assert (found["/t"]["Source"], found["/t"]["RW"]) == ("", True)
        assert (found["/i"]["Name"], found["/i"]["RW"]) == ("alpine", False)

    @pytest.mark.parametrize("name", ["a/b", "..", "ä", "x" * 300, "a", "~"])
    def test_a_name_outside_dockers_grammar_is_refused(self, name: str) -> None:
        with pytest.raises(InvalidArgument, match="create "):
            plan(volumes=(f"{name}:/x",))

    def test_a_driver_that_is_not_there_is_refused(self) -> None:
        with pytest.raises(NotFound, match='plugin "warp" not found'):
            plan(volumes=("data:/x",), volume_driver="warp")


class TestPrecedence:
    def test_the_images_volumes_are_anonymous(self) -> None:
        found = plan(image=("/data", "rel/../x"))
        assert sorted(found) == ["/data", "/x"]
        assert found["/data"]["Name"] != found["/x"]["Name"]

    def test_what_the_user_mounts_comes_before_the_images_volumes(self) -> None:
        assert plan(image=("/data/",), volumes=("/a:/data",))["/data"]["Type"] == "bind"

    def test_a_tmpfs_comes_before_all_but_the_users_own(self) -> None:
        assert not plan(lender("/a:/x"), image=("/data",), tmpfs=("/data", "/x"))

    def test_other_containers_mounts_come_before_the_images_volumes(self) -> None:
        one = lender("data:/data")
        assert plan(one, image=("/data",))["/data"]["Name"] == "data"

    def test_the_users_mounts_come_before_other_containers(self) -> None:
        assert plan(lender("data:/x"), volumes=("mine:/x",))["/x"]["Name"] == "mine"

    def test_of_several_containers_the_last_one_wins(self) -> None:
        assert plan(lender("one:/x"), lender("two:/x"))["/x"]["Name"] == "two"

    def test_an_anonymous_volume_is_shared(self) -> None:
        one = lender("/x")
        assert plan(one)["/x"]["Name"] == one["mounts"][0]["Name"]

    def test_read_only_of_either_side_is_read_only(self) -> None:
        assert not plan(lender("one:/x", is_read_only=True))["/x"]["RW"]
        assert not plan(lender("one:/x:ro"))["/x"]["RW"]
        assert plan(lender("one:/x"))["/x"]["RW"]

    @pytest.mark.parametrize(
        "options",
        [
            {"volumes": ("/a:/x", "/b:/x/")},
            {"volumes": ("/a:/x", "data:/x")},
            {"volumes": ("/a:/x",), "tmpfs": ("/x",)},
            {"volumes": ("/a:/x",), "mounts": ({"Type": "tmpfs", "Target": "/x"},)},
            {"tmpfs": ("/x", "/x/")},
        ],
    )
    def test_two_things_at_one_place_are_refused(self, options: dict[str, Any]) -> None:
        with pytest.raises(InvalidArgument, match="Duplicate mount point: /x"):
            plan(**options)

    def test_one_below_the_other_is_fine(self) -> None:
        assert len(plan(volumes=("/a:/x", "/b:/x/y", "/x/z"))) == 3


class TestWishes:
    def test_labels_and_options_of_mount(self) -> None:
        options = {
            "Labels": {"a": "b"},
            "DriverConfig": {"Options": {"type": "nfs", "device": "x"}},
        }
        spec = {"Type": "volume", "Source": "vv", "Target": "/x", "VolumeOptions": options}
        (wish,) = mounts.wishes(plan(mounts=(spec,)).values())  # type: ignore[arg-type]
        assert wish == {
            "name": "vv", "labels": {"a": "b"}, "options": {"type": "nfs", "device": "x"},
            "is_transient": False,
        }  # fmt: skip

    def test_an_anonymous_one_goes_with_its_container(self) -> None:
        (wish,) = mounts.wishes(plan(volumes=("/x",)).values())  # type: ignore[arg-type]
        assert wish["is_transient"]
        assert wish["labels"] == {"com.docker.volume.anonymous": ""}
