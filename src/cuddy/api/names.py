"""Names of images, which clients of the API send in two parts."""

from __future__ import annotations

from cuddy.errors import InvalidReference
from cuddy.image import digest as digests
from cuddy.image import reference

TYPE_CHECKING = False
if TYPE_CHECKING:
    from cuddy.image.reference import Reference


def join(repository: str, tag: str) -> str:
    """A name that is to be given to an image; "" for none. Raises InvalidReference.

    `tag` goes before the one that `repository` may end with.
    """
    if not repository:
        return ""
    wanted = reference.parse(repository)
    if wanted.digest:
        raise InvalidReference("cannot create a digest reference: a digest is not a name to give")
    return str(with_tag(wanted, tag))


def with_tag(wanted: Reference, tag: str) -> Reference:
    """The name with a tag, or with a digest in the tag's place. Raises InvalidReference."""
    if not tag:
        return wanted
    if digests.is_digest(tag):
        return wanted._replace(tag="", digest=tag)
    return reference.parse(f"{wanted.name}:{tag}")


def has_tag(name: str) -> bool:
    """Whether a name is written with a tag or digest."""
    return ":" in name.rpartition("/")[2]
