"""Deliver: everything that is to come of a build besides images of the store (`outputs`)."""

from __future__ import annotations

from cuddy.builder import outputs

TYPE_CHECKING = False
if TYPE_CHECKING:
    from collections.abc import Sequence

    from cuddy.builder.image_output import Result
    from cuddy.builder.outputs import Output
    from cuddy.image.storage import Storage


def deliver(
    storage: Storage,
    wanted: Sequence[Output],
    results: Sequence[Result],
    tags: Sequence[str],
    *,
    stdout_fd: int = 1,
    is_portable: bool = False,
) -> None:
    """Write it, in the order in which the user has named it.

    `is_portable`: the same bytes on all machines. Raises InvalidArgument, InvalidReference,
    Conflict, CorruptContent, SystemFailure.
    """
    from cuddy.builder import files_output, image_output

    states = [result.state for result in results]
    for output in wanted:
        if output.is_for_store or output.kind == outputs.NOTHING:
            continue
        if output.kind == outputs.LOCAL:
            files_output.write_directory(storage, output, states)
        elif output.kind == outputs.TAR:
            files_output.write_tar(storage, output, states, stdout_fd)
        else:
            image_output.write(storage, output, results, tags, stdout_fd, is_portable=is_portable)
