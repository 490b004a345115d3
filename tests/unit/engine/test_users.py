"""`--user` and the image's passwd(5) and group(5), which are whatever an attacker wrote."""

from __future__ import annotations

import os
from collections.abc import Iterator
from pathlib import Path

import pytest
from hypothesis import given
from hypothesis import strategies as st

from cuddy.engine import users
from cuddy.engine.users import Account, Group, Identity
from cuddy.errors import InvalidArgument

PASSWD = """\
root:x:0:0:root:/root:/bin/sh
guest:x:405:100:guest:/home/guest:/bin/false
twin:x:405:7::/twin:
nohome:x:9:9:::
"""
GROUP = """\
root:x:0:root
users:x:100:games
audio:x:18:guest,root
video:x:27:guest
"""
ACCOUNTS = users.parse_passwd(PASSWD)
GROUPS = users.parse_group(GROUP)


def identify(wanted: str) -> Identity:
    return users.identify(wanted, ACCOUNTS, GROUPS)


class TestIdentify:
    @pytest.mark.parametrize(
        ("wanted", "identity"),
        [
            ("", Identity(0, 0, (0, 18), "/root")),
            ("root", Identity(0, 0, (0, 18), "/root")),
            ("0", Identity(0, 0, (0, 18), "/root")),
            ("guest", Identity(405, 100, (18, 27), "/home/guest")),
            ("405", Identity(405, 100, (18, 27), "/home/guest")),
            ("twin", Identity(405, 7, (), "/twin")),
            ("nohome", Identity(9, 9, (), "/")),
            ("1234", Identity(1234, 0, (), "/")),
            ("guest:0", Identity(405, 0, (), "/home/guest")),
            ("guest:audio", Identity(405, 18, (), "/home/guest")),
            ("guest:", Identity(405, 100, (18, 27), "/home/guest")),
            (":audio", Identity(0, 18, (), "/root")),
            ("1234:5678", Identity(1234, 5678, (), "/")),
            ("1234:users", Identity(1234, 100, (), "/")),
            ("4294967294:4294967294", Identity(4294967294, 4294967294, (), "/")),
            ("007", Identity(7, 0, (), "/")),
        ],
    )
    def test_names_and_numbers(self, wanted: str, identity: Identity) -> None:
        assert identify(wanted) == identity

    @pytest.mark.parametrize(
        "wanted",
        [
            "nobody", "guest:nogroup", "4294967295", "4294967296", "0:4294967295", "-1", "0:-1",
            "+0", " 0", "0 ", "0x0", "1e3", "0\n", "٠", "²", "18446744073709551616", "ROOT",
            "root:root:root", "0:0:0", "0" * 11,
        ],
    )  # fmt: skip
    def test_what_is_neither_is_an_error_and_never_root(self, wanted: str) -> None:
        with pytest.raises(InvalidArgument, match="unable to find"):
            identify(wanted)

    def test_a_number_means_that_number_even_if_the_image_calls_somebody_so(self) -> None:
        """An image must not make root of the `--user 1000` that was asked for."""
        accounts = [Account("1000", 0, 0, "/root"), Account("me", 1000, 1000, "/me")]
        groups = [Group("1000", 0, ("me",)), Group("mine", 1000, ())]
        assert users.identify("1000:1000", accounts, groups) == Identity(1000, 1000, (), "/me")

    @pytest.mark.parametrize("wanted", ["4294967296", "-1", "+1000", "18446744073709551616"])
    def test_a_number_out_of_range_is_no_name_either(self, wanted: str) -> None:
        for each in (wanted, f"0:{wanted}"):
            with pytest.raises(InvalidArgument, match="unable to find"):
                users.identify(each, [Account(wanted, 0, 0, "/")], [Group(wanted, 0, ())])

    def test_a_user_without_a_name_is_in_nobodys_member_list(self) -> None:
        assert users.identify("77", [], [Group("g", 5, ("", "77"))]).groups == ()


