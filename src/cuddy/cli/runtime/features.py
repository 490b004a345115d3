"""features: what this runtime can do, in the specification's terms (features.md)."""

from __future__ import annotations

from cuddy.cli import document
from cuddy.cli.runtime.verb import Call, Verb


def show(call: Call) -> int:
    from cuddy.runtime import features

    print(document.indented(features.describe(), by="  "))
    return 0


VERB = Verb("Show what this runtime can do", show, "", (), 0, 0)
