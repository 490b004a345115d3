"""RUN carried out: its program in a container on a snapshot, with what its build lends it."""

from __future__ import annotations

import time

from cuddy.builder import failure, report, run, secrets, ssh
from cuddy.errors import StepFailed

TYPE_CHECKING = False
if TYPE_CHECKING:
    from cuddy.builder.origins import Origins
    from cuddy.builder.report import Tell
    from cuddy.builder.snapshot import Snapshot
    from cuddy.builder.steps import RunStep


def carry_out(step: RunStep, snapshot: Snapshot, origins: Origins, number: int, tell: Tell) -> None:
    """Run a step's command. Raises StepFailed if it does not end well; CuddyError."""
    plan, stage = step.run.plan, step.run.stage
    options = plan.options
    wanted = run.want(step.instruction, step.config, step.environment, options, step.expand)
    lent = run.Lent(
        lambda name: origins.origin(stage, name),
        secrets.Secrets(options.secrets, dict(options.environment)),
        ssh.Agents(options.ssh, dict(options.environment)),
    )

    def output(stream: int, data: bytes) -> None:
        tell(report.Output(number, stream, data, time.time()))

    def warn(text: str) -> None:
        tell(report.Warned(number, text))

    code = run.run(plan.home, wanted, snapshot.root, options, lent, output, warn)
    if code:
        if options.build_id:
            failure.keep(
                plan.home, options.build_id, snapshot, wanted, options, lent.find,
                shown=step.instruction.text, status=code, shell=step.shell,
            )  # fmt: skip
        raise StepFailed(
            f'process "{run.shown(wanted.argv)}" did not complete successfully: exit code: {code}',
            status=code,
            command=run.shown(wanted.argv),
        )
