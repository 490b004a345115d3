"""The page's terminal: it makes of bytes what pyte makes of them, and real programs work at it."""

from __future__ import annotations

import base64
import json
import random
import unicodedata
from typing import Any

import pyte
import pytest

from browser import Browser, Page
from console import ENGINE, Cuddy, wait_until
from dashboard import Dashboard, open_shell

pytestmark = pytest.mark.skipif(ENGINE != "cuddy", reason="no other engine has one")
ROWS, COLUMNS = 10, 30
SCREEN = """
(async (cases) => {
  const { Screen } = await import("/screen.js");
  return cases.map(([rows, columns, data]) => {
    const answers = [];
    const screen = new Screen(rows, columns, { reply: (text) => answers.push(text) });
    const bytes = Uint8Array.from(atob(data), (c) => c.charCodeAt(0));
    for (let at = 0; at < bytes.length; at += 7) screen.write(bytes.slice(at, at + 7));
    const styleOf = ({ style }) => [style.fg, style.bg, style.flags];
    return { lines: screen.lines.map((line) => screen.textOf(line)), answers,
             place: [screen.row, screen.column],
             styles: screen.lines.map((line) => line.map(styleOf)) };
  });
})
"""
CASES = {
    "lines that wrap": "x" * 35 + "\r\nnext",
    "backspace and tabs": "ab\bc\td\te\r\nf",
    "more lines than there are rows": "\r\n".join(map(str, range(25))),
    "cursor movement": "\x1b[5;10Hhere\x1b[2Aup\x1b[3Bdown\x1b[4Dleft\x1b[Gfirst\x1b[7dseven",
    "movement stops at the edges": "\x1b[99;99H\x1b[99Ay\r\x1b[99Bz\x1b[0;0Hq\x1b[99Dr",
    "erase in a line": "0123456789\x1b[5D\x1b[K\r\n0123456789\x1b[5D\x1b[1K\r\nabc\x1b[2Kd",
    "erase in the display": "a\r\nb\r\nc\r\nd\x1b[2;1H\x1b[J\x1b[Hz",
    "erase above": "a\r\nb\r\nc\r\nd\x1b[3;1H\x1b[1J",
    "insert and delete characters": "abcdef\x1b[3G\x1b[2@XY\r\nabcdef\x1b[2G\x1b[3P",
    "erase characters": "abcdef\x1b[2G\x1b[3X",
    "insert and delete lines": "a\r\nb\r\nc\r\nd\x1b[2;1H\x1b[2Lnew\x1b[4;1H\x1b[M",
    "a scrolling region": "\x1b[3;6r"
    + "".join(f"\x1b[6;1H\nline {n}" for n in range(6))
    + "\x1b[r\x1b[H",
    "reverse line feeds in a region": "\x1b[2;5r\x1b[2;1Ha\x1bMb\x1bMc\x1b[r\x1b[H",
    "origin mode": "\x1b[3;7r\x1b[?6h\x1b[1;1Htop\x1b[5;1Hend\x1b[?6l\x1b[1;1Hhome",
    "a saved cursor": "\x1b[4;4H\x1b7\x1b[1;1Hx\x1b8y",
    "insert mode": "abc\x1b[1G\x1b[4hxy\x1b[4lz",
    "no wrap": "\x1b[?7l" + "0123456789" * 4 + "\x1b[?7h",
    "wide characters": "日本語 ok\r\n漢\x1b[3Gx",
    "combining characters": "e\u0301a\u0308",
    "set and forget tab stops": "\x1b[3g\x1b[5G\x1bH\x1b[12G\x1bH\r\ta\tb",
    "a control inside a sequence": "ab\x1b[2\rDc",
    "a full reset": "abc\x1b[5;5H\x1bcd",
}

OWN = {
    "\x1b(0lqqk\x1b(B done": ["┌──┐ done"],
    "usual\x1b[?1049h\x1b[Hother\x1b[?1049l!": ["usual!"],
    "usual\x1b[?1049h\x1b[Hother": ["other"],
    "a\r\nb\r\nc\r\nd\x1b[2;3r\x1b[2;1H\x1b[M": ["a", "c", "", "d"],
    "a\r\nb\r\nc\r\nd\x1b[2;3r\x1b[2;1H\x1b[L": ["a", "", "b", "d"],
    "a\r\nb\r\nc\x1b[S": ["b", "c"],
    "a\r\nb\r\nc\x1b[T": ["", "a", "b", "c"],
    "ab\x1b[3bc": ["abbbbc"],
    "\x1b7x\x1b8y\x1b8z": ["z"],
    "\x1b]0;title\x07a\x1b]8;;http://x\x1b\\b\x1bP1$q\x1b\\c": ["abc"],
    "x" * 29 + "漢z": ["x" * 29, "漢z"],
    "x" * 30 + "\x1b[Dy": ["x" * 28 + "yx"],
}


def shown(page: Page, cases: list[str], columns: int = COLUMNS) -> list[dict[str, Any]]:
    """What the page's screen makes of texts."""
    packed = [[ROWS, columns, base64.b64encode(case.encode()).decode()] for case in cases]
    found: list[dict[str, Any]] = page.run(f"{SCREEN}({json.dumps(packed)})")
    return found


def of_pyte(text: str, columns: int = COLUMNS) -> tuple[list[str], list[int]]:
    """The lines, and where the cursor is."""
    screen = pyte.Screen(columns, ROWS)
    pyte.Stream(screen).feed(text)
    column = min(screen.cursor.x, columns - 1)
    return [line.rstrip() for line in screen.display], [screen.cursor.y, column]


