"""Create with whatever an image's config may say: a record, or a refusal that names the fault."""

from __future__ import annotations

import json
import os
from typing import Any

from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st

from cuddy import files
from cuddy.engine import create, health, inspect, inspect_image, publishing, spec
from cuddy.engine.container import initial_state
from cuddy.engine.home import Home
from cuddy.engine.options import ContainerOptions
from cuddy.engine.users import Identity
from cuddy.errors import CuddyError
from cuddy.image import host
from cuddy.image import spec as image_spec

HOME = Home("/nowhere", "/nowhere")
WORDS = st.text(max_size=6) | st.sampled_from((
    "\ud800", "\udcff", "\0", "\n", "\x1b[2J", "=", "A=1", "A=\ud800", "/", "/..", "/data",
    "/proc/x", "9" * 5000,
    "80/tcp", "1-65535/tcp", "٣/tcp", "²/udp", "99999", "CMD", "CMD-SHELL", "NONE", "RTMIN+99",
))  # fmt: skip
SCALARS = st.none() | st.booleans() | st.integers() | st.floats(allow_nan=False) | WORDS
ANYTHING = st.recursive(
    SCALARS,
    lambda of: st.lists(of, max_size=3) | st.dictionaries(WORDS, of, max_size=3),
    max_leaves=6,
)
LISTS = st.lists(WORDS, max_size=4)
SETS = st.dictionaries(WORDS, st.just({}) | st.none(), max_size=3)
NUMBERS = st.integers() | st.sampled_from((10**400, -1, 1 << 63))
HEALTH = {"Test": LISTS, **dict.fromkeys((*health.DEFAULTS, "Unknown"), NUMBERS)}
SHAPES: dict[str, st.SearchStrategy[Any]] = {
    "User": WORDS, "WorkingDir": WORDS, "StopSignal": WORDS, "Env": LISTS, "Entrypoint": LISTS,
    "Cmd": LISTS, "Shell": LISTS, "OnBuild": LISTS, "ExposedPorts": SETS, "Volumes": SETS,
    "Labels": st.dictionaries(WORDS, WORDS | st.none(), max_size=3),
    "Healthcheck": st.fixed_dictionaries({}, optional=HEALTH), "ArgsEscaped": ANYTHING,
}  # fmt: skip
PLAUSIBLE = st.fixed_dictionaries({}, optional=SHAPES)
ODD = PLAUSIBLE.flatmap(
    lambda config: st.builds(
        lambda field, value: {**config, field: value}, st.sampled_from((*SHAPES, "x")), ANYTHING
    )
)
OPTIONS = st.sampled_from((
    {}, {"command": ("sh",)}, {"command": ("sh",), "publish_all": True}, {"tty": True},
))  # fmt: skip


def read(config: object) -> Any:
    """The config of an image as it comes from a stranger. Raises CorruptContent."""
    document = {"architecture": "amd64", "os": "linux", "config": config}
    return image_spec.check_config(
        image_spec.parse_document(json.dumps(document).encode(), "config"), 0, "config"
    )


@settings(max_examples=200, deadline=None, database=None, suppress_health_check=list(HealthCheck))
@given(PLAUSIBLE | ODD | ANYTHING, OPTIONS)
def test_any_config_makes_a_record_or_an_error_for_the_user(config: Any, values: Any) -> None:
    try:
        image = host.IMAGE._replace(config=read(config))
        options = ContainerOptions("image", **values)
        record: Any = create.build_record(HOME, options, image, "a" * 64)
    except CuddyError:
        return
    record = files.parse_json(files.format_json(record))
    record |= {"State": initial_state(), "NetworkSettings": {}}
    files.format_json(inspect.document(record, {}, {}))
    files.format_json(inspect_image.build_config(image.config.get("config") or {}))
    for field in health.DEFAULTS:
        assert 0 <= health.value(record["Config"], field) <= health.LONGEST_NS
    publishing.wishes(record)
    built = spec.build_spec(
        record, Identity(0, 0, (), "/"), spec.Host((6, 1), "x86_64", frozenset())
    )
    process = built["process"]
    for text in (*process["args"], *process["env"], process["cwd"]):
        assert os.fsencode(text) or text == ""
