"""Unpacking layers: what belongs into the directory is there, and nothing else happens anywhere."""

from __future__ import annotations

import errno
import os
import random
import resource
import stat
from collections.abc import Iterator
from pathlib import Path

import pytest

from cuddy.errors import CorruptContent
from cuddy.image import inheritance, layer
from rawtar import END, entry, header, pax, pax_of

pytestmark = pytest.mark.root

DIR, LINK, SYMLINK, CHARACTER, BLOCK, FIFO = b"5", b"1", b"2", b"3", b"4", b"6"


class Outside:
    """What lies around the layer's directory, and must stay as it is."""

    def __init__(self, path: Path) -> None:
        self.path = path
        (path / "secret").mkdir(parents=True)
        (path / "secret/canary").write_text("untouched")
        self.before = self.look()

    def look(self) -> list[tuple[str, int, int, int, bytes]]:
        found = []
        for path in sorted(self.path.rglob("*")):
            status = path.lstat()
            data = path.read_bytes() if path.is_file() else b""
            found.append((str(path), status.st_mode, status.st_mtime_ns, status.st_nlink, data))
        return found


@pytest.fixture
def outside(tmp_path: Path) -> Iterator[Outside]:
    found = Outside(tmp_path / "outside")
    yield found
    assert found.look() == found.before


@pytest.fixture
def root(tmp_path: Path, outside: Outside) -> Path:
    path = tmp_path / "layer"
    path.mkdir(mode=0o700)
    return path


def unpack(root: Path, *parts: bytes, below: tuple[Path, ...] = ()) -> Path:
    """Unpack an archive made of these parts, over the layers `below`, topmost first."""
    archive = b"".join(parts) + END
    chunks = (archive[i : i + 3000] for i in range(0, len(archive), 3000))
    _, unfinished = layer.apply(chunks, str(root))
    inheritance.finish(str(root), unfinished, [str(path) for path in below])
    return root


def refused(root: Path, *parts: bytes, match: str = ".") -> None:
    with pytest.raises(CorruptContent, match=match):
        unpack(root, *parts)


def is_whiteout(path: Path) -> bool:
    status = path.lstat()
    return stat.S_ISCHR(status.st_mode) and status.st_rdev == 0


def is_opaque(path: Path) -> bool:
    try:
        return os.getxattr(path, "trusted.overlay.opaque") == b"y"
    except OSError as error:
        assert error.errno == errno.ENODATA
        return False


def tree(root: Path) -> set[str]:
    return {str(path.relative_to(root)) for path in root.rglob("*")}


