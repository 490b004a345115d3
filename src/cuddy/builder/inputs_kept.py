"""What steps were made of, kept beside the cache so that a miss can be explained.

Each cached step has a file in `build/inputs/`, named by the place it stood at and by its key, and a
second one, `.files`, if there was a table of what it has read. They are written when a step was
done and read only for `--explain-cache`: a cached build does not touch them. Values of build
arguments are not in them, as some users pass passwords that way: only digests that nobody without
the home's own random `salt` can compare with anything.
"""

from __future__ import annotations

import os

from cuddy import files
from cuddy.builder import inputs_index
from cuddy.image import digest as digests
from cuddy.shapes import NamedTuple

TYPE_CHECKING = False
if TYPE_CHECKING:
    from collections.abc import Iterable, Mapping, Sequence

    from cuddy.builder.cache import Asked
    from cuddy.engine.home import Home

MAX_FILES = 100_000
MAX_BYTES = 64 << 20
CANDIDATES = 50
"""So many former runs of a place, the last ones, are looked at for the nearest."""
SHOWN_FILES = 5
SHOWN_TEXT = 120
SALT_BYTES = 32
MAX_VALUE = 4000


class Kept(NamedTuple):
    """What a step was made of."""

    key: str
    instruction: str
    shown: str
    parent: str
    from_: str
    epoch: int | None
    sees: dict[str, str]
    reading: str
    files: dict[str, str]


def directory(home: Home) -> str:
    """Where they are."""
    return f"{home.build_dir}/inputs"


def write(home: Home, key: str, asked: Asked) -> None:
    """Keep what a step was made of. Raises OSError."""
    path = f"{directory(home)}/{_place(asked)}-{_hex(key)}.json"
    try:
        if os.stat(path).st_size:
            return  # a key says it all; a power cut leaves nothing of it
    except FileNotFoundError:
        pass
    files.make_directory(directory(home))
    kept = _of(asked, key, _salt(home))
    if asked.reading and not _link(asked.reading.rows_path, _rows_path(path)):
        kept = kept._replace(files=dict(asked.reading.files[:MAX_FILES]))
    files.write_json(path, list(kept), durable=False, aside=home.tmp_dir)


def _of(asked: Asked, key: str, salt: bytes) -> Kept:
    sees = {
        name: _sealed(salt, name, value) if name.startswith("ARG ") else _kept(salt, name, value)
        for name, value in asked.sees
    }
    reading = asked.reading.digest if asked.reading else ""
    return Kept(
        key, asked.instruction, asked.shown, asked.parent, asked.from_, asked.epoch, sees, reading,
        {},
    )  # fmt: skip


def _rows_path(path: str) -> str:
    """Where the files stand if there is a table of them already, as `inputs_index` has them."""
    return f"{path.removesuffix('.json')}.files"


def _link(rows_path: str, target: str) -> bool:
    """Keep a table of thousands of files by a second name for it: to write one takes its time."""
    try:
        os.link(rows_path, target)
        return True
    except FileExistsError:
        return True
    except OSError:
        return False  # there is none, or it has too many names


def _kept(salt: bytes, name: str, value: str) -> str:
    """A value, cut if it is long; what is cut off still counts."""
    long = len(value) > MAX_VALUE
    return f"{value[:MAX_VALUE]}… {_sealed(salt, name, value)}" if long else value


def _sealed(salt: bytes, name: str, value: str) -> str:
    return digests.of(salt + f"{name}={value}".encode("utf-8", "surrogatepass"))


def _salt(home: Home) -> bytes:
    """Random bytes of this home's; made by who comes first."""
    path = f"{home.build_dir}/salt"
    try:
        found = files.read_bytes(path, limit=SALT_BYTES)
        if len(found) == SALT_BYTES:
            return found
    except (OSError, ValueError):
        pass
    files.make_directory(home.build_dir)
    # Of two who come first, one explains less well once.
    files.write(path, os.urandom(SALT_BYTES), durable=False, aside=home.tmp_dir)
    return files.read_bytes(path, limit=SALT_BYTES)


def _hex(key: str) -> str:
    return key.partition(":")[2]


def _place(asked: Asked) -> str:
    return _hex(digests.of(asked.place.encode("utf-8", "surrogateescape")))[:16]


def paths(home: Home) -> dict[str, list[str]]:
    """The files of each key; under "" those that are of none."""
    found: dict[str, list[str]] = {}
    for name in files.list_directory(directory(home)):
        key = f"sha256:{name.partition('.')[0].partition('-')[2]}"
        path = f"{directory(home)}/{name}"
        found.setdefault(key if digests.is_digest(key) else "", []).append(path)
    return found


def read(path: str) -> Kept | None:
    """What a file says; None if it is not one of ours."""
    try:
        kept = Kept(*files.parse_json(files.read_bytes(path, limit=MAX_BYTES)))
    except (OSError, ValueError, TypeError):
        return None
    texts = (kept.key, kept.instruction, kept.shown, kept.parent, kept.from_, kept.reading)
    tables = (kept.sees, kept.files)
    if not all(isinstance(text, str) for text in texts):
        return None
    if not all(isinstance(t, dict) and all(isinstance(v, str) for v in t.values()) for t in tables):
        return None
    if kept.files or not kept.reading:
        return kept
    rows = inputs_index.read_rows(_rows_path(path))[:MAX_FILES]
    return kept._replace(files={name: record for name, _, record in rows})


