"""COPY and ADD: what is there before, and what is asked for. What BuildKit made of it was recorded
by `record_copy.py` into golden/docker/copy.json.
"""

from __future__ import annotations

import bz2
import gzip
import io
import lzma
import os
import stat
import tarfile
from pathlib import Path
from typing import NamedTuple

TIME = 1_500_000_000


class Thing(NamedTuple):
    """A file ("-"), directory ("d"), link ("l"), hard link ("h") or fifo ("p")."""

    kind: str
    name: str
    mode: int = 0o644
    owner: tuple[int, int] = (0, 0)
    content: str | bytes = ""


def file(
    name: str, mode: int = 0o644, owner: tuple[int, int] = (0, 0), content: bytes = b""
) -> Thing:
    return Thing("-", name, mode, owner, content or name.encode())


def directory(name: str, mode: int = 0o755, owner: tuple[int, int] = (0, 0)) -> Thing:
    return Thing("d", name, mode, owner)


def link(name: str, target: str, owner: tuple[int, int] = (0, 0)) -> Thing:
    return Thing("l", name, 0o777, owner, target)


def hard(name: str, target: str) -> Thing:
    return Thing("h", name, content=target)


PASSWD = b"root:x:0:0:root:/root:/bin/sh\ndaemon:x:1:1::/:\napp:x:1000:2000::/:\n1234:x:9:9::/:\n"
GROUP = b"root:x:0:\napp:x:2000:\nstaff:x:50:\n"

BASE = (
    directory("etc"), file("etc/passwd", content=PASSWD), file("etc/group", content=GROUP),
    directory("existing", 0o1777, (5, 6)), file("existing/file.txt", 0o600, (5, 6)),
    directory("existing/sub", 0o700, (5, 6)), file("existing/sub/old", 0o600, (5, 6)),
    file("f"), link("tolink", "existing"), link("filetarget", "existing/file.txt"),
    link("broken", "made/by/link"), link("loop", "loop"), directory("rel"),
    link("rel/up", "../existing"), link("rel/abs", "/existing"),
    link("rel/escape", "../../../../existing"),
)  # fmt: skip


def archive(*things: Thing) -> bytes:
    """A tar of these."""
    buffer = io.BytesIO()
    with tarfile.open(fileobj=buffer, mode="w", format=tarfile.PAX_FORMAT) as tar:
        add(tar, things)
    return buffer.getvalue()


def add(tar: tarfile.TarFile, things: tuple[Thing, ...]) -> None:
    kinds = {
        "-": tarfile.REGTYPE, "d": tarfile.DIRTYPE, "l": tarfile.SYMTYPE, "h": tarfile.LNKTYPE,
        "p": tarfile.FIFOTYPE,
    }  # fmt: skip
    for number, thing in enumerate(things):
        info = tarfile.TarInfo(thing.name)
        info.type, info.mode = kinds[thing.kind], thing.mode
        info.uid, info.gid = thing.owner
        info.mtime = TIME + (number if thing.kind != "h" else 1)
        if thing.kind in "lh":
            info.linkname = str(thing.content)
            tar.addfile(info)
        else:
            data = thing.content if isinstance(thing.content, bytes) else thing.content.encode()
            info.size = len(data)
            tar.addfile(info, io.BytesIO(data))


TAR = archive(
    directory("in", 0o750, (7, 8)), file("in/x", 0o640, (7, 8)), link("in/l", "x", (7, 8)),
    Thing("h", "in/h", 0o640, (7, 8), "in/x"), file("sub/made", 0o4755),
    file("file.txt", 0o604, (7, 8)),
)  # fmt: skip
THROUGH = archive(link("way", "/existing"), file("way/through"))
OVER = archive(file("tolink", content=b"now a file"), file("existing/sub", content=b"no directory"))

