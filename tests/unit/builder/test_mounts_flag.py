"""`--mount` of RUN: what it means, and what docker says of what it cannot mean."""

from __future__ import annotations

import pytest
from hypothesis import given
from hypothesis import strategies as st

from cuddy.builder import mounts_flag
from cuddy.builder.flags import MOUNT_KEYS, MOUNT_TYPES
from cuddy.builder.mounts_flag import Mount, parse
from cuddy.errors import InvalidArgument


@pytest.mark.parametrize(
    ("text", "mount"),
    [
        ("target=/a", Mount(target="/a")),
        ("type=bind,src=x,dst=/a,rw", Mount(source="x", target="/a", is_read_only=False)),
        ("type=bind,target=/a,readwrite=false", Mount(target="/a")),
        ("TYPE=Cache,Destination=/c", Mount("cache", target="/c", is_read_only=False)),
        ("type=cache,target=/c,ro", Mount("cache", target="/c")),
        (
            "type=cache,id=x,target=/c,sharing=LOCKED,mode=0700,uid=1,gid=2,from=base,source=/s",
            Mount("cache", "base", "/s", "/c", False, "x", "locked", mode=0o700, uid=1, gid=2),
        ),
        ("type=tmpfs,target=/t", Mount("tmpfs", target="/t", is_read_only=False)),
        (
            "type=tmpfs,target=/t,size=1.5k",
            Mount("tmpfs", target="/t", is_read_only=False, size_bytes=1536),
        ),
        ("type=secret,id=a", Mount("secret", id="a")),
        ("type=secret,id=a,env=B,required", Mount("secret", id="a", env="B", is_required=True)),
        ("type=ssh", Mount("ssh")),
        ("type=ssh,required=0,mode=0666", Mount("ssh", mode=0o666)),
        ('"target=/a,b",source=$x', Mount(source="$x", target="/a,b")),
    ],
)
def test_what_is_meant(text: str, mount: Mount) -> None:
    assert parse(text) == mount


@pytest.mark.parametrize(
    ("text", "message"),
    [
        ("type=volume,target=/a", 'unsupported mount type "volume"'),
        ("target", "invalid field 'target' must be a key=value pair"),
        ("target=/a,x", "invalid field 'x' must be a key=value pair"),
        ("tagret=/a", "unexpected key 'tagret' in 'tagret=/a'"),
        ("target=/a,ro=maybe", "invalid value for ro: maybe"),
        ("target=/a,required", "unexpected key 'required' for mount type 'bind'"),
        ("target=/a,size=1m", "unexpected key 'size' for mount type 'bind'"),
        ("type=tmpfs,target=/a,size=much", "invalid value for size: much"),
        ("type=cache,target=/a,sharing=alone", 'unsupported sharing value "alone"'),
        ("target=/a,sharing=shared", "invalid cache sharing set for bind mount"),
        ("target=/a,mode=0777", 'mode not allowed for "bind" type mounts'),
        ("target=/a,uid=1", 'uid not allowed for "bind" type mounts'),
        ("type=cache,target=/a,mode=999", "invalid value 999 for mode"),
        ("type=cache,target=/a,uid=-1", "invalid value -1 for uid"),
        ("type=secret", "invalid secret mount. one of source, target required"),
        ("type=secret,id=a,src=b", "both source and id can't be set"),
        ("type=secret,id=a,from=b", "secret mount should not have a from"),
        ("type=ssh,source=a", "ssh does not support source"),
        ('target="/a', 'failed to parse csv mounts: parse error on line 1, column 8: bare " '
         "in non-quoted-field"),
        ("from=$x,target=/a", "'from' doesn't support variable expansion,"
         " define alias stage instead"),
    ],
)  # fmt: skip
def test_what_docker_says(text: str, message: str) -> None:
    with pytest.raises(InvalidArgument) as caught:
        parse(text)
    assert caught.value.message == message


def test_the_nearest_word_is_named() -> None:
    with pytest.raises(InvalidArgument) as caught:
        parse("typ=bind")
    assert caught.value.hint == "did you mean type?"


def test_variables_count_everywhere_but_in_from() -> None:
    expand = {"/$d": "/dir", "$s": "10"}
    found = parse("type=tmpfs,target=/$d,size=$s", lambda text: expand.get(text, text))
    assert (found.target, found.size_bytes) == ("/dir", 10)
    assert mounts_flag.from_of("type=bind,from=base,target=/$d") == "base"
    assert mounts_flag.from_of("type=bind,target=/$d") == ""


WORDS = st.sampled_from(
    [*MOUNT_KEYS, *MOUNT_TYPES, "=", ",", '"', "$x", "/a", "1", "true", "\0", "é"]
)


@given(st.one_of(st.text(), st.lists(WORDS).map("".join)))
def test_whatever_is_written_means_something_or_is_refused(text: str) -> None:
    try:
        found = parse(text)
    except InvalidArgument:
        return
    assert found.type in MOUNT_TYPES
    assert found.from_ == mounts_flag.from_of(text)