class TestWhatIsThere:
    def test_files_with_all_their_attributes(self, root: Path) -> None:
        unpack(
            root,
            header(b"bin/", DIR, mode=0o751, uid=3, gid=4, mtime=1000),
            pax(mtime=b"77.123456789", uid=b"4294967294", gid=b"70000")
            + entry(b"bin/sh", b"#!", mode=0o4755),
        )
        status = (root / "bin/sh").stat()
        assert (root / "bin/sh").read_bytes() == b"#!"
        assert status.st_mode == stat.S_IFREG | 0o4755
        assert (status.st_uid, status.st_gid) == (4294967294, 70000)
        assert status.st_mtime_ns == 77_123_456_789
        status = (root / "bin").stat()
        assert status.st_mode == stat.S_IFDIR | 0o751
        assert (status.st_uid, status.st_gid, status.st_mtime) == (3, 4, 1000)

    def test_set_id_bits_of_files_that_belong_to_root(self, root: Path) -> None:
        unpack(root, entry(b"su", b"x", mode=0o4755), entry(b"wall", b"x", mode=0o2755))
        assert (root / "su").stat().st_mode & 0o7777 == 0o4755
        assert (root / "wall").stat().st_mode & 0o7777 == 0o2755

    def test_a_set_group_id_directory_does_not_give_its_group_to_what_is_in_it(
        self, root: Path
    ) -> None:
        unpack(
            root,
            header(b"mail/", DIR, mode=0o2775, gid=8),
            header(b"mail/sub/", DIR, mode=0o755),
            entry(b"mail/root", b""),
        )
        assert (root / "mail").stat().st_mode & 0o7777 == 0o2775
        assert (root / "mail/root").stat().st_gid == 0
        assert (root / "mail/sub").stat().st_mode & 0o7777 == 0o755
        assert (root / "mail/sub").stat().st_gid == 0

    def test_files_larger_than_any_buffer(self, root: Path) -> None:
        data = random.Random(1).randbytes(3_000_000)
        assert unpack(root, entry(b"big", data)).joinpath("big").read_bytes() == data

    def test_devices_fifos_and_links(self, root: Path) -> None:
        unpack(
            root,
            header(b"null", CHARACTER, mode=0o666, major=1, minor=3),
            header(b"disk", BLOCK, mode=0o660, gid=6, major=8, minor=1),
            header(b"pipe", FIFO, mode=0o600, mtime=5),
            header(b"link", SYMLINK, link=b"/etc/anywhere", uid=9, mtime=7),
        )
        null, disk = (root / "null").lstat(), (root / "disk").lstat()
        assert (stat.S_ISCHR(null.st_mode), null.st_rdev) == (True, os.makedev(1, 3))
        assert null.st_mode & 0o777 == 0o666
        assert (stat.S_ISBLK(disk.st_mode), disk.st_rdev) == (True, os.makedev(8, 1))
        assert disk.st_gid == 6
        assert stat.S_ISFIFO((root / "pipe").lstat().st_mode)
        assert os.readlink(root / "link") == "/etc/anywhere"
        assert ((root / "link").lstat().st_uid, (root / "link").lstat().st_mtime) == (9, 7)

    def test_hard_links_are_one_file(self, root: Path) -> None:
        unpack(root, entry(b"a/x", b"1"), header(b"b/y", LINK, link=b"./a/x"))
        assert (root / "a/x").stat().st_ino == (root / "b/y").stat().st_ino

    def test_names_keep_their_bytes(self, root: Path) -> None:
        name = b"caf\xe9 \xff\n\x1b[31m"
        unpack(root, pax(path=b"d/" + name) + header(b"-"))
        assert os.listdir(os.fsencode(root / "d")) == [name]

    def test_long_names(self, root: Path) -> None:
        name = b"/".join([b"d" * 250] * 15)
        unpack(root, pax(path=name) + header(b"-"))
        assert os.stat(root / os.fsdecode(name))

    def test_xattrs_that_are_content(self, root: Path) -> None:
        capability = b"\x01\x00\x00\x02\x00\x04\x00\x00\x00\x00\x00\x00" + bytes(8)
        values = {
            b"SCHILY.xattr.security.capability": capability,
            b"SCHILY.xattr.user.note": b"\0binary\n",
        }
        unpack(root, pax_of(values) + entry(b"ping", b"elf", uid=5))
        assert os.getxattr(root / "ping", "security.capability") == capability
        assert os.getxattr(root / "ping", "user.note") == b"\0binary\n"

    def test_sparse_files_have_holes(self, root: Path) -> None:
        values = {b"GNU.sparse.size": b"50000000", b"GNU.sparse.map": b"0,3,10000000,2"}
        unpack(root, pax_of(values) + entry(b"s", b"abcde"))
        data = (root / "s").read_bytes()
        assert len(data) == 50_000_000
        assert (data[:4], data[10_000_000:10_000_003]) == (b"abc\0", b"de\0")
        assert (root / "s").stat().st_blocks * 512 < 1_000_000

    def test_the_root_s_own_entry(self, root: Path) -> None:
        unpack(root, header(b"./", DIR, mode=0o711, uid=5, mtime=9), entry(b"./f", b""))
        status = root.stat()
        assert (status.st_mode & 0o7777, status.st_uid, status.st_mtime) == (0o711, 5, 9)

    def test_directories_nobody_describes_are_root_s_and_0755(self, root: Path) -> None:
        unpack(root, entry(b"a/b/c", b""))
        for path in (root, root / "a", root / "a/b"):
            status = path.stat()
            assert (status.st_mode & 0o7777, status.st_uid) == (0o755, 0)

    def test_a_directory_s_time_is_not_that_of_the_last_file_made_in_it(self, root: Path) -> None:
        unpack(root, header(b"d/", DIR, mtime=50), entry(b"d/f", b""), entry(b"d/g", b""))
        assert (root / "d").stat().st_mtime == 50

    def test_our_umask_has_no_say_and_comes_back(self, root: Path) -> None:
        before = os.umask(0o077)
        try:
            unpack(root, entry(b"f", b"", mode=0o666))
            assert os.umask(0o077) == 0o077
        finally:
            os.umask(before)
        assert (root / "f").stat().st_mode & 0o777 == 0o666

    def test_the_size_counts_what_the_files_hold(self, root: Path) -> None:
        archive = entry(b"a", b"12345") + header(b"b", LINK, link=b"a") + entry(b"c", b"6") + END
        assert layer.apply(iter([archive]), str(root))[0] == 6

    def test_no_descriptor_stays_open(self, root: Path) -> None:
        before = os.listdir("/proc/self/fd")
        parts = [entry(b"%d/%d/f" % (n % 150, n), b"") for n in range(300)]
        unpack(root, *parts)
        assert os.listdir("/proc/self/fd") == before


