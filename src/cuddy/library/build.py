"""`cuddy.build`: an image from a Dockerfile.

import cuddy

built = cuddy.build(".", tags=["web"], build_args={"VERSION": "1.2"})
print(built.image_id)
"""

from __future__ import annotations

import os

from cuddy.library.images import Images
from cuddy.library.link import Link, usual

TYPE_CHECKING = False
if TYPE_CHECKING:
    from collections.abc import Callable
    from typing import Unpack

    from cuddy.builder.built import Built
    from cuddy.builder.report import Event
    from cuddy.library.build_wishes import BuildWishes


def build(
    context: str | os.PathLike[str] = ".", *, on_event: Callable[[Event], object] | None = None,
    stdin_fd: int = -1, root: str | os.PathLike[str] = "", run_root: str | os.PathLike[str] = "",
    **settings: Unpack[BuildWishes],
) -> Built:  # fmt: skip
    """`Images.build` in the usual home, or in that of `root` and `run_root`."""
    if not root and not run_root:
        return Images(usual()).build(context, on_event=on_event, stdin_fd=stdin_fd, **settings)
    link = Link(os.fspath(root), os.fspath(run_root))
    try:
        return Images(link).build(context, on_event=on_event, stdin_fd=stdin_fd, **settings)
    finally:
        link.close()
