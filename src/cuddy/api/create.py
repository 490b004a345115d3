"""A new container. What a client asks for is read in `create_body`."""

from __future__ import annotations

import os

from cuddy.api import create_body
from cuddy.engine import create
from cuddy.engine.options import configured

TYPE_CHECKING = False
if TYPE_CHECKING:
    from cuddy.api.http import Call


def create_(call: Call) -> None:
    """Make it; nothing runs yet. An image that is not here is the client's to pull."""
    document = call.document()
    options = create_body.options(document, name=call.text("name"), platform=call.text("platform"))
    options = options._replace(**configured(os.environ))
    warnings = create_body.warnings(document, call.version)
    record = create.create(call.home, options, warn=warnings.append)
    call.answer({"Id": record["Id"], "Warnings": warnings}, 201)
