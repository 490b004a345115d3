"""Images as the API shows them, by the version that a client speaks. Pure but for what is read."""

from __future__ import annotations

from cuddy.engine import inspect_image, moments
from cuddy.image import history, index, reference

TYPE_CHECKING = False
if TYPE_CHECKING:
    from typing import Any

    from cuddy.engine.home import Home
    from cuddy.engine.images import Listed
    from cuddy.image.history import Step
    from cuddy.image.store import Image

NOT_KNOWN = -1
WITH_VIRTUAL_SIZE = (1, 43)
"""The last version that has it, and <none> for what has no name."""
MISSING = "<missing>"


def item(
    listed: Listed, version: tuple[int, int], *, shared: int = NOT_KNOWN, users: int = NOT_KNOWN
) -> dict[str, Any]:
    """An image as lists have it. `shared`: bytes that others need too; `users`: containers."""
    image = listed.image
    tags = [familiar(name) for name in listed.tags]
    digests = [familiar(name) for name in listed.digests]
    if version < WITH_VIRTUAL_SIZE and not tags and not digests:
        digests = ["<none>@<none>"]
    if version < WITH_VIRTUAL_SIZE and not tags:
        tags = ["<none>:<none>"]
    return {
        "Id": image.id,
        "ParentId": index.annotation(image.manifest, index.PARENT),
        "RepoTags": tags,
        "RepoDigests": digests,
        "Created": moments.seconds(image.config.get("created") or ""),
        "Size": image.size_bytes,
        **virtual_size(image.size_bytes, version),
        "SharedSize": shared,
        "Labels": (image.config.get("config") or {}).get("Labels") or None,
        "Containers": users,
    }


def virtual_size(size: int, version: tuple[int, int]) -> dict[str, int]:
    """A size under its older name, for clients that look for that."""
    return {"VirtualSize": size} if version <= WITH_VIRTUAL_SIZE else {}


def inspected(found: dict[str, Any], version: tuple[int, int], made_by: Any) -> dict[str, Any]:
    """What `inspect` says, with what older clients look for. `made_by`: `container_config`.

    docker-compose 1 reads ContainerConfig of every image, long after dockerd has left it out.
    """
    config = made_by if isinstance(made_by, dict) else {}
    return {
        **found,
        "Container": "",
        "ContainerConfig": inspect_image.build_config(config),
        **virtual_size(found["Size"], version),
    }


def steps(home: Home, image: Image) -> list[dict[str, Any]]:
    """How an image came to be, the latest step first."""
    sizes = history.layer_sizes(home.storage, image)
    found = [_step(step, sizes) for step in reversed(history.steps(image.config))]
    if found:
        found[0]["Id"] = image.id
        found[0]["Tags"] = [familiar(name) for name in image.names] or None
    return found


def _step(step: Step, sizes: Any) -> dict[str, Any]:
    return {
        "Id": MISSING,
        "Created": moments.seconds(step.created),
        "CreatedBy": step.created_by,
        "Tags": None,
        "Size": sizes[step.layer] if step.layer >= 0 else 0,
        "Comment": step.comment,
    }


def familiar(name: str) -> str:
    """A complete name as people write it."""
    return "".join(reference.spelled(name))
