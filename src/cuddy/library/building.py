"""The call that builds an image, in the process that does it."""

from __future__ import annotations

import os

TYPE_CHECKING = False
if TYPE_CHECKING:
    from typing import Any

    from cuddy.builder.report import Event
    from cuddy.library.serving import Call


def build(call: Call, options: dict[str, Any], directory: str) -> list[Any]:
    """What was built; what happens meanwhile are items. `directory`: where the program is."""
    from cuddy.builder import build as building
    from cuddy.builder import journal, report
    from cuddy.builder.options import BuildOptions
    from cuddy.engine import registries
    from cuddy.library import speech

    os.chdir(directory)  # this process is of one call
    values = speech.with_tuples(options)
    values["environment"] = tuple((name, value) for name, value in values["environment"])
    wanted = BuildOptions(**values)
    wanted = wanted._replace(build_id=wanted.build_id or journal.new_id())
    with journal.Journal(call.home, wanted) as kept:

        def tell(event: Event) -> None:
            kept(event)
            call.item(report.to_fields(event))

        settings = registries.settings(dict(wanted.environment))
        stdin_fd = call.fds[0] if call.fds else -1
        built = building.build(call.home, wanted, stdin_fd=stdin_fd, settings=settings, tell=tell)
        kept.image_id = built.image_id
    return list(built)
