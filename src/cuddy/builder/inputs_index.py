"""What is remembered of the files that a COPY or ADD has read: `<root>/build/digests`.

    <name>          one line: the digest of all, what stat said of all, and files to read again
    <name>.files    each file: its path, what stat said of it in short, what it is

`name` is a hash of all that decides what is read. The rows are written before the head; each row is
true of itself, so it does no harm if one of them is of another build than the other.
"""

from __future__ import annotations

import os

from cuddy import files
from cuddy.errors import SystemFailure
from cuddy.image import digest as digests

TYPE_CHECKING = False
if TYPE_CHECKING:
    from typing import TypeAlias

    from cuddy.engine.home import Home

    Row: TypeAlias = list[str]  # path, what stat said ("": read it again), what it is
    Head: TypeAlias = tuple[str, str, dict[str, str]]

VERSION = "cuddy inputs 2"
MAX_FILES = 1000


class Index:
    """What is remembered of one selection."""

    def __init__(self, home: Home, selection: list[object]) -> None:
        self.home = home
        name = digests.of(files.format_json([VERSION, *selection]).encode())
        self.path = f"{home.build_dir}/digests/{name.partition(':')[2]}"

    @property
    def rows_path(self) -> str:
        """Where the rows are."""
        return f"{self.path}.files"

    def head(self) -> Head | None:
        """The digest of all, what stat said of all, and which files to read again."""
        try:
            digest, stamp, fresh = files.read_json(self.path)
        except (OSError, ValueError, TypeError):
            return None
        texts = isinstance(digest, str) and isinstance(stamp, str) and isinstance(fresh, dict)
        return (digest, stamp, fresh) if texts else None

    def write_head(self, digest: str, stamp: str, fresh: dict[str, str]) -> None:
        """Remember how all are. Raises SystemFailure."""
        self._write(self.path, [digest, stamp, fresh])

    def write_rows(self, rows: list[Row]) -> None:
        """Remember how each is. Raises SystemFailure."""
        self._write(self.rows_path, rows)

    def _write(self, path: str, value: object) -> None:
        # Not durable: what is lost is found out again.
        directory = os.path.dirname(path)
        try:
            files.make_directory(directory)
            if not os.path.exists(path):
                self._make_room(directory)
            files.write_json(path, value, durable=False, aside=self.home.tmp_dir)
        except OSError as error:
            raise SystemFailure.from_os("cannot remember what was read", error) from error

    def _make_room(self, directory: str) -> None:
        """Forget what was not used for longest, if there is much."""
        names = files.list_directory(directory)
        if len(names) < MAX_FILES:
            return
        dated = []
        for name in names:
            try:
                dated.append((os.stat(f"{directory}/{name}").st_mtime_ns, name))
            except FileNotFoundError:
                pass
        for _, name in sorted(dated)[: MAX_FILES // 4]:
            try:
                os.unlink(f"{directory}/{name}")
            except FileNotFoundError:
                pass


def read_rows(path: str) -> list[Row]:
    """What is known of each file."""
    try:
        rows = files.read_json(path)
    except (OSError, ValueError):
        return []
    is_table = isinstance(rows, list) and all(
        isinstance(row, list) and len(row) == 3 and all(isinstance(each, str) for each in row)
        for row in rows
    )
    return rows if is_table else []
