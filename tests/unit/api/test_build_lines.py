"""A build in the classic builder's words, in whatever order its stages speak."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

from hypothesis import given, settings
from hypothesis import strategies as st

from cuddy.api.build_lines import BuildLines
from cuddy.builder import plan, report
from cuddy.builder.context import Context
from cuddy.builder.definition import Definition
from cuddy.builder.instructions import Copy, Run, Workdir
from cuddy.builder.options import BuildOptions
from cuddy.builder.stage_run import Outcome, StageRun
from cuddy.builder.state import State
from cuddy.builder.tree import Tree
from cuddy.engine.home import Home
from cuddy.image import platform

if TYPE_CHECKING:
    from cuddy.builder.report import Event

DOCKERFILE = b"""ARG V=1
FROM x AS a
RUN one
ENV A=b
RUN two
FROM scratch AS b
COPY y /
FROM a
LABEL c=d
COPY --from=b /y /
RUN three
CMD run
"""
ID = "sha256:" + "1" * 64
LABELS = ("e=f",)
TOLD = (
    "ARG V=1",
    "FROM x AS a",
    "RUN one",
    "ENV A=b",
    "RUN two",
    "FROM scratch AS b",
    "COPY y /",
    "FROM a",
    "LABEL c=d",
    "COPY --from=b /y /",
    "RUN three",
    "CMD run",
    "LABEL e=f",
)


class Build:
    """A Dockerfile that is planned, and who tells of it."""

    def __init__(self) -> None:
        found = Context(Tree(-1, "context"), Definition(DOCKERFILE, "Dockerfile"))
        options = BuildOptions("-", labels=LABELS)
        home = Home("/nowhere", "/nowhere")
        self.plan = plan.read(home, options, found, platform.host(), None)
        self.needed = self.plan.stages.needed(self.plan.stages.target(""))
        self.told: list[dict[str, Any]] = []
        self.lines = BuildLines(self.told.append, lambda _: ID, "id", is_removing=True)
        self.lines.planned(self.plan, self.needed)
        for stage in self.needed:
            nothing = State((), {}, (), "linux/amd64")
            self.lines.opened(StageRun(self.plan, stage, Outcome(nothing, {})))

    def events(self, number: int, output: bytes) -> list[Event]:
        """What one stage tells."""
        stage = self.plan.stages.all[number]
        first = (number + 1) * report.PER_STAGE
        found: list[Event] = []
        if stage.image != "scratch":
            opening = first + report.OPENING
            found += [report.Began(opening, "FROM", 0.0, True), report.Ended(opening, 0.0, True)]
        for position, instruction in enumerate(stage.instructions):
            if isinstance(instruction, (Copy, Run, Workdir)):
                step = first + position
                found.append(report.Began(step, "step", 0.0))
                found += [report.Output(step, stream, output, 0.0) for stream in (1, 2)]
                found.append(report.Ended(step, 0.0))
        return found

    @property
    def text(self) -> str:
        return "".join(line.get("stream", "") for line in self.told)


@given(st.data(), st.binary(max_size=20))
@settings(deadline=None, max_examples=30)
def test_all_is_told_in_its_order(data: st.DataObject, output: bytes) -> None:
    build = Build()
    waiting = [events for n in range(3) if (events := build.events(n, output))]
    while waiting:
        chosen = data.draw(st.sampled_from(waiting))
        build.lines.hear(chosen.pop(0))
        waiting = [events for events in waiting if events]
    build.lines.finish(ID, ["t:latest"], was_known=False)
    steps = [line["stream"] for line in build.told if line.get("stream", "").startswith("Step ")]
    assert steps == [f"Step {number}/13 : {text}" for number, text in enumerate(TOLD, 1)]
    running = [line["stream"].split()[-1] for line in build.told if "Running in" in str(line)]
    removed = [line["stream"].split()[-1] for line in build.told if "Removed inter" in str(line)]
    assert running == removed
    assert len(running) == 3
    assert [line["aux"] for line in build.told if "aux" in line] == [{"ID": ID}]
    assert build.text.endswith("Successfully built 111111111111\nSuccessfully tagged t:latest\n")


def test_what_one_stage_says_waits_but_not_without_end() -> None:
    build = Build()
    first, second = build.events(0, b"first"), build.events(1, b"x" * (1 << 19))
    for event in second * 3:
        build.lines.hear(event)
    assert sum(len(str(line)) for line in build.told) > 1 << 19
    for event in first:
        build.lines.hear(event)
    assert build.text.index("first") < build.text.index("COPY y /")