def test_it_makes_of_bytes_what_pyte_makes_of_them(page: Page) -> None:
    for (name, text), found in zip(CASES.items(), shown(page, list(CASES.values()))):
        lines, place = of_pyte(text)
        told = [unicodedata.normalize("NFC", line) for line in found["lines"]]
        assert told == lines, name
        assert found["place"] == place, name


def test_and_of_sequences_nobody_has_thought_of(page: Page) -> None:
    """Without margins, whole lines and the saved cursor, of which pyte has ideas of its own."""
    dice = random.Random(154)
    moves = ["A", "B", "C", "D", "G", "d", "K", "J", "P", "@", "X"]

    def step() -> str:
        roll = dice.random()
        if roll < 0.4:
            return "".join(dice.choice("abcdefgh ") for _ in range(dice.randrange(1, 12)))
        if roll < 0.5:
            return dice.choice(["\r", "\r\n", "\n", "\b", "\x1bM", "\x1bD"])
        if roll < 0.6:
            return f"\x1b[{dice.randrange(1, 12)};{dice.randrange(1, 33)}H"
        how = dice.choice(moves)
        return f"\x1b[{dice.randrange(0, 3) if how in 'JK' else dice.randrange(1, 5)}{how}"

    texts = ["".join(step() for _ in range(40)) for _ in range(200)]
    for text, found in zip(texts, shown(page, texts, columns=500)):
        assert (found["lines"], found["place"]) == of_pyte(text, columns=500), ascii(text)


def test_what_pyte_does_not_know(page: Page) -> None:
    for (text, lines), found in zip(OWN.items(), shown(page, list(OWN))):
        assert found["lines"] == lines + [""] * (ROWS - len(lines)), ascii(text)


def test_colours_and_weights(page: Page) -> None:
    steps = ["31mr", "1;4;7mb", "22;24;27;39mp", "48;5;208mo", "38;2;1;2;3mt", "0mn", "97;104m!"]
    (found,) = shown(page, ["".join(f"\x1b[{step}" for step in steps)])
    styles = found["styles"]
    assert styles[0][:7] == [
        [1, None, ""], [1, None, "bold inverse underline"], [None, None, ""], [None, 208, ""],
        ["rgb(1 2 3)", 208, ""], [None, None, ""], [15, 12, ""],
    ]  # fmt: skip


def test_it_answers_what_programs_ask(page: Page) -> None:
    (found,) = shown(page, ["\x1b[4;7H\x1b[6n\x1b[5n\x1b[c\x1b[>c"])
    assert found["answers"] == ["\x1b[4;7R", "\x1b[0n", "\x1b[?1;2c", "\x1b[>0;0;0c"]


def test_floods_and_nonsense_end(page: Page) -> None:
    hostile = [
        f"\x1b[{'9' * 10000}Ax", "\x1b[999999999b", "\x1b[1;999999999r", "e" + "\u0301" * 5000,
        "\x1b[99999999@\x1b[99999999L\x1b[99999999S", "\x1b[?1049h" * 9 + "\x1b[?1049l" * 9,
        "\x1b[38;5m\x1b[38;2m\x1b[;;;;;;mx", f"\x1b]0;{'t' * 100000}\x07a",
        f"\x1bP{'q' * 100000}\x1b\\done",
    ]  # fmt: skip
    found = shown(page, hostile)
    assert len(found) == len(hostile)
    assert found[-1]["lines"][0] == "done"


def test_vi_less_and_top_work_at_it(page: Page, cuddy: Cuddy) -> None:
    box = cuddy.ok("run", "-d", "--name", "box", "alpine", "sleep", "1000")
    cuddy.ok("exec", "box", "sh", "-c", "for n in $(seq 1 200); do echo row $n; done > /rows")
    open_shell(page, box)
    page.type("vi /made\n")
    page.await_text("- /made", ".screen")
    assert "ready" not in page.text(".live")  # it has the screen for itself
    page.type("ifirst line\nsecond")
    page.press("ArrowUp")
    page.press("Home")
    page.type("the ")
    page.press("Escape")
    page.await_text("the first line", ".screen")
    page.type(":wq\n")
    wait_until(lambda: cuddy("exec", "box", "cat", "/made").out == "the first line\nsecond")
    page.type("less /rows\n")
    page.await_text("row 1\nrow 2\n", ".screen")
    page.type("/row 150\n")
    page.await_text("row 150\nrow 151\n", ".screen")
    page.type("q")
    page.type("top -d 1\n")
    page.await_text("Load average", ".screen")
    page.type("q")
    page.type("echo bac''k\n")
    page.await_text("\nback", ".screen")
    assert page.complaints() == []


def test_what_is_pasted_is_marked_for_who_wants_that(
    browser: Browser, dashboard: Dashboard, cuddy: Cuddy
) -> None:
    box = cuddy.ok("run", "-d", "--name", "box", "alpine", "sleep", "1000")
    page = browser.open(dashboard.url)
    open_shell(page, box)
    page.type("stty -echo; printf '\\033[?2004h'; echo go''es; head -c 18 > /pasted\n")
    page.await_text("\ngoes", ".screen")
    page.run(
        "(() => { const data = new DataTransfer(); data.setData('text', 'a\\x1b[201~b\\r\\n');"
        " document.activeElement.dispatchEvent("
        "new ClipboardEvent('paste', {clipboardData: data, bubbles: true})); })()"
    )
    page.type("tail of it\n")
    wait_until(lambda: len(cuddy("exec", "box", "cat", "/pasted").stdout) >= 15)
    assert cuddy("exec", "box", "cat", "/pasted").stdout.startswith(b"\x1b[200~ab\n\x1b[201~")