class TestSameNameTwice:
    def test_the_later_file_counts(self, root: Path) -> None:
        unpack(root, entry(b"f", b"1"), entry(b"f", b"22"))
        assert (root / "f").read_bytes() == b"22"

    def test_a_hard_link_is_cut_by_a_later_file(self, root: Path) -> None:
        unpack(root, entry(b"a", b"1"), header(b"b", LINK, link=b"a"), entry(b"b", b"2"))
        assert (root / "a").read_bytes() == b"1"

    def test_a_directory_described_twice_keeps_its_content(self, root: Path) -> None:
        unpack(root, header(b"d/", DIR), entry(b"d/f", b""), header(b"d", DIR, mode=0o700, mtime=3))
        assert tree(root) == {"d", "d/f"}
        assert (root / "d").stat().st_mode & 0o777 == 0o700

    def test_a_file_replaces_a_directory_with_all_in_it(self, root: Path) -> None:
        unpack(root, entry(b"d/e/f", b""), entry(b"d", b"file"))
        assert tree(root) == {"d"}

    def test_a_directory_replaces_a_link_not_what_it_leads_to(
        self, root: Path, outside: Outside
    ) -> None:
        target = os.fsencode(outside.path / "secret")
        unpack(root, header(b"d", SYMLINK, link=target), header(b"d/", DIR), entry(b"d/f", b""))
        assert (root / "d").is_dir()
        assert not (root / "d").is_symlink()

    def test_a_link_to_itself_stays_what_it_is(self, root: Path) -> None:
        unpack(root, entry(b"a", b"1"), header(b"a", LINK, link=b"a"))
        assert (root / "a").read_bytes() == b"1"

    def test_everything_replaces_everything(self, root: Path) -> None:
        kinds = [
            entry(b"x", b"data"),
            header(b"x/", DIR),
            entry(b"x/y", b"below"),
            header(b"x", SYMLINK, link=b"z"),
            header(b"x", FIFO),
            header(b"x", CHARACTER, major=1, minor=3),
            header(b"x", LINK, link=b"other"),
        ]
        chosen = random.Random(7).choices(kinds, k=300)
        parts = [part for part in chosen if b"below" not in part]
        unpack(root, entry(b"other", b"o"), *parts, entry(b"x", b"last"))
        assert (root / "x").read_bytes() == b"last"
        assert (root / "other").read_bytes() == b"o"