class TestHostileLines:
    @pytest.mark.parametrize(
        "line",
        [
            "", ":", "::::::", "name", "root:x:0", "a:x:1:1:gecos",
            "a:x:-1:1::/:", "a:x:1:-1::/:", "a:x: 1:1::/:", "a:x:1 :1::/:", "a:x:0x1:1::/:",
            "a:x:4294967295:1::/:", "a:x:4294967296:1::/:", "a:x:1:4294967296::/:",
            "a:x:99999999999999999999:1::/:", "a:x:²:1::/:", "a:x:٣:1::/:", "a:x:1_0:1::/:",
            "+::::::", "-guest::::::",
        ],
    )  # fmt: skip
    def test_a_line_that_makes_no_sense_is_no_account(self, line: str) -> None:
        assert users.parse_passwd(f"{line}\n{PASSWD}") == ACCOUNTS

    @pytest.mark.parametrize(
        "line",
        ["", "g", "g:x", "g:x:1", "g:x:-1:", "g:x:4294967295:", "g:x:²:a", "g:x::a", "g:x:1 :a"],
    )
    def test_a_line_that_makes_no_sense_is_no_group(self, line: str) -> None:
        assert users.parse_group(f"{line}\n{GROUP}") == GROUPS

    def test_members_may_be_empty_or_odd(self) -> None:
        (group,) = users.parse_group("g:x:5:,,a,, b,a:c")
        assert group == Group("g", 5, ("a", " b", "a"))

    @pytest.mark.parametrize("odd", ["\r", "\x0b", "\x0c", "\x1c", "\x85", "\u2028"])
    def test_only_a_newline_begins_an_account(self, odd: str) -> None:
        (account,) = users.parse_passwd(f"me:x:1000:1000:I{odd}evil:x:0:0::/:/home\n")
        assert (account.name, account.uid) == ("me", 1000)
        assert users.parse_group(f"g:x:5:a{odd}wheel:x:0:me\n")[0].gid == 5

    @given(st.text())
    def test_any_text_is_read_without_complaint(self, text: str) -> None:
        for account in users.parse_passwd(text):
            assert 0 <= account.uid <= users.MAX_ID
        for group in users.parse_group(text):
            assert 0 <= group.gid <= users.MAX_ID


class TestReading:
    @pytest.fixture
    def root(self, tmp_path: Path) -> Path:
        (tmp_path / "etc").mkdir()
        (tmp_path / "etc/passwd").write_text(PASSWD)
        (tmp_path / "etc/group").write_text(GROUP)
        return tmp_path

    @pytest.fixture
    def root_fd(self, root: Path) -> Iterator[int]:
        fd = os.open(root, os.O_PATH | os.O_DIRECTORY)
        yield fd
        os.close(fd)

    def test_the_files_of_the_root_are_asked(self, root_fd: int) -> None:
        assert users.read_identity(root_fd, "guest:video") == Identity(405, 27, (), "/home/guest")

    def test_without_files_numbers_work(self, root: Path, root_fd: int) -> None:
        (root / "etc/passwd").unlink()
        (root / "etc/group").unlink()
        assert users.read_identity(root_fd, "5:6") == Identity(5, 6, (), "/")
        with pytest.raises(InvalidArgument):
            users.read_identity(root_fd, "guest")

    def test_bytes_that_are_no_text_are_no_disaster(self, root: Path, root_fd: int) -> None:
        (root / "etc/passwd").write_bytes(b"\xff\xfe:x:1:1::/:\n" + PASSWD.encode())
        assert users.read_identity(root_fd, "guest").uid == 405

    def test_a_pipe_does_not_block(self, root: Path, root_fd: int) -> None:
        """CVE-2024-9676."""
        (root / "etc/passwd").unlink()
        os.mkfifo(root / "etc/passwd")
        assert users.read_identity(root_fd, "5").uid == 5

    def test_a_link_out_of_the_root_is_not_followed_there(self, root: Path, root_fd: int) -> None:
        outside = root.parent / f"{root.name}-outside"
        outside.write_text("secret:x:4242:4242::/:\n")
        (root / "etc/passwd").unlink()
        (root / "etc/passwd").symlink_to(outside)
        with pytest.raises(InvalidArgument):
            users.read_identity(root_fd, "secret")

    def test_a_link_inside_is_followed_as_if_the_root_were_the_root(
        self, root: Path, root_fd: int
    ) -> None:
        (root / "etc/passwd").rename(root / "accounts")
        (root / "etc/passwd").symlink_to("/../../accounts")
        assert users.read_identity(root_fd, "guest").uid == 405

    def test_only_the_first_mebibyte_is_read(self, root: Path, root_fd: int) -> None:
        with (root / "etc/passwd").open("r+b") as file:
            file.truncate(1 << 40)
            file.seek(1 << 39)
            file.write(b"\nlate:x:1:1::/:\n")
        assert users.read_identity(root_fd, "guest").uid == 405
        with pytest.raises(InvalidArgument):
            users.read_identity(root_fd, "late")
