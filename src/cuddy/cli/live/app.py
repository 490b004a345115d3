"""The live view itself: what is on the screen, what keys do, and what comes from the feed."""

from __future__ import annotations

import asyncio
import subprocess
import time

from rich.console import Console
from textual.app import App
from textual.widgets import ContentSwitcher, Input, Static

from cuddy.cli.live import actions, bars, feed, layout, lines
from cuddy.cli.live.dialogs import Help, Question
from cuddy.cli.live.pane import Pane
from cuddy.cli.live.shell import run_shell
from cuddy.cli.live.table import Table
from cuddy.escape import printable

TYPE_CHECKING = False
if TYPE_CHECKING:
    from collections.abc import Mapping
    from typing import Any

    from textual.app import ComposeResult

    from cuddy.cli.live.actions import Action
    from cuddy.cli.live.feed import Link
    from cuddy.engine.home import Home
    from cuddy.engine.samples import Row

SETTLES_S = 0.15
"""So long a container must be selected before its log is read: a held key passes many."""
THEMES = ("textual-dark", "textual-light", "ansi-dark")
PANES = ("log", "events", "details")


class Top(App[int]):
    """All containers, live."""

    ENABLE_COMMAND_PALETTE = False
    CSS = layout.CSS
    BINDINGS = layout.BINDINGS

    def __init__(self, places: Home, link: Link, environment: Mapping[str, str]) -> None:
        # Where there are few colours, or none are wanted, the terminal's own.
        few = Console(force_terminal=True).color_system in (None, "standard")
        self._is_plain = few or "NO_COLOR" in environment
        super().__init__(ansi_color=self._is_plain or None)
        self.failure: Exception | None = None
        self._places = places
        self._link = link
        self._environment = dict(environment)
        self._rest = bytearray()
        self._serial = 0  # of the log that is read
        self._shown_serial = 0
        self._watched = ("", 0)  # id and start of the container whose log it is
        self._about = ""  # whose details are shown
        self._event_loop: asyncio.AbstractEventLoop | None = None
        self._notes: set[asyncio.Task[None]] = set()
        background = environment.get("COLORFGBG", "").rpartition(";")[2]
        self.theme = THEMES[2 if self._is_plain else background in ("7", "15")]

    def compose(self) -> ComposeResult:
        """From above to below."""
        yield Static(id="summary")
        yield Table()
        yield Static(id="tabs")
        with ContentSwitcher(id="panes", initial="log"):
            yield Pane(id="log", nothing="")
            yield Pane(id="events", nothing="nothing has happened yet")
            yield Pane(id="details", nothing="", follows=False)
        yield Static(bars.keys(), id="keys")
        yield Input(id="filter", placeholder="name, image, state or id")

    def on_mount(self) -> None:
        """Listen to the feed."""
        self._link.control.setblocking(False)
        self._link.log.setblocking(False)
        loop = asyncio.get_running_loop()
        loop.add_reader(self._link.control, self._hear)
        loop.add_reader(self._link.log, self._hear_log)
        self._event_loop = loop
        self._table.focus()
        self._draw_bars()

    @property
    def _table(self) -> Table:
        return self.screen_stack[0].query_one(Table)

    def _pane(self, name: str) -> Pane:
        return self.screen_stack[0].query_one(f"#{name}", Pane)

    @property
    def _panes(self) -> ContentSwitcher:
        return self.screen_stack[0].query_one("#panes", ContentSwitcher)

    @property
    def _current(self) -> str:
        return self._panes.current or PANES[0]

    # What comes from the feed.

    def _hear(self) -> None:
        for message in feed.receive(self._link.control, self._rest):
            if message is None or message[0] == "end":
                self.failure = feed.failure(message)
                self.action_leave(1)
                return
            if message[0] == "look":
                self._look(message[1:])
            elif message[0] == "event":
                self._pane("events").add([lines.event(message[1])])
            elif message[1] == self._about:
                self._pane("details").replace(lines.details(message[2]))

    def _hear_log(self) -> None:
        while True:
            try:
                data = self._link.log.recv(1 << 18)
            except (BlockingIOError, ConnectionResetError):
                return
            if not data:
                asyncio.get_running_loop().remove_reader(self._link.log)
                return
            serial, found, left_out = feed.packet(data)
            if serial != self._serial:
                continue
            pane = self._pane("log")
            if serial != self._shown_serial:
                self._shown_serial = serial
                pane.replace([])
            pane.add(lines.log(found, left_out))

    def _look(self, fields: list[Any]) -> None:
        look = feed.look_of(fields)
        table = self._table
        table.show(look)
        table.nothing = bars.nothing(look, table)
        self._draw_bars()
        row = table.selected
        if row and row.is_running and (row.id, row.started_ns) != self._watched:
            self._watch()  # it has started again

    def on_table_selected(self) -> None:
        """Another one is selected: soon its log is shown."""
        self.set_timer(SETTLES_S, self._watch)
        self._draw_bars()

    def _watch(self) -> None:
        row = self._table.selected
        wanted = (row.id, row.started_ns) if row else ("", 0)
        if wanted != self._watched:
            other = wanted[0] != self._watched[0]
            self._watched = wanted
            self._serial += 1
            self._link.ask(log=[wanted[0], self._serial])
            pane = self._pane("log")
            if other:
                pane.replace([])
            pane.say("it has written nothing" if row else "")
        self._ask_details()

    def _ask_details(self) -> None:
        row = self._table.selected
        wanted = row.id if row else ""
        if wanted != self._about:
            self._about = wanted
            self._pane("details").replace([])
        if self._current == "details" and wanted:
            self._link.ask(details=wanted)

    def _draw_bars(self) -> None:
        table = self._table
        screen = self.screen_stack[0]
        now = time.strftime("%H:%M:%S")
        screen.query_one("#summary", Static).update(bars.summary(table.look, table, now))
        screen.query_one("#tabs", Static).update(bars.tabs(self._current, table.selected))

    def leave_soon(self, code: int) -> None:
        """The same as `action_leave`, for whoever comes in between: the handler of a signal."""
        if self._event_loop:
            self._event_loop.call_soon_threadsafe(self.action_leave, code)

    # Keys.

    def action_leave(self, code: int) -> None:
        """The end."""
        self.exit(code)

    def action_help(self) -> None:
        """All keys."""
        self.push_screen(Help())

    @property
    def _is_zoomed(self) -> bool:
        return self.screen.has_class("zoomed")

    def action_move(self, step: int) -> None:
        """Another container, or in a pane that has the screen for itself another line."""
        if self._is_zoomed:
            self._pane(self._current).scroll_relative(y=step, animate=False)
        else:
            self._table.move(step)

    def action_page(self, step: int) -> None:
        """The same by a screen full."""
        if self._is_zoomed:
            self.action_scroll(step)
        else:
            self._table.move(step * max(1, self._table.page))

    def action_ends(self, is_last: bool) -> None:
        """The first or the last."""
        pane = self._pane(self._current)
        if not self._is_zoomed:
            self._table.select(len(self._table.rows) if is_last else 0)
        elif is_last:
            pane.scroll_end(animate=False)
        else:
            pane.scroll_home(animate=False)

    def action_scroll(self, step: int) -> None:
        """The pane by a page."""
        pane = self._pane(self._current)
        pane.scroll_relative(y=step * max(1, pane.size.height - 1), animate=False)

    def action_sort(self, key: str) -> None:
        """Sort by a column."""
        self._table.sort_by(key)

    def action_sort_beside(self, step: int) -> None:
        """Sort by the next one."""
        self._table.sort_beside(step)

    def action_reverse(self) -> None:
        """Sort the other way round."""
        self._table.sort_by(self._table.sorted_by)

    def action_all(self) -> None:
        """All, or those that run."""
        self._table.shows_all = not self._table.shows_all
        self._rearrange()

    def _rearrange(self) -> None:
        table = self._table
        table.nothing = bars.nothing(table.look, table)
        table.rearrange()
        self._draw_bars()

    def check_action(self, action: str, parameters: tuple[object, ...]) -> bool | None:
        """Whether a key means that now: the slash may be meant for the filter itself."""
        return action != "filter" or self.focused is self._table

    def action_filter(self) -> None:
        """Ask for a filter in the last line."""
        field = self.query_one("#filter", Input)
        field.add_class("asked")
        self.query_one("#keys").display = False
        self.screen.set_focus(field)  # at once: the next key is meant for it

    def on_input_changed(self, event: Input.Changed) -> None:
        """Filter while it is typed."""
        self._table.wanted = event.value
        self._rearrange()

    def on_input_submitted(self, event: Input.Submitted) -> None:
        """It stays as it is."""
        self._end_filter()

    def _end_filter(self) -> None:
        self.query_one("#filter", Input).remove_class("asked")
        self.query_one("#keys").display = True
        self.screen.set_focus(self._table)

    def action_escape(self) -> None:
        """Out of the filter, or out of a pane that has the screen for itself."""
        if self._is_zoomed and not self.query_one("#filter").has_class("asked"):
            self.action_zoom()
            return
        self.query_one("#filter", Input).value = ""
        self._end_filter()

    def action_pane(self, name: str) -> None:
        """Show another pane."""
        self._panes.current = name
        self._ask_details()
        self._draw_bars()

    def action_next_pane(self) -> None:
        """Show the next one."""
        self.action_pane(PANES[(PANES.index(self._current) + 1) % len(PANES)])

    def action_zoom(self) -> None:
        """The pane alone, and back."""
        self.screen.toggle_class("zoomed")

    def action_theme(self) -> None:
        """Other colours."""
        if not self._is_plain:
            self.theme = THEMES[(THEMES.index(self.theme) + 1) % len(THEMES)]

    # What is done to containers.

    def action_act(self, key: str) -> None:
        """Do something to the selected container, once that is confirmed."""
        row = self._table.selected
        action = actions.find(key, row) if row else None
        if not row or not action:
            return
        if not action.question:
            self._begin(action, row)
            return

        def decide(is_yes: bool | None) -> None:
            if is_yes:
                self._begin(action, row)

        self.push_screen(Question(action.question.format(printable(row.name))), decide)

    def _begin(self, action: Action, row: Row) -> None:
        task = asyncio.create_task(self._carry_out(action, row))
        self._notes.add(task)
        task.add_done_callback(self._notes.discard)

    async def _carry_out(self, action: Action, row: Row) -> None:
        """Run the command, which goes on by itself should the view end; say what it came to."""
        name = printable(row.name)
        table = self._table
        table.doing[row.id] = action.doing
        table.refresh()
        process = await asyncio.create_subprocess_exec(
            *actions.command(self._places, *action.words, row.id),
            stdin=subprocess.DEVNULL,
            stdout=subprocess.DEVNULL,
            stderr=subprocess.PIPE,
            env=self._environment,
            start_new_session=True,
        )
        _, said = await process.communicate()
        table.doing.pop(row.id, None)
        table.refresh()
        if process.returncode:
            text = printable(said.decode("utf-8", "replace").strip())
            self.notify(text or f"{name}: not {action.done}", severity="error", markup=False)
        else:
            self.notify(f"{name}: {action.done}", timeout=2, markup=False)

    def action_shell(self) -> None:
        """A shell in the selected container, with the terminal for itself."""
        row = self._table.selected
        if not row or row.status != "running":
            self.notify("only a container that runs can have a shell", severity="warning")
            return
        with self.suspend():
            code = run_shell(actions.shell(self._places, row.id), self._environment, row.name)
        if code:
            self.action_leave(code)

    # Errors.

    def _handle_exception(self, error: Exception) -> None:
        """Told in a line once the terminal is given back, where textual would show a traceback."""
        self.failure = self.failure or error
        self.exit(1)
