"""The flags of `cuddy build` become options, or are refused."""

from __future__ import annotations

import pytest

from cuddy.builder.options import BuildOptions
from cuddy.cli import build_flags, build_options, flags
from cuddy.errors import UsageError, WrongArguments


def read(*words: str, **environment: str) -> BuildOptions:
    args = flags.parse(build_flags.FLAGS, list(words) or ["."], "cuddy build")
    args.names = args.names or ["."]
    options = build_options.read(args, {"HOME": "/nonexistent", **environment})
    assert options.build_id
    assert dict(options.environment)["HOME"] == "/nonexistent"
    return options._replace(build_id="", environment=())


def test_nothing_asked_for_is_all_defaults() -> None:
    assert read() == BuildOptions(".")


def test_flags_are_options_of_the_same_name() -> None:
    words = "-f D -t a:1 -t b --target t --no-cache --pull -m 64m --cpu-shares 5 --network host"
    assert read(*words.split(), "dir") == BuildOptions(
        "dir", dockerfile="D", tags=("a:1", "b"), target="t", no_cache=True, pull=True,
        memory=64 << 20, cpu_shares=5, network="host",
    )  # fmt: skip


def test_lists_may_be_written_with_commas() -> None:
    options = read("--platform", "linux/amd64,linux/arm64", "--unset", "volume,expose",
                   "--no-cache-filter", "a,b")  # fmt: skip
    assert options.platforms == ("linux/amd64", "linux/arm64")
    assert options.unset == ("volume", "expose")
    assert options.no_cache_filter == ("a", "b")


def test_a_bare_build_arg_is_worth_what_the_environment_says() -> None:
    words = ["--build-arg", "A", "--build-arg", "B", "--build-arg", "C=", "--build-arg", "D=1=2"]
    assert read(*words, A="x").build_args == ("A=x", "C=", "D=1=2")


def test_the_epoch_is_the_flags_then_the_arguments_then_the_environments() -> None:
    epoch = "SOURCE_DATE_EPOCH"
    assert read(SOURCE_DATE_EPOCH="7").build_args == (f"{epoch}=7",)
    by_argument = read("--build-arg", f"{epoch}=8", SOURCE_DATE_EPOCH="7")
    assert by_argument.build_args == (f"{epoch}=8",)
    by_flag = read("--timestamp", "9", SOURCE_DATE_EPOCH="7")
    assert (by_flag.timestamp, by_flag.build_args) == (9, ())
    assert read("--timestamp", "0").timestamp == 0


def test_proxies_of_dockers_file_are_build_args(tmp_path: object) -> None:
    from pathlib import Path

    directory = Path(str(tmp_path))
    text = '{"proxies": {"default": {"httpProxy": "http://p:1"}}}'
    (directory / "config.json").write_text(text)
    options = read("--build-arg", "http_proxy=own", DOCKER_CONFIG=str(directory))
    assert options.build_args == ("HTTP_PROXY=http://p:1", "http_proxy=own")


@pytest.mark.parametrize(
    ("words", "outputs"),
    [
        (["--load"], ()),
        (["--push"], ("type=registry",)),
        (["--push", "-o", "type=image,name=x"], ("type=image,name=x,push=true",)),
        (["--load", "-o", "out"], ("out", "type=docker")),
        (["-o", "-"], ("-",)),
    ],
)
def test_push_and_load_stand_for_outputs(words: list[str], outputs: tuple[str, ...]) -> None:
    assert read(*words).outputs == outputs


@pytest.mark.parametrize(
    "words",
    [
        ["--push", "--load"],
        ["--push", "-o", "out"],
        ["-q", "--progress", "plain"],
        ["--provenance", "mode=max"],
        ["--provenance", "true"],
        ["--sbom", "true"],
        ["--attest", "type=sbom"],
        ["--builder", "other"],
        ["--isolation", "hyperv"],
        ["--disable-content-trust=false"],
        ["--call", "everything"],
        ["-f", "-", "-"],
    ],
)
def test_what_cannot_be_had_is_refused(words: list[str]) -> None:
    with pytest.raises(WrongArguments) as caught:
        read(*words)
    assert caught.value.exit_code == 1


@pytest.mark.parametrize(
    "words",
    [
        ["-t", "UPPER"], ["-t", "a@sha256:" + "0" * 64], ["--build-arg", "=x"],
        ["--build-context", "x"], ["--progress", "loud"], ["--timestamp", "-1"],
        ["--ulimit", "x"], ["--add-host", "x"], ["--label", "=x"], ["--memory", "x"],
    ],
    ids=" ".join,
)  # fmt: skip
def test_what_is_no_value_is_refused_by_the_flag(words: list[str]) -> None:
    with pytest.raises(UsageError, match=r"invalid argument .* flag"):
        read(*words)


@pytest.mark.parametrize(
    "words",
    [
        ["--provenance=false", "--sbom=false"], ["--attest", "type=provenance,disabled=true"],
        ["--compress"], ["--force-rm"], ["--rm"], ["--builder", "default"],
        ["--isolation", "default"], ["--check"], ["--call", "outline,format=json"],
    ],
    ids=" ".join,
)  # fmt: skip
def test_what_makes_no_difference_is_taken(words: list[str]) -> None:
    assert read(*words) == BuildOptions(".")
