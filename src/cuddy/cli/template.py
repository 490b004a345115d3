"""Go templates for `--format`: the part of text/template that Docker's users write.

    {{.State.Status}}   {{json .}}   {{index .Config.Labels "a"}}   {{range .Mounts}} ... {{end}}

Text is split into tokens, tokens are read into small functions of a `State`, and running them
writes the result. Left out: define, template, block, and calls of a value. Messages are Go's, since
people look them up. Reference: https://pkg.go.dev/text/template
"""

from __future__ import annotations

from cuddy.cli import template_run
from cuddy.cli.template_functions import FUNCTIONS, kind, printed
from cuddy.cli.template_run import State
from cuddy.cli.template_tokens import BadTemplate, Token, line_of, tokens
from cuddy.errors import WrongArguments
from cuddy.escape import quote

TYPE_CHECKING = False
if TYPE_CHECKING:
    from typing import Any

    from cuddy.cli.template_functions import Functions
    from cuddy.cli.template_run import Operand, Piece

_KEYWORDS = ("if", "range", "with", "else", "end", "break", "continue")
_CONSTANTS = {"true": True, "false": False, "nil": None}
_ESCAPES = {
    "a": 7, "b": 8, "f": 12, "n": 10, "r": 13, "t": 9, "v": 11, "\\": 92, '"': 34, "'": 39,
}  # fmt: skip


class Unfit(WrongArguments):
    """A template that does not fit the object it is applied to."""


class Template:
    """A parsed template. Raises BadTemplate."""

    def __init__(self, source: str, functions: Functions = FUNCTIONS) -> None:
        self.pieces = _Reader(source, functions).read()

    def render(self, data: Any, *, nothing: str = "<no value>") -> str:
        """The text for one object; `nothing` is written for null. Raises Unfit."""
        state = State(data, nothing)
        for piece in self.pieces:
            piece(state)
        return "".join(state.written)


