"""What was read of layers before: a layer never changes, so a digest of files in it stays true.

One file for each top layer and selection, under `build/digests`.
"""

from __future__ import annotations

import os

from cuddy import files
from cuddy.builder import inputs
from cuddy.builder.instructions import Place
from cuddy.image import digest as digests

TYPE_CHECKING = False
if TYPE_CHECKING:
    from cuddy.builder.inputs import Reading
    from cuddy.builder.instructions import Copy
    from cuddy.builder.state import State
    from cuddy.engine.home import Home


def recall(home: Home, state: State, copy: Copy) -> Reading | None:
    """What a COPY or ADD read of an image's files before; None if that is not known."""
    try:
        digest, entries = files.read_json(path_of(home, state, copy))
        return inputs.Reading(digest, tuple((name, each) for name, each in entries))
    except (OSError, ValueError, TypeError):
        return None


def remember(home: Home, state: State, copy: Copy, reading: Reading) -> None:
    """Keep what was read. Raises OSError."""
    path = path_of(home, state, copy)
    files.make_directory(os.path.dirname(path))
    told = [reading.digest, reading.files]
    files.write_json(path, told, durable=False, aside=home.tmp_dir)


def path_of(home: Home, state: State, copy: Copy) -> str:
    """Where it stands: all that decides what is read is in the name."""
    top = state.layers[-1].chain_id if state.layers else ""
    selection = copy._replace(place=Place(0, 0), text="", from_="", target="")
    name = digests.of(files.format_json(["reading 1", top, selection]).encode())
    return f"{home.build_dir}/digests/{name.partition(':')[2]}.json"
