"""Command, environment, labels, capabilities, security: the user's wishes over the image's."""

from __future__ import annotations

from typing import Any

import pytest

from cuddy.engine import defaults, process
from cuddy.engine.options import ContainerOptions
from cuddy.errors import InvalidArgument
from cuddy.kernel import capabilities

ALL = frozenset(capabilities.NAMES)


class TestCommand:
    """Docker's table, https://docs.docker.com/reference/dockerfile, "CMD and ENTRYPOINT"."""

    @pytest.mark.parametrize(
        ("entrypoint", "command", "image", "result"),
        [
            (None, (), {"Cmd": ["c"]}, ([], ["c"])),
            (None, ("u",), {"Cmd": ["c", "d"]}, ([], ["u"])),
            (None, (), {"Entrypoint": ["e"], "Cmd": ["c"]}, (["e"], ["c"])),
            (None, ("u",), {"Entrypoint": ["e"], "Cmd": ["c"]}, (["e"], ["u"])),
            (None, (), {"Entrypoint": ["e"]}, (["e"], [])),
            (("x",), (), {"Entrypoint": ["e"], "Cmd": ["c"]}, (["x"], [])),
            (("x",), ("u",), {"Entrypoint": ["e"], "Cmd": ["c"]}, (["x"], ["u"])),
            (("",), ("u",), {"Entrypoint": ["e"], "Cmd": ["c"]}, ([], ["u"])),
            ((), ("u",), {"Entrypoint": ["e"]}, ([], ["u"])),
            ((), (), {"Entrypoint": ["e"], "Cmd": ["c"]}, ([], ["c"])),
            (None, ("u",), {"Entrypoint": None, "Cmd": None}, ([], ["u"])),
            (None, ("",), {"Cmd": ["c"]}, ([], [""])),
        ],
    )
    def test_who_decides(
        self, entrypoint: Any, command: Any, image: dict[str, Any], result: Any
    ) -> None:
        options = ContainerOptions("i", command, entrypoint=entrypoint)
        assert process.command(options, image) == result

    @pytest.mark.parametrize("image", [{}, {"Cmd": [], "Entrypoint": []}, {"Cmd": None}])
    def test_nothing_to_run_is_an_error_that_says_what_to_do(self, image: dict[str, Any]) -> None:
        with pytest.raises(InvalidArgument, match="no command") as caught:
            process.command(ContainerOptions("busybox"), image)
        assert "cuddy run busybox COMMAND" in caught.value.hint

    def test_a_cleared_entrypoint_takes_the_images_command_along(self) -> None:
        with pytest.raises(InvalidArgument):
            process.command(ContainerOptions("i", entrypoint=("",)), {"Cmd": ["c"]})


class TestEnvironment:
    def test_the_users_come_first_then_the_images(self) -> None:
        merged = process.environment(["PATH=/image", "A=image", "B=image"], ["B=user", "C="])
        assert merged == ["B=user", "C=", "PATH=/image", "A=image"]

    def test_a_process_gets_ours_under_what_was_said(self) -> None:
        config = {"Hostname": "box", "Tty": True, "Env": ["B=user", "PATH=/image"]}
        assert process.variables(config) == [
            "PATH=/image", "HOSTNAME=box", "TERM=xterm", "B=user",
        ]  # fmt: skip
        assert process.variables({"Hostname": "box", "Tty": False, "Env": []}) == [
            defaults.PATH, "HOSTNAME=box",
        ]  # fmt: skip

    def test_a_name_alone_is_noted_and_takes_the_variable_from_the_process(self) -> None:
        env = process.environment(["A=image", "B=image"], ["A", "HOSTNAME"])
        assert env == ["A", "HOSTNAME", "B=image"]
        variables = process.variables({"Hostname": "box", "Tty": False, "Env": env})
        assert variables == [defaults.PATH, "B=image"]

    def test_a_bare_name_takes_a_variable_away(self) -> None:
        assert process.merge(["A=1", "B=2"], ["A"]) == ["B=2"]
        assert process.merge(["B=2"], ["A"]) == ["B=2"]

    def test_a_value_may_hold_anything_but_nul(self) -> None:
        value = "A= =\n\x1b$PATH'\""
        assert process.merge([], [value]) == [value]

    @pytest.mark.parametrize("bad", ["", "=x", "A=a\0b", "\0"])
    def test_what_no_program_could_be_given_is_refused(self, bad: str) -> None:
        with pytest.raises(InvalidArgument, match="invalid environment variable"):
            process.environment([], [bad])


