"""A template at work: the dot, the variables in scope, and the blocks that change them.

Reference: text/template, exec.go.
"""

from __future__ import annotations

from cuddy.cli.template_functions import printed

TYPE_CHECKING = False
if TYPE_CHECKING:
    from collections.abc import Callable
    from typing import Any

    Piece = Callable[["State"], None]
    Operand = Callable[["State", tuple[Any, ...]], Any]  # with the values piped into it


class Break(Exception):
    """{{break}} on its way to its {{range}}."""


class Continue(Exception):
    """{{continue}} on its way to its {{range}}."""


class State:
    """What a running template knows: the dot, the variables in scope, the text so far."""

    def __init__(self, data: Any, nothing: str) -> None:
        self.dot = data
        self.nothing = nothing
        self.variables: list[tuple[str, Any]] = [("$", data)]
        self.written: list[str] = []


def dot(state: State, arguments: tuple[Any, ...]) -> Any:
    """`.`: the object at hand."""
    return state.dot


def text(text: str) -> Piece:
    """Text between actions."""
    return lambda state: state.written.append(text)


def leave(loop: type[Exception]) -> Piece:
    """{{break}} or {{continue}}."""

    def leave(state: State) -> None:
        raise loop

    return leave


def find(state: State, name: str) -> Any:
    """The value of a variable: the innermost of that name."""
    return next(value for known, value in reversed(state.variables) if known == name)


def assign(state: State, name: str, value: Any) -> None:
    """`$name = value`."""
    for position in reversed(range(len(state.variables))):
        if state.variables[position][0] == name:
            state.variables[position] = (name, value)
            return


def lazily(arguments: list[Operand], *, until: bool) -> Operand:
    """`and`, `or`: the first argument whose truth is `until`, or else the last."""

    def run(state: State, final: tuple[Any, ...]) -> Any:
        value = None
        for argument in arguments:
            value = argument(state, ())
            if bool(value) is until:
                return value
        return final[0] if final else value

    return run


def _run_all(pieces: list[Piece], state: State, dot: Any, variables: list[tuple[str, Any]]) -> None:
    """Run a block with its own dot and variables."""
    outer, known = state.dot, len(state.variables)
    state.dot = dot
    state.variables.extend(variables)
    try:
        for piece in pieces:
            piece(state)
    finally:
        state.dot = outer
        del state.variables[known:]


def branch(
    value: Operand, names: list[str], body: list[Piece], otherwise: list[Piece], *, moves_dot: bool
) -> Piece:
    """{{if}} and {{with}}."""

    def run(state: State) -> None:
        result = value(state, ())
        variables = [(name, result) for name in names]
        dot = result if moves_dot and result else state.dot
        _run_all(body if result else otherwise, state, dot, variables)

    return run


def range_(
    value: Operand, names: list[str], body: list[Piece], otherwise: list[Piece], unfit: Any
) -> Piece:
    """{{range}} over a list, a map in the order of its keys, or a number."""

    def run(state: State) -> None:
        result = value(state, ())
        if isinstance(result, dict):
            pairs = sorted(result.items())
        elif isinstance(result, (list, tuple)):
            pairs = list(enumerate(result))
        elif isinstance(result, int) and not isinstance(result, bool):
            pairs = [(number, number) for number in range(result)]
        elif result is None:
            pairs = []
        else:
            raise unfit(f"range can't iterate over {printed(result)}")
        for key, item in pairs:
            try:
                _run_all(body, state, item, list(zip(names, (key, item)[-len(names) or 2 :])))
            except Continue:
                continue
            except Break:
                break
        if not pairs:
            _run_all(otherwise, state, state.dot, [])

    return run
