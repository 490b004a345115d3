"""`--annotation [manifest:]NAME=VALUE`: what the manifest of an image says besides.

buildx can annotate other documents as well; images are kept here without an index.
"""

from __future__ import annotations

from cuddy.errors import InvalidArgument

TYPE_CHECKING = False
if TYPE_CHECKING:
    from collections.abc import Iterable

MANIFEST = "manifest"
DOCUMENTS = (MANIFEST, "index", "manifest-descriptor", "index-descriptor")


def parse(texts: Iterable[str]) -> dict[str, str]:
    """Names and values. Raises InvalidArgument."""
    found = {}
    for text in texts:
        name, equals, value = text.partition("=")
        what, colon, rest = name.partition(":")
        wanted = what.partition("[")[0].split(",")  # manifest[linux/amd64], index,manifest
        if colon and set(wanted).issubset(DOCUMENTS):
            if wanted != [MANIFEST]:
                raise InvalidArgument(
                    f"annotation {text!r}: an image for one platform has no {wanted[0]}",
                    hint=f"annotate its manifest: {rest}{equals}{value}",
                )
            name = rest
        if not equals or not name:
            raise InvalidArgument(f"invalid annotation {text!r}", hint="write NAME=VALUE")
        found[name] = value
    return found