class TestWayOut:
    """Every attempt to reach what is not in the layer."""

    @pytest.mark.parametrize(
        "name", [b"..", b"../x", b"a/../../x", b"/../x", b"a/..", b"./../x", b"a/./../b", b"x/../y"]
    )
    @pytest.mark.parametrize("kind", [b"0", DIR, SYMLINK, FIFO])
    def test_dots_are_refused(self, root: Path, name: bytes, kind: bytes) -> None:
        refused(root, header(name, kind, link=b"t"), match="leads out")

    def test_absolute_names_are_inside(self, root: Path) -> None:
        unpack(root, entry(b"/etc/passwd", b"mine"), entry(b"//x///y", b""))
        assert tree(root) == {"etc", "etc/passwd", "x", "x/y"}

    @pytest.mark.parametrize("kind", [b"0", DIR, SYMLINK, FIFO, CHARACTER, LINK])
    @pytest.mark.parametrize("way", ["absolute", "dots", "double"])
    def test_a_link_is_no_way_out(
        self, root: Path, outside: Outside, kind: bytes, way: str
    ) -> None:
        target = {
            "absolute": os.fsencode(outside.path / "secret"),
            "dots": b"../outside/secret",
            "double": b"middle",
        }[way]
        try:
            unpack(
                root,
                entry(b"f", b""),
                header(b"middle", SYMLINK, link=b"../../../../../../" + os.fsencode(outside.path)),
                header(b"out", SYMLINK, link=target),
                header(b"out/canary", kind, link=b"f", major=1, minor=3),
            )
        except CorruptContent:
            pass

    def test_a_link_inside_is_followed_inside(self, root: Path) -> None:
        unpack(
            root,
            header(b"usr/lib/", DIR, mode=0o750),
            header(b"lib", SYMLINK, link=b"/usr/lib"),
            entry(b"lib/libc.so", b"c"),
            header(b"lib/sub/", DIR, mode=0o700),
        )
        assert (root / "usr/lib/libc.so").read_bytes() == b"c"
        assert (root / "usr/lib/sub").stat().st_mode & 0o777 == 0o700

    def test_a_hard_link_to_outside_is_refused(self, root: Path, outside: Outside) -> None:
        target = os.fsencode(outside.path / "secret/canary")
        refused(root, header(b"x", LINK, link=target))

    @pytest.mark.parametrize("target", [b"../outside/secret/canary", b"", b".", b"..", b"x"])
    def test_hard_links_to_nothing_that_is_there_are_refused(
        self, root: Path, target: bytes
    ) -> None:
        refused(root, header(b"x", LINK, link=target))

    def test_a_hard_link_through_a_link_to_outside_is_refused(
        self, root: Path, outside: Outside
    ) -> None:
        out = os.fsencode(outside.path / "secret")
        refused(root, header(b"out", SYMLINK, link=out), header(b"x", LINK, link=b"out/canary"))

    def test_a_hard_link_to_a_symbolic_link_links_the_link(
        self, root: Path, outside: Outside
    ) -> None:
        out = os.fsencode(outside.path / "secret/canary")
        unpack(root, header(b"l", SYMLINK, link=out), header(b"m", LINK, link=b"l"))
        assert os.readlink(root / "m") == os.fsdecode(out)
        assert (root / "l").lstat().st_ino == (root / "m").lstat().st_ino

    def test_writing_to_a_hard_link_of_a_link_replaces_it(
        self, root: Path, outside: Outside
    ) -> None:
        out = os.fsencode(outside.path / "secret/canary")
        unpack(
            root,
            header(b"l", SYMLINK, link=out),
            header(b"m", LINK, link=b"l"),
            entry(b"m", b"new"),
            entry(b"l", b"new"),
        )
        assert (root / "l").read_bytes() == b"new"

    def test_a_hard_link_to_a_directory_is_refused(self, root: Path) -> None:
        refused(root, header(b"d/", DIR), header(b"x", LINK, link=b"d"), match="links to no file")

    def test_a_hard_link_to_a_later_entry_is_refused(self, root: Path) -> None:
        refused(root, header(b"x", LINK, link=b"y"), entry(b"y", b"1"), match="later entry")

    def test_directory_becomes_link_becomes_directory(self, root: Path, outside: Outside) -> None:
        """CVE-2014-9356 and its kin: the descriptor kept open must not outlive the name."""
        out = os.fsencode(outside.path / "secret")
        unpack(
            root,
            header(b"d/", DIR),
            entry(b"d/one", b"1"),
            header(b"d", SYMLINK, link=out),
            header(b"d/", DIR),
            entry(b"d/canary", b"overwritten"),
        )
        assert tree(root) == {"d", "d/canary"}

    def test_a_directory_moved_aside_is_not_written_to_through_its_link(
        self, root: Path, outside: Outside
    ) -> None:
        out = os.fsencode(outside.path / "secret")
        with pytest.raises(CorruptContent):
            unpack(
                root,
                entry(b"d/e/one", b"1"),
                header(b"d", SYMLINK, link=out),
                entry(b"d/e/canary", b"2"),
                entry(b"d/canary", b"3"),
                header(b"d/", b"0"),
            )

    def test_attributes_of_a_directory_do_not_go_where_its_name_leads_later(
        self, root: Path, outside: Outside
    ) -> None:
        out = os.fsencode(outside.path / "secret")
        unpack(
            root,
            header(b"d/", DIR, mode=0o777, uid=12, mtime=1),
            header(b"d", SYMLINK, link=out),
        )
        assert (root / "d").is_symlink()

    @pytest.mark.parametrize("magic", [b"/proc/self/root", b"/proc/self/cwd", b"/proc/self/fd"])
    def test_magic_links_of_the_kernel_lead_nowhere(self, root: Path, magic: bytes) -> None:
        refused(root, header(b"out", SYMLINK, link=magic), entry(b"out/x", b""))

    def test_a_link_around_in_circles(self, root: Path) -> None:
        refused(
            root,
            header(b"a", SYMLINK, link=b"b"),
            header(b"b", SYMLINK, link=b"a"),
            entry(b"a/x", b""),
        )

    @pytest.mark.parametrize(
        "xattr",
        [
            b"trusted.overlay.opaque", b"trusted.overlay.redirect", b"trusted.overlay.metacopy",
            b"user.overlay.opaque", b"user.overlay.redirect", b"trusted.overlay.overlay.opaque",
            b"trusted.note", b"security.selinux", b"security.ima", b"system.posix_acl_access", b"",
            b"user.", b"nonsense",
        ],
    )  # fmt: skip
    @pytest.mark.parametrize("kind", [b"0", DIR])
    def test_xattrs_that_mean_something_to_the_host_are_left_out(
        self, root: Path, xattr: bytes, kind: bytes
    ) -> None:
        archive = pax_of({b"SCHILY.xattr." + xattr: b"y"}) + header(b"f", kind)
        try:
            unpack(root, archive)
        except CorruptContent:
            return
        assert set(os.listxattr(root / "f")) <= {"security.selinux"}

    def test_sockets_and_unknown_kinds_are_refused(self, root: Path) -> None:
        refused(root, header(b"s", b"s"), match="unknown type")


