"""What of the host, of volumes and of images a container sees, and where: its mount points.

    options, image, other containers ── plan ──▶ `Mounts` of its record

The record has what `docker inspect` shows of each, and as `Spec` what was asked for;
`mount_entries` makes config.json's of that.
"""

from __future__ import annotations

from cuddy.engine import mount_grammar, names, volumes
from cuddy.engine.mount_entries import DEFAULT_PROPAGATION
from cuddy.errors import InvalidArgument
from cuddy.shapes import TypedDict

TYPE_CHECKING = False
if TYPE_CHECKING:
    from collections.abc import Iterable, Iterator, Sequence
    from typing import Any

    from cuddy.engine.home import Home
    from cuddy.engine.mount_grammar import MountSpec
    from cuddy.engine.options import ContainerOptions
    from cuddy.engine.volumes import Wish


class MountPoint(TypedDict, total=False):
    """One entry of `Mounts`."""

    Type: str  # bind, volume, tmpfs, image
    Name: str  # of a volume; of an image as it was given
    Source: str  # path of the host; "" for a tmpfs
    Destination: str
    Driver: str
    Mode: str
    RW: bool
    Propagation: str
    Spec: MountSpec  # ours
    Image: str  # ours: id of an image that is mounted
    ChainIds: list[str]  # ours: its layers
    Map: str  # ours: UID:GID or OF_SOURCE: whose its files are on the host (owner_map.py)
    Shift: str  # ours, of one that is staged: idmap, ridmap or ""; see idmapped.py


SHOWN = ("Type", "Name", "Source", "Destination", "Driver", "Mode", "RW", "Propagation", "Map")
"""What inspect shows, in Docker's order; a `Map`, which is ours, at its end."""


class Lender(TypedDict):
    """A container whose mounts another one gets: `--volumes-from`."""

    mounts: list[MountPoint]
    is_read_only: bool


def plan(
    home: Home,
    options: ContainerOptions,
    image_volumes: Iterable[str],
    lenders: Sequence[Lender] = (),
) -> list[MountPoint]:
    """The mount points of a new container, by destination. Raises InvalidArgument.

    What the user says of a place comes before what other containers have there, and that before
    the image's volumes. Of a tmpfs at the same place Docker wants to hear nothing.
    """
    covered: set[str] = set()
    for text in options.tmpfs:
        take_place(mount_grammar.parse_tmpfs(text)[0], covered)
    found: dict[str, MountPoint] = {}
    for lender in lenders:
        found |= {point["Destination"]: borrow(point, lender) for point in lender["mounts"]}
    taken = set(covered)
    for point in own_points(home, options):
        take_place(point["Destination"], taken)
        if wanted := point["Spec"].get("Map"):
            # Imported here: few mounts have it.
            from cuddy.engine import owner_map

            point["Map"] = owner_map.chosen(wanted, options.caller)
        found[point["Destination"]] = point
    for path in (*image_volumes, *anonymous_places(options)):
        place = check_image_volume(path)
        if place not in found and place not in covered:
            anonymous: MountSpec = {"Type": "volume", "Source": "", "Target": place}
            found[place] = build_point(home, anonymous, driver=options.volume_driver)
    return [point for place, point in sorted(found.items()) if place not in covered]


def own_points(home: Home, options: ContainerOptions) -> Iterator[MountPoint]:
    """What the user mounts by himself, but for anonymous volumes. Raises InvalidArgument."""
    for text in options.volumes:
        volume = mount_grammar.parse_volume(text)
        if volume.spec.get("Source"):
            yield build_point(home, volume.spec, volume.mode, options.volume_driver)
    for spec in options.mounts:
        mount_grammar.check_spec(spec)
        yield build_point(home, spec)


def check_image_volume(path: str) -> str:
    """A place that an image's config names: relative means below the root. As `check_target`."""
    return mount_grammar.check_target("/" + path.lstrip("/") if path else "")


def anonymous_places(options: ContainerOptions) -> list[str]:
    """The places of anonymous volumes that `-v` asked for: part of `Config`, as Docker has them."""
    return [text for text in options.volumes if ":" not in text]


def take_place(place: str, taken: set[str]) -> None:
    """Two things at one place is a mistake. Raises InvalidArgument."""
    if place in taken:
        raise InvalidArgument(f"Duplicate mount point: {place}")
    taken.add(place)


def borrow(point: MountPoint, lender: Lender) -> MountPoint:
    """Another container's mount point."""
    is_writable = point["RW"] and not lender["is_read_only"]
    borrowed: MountPoint = {**point, "Mode": "", "RW": is_writable}
    return borrowed


def build_point(home: Home, spec: MountSpec, mode: str = "", driver: str = "") -> MountPoint:
    """The mount point that a specification asks for; what it needs is looked for later."""
    kind, source = spec["Type"], spec.get("Source") or ""
    point: MountPoint = {
        "Type": kind,
        "Source": "",
        "Destination": mount_grammar.clean(spec["Target"]),
        "Mode": mode,
        "RW": not spec.get("ReadOnly", False) and kind != "image",
        "Propagation": "",
        "Spec": spec,
    }
    if kind == "bind":
        point["Source"] = mount_grammar.clean(source)
        wanted = (spec.get("BindOptions") or {}).get("Propagation")
        point["Propagation"] = wanted or DEFAULT_PROPAGATION
    elif kind == "image":
        point |= {"Name": source, "Propagation": DEFAULT_PROPAGATION}
    elif kind == "volume":
        name = source or names.generate_id()
        wanted = (spec.get("VolumeOptions") or {}).get("DriverConfig") or {}
        volumes.check_wish(
            {"name": name, "driver": wanted.get("Name") or driver,
             "options": wanted.get("Options") or {}}
        )  # fmt: skip
        point |= {"Name": name, "Source": volumes.data_path(home, name), "Driver": volumes.DRIVER}
        point["Mode"] = mode or ("z" if source else "")
    return point


def wishes(points: Iterable[MountPoint]) -> list[Wish]:
    """The volumes that a new container wants to be there."""
    found: list[Wish] = []
    for point in points:
        if point["Type"] != "volume":
            continue
        spec = point.get("Spec") or {}
        options = spec.get("VolumeOptions") or {}
        labels = dict(options.get("Labels") or {})
        is_anonymous = not spec.get("Source")
        found.append({
            "name": point["Name"],
            "labels": labels | {volumes.ANONYMOUS: ""} if is_anonymous else labels,
            "options": (options.get("DriverConfig") or {}).get("Options") or {},
            "is_transient": is_anonymous,
        })  # fmt: skip
    return found


def shown(points: Iterable[MountPoint]) -> list[dict[str, Any]]:
    """Mount points as `docker inspect` has them."""
    found: list[dict[str, Any]] = [dict(point) for point in points]
    return [{key: point[key] for key in SHOWN if key in point} for point in found]


def find_lenders(home: Home, options: ContainerOptions) -> list[Lender]:
    """The containers whose mounts a new one gets. Raises NoSuchContainer, InvalidArgument."""
    # Imported here: few containers have any.
    from cuddy.engine import containers

    found: list[Lender] = []
    for text in options.volumes_from:
        name, is_read_only = mount_grammar.parse_volumes_from(text)
        record = containers.find(home, name)
        found.append({"mounts": record.get("Mounts") or [], "is_read_only": is_read_only})
    return found
