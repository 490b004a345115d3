"""Deliver: everything that is to come of a build besides images of the store (`outputs`)."""

from __future__ import annotations

import time

from cuddy.builder import outputs, report

TYPE_CHECKING = False
if TYPE_CHECKING:
    from collections.abc import Sequence

    from cuddy.builder.built import Result
    from cuddy.builder.outputs import Output
    from cuddy.builder.report import Numbering
    from cuddy.engine.home import Home
    from cuddy.image.progress import Progress
    from cuddy.image.settings import Settings

WORDS = {
    outputs.LOCAL: "exporting to client directory",
    outputs.TAR: "exporting to client tarball",
    outputs.OCI: "exporting to oci image format",
    outputs.DOCKER: "exporting to docker image format",
}
"""BuildKit's."""


def deliver(
    home: Home,
    wanted: Sequence[Output],
    results: Sequence[Result],
    tags: Sequence[str],
    tell: Numbering,
    *,
    stdout_fd: int,
    is_portable: bool = False,
) -> None:
    """Write outputs of `outputs.for_elsewhere`, one after the other.

    `is_portable`: the same bytes on all machines. Raises InvalidArgument, InvalidReference,
    Conflict, CorruptContent, SystemFailure.
    """
    from cuddy.builder import files_output, image_output

    storage = home.storage
    states = [result.state for result in results]
    for number, output in enumerate(wanted, report.OUTPUTS):
        tell.began(number, WORDS[output.kind])
        if output.kind == outputs.LOCAL:
            files_output.write_directory(storage, output, states)
        elif output.kind == outputs.TAR:
            files_output.write_tar(storage, output, states, stdout_fd)
        else:
            image_output.write(storage, output, results, tags, stdout_fd, is_portable=is_portable)
        tell.ended(number)


def push(home: Home, names: Sequence[str], tell: Numbering, settings: Settings | None) -> None:
    """Bring the image to its registries, by each of its names. Raises what `engine.push` does."""
    for number, name in enumerate(names, report.PUSHES):
        from cuddy.engine import push as engine_push

        tell.began(number, f"pushing {name}")

        def progress(step: Progress, number: int = number) -> None:
            what = f"{step.id} {step.state}".strip()
            tell(report.Progress(number, what, step.current, step.total, time.time()))

        engine_push.push(home, name, settings=settings, progress=progress)
        tell.ended(number)