CONTEXT = (
    file("a.txt"), file("b.txt", 0o600), file("run.sh", 0o755), file("setuid", 0o4755),
    directory("dir", 0o750), file("dir/one", 0o640), file("dir/two"), link("dir/in", "../a.txt"),
    directory("dir/sub", 0o711), file("dir/sub/three"), directory("dir/sub/deep"),
    file("dir/sub/deep/four"), file("dir/h1"), hard("dir/h2", "dir/h1"),
    link("link", "dir"), link("filelink", "a.txt"), link("dangling", "nowhere"),
    link("abslink", "/dir/one"), link("out", "../../../../../etc"), link("circle", "circle"),
    directory("empty", 0o700),
    directory("over"), directory("over/existing", 0o2755), file("over/existing/file.txt", 0o664),
    file("over/tolink"),
    directory("clash1"), directory("clash1/tolink"), file("clash1/tolink/x"),
    directory("clash2"), directory("clash2/f"),
    directory("clash3"), file("clash3/existing"),
    directory("tars"), file("tars/x.tar", content=TAR),
    file("tars/x.tgz", content=gzip.compress(TAR, mtime=0)),
    file("tars/x.bz2", content=bz2.compress(TAR)),
    file("tars/x.xz", content=lzma.compress(TAR)),
    file("tars/through.tar", content=THROUGH), file("tars/over.tar", content=OVER),
    file("tars/a.gz", content=gzip.compress(b"no archive", mtime=0)),
    file("tars/zeros.tar", content=bytes(1024)), file("tars/cut.tar", content=TAR[:700]),
    file("tars/text.tar", content=b"not an archive at all"),
)  # fmt: skip

CASES = (
    "COPY a.txt /x", "COPY a.txt /x/", "COPY a.txt /x/y/z", "COPY a.txt /existing",
    "COPY a.txt /existing/", "COPY a.txt /existing/.", "COPY a.txt /f", "COPY a.txt /f/",
    "COPY a.txt /f/x", "COPY a.txt /", "COPY ../../a.txt /x", "COPY /a.txt /x",
    "COPY b.txt run.sh setuid /x/", "COPY a.txt b.txt /x", "COPY a.txt b.txt /existing",
    "COPY dir /new", "COPY dir /new/", "COPY dir /p/q/new", "COPY dir /existing", "COPY dir /f",
    "COPY dir /", "COPY dir/ /new", "COPY dir/. /new", "COPY dir/sub /existing/sub",
    "COPY dir empty /new/", "COPY empty /new", "COPY empty /existing",
    "COPY *.txt /t/", "COPY *.txt /t", "COPY nothing* /t/", "COPY a.txt nothing* /t/",
    "COPY nowhere/* /t/", "COPY missing /t", "COPY a.txt/x /t", "COPY d*/s* /t/",
    "COPY d*r/one /t/", "COPY [a-b].txt /t/", "COPY ?.txt /t/",
    "COPY link /t", "COPY link/one /t", "COPY filelink /t", "COPY filelink /t/", "COPY abslink /t",
    "COPY dangling /t", "COPY out/passwd /t", "COPY circle /t", "COPY lin* /t/", "COPY filel* /t/",
    "COPY l*/one /t/", "COPY dang* /t/",
    "COPY a.txt /tolink", "COPY a.txt /tolink/", "COPY a.txt /tolink/x", "COPY a.txt /filetarget",
    "COPY a.txt /broken", "COPY a.txt /broken/", "COPY a.txt /broken/x", "COPY a.txt /loop",
    "COPY a.txt /rel/up/", "COPY a.txt /rel/abs/x", "COPY a.txt /rel/escape/y/x",
    "COPY dir /tolink", "COPY dir /filetarget", "COPY dir /broken", "COPY dir /rel/up/sub",
    "COPY over /", "COPY clash1 /", "COPY clash2 /", "COPY clash3 /", "COPY clash3/existing /",
    "COPY --chown=app dir /t", "COPY --chown=1000 a.txt /t/u/", "COPY --chown=:50 a.txt /t",
    "COPY --chown=:staff a.txt /t", "COPY --chown=app: a.txt /t", "COPY --chown=app:staff a.txt /t",
    "COPY --chown=3:4 dir /p/t", "COPY --chown=daemon dir /existing", "COPY --chown=1234 a.txt /t",
    "COPY --chown=nobody a.txt /t", "COPY --chown=3:nobody a.txt /t", "COPY --chown=3 setuid /t",
    "COPY --chmod=600 a.txt /p/t", "COPY --chmod=711 dir /t", "COPY --chmod=4711 dir /existing",
    "COPY --chmod=0 a.txt /t", "COPY --chmod=10000 a.txt /t", "COPY --chmod=8 a.txt /t",
    "COPY --from=base /existing /t", "COPY --from=base /existing/file.txt /p/t",
    "COPY --from=base /tolink /t", "COPY --from=base tolink/sub /t", "COPY --from=base / /all",
    "COPY --from=base --chown=3:4 /existing /t", "COPY --from=base /rel /t",
    "ADD tars/x.tar /t", "ADD tars/x.tar /t/", "ADD tars/x.tgz /t", "ADD tars/x.bz2 /t",
    "ADD tars/x.xz /t", "ADD tars/x.tar /existing", "ADD tars/x.tar /tolink",
    "ADD tars/x.tar /broken", "ADD tars/x.tar /f", "ADD tars/x.t* /t/", "ADD tars /t",
    "ADD tars/x.tar a.txt /t/", "ADD --chown=3:4 tars/x.tar /p/t", "ADD --chmod=700 tars/x.tar /t",
    "ADD tars/a.gz /t", "ADD tars/zeros.tar /t", "ADD tars/text.tar /t/", "ADD tars/cut.tar /t",
    "ADD tars/through.tar /", "ADD tars/over.tar /", "ADD a.txt /t", "ADD dir /t",
    "COPY tars/x.tar /t/", "ADD --unpack=false tars/x.tar /t",
    "COPY --chmod=u=rwX,go=rX dir /t", "COPY --chmod=+x a.txt /p/t", "COPY --chmod=g=u,o-r dir /t",
    "COPY --chmod=u+s,+t run.sh /t", "COPY --chmod=ug=s run.sh /t", "COPY --chmod=o=t run.sh /t",
    "COPY --chmod=ug+t,o=g run.sh /t", "COPY --chmod=u=g+x,g-w run.sh /t", "COPY --chmod=x /t",
    "COPY --chmod=b+x a.txt /t",
    "COPY --exclude=*.txt . /t", "COPY --exclude=**/t* dir /t", "COPY --exclude=sub dir /t",
    "COPY --exclude=sub --exclude=!sub/deep/four dir /t", "COPY --exclude=* dir /t",
    "COPY --exclude=a.* *.txt /t/", "COPY --exclude=a.txt a.txt /t/",
    "COPY --parents dir/sub/three /t/", "COPY --parents ./dir/./sub/deep /t/",
    "COPY --parents dir/**/t* /t/", "COPY --parents over/existing /", "COPY --parents . /t/",
    "COPY --parents d*/./sub/* /t/", "COPY --parents link/one /t/", "COPY --parents link /t/",
    "COPY --parents nothing /t/", "COPY --parents dir/./nothing* /t/",
)  # fmt: skip