class _Reader:
    """Recursive descent over the tokens; each method returns what it read as a function."""

    def __init__(self, source: str, functions: Functions) -> None:
        self.source = source
        self.functions = functions
        self.tokens = list(tokens(source))
        self.next = 0
        self.variables = ["$"]
        self.loops = 0
        self.ends: dict[int, int] = {}  # where the command that begins at an offset ends

    def read(self) -> list[Piece]:
        pieces, end = self.pieces()
        if end:
            raise self.fail(f"unexpected {{{{{end}}}}}")
        return pieces

    def fail(self, message: str) -> BadTemplate:
        at = self.tokens[min(self.next, len(self.tokens)) - 1].offset if self.tokens else 0
        return BadTemplate(message, line_of(self.source, at))

    def peek(self) -> Token:
        if self.next == len(self.tokens):
            return Token("", "", len(self.source))
        return self.tokens[self.next]

    def take(self, kind: str = "") -> Token:
        token = self.peek()
        if kind and token.kind != kind:
            raise self.fail(f"unexpected {token.text!r}, expected {kind}")
        self.next += 1
        return token

    def pieces(self) -> tuple[list[Piece], str]:
        """Text and actions up to a closing word, which is returned ('' at the end)."""
        found: list[Piece] = []
        while self.peek().kind:
            token = self.take()
            if token.kind == "text":
                found.append(template_run.text(token.text))
                continue
            word = self.peek().text if self.peek().kind == "word" else ""
            if word in ("else", "end"):
                self.take()
                return found, word
            if self.peek().kind == "}}":
                if self.source[token.offset + 2 : self.peek().offset].lstrip("- \t\n")[:2] != "/*":
                    raise self.fail("missing value for command")
            elif word in _KEYWORDS:
                found.append(self.control(self.take().text))
                continue
            else:
                found.append(self.output())
            self.take("}}")
        return found, ""

    def output(self) -> Piece:
        """{{pipeline}}, {{$name := pipeline}}, {{$name = pipeline}}"""
        variables, declares, value = self.declaration()

        def write(state: State) -> None:
            result = value(state, ())
            if not variables:
                state.written.append(printed(result, nothing=state.nothing))
            elif declares:
                state.variables.append((variables[0], result))
            else:
                template_run.assign(state, variables[0], result)

        return write

    def control(self, word: str) -> Piece:
        if word in ("break", "continue"):
            if not self.loops:
                raise self.fail(f"{{{{{word}}}}} outside {{{{range}}}}")
            self.take("}}")
            return template_run.leave(
                template_run.Break if word == "break" else template_run.Continue
            )
        known, start = len(self.variables), self.peek()
        if start.kind == "}}":
            raise self.fail(f"missing value for {word}")
        variables, _, value = self.declaration(most=2 if word == "range" else 1)
        shown = self.source[start.offset : self.take("}}").offset]
        self.loops += word == "range"
        body, end = self.pieces()
        self.loops -= word == "range"
        otherwise = self.alternative(word) if end == "else" else self.finish(end)
        del self.variables[known:]
        if word == "range":
            return template_run.range_(
                value, variables, body, otherwise, lambda message: self.unfit(start, shown, message)
            )
        return template_run.branch(value, variables, body, otherwise, moves_dot=word == "with")

    def alternative(self, word: str) -> list[Piece]:
        """What follows {{else}}, which may be {{else if}} or {{else with}}."""
        if self.peek().kind == "word" and word != "range":
            return [self.control(self.take().text)]
        self.take("}}")
        body, end = self.pieces()
        return body + self.finish(end)

    def finish(self, end: str) -> list[Piece]:
        if end != "end":
            raise self.fail(f"unexpected {{{{{end}}}}}" if end else "unexpected EOF")
        self.take("}}")
        return []

    def declaration(self, most: int = 1) -> tuple[list[str], bool, Operand]:
        """[$a [, $b] :=|=] pipeline"""
        start = self.next
        names: list[str] = []
        while self.peek().kind == "variable" and len(names) < most:
            names.append(self.take().text)
            if self.peek().kind != ",":
                break
            self.take()
        if not names or self.peek().kind not in (":=", "="):
            self.next = start
            return [], False, self.pipeline()
        declares = self.take().kind == ":="
        value = self.pipeline()
        if declares:
            self.variables.extend(names)
        return names, declares, value

    def pipeline(self) -> Operand:
        stages = [self.command(first=True)]
        while self.peek().kind == "|":
            self.take()
            stages.append(self.command(first=False))
        if len(stages) == 1:
            return stages[0]

        def run(state: State, _: tuple[Any, ...]) -> Any:
            final: tuple[Any, ...] = ()
            for stage in stages:
                final = (stage(state, final),)
            return final[0]

        return run

    def command(self, *, first: bool) -> Operand:
        """An operand, or a function or method and its arguments."""
        start = self.peek()
        if start.kind in ("|", "}}", ")", ""):
            raise self.fail("missing value for command" if start.kind else "unclosed action")
        if not first and start.kind not in ("word", "field", "variable", "("):
            raise self.fail("non executable command in pipeline stage 2")
        head = self.operand(calls=True)
        arguments = []
        while self.peek().kind not in ("|", "}}", ")", ""):
            arguments.append(self.operand(calls=False))
        self.ends[start.offset] = self.peek().offset
        if start.text in ("and", "or"):
            return template_run.lazily(arguments, until=start.text == "or")

        def run(state: State, final: tuple[Any, ...]) -> Any:
            return head(state, (*(argument(state, ()) for argument in arguments), *final))

        return run

    def operand(self, *, calls: bool) -> Operand:
        """A term and the fields that follow it without a blank."""
        token = self.take()
        value = self.term(token, calls=calls)
        while self.peek().kind == "field" and self.peek().glued:
            if token.kind in ("string", "number") or token.text in _CONSTANTS:
                raise self.fail(f"unexpected . after term {quote(token.text)}")
            field = self.take()
            shown = self.source[token.offset : field.offset + len(field.text)]
            value = self.field(value, field, shown)
        return value

    def term(self, token: Token, *, calls: bool) -> Operand:
        if token.kind == "field":
            return self.field(template_run.dot, token, token.text)
        if token.kind == "dot":
            return template_run.dot
        if token.kind == "variable":
            if token.text not in self.variables:
                raise self.fail(f"undefined variable {quote(token.text)}")
            return lambda state, _: template_run.find(state, token.text)
        if token.kind == "(":
            value = self.pipeline()
            if self.take().kind != ")":
                raise self.fail("unclosed left paren")
            return lambda state, _: value(state, ())
        if token.kind == "word" and token.text not in _CONSTANTS:
            return self.function(token)
        constant = self.constant(token)

        def give(_: State, arguments: tuple[Any, ...]) -> Any:
            if arguments:
                message = f"can't give argument to non-function {token.text}"
                raise self.unfit(token, token.text, message)
            return constant

        return give

    def constant(self, token: Token) -> Any:
        if token.text in _CONSTANTS:
            return _CONSTANTS[token.text]
        if token.kind == "string" and token.text[0] == "`":
            return token.text[1:-1]
        try:
            if token.kind == "string":
                return _unescape(token.text[1:-1])
            if token.text[0] == "'":
                return ord(_unescape(token.text[1:-1]))
            return _number(token.text)
        except (ValueError, TypeError, KeyError):
            raise self.fail(f"bad number syntax: {quote(token.text)}") from None

    def function(self, token: Token) -> Operand:
        if token.text in ("and", "or"):
            return template_run.lazily([], until=token.text == "or")
        if token.text not in self.functions:
            raise self.fail(f"function {quote(token.text)} not defined")
        call, least, most = self.functions[token.text]

        def run(_: State, arguments: tuple[Any, ...]) -> Any:
            if not least <= len(arguments) <= most:
                wants = f"want {least} got {len(arguments)}"
                message = f"wrong number of args for {token.text}: {wants}"
                raise self.unfit(token, token.text, message)
            try:
                return call(*arguments)
            except (ValueError, TypeError, IndexError) as error:
                shown = self.source[token.offset : self.ends[token.offset]].rstrip()
                raise self.unfit(token, shown, f"error calling {token.text}: {error}") from None

        return run

    def field(self, value: Operand, token: Token, shown: str) -> Operand:
        name = token.text[1:]

        def get(state: State, arguments: tuple[Any, ...]) -> Any:
            owner = value(state, ())
            if not isinstance(owner, dict):
                what = "nil data" if owner is None else f"type {kind(owner)}"
                raise self.unfit(token, shown, f"can't evaluate field {name} in {what}")
            if name not in owner:
                raise self.unfit(token, shown, f"map has no entry for key {quote(name)}")
            found = owner[name]
            if callable(found):
                return found(*arguments)
            if arguments:
                message = f"{name} has arguments but cannot be invoked as function"
                raise self.unfit(token, shown, message)
            return found

        return get

    def unfit(self, token: Token, shown: str, message: str) -> Unfit:
        line = line_of(self.source, token.offset)
        column = token.offset - (self.source.rfind("\n", 0, token.offset) + 1)
        return Unfit(f'template: :{line}:{column}: executing "" at <{shown}>: {message}')


def _number(text: str) -> int | float:
    try:
        return int(text, 0)
    except ValueError:
        return float(text)


def _unescape(text: str) -> str:
    """The inside of a Go string or character constant."""
    out, at = bytearray(), 0
    while at < len(text):
        character, at = text[at], at + 1
        if character != "\\":
            out += character.encode("utf-8", "surrogateescape")
            continue
        letter = text[at]
        length = {"x": 2, "u": 4, "U": 8}.get(letter, 0)
        if length:
            code = int(text[at + 1 : at + 1 + length], 16)
            out += bytes([code]) if letter == "x" else chr(code).encode()
        else:
            out.append(_ESCAPES[letter])
        at += 1 + length
    return out.decode("utf-8", "surrogateescape")
