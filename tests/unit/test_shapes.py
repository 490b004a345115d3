"""The stand-ins of `shapes` against the originals of `typing`: same syntax, same behaviour."""

from __future__ import annotations

import copy
import pickle
import subprocess
import sys
import typing

import pytest

from cuddy import shapes


class OurPoint(shapes.NamedTuple):
    """A point."""

    x: int
    y: int = 2
    label: str = ""

    @property
    def total(self) -> int:
        return self.x + self.y

    def moved(self, by: int) -> OurPoint:
        return self._replace(x=self.x + by)


class TheirPoint(typing.NamedTuple):
    """A point."""

    x: int
    y: int = 2
    label: str = ""

    @property
    def total(self) -> int:
        return self.x + self.y

    def moved(self, by: int) -> TheirPoint:
        return self._replace(x=self.x + by)


both = pytest.mark.parametrize("point", [OurPoint, TheirPoint])


@both
def test_fields_have_names_places_and_defaults(point: type[TheirPoint]) -> None:
    p = point(1, label="a")
    assert (p.x, p.y, p.label) == (1, 2, "a") == p
    assert p[1] == 2
    assert point._fields == ("x", "y", "label")
    assert point._field_defaults == {"y": 2, "label": ""}
    assert point.__match_args__ == ("x", "y", "label")
    assert point.__doc__ == "A point."


@both
def test_methods_and_properties_work(point: type[TheirPoint]) -> None:
    assert point(1).total == 3
    assert point(1).moved(4) == (5, 2, "")
    assert type(point(1).moved(4)) is point


@both
def test_it_is_an_immutable_tuple_without_a_dict(point: type[TheirPoint]) -> None:
    p = point(1)
    assert isinstance(p, tuple)
    assert hash(p) == hash((1, 2, ""))
    assert not hasattr(p, "__dict__")
    with pytest.raises(AttributeError):
        p.x = 2  # type: ignore[misc]
    with pytest.raises(AttributeError):
        p.z = 2  # type: ignore[attr-defined]


@both
@pytest.mark.parametrize("arguments", [(), (1, 2, 3, 4)])
def test_wrong_arguments_are_type_errors(point: type[TheirPoint], arguments: tuple[int]) -> None:
    with pytest.raises(TypeError):
        point(*arguments)  # type: ignore[arg-type]
    with pytest.raises(TypeError):
        point(1, colour="red")  # type: ignore[call-arg]


@both
def test_replace_make_and_asdict(point: type[TheirPoint]) -> None:
    p = point(1)
    assert p._replace(y=5) == (1, 5, "")
    with pytest.raises((ValueError, TypeError)):
        p._replace(z=5)
    assert point._make([7, 8, "m"]) == point(7, 8, "m")
    assert type(point._make([7, 8, "m"])) is point
    assert p._asdict() == {"x": 1, "y": 2, "label": ""}


def test_both_print_the_same() -> None:
    ours = repr(OurPoint(1, 2, "it's")).removeprefix("OurPoint")
    assert ours == repr(TheirPoint(1, 2, "it's")).removeprefix("TheirPoint")


@both
def test_it_can_be_copied_pickled_and_matched(point: type[TheirPoint]) -> None:
    p = point(1, 2, "a")
    assert copy.copy(p) == copy.deepcopy(p) == p
    assert type(copy.deepcopy(p)) is point
    match p:
        case point(x, label="a"):
            assert x == 1
        case _:
            pytest.fail("did not match")


def test_ours_can_be_pickled(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setitem(sys.modules, OurPoint.__module__, sys.modules[__name__])
    assert pickle.loads(pickle.dumps(OurPoint(1))) == OurPoint(1)


def test_a_typed_dict_is_a_dict() -> None:
    class Descriptor(shapes.TypedDict):
        """Content by digest."""

        digest: str
        size: int

    class Loose(shapes.TypedDict, total=False):
        name: str

    value = Descriptor(digest="sha256:0", size=3)
    assert value == {"digest": "sha256:0", "size": 3}
    assert isinstance(value, dict)
    assert Descriptor.__doc__ == "Content by digest."
    assert Loose() == {}


def test_a_new_type_is_its_base_at_run_time() -> None:
    name = shapes.NewType("name", str)
    assert name("x") == "x"


def test_shapes_import_neither_typing_nor_collections() -> None:
    code = "import cuddy.shapes, sys; print(*{'typing', 'collections'} & sys.modules.keys())"
    command = [sys.executable, "-I", "-S", "-c", f"import sys; sys.path[:0] = {sys.path!r}; {code}"]
    assert subprocess.check_output(command, text=True).split() == []