def make(path: Path, things: tuple[Thing, ...] = CONTEXT) -> None:
    """These things as files, with their attributes."""
    for thing in things:
        at = path / thing.name
        if thing.kind == "d":
            at.mkdir()
        elif thing.kind == "l":
            at.symlink_to(str(thing.content))
        elif thing.kind == "h":
            os.link(path / str(thing.content), at)
        else:
            assert isinstance(thing.content, bytes)
            at.write_bytes(thing.content)
    for number, thing in reversed(list(enumerate(things))):
        at = path / thing.name
        if thing.kind != "h":
            os.chown(at, *thing.owner, follow_symlinks=False)
            if thing.kind != "l":
                at.chmod(thing.mode)
            os.utime(at, (TIME + number, TIME + number), follow_symlinks=False)


def listing(path: Path) -> dict[str, str]:
    """What is below a directory, in words. Times count if they are not of today."""
    found: dict[str, str] = {}
    first: dict[int, str] = {}
    for parent, directories, names in os.walk(path):
        directories.sort()
        for name in sorted(directories + names):
            at = Path(parent, name)
            status = at.lstat()
            shown = str(at.relative_to(path))
            words = f"{stat.filemode(status.st_mode)} {status.st_uid}:{status.st_gid}"
            if status.st_mtime < TIME + 10_000:
                words += f" t{int(status.st_mtime) - TIME}"
            if at.is_symlink():
                words += f" -> {os.readlink(at)}"
            elif at.is_file():
                data = at.read_bytes()
                words += f" {data[:24]!r} {len(data)}"
                if status.st_nlink > 1:
                    words += f" = {first.setdefault(status.st_ino, shown)}"
            found[shown] = words
    return found
