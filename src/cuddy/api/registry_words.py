"""What registries refuse, in the words by which clients of Docker's know it."""

from __future__ import annotations

from cuddy.errors import CuddyError, NoSuchImage, NotFound, Unauthorized

TYPE_CHECKING = False
if TYPE_CHECKING:
    from cuddy.image.reference import Reference

DENIED = "denied: requested access to the resource is denied"


class NotPulled(NotFound):
    """The registry does not have it, or does not say."""


class NotPushed(CuddyError):
    """There is nothing to push, or nobody takes it."""


def of_pull(error: CuddyError, wanted: Reference) -> CuddyError:
    """The error of a pull as clients look for it: by its words they know what to do."""
    if isinstance(error, Unauthorized):
        return NotPulled(
            f"pull access denied for {wanted.familiar_name}, repository does not exist or may "
            f"require 'docker login': {DENIED}"
        )
    if isinstance(error, NoSuchImage):
        shown = wanted.familiar
        return NotPulled(f"manifest for {shown} not found: manifest unknown: manifest unknown")
    return error


def of_push(error: CuddyError, wanted: Reference) -> CuddyError:
    """The error of a push likewise."""
    if isinstance(error, Unauthorized):
        return NotPushed(f"{DENIED}: {error.message}")
    if isinstance(error, NoSuchImage):
        shown = wanted.familiar_name
        return NotPushed(f"An image does not exist locally with the tag: {shown}")
    return error