class TestLimits:
    @pytest.mark.parametrize("length", [4096, 70_000])
    def test_names_longer_than_a_path_are_refused(self, root: Path, length: int) -> None:
        refused(root, pax(path=b"d/" * (length // 2)) + header(b"-"), match="name of")

    def test_parts_longer_than_a_name_are_refused(self, root: Path) -> None:
        refused(root, pax(path=b"n" * 256) + header(b"-"), match="cannot be made")

    @pytest.mark.parametrize("target", [b"", b"t" * 5000])
    def test_links_to_no_possible_path_are_refused(self, root: Path, target: bytes) -> None:
        archive = pax(linkpath=target) if target else b""
        refused(root, archive + header(b"l", SYMLINK), match="cannot be made")

    def test_a_file_where_a_directory_should_be_is_refused(self, root: Path) -> None:
        refused(root, entry(b"f", b""), entry(b"f/x", b""))

    def test_the_root_is_a_directory(self, root: Path) -> None:
        for kind in (b"0", SYMLINK, FIFO, LINK):
            refused(root, header(b"./", kind, link=b"x"), match="root is not")

    def test_entries_are_counted(self, root: Path, monkeypatch: pytest.MonkeyPatch) -> None:
        monkeypatch.setattr(layer, "MAX_ENTRIES", 10)
        refused(root, *[entry(b"f%d" % n, b"") for n in range(11)], match="more than 10")

    def test_thousands_of_directories_take_few_descriptors(self, root: Path) -> None:
        soft, hard = resource.getrlimit(resource.RLIMIT_NOFILE)
        resource.setrlimit(resource.RLIMIT_NOFILE, (150, hard))
        try:
            unpack(root, *[entry(b"%d/f" % n, b"") for n in range(500)])
        finally:
            resource.setrlimit(resource.RLIMIT_NOFILE, (soft, hard))

    def test_a_path_of_two_thousand_directories(self, root: Path) -> None:
        unpack(root, pax(path=b"d/" * 2000 + b"f") + header(b"-"))
        unpack_again = pax(path=b"d") + header(b"d")
        unpack(root, unpack_again)
        assert tree(root) == {"d"}

    def test_an_error_leaves_no_descriptor_open(self, root: Path) -> None:
        before = os.listdir("/proc/self/fd")
        refused(root, entry(b"a/b", b""), header(b"../x"))
        assert os.listdir("/proc/self/fd") == before


class TestWhiteouts:
    def below(self, tmp_path: Path, *parts: bytes, name: str = "below") -> Path:
        path = tmp_path / name
        path.mkdir()
        return unpack(path, *parts)

    def test_a_whiteout_is_overlayfs_s(self, root: Path, tmp_path: Path) -> None:
        below = self.below(tmp_path, entry(b"d/f", b""))
        unpack(root, entry(b"d/.wh.f", b""), below=(below,))
        assert is_whiteout(root / "d/f")
        assert tree(root) == {"d", "d/f"}

    @pytest.mark.parametrize("kind", [b"0", DIR, SYMLINK])
    def test_whatever_kind_of_entry_says_so(self, root: Path, tmp_path: Path, kind: bytes) -> None:
        below = self.below(tmp_path, entry(b"f", b""))
        unpack(root, header(b".wh.f", kind, link=b"x"), below=(below,))
        assert is_whiteout(root / "f")

    def test_an_opaque_directory_is_overlayfs_s(self, root: Path) -> None:
        mark = entry(b"d/.wh..wh..opq", b"")
        unpack(root, entry(b"d/f", b""), mark, mark)
        assert is_opaque(root / "d")
        assert tree(root) == {"d", "d/f"}

    def test_the_root_can_be_opaque(self, root: Path) -> None:
        unpack(root, entry(b".wh..wh..opq", b""))
        assert is_opaque(root)

    @pytest.mark.parametrize(
        "name", [b".wh.", b".wh..", b".wh...", b"d/.wh...", b"d/.wh..", b".wh./"]
    )
    def test_whiteouts_of_nothing_are_refused(self, root: Path, name: bytes) -> None:
        refused(root, header(name), match="whiteout of nothing")

    @pytest.mark.parametrize("name", [b".wh.d/f", b"a/.wh.d/f", b".wh..wh..opq/f2"])
    def test_nothing_lies_below_a_whiteout(self, root: Path, name: bytes) -> None:
        if name.startswith(b".wh..wh."):
            unpack(root, entry(name, b""))
            assert tree(root) == set()
        else:
            refused(root, entry(name, b""), match="below a whiteout")

    def test_bookkeeping_of_aufs_is_left_out(self, root: Path) -> None:
        unpack(
            root,
            header(b".wh..wh.aufs"),
            header(b".wh..wh.plnk/", DIR),
            entry(b".wh..wh.plnk/12.34", b"x"),
        )
        assert tree(root) == set()

    @pytest.mark.parametrize("order", [1, -1])
    def test_a_file_of_the_same_layer_stays(self, root: Path, tmp_path: Path, order: int) -> None:
        below = self.below(tmp_path, entry(b"f", b"old"))
        unpack(root, *[entry(b"f", b"new"), entry(b".wh.f", b"")][::order], below=(below,))
        assert (root / "f").read_bytes() == b"new"

    @pytest.mark.parametrize("order", [1, -1])
    @pytest.mark.parametrize("implicit", [False, True])
    def test_a_directory_of_the_same_layer_stays_and_shows_nothing_old(
        self, root: Path, tmp_path: Path, order: int, implicit: bool
    ) -> None:
        below = self.below(tmp_path, entry(b"d/old", b""))
        made = entry(b"d/new", b"") if implicit else header(b"d/", DIR) + entry(b"d/new", b"")
        unpack(root, *[made, entry(b".wh.d", b"")][::order], below=(below,))
        assert is_opaque(root / "d")
        assert tree(root) == {"d", "d/new"}

    def test_a_whiteout_that_hides_nothing_is_dropped(self, root: Path, tmp_path: Path) -> None:
        below = self.below(tmp_path, entry(b"d/f", b""))
        unpack(root, header(b"d/", DIR, mtime=5), entry(b"d/.wh.g", b""), below=(below,))
        assert tree(root) == {"d"}
        assert (root / "d").stat().st_mtime == 5

    def test_in_the_lowest_layer_too(self, root: Path) -> None:
        unpack(root, entry(b".wh.x", b""), entry(b"d/.wh.y", b""))
        assert tree(root) == {"d"}

    def test_a_device_that_overlayfs_takes_for_a_whiteout_is_one(
        self, root: Path, tmp_path: Path
    ) -> None:
        below = self.below(tmp_path, entry(b"f", b""))
        unpack(root, header(b"f", CHARACTER), header(b"g", CHARACTER), below=(below,))
        assert is_whiteout(root / "f")
        assert tree(root) == {"f"}

    def test_a_whiteout_through_a_link_stays_inside(self, root: Path, outside: Outside) -> None:
        out = os.fsencode(outside.path / "secret")
        refused(root, header(b"d", SYMLINK, link=out), entry(b"d/.wh.canary", b""))

    def test_an_opaque_mark_through_a_link_stays_inside(self, root: Path, outside: Outside) -> None:
        out = os.fsencode(outside.path / "secret")
        refused(root, header(b"d", SYMLINK, link=out), entry(b"d/.wh..wh..opq", b""))
        assert not is_opaque(outside.path / "secret")


class TestInheritance:
    """What comes from the layers below."""

    def layers(self, tmp_path: Path, *archives: bytes) -> tuple[Path, ...]:
        """Unpacked layers, the first lowest; returned topmost first."""
        done: tuple[Path, ...] = ()
        for number, archive in enumerate(archives):
            path = tmp_path / f"below{number}"
            path.mkdir(mode=0o700)
            done = (unpack(path, archive, below=done), *done)
        return done

    def test_directories_on_the_way_look_as_they_do_below(self, root: Path, tmp_path: Path) -> None:
        note = pax_of({b"SCHILY.xattr.user.note": b"n"})
        below = self.layers(
            tmp_path,
            header(b"./", DIR, mode=0o711, uid=1),
            note + header(b"home/", DIR, mode=0o2750, uid=7, gid=8, mtime=9)
            + header(b"home/me/", DIR, mode=0o700, uid=1000),
            header(b"home/", DIR, mode=0o1777, uid=70, mtime=90),
        )  # fmt: skip
        unpack(root, entry(b"home/me/file", b""), below=below)
        home, mine = (root / "home").stat(), (root / "home/me").stat()
        assert (home.st_mode & 0o7777, home.st_uid, home.st_mtime) == (0o1777, 70, 90)
        assert (mine.st_mode & 0o7777, mine.st_uid) == (0o700, 1000)
        assert (root.stat().st_mode & 0o7777, root.stat().st_uid) == (0o711, 1)

    def test_xattrs_too(self, root: Path, tmp_path: Path) -> None:
        note = pax_of({b"SCHILY.xattr.user.note": b"n"})
        below = self.layers(tmp_path, note + header(b"d/", DIR) + entry(b"d/.wh..wh..opq", b""))
        unpack(root, entry(b"d/f", b""), below=below)
        assert os.getxattr(root / "d", "user.note") == b"n"
        assert not is_opaque(root / "d")

    def test_a_hard_link_to_a_lower_file_copies_it_up(self, root: Path, tmp_path: Path) -> None:
        capability = b"\x01\x00\x00\x02\x00\x04\x00\x00\x00\x00\x00\x00" + bytes(8)
        values = pax_of({b"SCHILY.xattr.security.capability": capability})
        below = self.layers(
            tmp_path,
            header(b"bin/", DIR, mode=0o711, mtime=3)
            + values
            + entry(b"bin/a", b"program", mode=0o4711, uid=3, mtime=44),
        )
        unpack(
            root,
            header(b"bin/", DIR, mode=0o700, mtime=5),
            header(b"bin/b", LINK, link=b"bin/a"),
            header(b"opt/c", LINK, link=b"/bin/b"),
            below=below,
        )
        statuses = [(root / name).stat() for name in ("bin/a", "bin/b", "opt/c")]
        assert len({status.st_ino for status in statuses}) == 1
        assert (root / "bin/a").read_bytes() == b"program"
        assert statuses[0].st_mode & 0o7777 == 0o4711
        assert (statuses[0].st_uid, statuses[0].st_mtime) == (3, 44)
        assert os.getxattr(root / "bin/a", "security.capability") == capability
        assert (root / "bin").stat().st_mtime == 5
        assert (below[0] / "bin/a").stat().st_nlink == 1

    def test_from_the_topmost_layer_that_has_it(self, root: Path, tmp_path: Path) -> None:
        below = self.layers(
            tmp_path, entry(b"d/f", b"old"), entry(b"d/f", b"new"), entry(b"g", b"")
        )
        unpack(root, header(b"x", LINK, link=b"d/f"), below=below)
        assert (root / "x").read_bytes() == b"new"

    @pytest.mark.parametrize(
        "hiding",
        [
            entry(b"d/.wh.f", b""), entry(b".wh.d", b""), entry(b"d/.wh..wh..opq", b""),
            entry(b"d", b"file"), header(b"d", SYMLINK, link=b"e"), entry(b".wh..wh..opq", b""),
        ],
    )  # fmt: skip
    def test_not_what_a_layer_between_hides(
        self, root: Path, tmp_path: Path, hiding: bytes
    ) -> None:
        below = self.layers(tmp_path, entry(b"d/f", b"old") + entry(b"e/f", b"other"), hiding)
        with pytest.raises(CorruptContent, match="not there"):
            unpack(root, header(b"x", LINK, link=b"d/f"), below=below)

    def test_links_and_devices_are_copied_up_as_such(
        self, root: Path, tmp_path: Path, outside: Outside
    ) -> None:
        out = os.fsencode(outside.path / "secret/canary")
        below = self.layers(
            tmp_path,
            header(b"l", SYMLINK, link=out) + header(b"n", CHARACTER, major=1, minor=3)
            + header(b"p", FIFO),
        )  # fmt: skip
        links = [header(b"to-" + name, LINK, link=name) for name in (b"l", b"n", b"p")]
        unpack(root, *links, below=below)
        assert os.readlink(root / "to-l") == os.fsdecode(out)
        assert (root / "to-n").lstat().st_rdev == os.makedev(1, 3)
        assert stat.S_ISFIFO((root / "to-p").lstat().st_mode)

    def test_a_lower_link_is_not_followed(
        self, root: Path, tmp_path: Path, outside: Outside
    ) -> None:
        out = os.fsencode(outside.path / "secret")
        below = self.layers(tmp_path, header(b"d", SYMLINK, link=out))
        with pytest.raises(CorruptContent, match="not there"):
            unpack(root, header(b"x", LINK, link=b"d/canary"), below=below)

    def test_a_lower_directory_cannot_be_linked(self, root: Path, tmp_path: Path) -> None:
        below = self.layers(tmp_path, header(b"d/", DIR))
        with pytest.raises(CorruptContent, match="directory"):
            unpack(root, header(b"x", LINK, link=b"d"), below=below)

    def test_a_whiteout_of_this_layer_hides_the_target(self, root: Path, tmp_path: Path) -> None:
        below = self.layers(tmp_path, entry(b"f", b""))
        with pytest.raises(CorruptContent):
            unpack(root, entry(b".wh.f", b""), header(b"x", LINK, link=b"f"), below=below)

    def test_a_link_below_becomes_a_directory_here(self, root: Path, tmp_path: Path) -> None:
        below = self.layers(tmp_path, header(b"lib", SYMLINK, link=b"usr/lib"))
        unpack(root, entry(b"lib/x", b""), below=below)
        assert (root / "lib").stat().st_mode & 0o7777 == 0o755
        assert not (root / "lib").is_symlink()
