"""--mount: what docker's command line makes of it, and the words of its errors.

Both were taken from the docker 28 command line, which was asked for each of these.
"""

from __future__ import annotations

from typing import Any

import pytest

from cuddy.cli.container import mount_flag

BIND: dict[str, Any] = {"Type": "bind", "Source": "/a", "Target": "/b"}


def bind(**options: Any) -> dict[str, Any]:
    return BIND | {"BindOptions": options}


@pytest.mark.parametrize(
    ("text", "spec"),
    [
        ("type=bind,src=/a,dst=/b", BIND),
        ("type=BIND,source=/a,destination=/b,readonly=false", BIND),
        ("TYPE=bind,SRC=/a,dst=/b", BIND),
        ("dst=/x,target=/b,src=/y,source=/a,type=bind", BIND),
        ("type=bind,src=/a,dst=/b,ro", BIND | {"ReadOnly": True}),
        ("type=bind,src=/a,dst=/b,ro=1", BIND | {"ReadOnly": True}),
        ('"type=bind","src=/a,b",dst=/b', BIND | {"Source": "/a,b"}),
        ('"type=bind","src=/a""b",dst=/b', BIND | {"Source": '/a"b'}),
        ("type=bind,src=/a,dst=/b\nrest", BIND),
        ("type=bind,src=/a,dst=/b,consistency=Cached", BIND | {"Consistency": "cached"}),
        ("type=bind,src=/a,dst=/b,bind-propagation=RSlave", bind(Propagation="rslave")),
        ("type=bind,src=/a,dst=/b,bind-nonrecursive", bind(NonRecursive=True)),
        ("type=bind,src=/a,dst=/b,bind-recursive=disabled", bind(NonRecursive=True)),
        ("type=bind,src=/a,dst=/b,bind-recursive=enabled", BIND),
        ("type=bind,src=/a,dst=/b,bind-create-src", bind(CreateMountpoint=True)),  # newer than 28
        ("type=bind,src=/a,dst=/b,map", BIND | {"Map": "source"}),  # ours
        ("type=bind,src=/a,dst=/b,map=5:6", BIND | {"Map": "5:6"}),
        (
            "type=bind,src=/a,dst=/b,ro,bind-recursive=writable",
            bind(ReadOnlyNonRecursive=True) | {"ReadOnly": True},
        ),
        (
            "type=bind,src=/a,dst=/b,ro,bind-recursive=readonly,bind-propagation=rprivate",
            bind(Propagation="rprivate", ReadOnlyForceRecursive=True) | {"ReadOnly": True},
        ),
        ("dst=/b", {"Type": "volume", "Target": "/b"}),
        ("type=npipe,src=x,dst=/y", {"Type": "npipe", "Source": "x", "Target": "/y"}),
        (
            "src=vv,dst=/b,volume-nocopy,volume-label=a=b,volume-label=c,volume-driver=local,"
            "volume-opt=type=tmpfs,volume-subpath=x/y",
            {
                "Type": "volume", "Source": "vv", "Target": "/b",
                "VolumeOptions": {
                    "NoCopy": True, "Labels": {"a": "b", "c": ""}, "Subpath": "x/y",
                    "DriverConfig": {"Name": "local", "Options": {"type": "tmpfs"}},
                },
            },
        ),
        (
            "type=tmpfs,dst=/t,tmpfs-size=1m,tmpfs-mode=700",
            {"Type": "tmpfs", "Target": "/t", "TmpfsOptions": {"SizeBytes": 1 << 20, "Mode": 448}},
        ),
        (
            "type=image,src=alpine,dst=/t,image-subpath=a/b",
            {"Type": "image", "Source": "alpine", "Target": "/t",
             "ImageOptions": {"Subpath": "a/b"}},
        ),
    ],
)  # fmt: skip
def test_what_it_becomes(text: str, spec: dict[str, Any]) -> None:
    assert _without_empty(mount_flag.mount(text)) == spec


def _without_empty(spec: Any) -> dict[str, Any]:
    return {key: value for key, value in spec.items() if value != {}}


@pytest.mark.parametrize(
    ("text", "complaint"),
    [
        ("", "EOF"),
        ("src=vv", "target is required"),
        ("type=,dst=/x", "type is required"),
        ("foo", "invalid field 'foo' must be a key=value pair"),
        ("foo=bar", "unexpected key 'foo' in 'foo=bar'"),
        (" type=bind,dst=/x", "unexpected key ' type' in ' type=bind'"),
        ("type=bind,src=/x,dst=/y,src", "invalid field 'src' must be a key=value pair"),
        ("dst=/x,ro=maybe", "invalid value for ro: maybe"),
        ("dst=/x,readonly=", "invalid value for readonly: "),
        ("dst=/x,volume-nocopy=z", "invalid value for volume-nocopy: z"),
        ("type=tmpfs,dst=/t,tmpfs-mode=0999", "invalid value for tmpfs-mode: 0999"),
        ("type=tmpfs,dst=/t,tmpfs-mode=", "invalid value for tmpfs-mode: "),
        ("type=tmpfs,dst=/t,tmpfs-size=-1", "invalid value for tmpfs-size: -1"),
        ("type=tmpfs,dst=/t,tmpfs-options=exec", "unexpected key 'tmpfs-options' in 'tmpfs-options="
         "exec'"),
        (
            "type=bind,src=/a,dst=/b,bind-recursive=nope",
            'invalid value for bind-recursive: nope (must be "enabled", "disabled", "writable", or '
            '"readonly")',
        ),
        (
            "type=bind,src=/a,dst=/b,bind-recursive=writable",
            "option 'bind-recursive=writable' requires 'readonly' to be specified in conjunction",
        ),
        (
            "type=bind,src=/a,dst=/b,bind-recursive=readonly,ro",
            "option 'bind-recursive=readonly' requires 'bind-propagation=rprivate' to be specified "
            "in conjunction",
        ),
        (
            "dst=/x,bind-propagation=rslave",
            "cannot mix 'bind-*' options with mount type 'volume'",
        ),
        ("type=bind,dst=/x,volume-nocopy", "cannot mix 'volume-*' options with mount type 'bind'"),
        ("dst=/x,tmpfs-size=1", "cannot mix 'tmpfs-*' options with mount type 'volume'"),
        ("dst=/x,image-subpath=1", "cannot mix 'image-*' options with mount type 'volume'"),
        ('type=bind,src="/a",dst=/b', 'parse error on line 1, column 15: bare " in '
         "non-quoted-field"),
        ('a"b=c', 'parse error on line 1, column 2: bare " in non-quoted-field'),
        ('"x', 'parse error on line 1, column 3: extraneous or missing " in quoted-field'),
        ('"type=volume"x', 'parse error on line 1, column 13: extraneous or missing " in '
         "quoted-field"),
    ],
)  # fmt: skip
def test_nonsense_is_refused_in_dockers_words(text: str, complaint: str) -> None:
    with pytest.raises(ValueError) as caught:
        mount_flag.mount(text)
    assert str(caught.value) == complaint


def test_a_relative_source_is_made_absolute(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.chdir("/usr/lib")
    for text, source in (("./x", "/usr/lib/x"), (".", "/usr/lib"), ("../y", "/usr/y"), ("x", "x")):
        assert mount_flag.mount(f"type=bind,src={text},dst=/b")["Source"] == source
