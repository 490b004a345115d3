"""Limits as numbers, and the search for a program in the container's own PATH."""

from __future__ import annotations

import resource
from pathlib import Path

import pytest

from cuddy.errors import InvalidArgument
from cuddy.kernel import capabilities
from cuddy.runtime import credentials, launch, spec


class TestLimits:
    @pytest.mark.parametrize("value", [-1, (1 << 63) - 1, 1 << 63, (1 << 64) - 1])
    def test_unlimited_has_many_spellings(self, value: int) -> None:
        assert credentials.as_rlim(value) == resource.RLIM_INFINITY

    @pytest.mark.parametrize("value", [0, 1, 1 << 62])
    def test_other_numbers_are_themselves(self, value: int) -> None:
        assert credentials.as_rlim(value) == value

    def test_unlimited_is_more_than_anything(self) -> None:
        assert credentials.as_count(resource.RLIM_INFINITY) > 1 << 63

    @pytest.mark.parametrize("name", ["NOFILE", "RLIMIT_WARP", "RLIM_INFINITY", "setrlimit", ""])
    def test_an_unknown_limit_is_refused(self, name: str) -> None:
        with pytest.raises(InvalidArgument, match="unknown resource limit"):
            credentials.set_limits([{"type": name, "soft": 1, "hard": 1}], print)


@pytest.fixture
def bin_dir(tmp_path: Path) -> Path:
    """first/ and second/ with programs, and things that are none."""
    for name in ("first", "second"):
        (tmp_path / name).mkdir()
        program(tmp_path / name / "both")
    program(tmp_path / "second" / "only")
    (tmp_path / "first" / "only").mkdir()
    (tmp_path / "first" / "plain").write_text("not executable")
    program(tmp_path / "second" / "plain-too")
    return tmp_path


def program(path: Path) -> None:
    path.write_text("#!/bin/sh\n")
    path.chmod(0o755)


class TestFindingAProgram:
    def find(self, bin_dir: Path, name: str, *variables: str) -> str:
        path = f"PATH={bin_dir}/first:{bin_dir}/second"
        found = credentials.find_program(name, [*(variables or (path,))], str(bin_dir))
        return found.removeprefix(f"{bin_dir}/")

    def test_the_first_directory_of_path_wins(self, bin_dir: Path) -> None:
        assert self.find(bin_dir, "both") == "first/both"

    def test_a_directory_of_that_name_is_passed_over(self, bin_dir: Path) -> None:
        assert self.find(bin_dir, "only") == "second/only"

    def test_a_name_with_a_slash_is_not_searched_for(self, bin_dir: Path) -> None:
        assert self.find(bin_dir, "second/only") == "second/only"
        assert self.find(bin_dir, f"{bin_dir}/first/both") == "first/both"

    def test_an_empty_entry_is_the_working_directory(self, bin_dir: Path) -> None:
        program(bin_dir / "here")
        assert self.find(bin_dir, "here", "PATH=:/nowhere") == "here"

    def test_the_last_path_counts_as_it_does_for_the_program(self, bin_dir: Path) -> None:
        assert self.find(bin_dir, "both", "PATH=/nowhere", f"PATH={bin_dir}/second") == (
            "second/both"
        )

    def test_without_path_nothing_is_found(self, bin_dir: Path) -> None:
        with pytest.raises(FileNotFoundError, match="PATH"):
            self.find(bin_dir, "sh", "HOME=/")

    @pytest.mark.parametrize("name", ["no-such", "", "a\nb", "x" * 5000])
    def test_what_is_nowhere_is_not_found(self, bin_dir: Path, name: str) -> None:
        with pytest.raises(FileNotFoundError, match=r"\$PATH"):
            self.find(bin_dir, name)

    def test_what_is_there_but_no_program_is_refused_permission(self, bin_dir: Path) -> None:
        with pytest.raises(PermissionError):
            self.find(bin_dir, "plain")

    def test_a_path_that_is_not_there_is_not_found(self, bin_dir: Path) -> None:
        with pytest.raises(FileNotFoundError):
            self.find(bin_dir, "./no-such")


class TestHome:
    def test_it_is_left_alone_if_somebody_said(self) -> None:
        assert launch.with_home({"env": ["HOME=/x", "A=B"]}) == ["HOME=/x", "A=B"]

    def test_of_nobody_it_is_the_root(self) -> None:
        user: spec.User = {"uid": 4_000_000_000}
        assert launch.with_home({"user": user}) == ["HOME=/"]
        assert launch.with_home({"env": ["HOME=", "A=B"], "user": user}) == ["A=B", "HOME=/"]


class TestCapabilities:
    OWN = frozenset({"CAP_KILL", "CAP_CHOWN", "CAP_SYS_ADMIN"})

    def test_what_nobody_has_is_left_out_and_told(self) -> None:
        wanted: spec.Capabilities = dict.fromkeys(  # type: ignore[assignment]
            credentials.KINDS, ["CAP_KILL", "CAP_WARP", "CAP_BPF", "kill"]
        )
        sets, missing = credentials.fit(wanted, self.OWN, 0)
        assert set(sets[1:]) == {frozenset({"CAP_KILL"})}
        assert missing == {"CAP_WARP", "CAP_BPF", "kill"}

    def test_none_asked_for_is_none(self) -> None:
        sets, missing = credentials.fit({}, self.OWN, 0)
        assert set(sets[1:]) == {frozenset()}
        assert not missing

    def test_each_set_stays_within_those_that_bound_it(self) -> None:
        """capset(2) and prctl(2) refuse more: no reason for a program not to run."""
        sets, _ = credentials.fit(
            {
                "bounding": ["CAP_KILL"],
                "permitted": ["CAP_CHOWN", "CAP_KILL"],
                "effective": ["CAP_SYS_ADMIN", "CAP_CHOWN"],
                "inheritable": ["CAP_KILL", "CAP_CHOWN"],
                "ambient": ["CAP_KILL", "CAP_CHOWN"],
            },
            self.OWN,
            0,
        )
        assert sets.effective == {"CAP_CHOWN"}
        assert sets.inheritable == sets.ambient == {"CAP_KILL"}

    def test_an_ambient_capability_that_cannot_be_is_told_in_runcs_words(self) -> None:
        own = capabilities.own()
        if not own:
            pytest.skip("this user has no capability to ask for")
        told: list[str] = []
        name = sorted(own)[0]
        credentials.choose_sets({"capabilities": {"ambient": [name]}}, told.append)
        assert told == [f"can't raise ambient capability {name}: operation not permitted"]
