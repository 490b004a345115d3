"""The two declarative shapes of data: `NamedTuple` for a value, `TypedDict` for JSON of a standard.

A type checker sees the real ones from `typing`. At run time `typing` and `collections` together
cost a third of a container's start-up, so these few lines stand in: same syntax, same behaviour
for what cuddy uses (fields, defaults, `_replace`, `_asdict`, `repr`; a `TypedDict` is a `dict`).
"""

from __future__ import annotations

TYPE_CHECKING = False
if TYPE_CHECKING:
    from typing import NamedTuple as NamedTuple
    from typing import NewType as NewType
    from typing import TypedDict as TypedDict
else:
    from _collections import _tuplegetter

    def NewType(name, base):  # noqa: N802 - stands in for typing.NewType
        """A distinct name for `base` while type checking, `base` itself at run time."""
        return base

    FEW = 20  # calls of a shape before it is worth compiling

    def _annotations(namespace):
        """Names annotated in a class body, in order."""
        found = namespace.get("__annotations__")
        if found is None:  # Python 3.14 without the __future__ import: PEP 649
            found = namespace["__annotate__"](2) if "__annotate__" in namespace else {}
        return list(found)

    def _compile_new(name, fields, defaults):
        """A __new__ with the usual argument errors, as fast as a literal."""
        arguments = ", ".join(fields)
        scope = {"new_tuple": tuple.__new__}
        new = eval(f"lambda _class, {arguments}: new_tuple(_class, ({arguments},))", scope)
        new.__defaults__ = defaults
        new.__name__, new.__qualname__ = "__new__", f"{name}.__new__"
        return new

    class _NamedTupleMeta(type):
        def __new__(meta, name, bases, namespace):
            if not bases:
                return super().__new__(meta, name, (), namespace)
            fields = tuple(_annotations(namespace))
            defaults = tuple(namespace.pop(field) for field in fields if field in namespace)
            usual = dict(zip(fields[len(fields) - len(defaults) :], defaults))
            count, rest = len(fields), FEW

            def new(_class, /, *values, **named):
                # Most shapes are made a few times at most, and compiling costs as much as forty.
                nonlocal rest
                rest -= 1
                wanted = fields[len(values) :]
                given = usual | named
                is_right = named.keys() <= set(wanted) <= given.keys() and len(values) <= count
                if rest > 0 and is_right:
                    return tuple.__new__(_class, (*values, *[given[field] for field in wanted]))
                made.__new__ = staticmethod(_compile_new(name, fields, defaults))
                return made.__new__(_class, *values, **named)

            members = {
                "__slots__": (),
                "__new__": new,
                "_fields": fields,
                "_field_defaults": usual,
                "_make": classmethod(tuple.__new__),
                "_replace": _replace,
                "_asdict": _asdict,
                "__repr__": _repr,
                "__getnewargs__": _getnewargs,
                "__match_args__": fields,
            }
            getters = {field: _tuplegetter(i, field) for i, field in enumerate(fields)}
            made = type.__new__(type, name, (tuple,), members | getters | namespace)
            return made

    def _replace(self, /, **changes):
        values = [changes.pop(field, value) for field, value in zip(self._fields, self)]
        if changes:
            raise ValueError(f"unexpected field names: {sorted(changes)}")
        return tuple.__new__(type(self), values)

    def _getnewargs(self):
        return tuple(self)

    def _asdict(self):
        return dict(zip(self._fields, self))

    def _repr(self):
        fields = ", ".join(f"{field}={value!r}" for field, value in zip(self._fields, self))
        return f"{type(self).__name__}({fields})"

    class NamedTuple(metaclass=_NamedTupleMeta):
        """A tuple with named fields, as `typing.NamedTuple`."""

    class _TypedDictMeta(type):
        def __new__(meta, name, bases, namespace, total=True):
            if not bases:
                return super().__new__(meta, name, (), namespace)
            return type.__new__(type, name, (dict,), {"__doc__": namespace.get("__doc__")})

    class TypedDict(metaclass=_TypedDictMeta):
        """A `dict` whose keys are declared, as `typing.TypedDict`."""
