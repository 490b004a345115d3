"""Where a container's lines go if it has another log driver, or options: what `logoptions` decided,
opened.
"""

from __future__ import annotations

from cuddy import files
from cuddy.engine import logoptions
from cuddy.engine.jsonlog import JsonLog

TYPE_CHECKING = False
if TYPE_CHECKING:
    from cuddy.engine.container import Container
    from cuddy.engine.logwriter import Driver


def open_driver(record: Container) -> Driver:
    """Where a container's lines go. Raises OSError, CuddyError."""
    wanted = record["HostConfig"]["LogConfig"]
    driver, options = wanted["Type"], wanted["Config"]
    if driver == "none":
        return Nothing()
    found = logoptions.attributes(record, options)
    if driver == "journald":
        from cuddy.engine import journal

        return journal.open_journal(record, options, found)
    if tag := logoptions.expand_tag(options.get("tag", ""), record):
        found["tag"] = tag
    if driver == "local":
        from cuddy.engine import locallog

        path = logoptions.local_path(record)
        files.make_directory(path.rpartition("/")[0])
        return locallog.LocalLog(path, logoptions.limits(driver, options), found)
    return JsonLog(
        record["LogPath"], logoptions.limits(driver, options), logoptions.format_attributes(found)
    )


class Nothing:
    """The driver `none`."""

    def write_lines(self, stream: int, lines: bytes) -> None:
        pass

    def write_entries(self, stream: int, entries: list[bytes]) -> None:
        pass

    def is_busy(self) -> bool:
        return False

    def is_full(self) -> bool:
        return False

    def waiting_fd(self) -> int:
        return -1

    def flush(self) -> None:
        pass

    def clear(self) -> None:
        pass

    def position(self) -> tuple[int, int]:
        return 0, 0

    def close(self) -> None:
        pass