def explain(home: Home, key: str, asked: Asked) -> str:
    """What has changed since the nearest former run of the place, one change a line."""
    now = _of(asked, key, _salt(home))
    if asked.reading:
        now = now._replace(files=dict(asked.reading.files[:MAX_FILES]))
    former = _nearest(home, asked, now)
    if former is None:
        return "never built before"
    if former.key == key:
        return "built before, but what came of it is gone from the cache"
    return "\n".join(_changes(former, now)) or "what it depends on has changed"


def _nearest(home: Home, asked: Asked, now: Kept) -> Kept | None:
    """The former run of the place that has most in common with this one.

    A checkout that was moved has no former runs: then of any place where the same was written, or
    where something stood on the same layer.
    """
    names = [name for name in files.list_directory(directory(home)) if name.endswith(".json")]
    here = [name for name in names if name.startswith(f"{_place(asked)}-")]
    kept = _latest(home, here)
    if not kept:
        others = _latest(home, names)
        kept = [each for each in others if each.shown and each.shown == now.shown]
        kept = kept or [each for each in others if _is_successor(each, now)]
    return max(kept, key=lambda each: _likeness(each, now), default=None)


def _is_successor(former: Kept, now: Kept) -> bool:
    """Whether it stood on the same layer, and not just on the same image as half the world does."""
    is_first = digests.short(now.parent) in now.from_
    return bool(now.parent) and former.parent == now.parent and not is_first


def _latest(home: Home, names: Iterable[str]) -> list[Kept]:
    """What is in those of the files that came last."""
    found = []
    for name in names:
        path = f"{directory(home)}/{name}"
        try:
            found.append((os.lstat(path).st_mtime_ns, path))
        except FileNotFoundError:
            continue
    kept = [read(path) for _, path in sorted(found, reverse=True)[:CANDIDATES]]
    return [each for each in kept if each]


def _likeness(one: Kept, other: Kept) -> float:
    is_equal = one.key == other.key
    return (
        100 * is_equal
        + 3 * (one.parent == other.parent)
        + 3 * ((one.instruction, one.shown) == (other.instruction, other.shown))
        + 3 * _share(one.files, other.files)
        + 2 * _share(one.sees, other.sees)
    )


def _share(one: Mapping[str, str], other: Mapping[str, str]) -> float:
    """How much of two tables is equal, from 0 to 1."""
    equal = sum(other.get(name) == value for name, value in one.items())
    return equal / max(len(one), len(other), 1)


def _changes(old: Kept, new: Kept) -> list[str]:
    """Every difference as a sentence, the weightiest first."""
    changes = []
    if (old.instruction, old.shown) != (new.instruction, new.shown):
        changes.append(
            f"the instruction has changed, it was: {_text(old.shown or old.instruction)}"
        )
    if old.from_ != new.from_:
        changes.append(f"the base is {_text(new.from_)}, it was {_text(old.from_)}")
    elif old.parent != new.parent:
        changes.append("what it stands on has changed: a step above has another result")
    for name in sorted({*old.sees, *new.sees}):
        if old.sees.get(name) != new.sees.get(name):
            changes += _change_of_value(name, old.sees.get(name), new.sees.get(name), changes)
    changes += _changes_of_files(old, new)
    if old.epoch != new.epoch:
        changes.append(f"the timestamp is {new.epoch}, it was {old.epoch}")
    return changes


KINDS = {"ARG": "build argument", "ENV": "environment variable"}


def _change_of_value(name: str, old: str | None, new: str | None, said: Sequence[str]) -> list[str]:
    """One thing it sees that is another now."""
    kind, _, variable = name.partition(" ")
    if not variable and said and name in ("command", "script", "mounts"):
        return []  # as the instruction has changed, which was said
    what = f"{KINDS[kind]} {variable}" if kind in KINDS and variable else name
    if old is None or new is None:
        return [f"{what} is {'new' if old is None else 'gone'}"]
    if kind == "ARG":
        return [f"{what} has another value"]
    if kind == "ENV":
        old, new = (each.removeprefix(f"{variable}=") for each in (old, new))
    return [f"{what} is {_text(new)}, it was {_text(old)}"]


def _changes_of_files(old: Kept, new: Kept) -> list[str]:
    """The first few files that changed, came and went."""
    changed = [
        path for path in new.files if old.files.get(path, new.files[path]) != new.files[path]
    ]
    came = [path for path in new.files if path not in old.files]
    went = [path for path in old.files if path not in new.files]
    found = [
        f"{word}: {_list(paths)}"
        for word, paths in (("changed", changed), ("new", came), ("gone", went))
        if paths
    ]
    if not found and old.reading != new.reading:
        return ["what it reads has changed"]
    return found


def _list(paths: Iterable[str]) -> str:
    """The first few, and how many there are."""
    names = sorted(paths)
    more = len(names) - SHOWN_FILES
    shown = ", ".join(_name(each) for each in names[:SHOWN_FILES])
    return f"{shown} and {more} more" if more > 0 else shown


def _name(path: str) -> str:
    return path if path.isprintable() else ascii(path)


def _text(value: str) -> str:
    """A value in quotes, in one line, not too long."""
    shown = value if len(value) <= SHOWN_TEXT else f"{value[:SHOWN_TEXT]}…"
    return f"'{shown}'" if shown.isprintable() else ascii(shown)
