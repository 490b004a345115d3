"""--gpus as docker's client 28 reads it: recorded from what it sent."""

from __future__ import annotations

from typing import Any

import pytest

from cuddy.engine import gpus
from cuddy.errors import InvalidArgument


def request(**fields: Any) -> dict[str, Any]:
    return {
        "Driver": "", "Count": 0, "DeviceIDs": None, "Capabilities": [["gpu"]], "Options": {},
    } | fields  # fmt: skip


@pytest.mark.parametrize(
    ("text", "expected"),
    [
        ("all", request(Count=-1)),
        ("2", request(Count=2)),
        ("count=3", request(Count=3)),
        ("driver=nvidia,count=all", request(Driver="nvidia", Count=-1)),
        ("device=GPU-x,options=a=b", request(DeviceIDs=["GPU-x"], Options={"a": "b"})),
        (
            '"device=0,1",capabilities=utility',
            request(DeviceIDs=["0", "1"], Capabilities=[["utility", "gpu"]]),
        ),
        ('"capabilities=x,y"', request(Count=1, Capabilities=[["x", "y", "gpu"]])),
        ("count=1,device=2", request(Count=1, DeviceIDs=["2"])),
    ],
)
def test_requests_are_dockers(text: str, expected: dict[str, Any]) -> None:
    assert gpus.parse(text) == expected


@pytest.mark.parametrize(
    ("text", "complaint"),
    [
        ("", "empty"),
        ("foo=1", "unexpected key 'foo' in 'foo=1'"),
        ("capabilities=x,y", r"invalid count \(y\): value must be either"),
        ("1,2", "gpu request key 'count' can be specified only once"),
        ("-1", "invalid count"),
        ('"', "invalid gpu request"),
    ],
)
def test_nonsense_is_refused_in_dockers_words(text: str, complaint: str) -> None:
    with pytest.raises(InvalidArgument, match=complaint):
        gpus.parse(text)


def test_they_have_names_in_cdi() -> None:
    assert gpus.names(gpus.parse("all")) == ["nvidia.com/gpu=all"]
    assert gpus.names(gpus.parse("2")) == ["nvidia.com/gpu=0", "nvidia.com/gpu=1"]
    assert gpus.names(gpus.parse('"device=GPU-x,1"')) == [
        "nvidia.com/gpu=GPU-x",
        "nvidia.com/gpu=1",
    ]
    with pytest.raises(InvalidArgument, match='could not select device driver "amd"'):
        gpus.names(gpus.parse("driver=amd,count=1"))