class TestLabels:
    def test_the_users_are_over_the_images(self) -> None:
        assert process.labels({"a": "1", "b": "2"}, ["b=3", "c=x=y", "d"]) == {
            "a": "1", "b": "3", "c": "x=y", "d": "",
        }  # fmt: skip

    def test_the_images_own_stay_unchanged(self) -> None:
        image = {"a": "1"}
        process.labels(image, ["a=2"])
        assert image == {"a": "1"}

    @pytest.mark.parametrize("bad", ["", "=x"])
    def test_a_label_needs_a_name(self, bad: str) -> None:
        with pytest.raises(InvalidArgument, match="invalid label"):
            process.labels({}, [bad])


class TestCapabilities:
    def chosen(self, add: str = "", drop: str = "", *, privileged: bool = False) -> frozenset[str]:
        return process.capability_set(add.split(), drop.split(), privileged=privileged)

    def test_docker_s_fourteen_by_default(self) -> None:
        assert self.chosen() == defaults.CAPABILITIES
        assert capabilities.to_mask(self.chosen()) == 0xA80425FB

    @pytest.mark.parametrize("name", ["NET_ADMIN", "net_admin", "CAP_NET_ADMIN", "cap_Net_Admin"])
    def test_a_name_has_many_spellings(self, name: str) -> None:
        assert self.chosen(name) == defaults.CAPABILITIES | {"CAP_NET_ADMIN"}
        assert self.chosen(f"ALL {name}", name) == ALL - {"CAP_NET_ADMIN"}

    @pytest.mark.parametrize("word", ["ALL", "all", "All"])
    def test_all_of_them(self, word: str) -> None:
        assert self.chosen(word) == ALL
        assert self.chosen("", word) == frozenset()

    def test_drop_all_and_add_some(self) -> None:
        assert self.chosen("KILL CHOWN", "ALL") == {"CAP_KILL", "CAP_CHOWN"}

    def test_what_is_dropped_is_dropped_even_if_added(self) -> None:
        assert "CAP_KILL" not in self.chosen("KILL", "KILL")
        assert self.chosen("ALL", "KILL") == ALL - {"CAP_KILL"}

    def test_privileged_is_all_whatever_else_is_said(self) -> None:
        assert self.chosen("", "KILL", privileged=True) == ALL

    @pytest.mark.parametrize("bad", ["WARP", "CAP_", "CAP_ALL", "", "CAP_CAP_KILL", "ﬁ"])
    def test_an_unknown_one_is_an_error(self, bad: str) -> None:
        for add, drop in (([bad], []), ([], [bad])):
            with pytest.raises(InvalidArgument, match="unknown capability"):
                process.capability_set(add, drop, privileged=False)

    def test_an_unknown_one_is_an_error_even_if_privileged(self) -> None:
        with pytest.raises(InvalidArgument):
            self.chosen("WARP", privileged=True)


class TestSecurityOptions:
    @pytest.mark.parametrize("sign", ["=", ":"])
    def test_names_and_values_by_either_sign(self, sign: str) -> None:
        assert process.security([f"seccomp{sign}unconfined"]) == {"seccomp": "unconfined"}

    def test_a_name_alone(self) -> None:
        assert process.security(["no-new-privileges"]) == {"no-new-privileges": ""}

    def test_the_last_of_a_name_counts(self) -> None:
        assert process.security(["seccomp=unconfined", "seccomp=builtin"]) == {"seccomp": "builtin"}

    def test_a_profile_is_json_with_any_signs_in_it(self) -> None:
        profile = '{"defaultAction": "SCMP_ACT_ALLOW", "x": "a=b"}'
        assert process.security([f"seccomp={profile}"]) == {"seccomp": profile}

    @pytest.mark.parametrize(
        "accepted", ["apparmor=unconfined", "label=disable", "systempaths=unconfined"]
    )
    def test_what_turns_off_what_is_not_there_is_fine(self, accepted: str) -> None:
        process.security([accepted])

    @pytest.mark.parametrize(
        ("refused", "complaint"),
        [
            ("warp=1", "invalid --security-opt 2"),
            ("", "invalid --security-opt 2"),
            ("SECCOMP=unconfined", "invalid --security-opt 2"),
            ("apparmor=", "AppArmor"),
            ("apparmor=a\nb", "AppArmor"),
            ("label=type:x", "SELinux"),
            ("systempaths=x", "systempaths"),
            ("no-new-privileges=maybe", "no-new-privileges=maybe"),
            ("writable-cgroups=maybe", "writable-cgroups=maybe"),
            ("seccomp=/etc/passwd", "no JSON"),
            ("seccomp=", "no JSON"),
            ("seccomp={", "no JSON"),
        ],
    )
    def test_a_lock_that_would_not_close_is_refused(self, refused: str, complaint: str) -> None:
        with pytest.raises(InvalidArgument, match=complaint):
            process.security([refused])
