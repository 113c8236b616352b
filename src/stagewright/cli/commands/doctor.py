"""``doctor``."""

from __future__ import annotations

from typing import Annotated

import typer

from stagewright.cli.ending import run_to_end
from stagewright.cli.show.tables import print_json


def doctor(as_json: Annotated[bool, typer.Option("--json", help="As JSON.")] = False) -> None:
    """Say what this machine lacks, and what mends it.

    Also which limits will not be enforced.

    Ends with 4 where something that a staging needs is missing.
    """

    def work() -> int:
        from stagewright.model.findings import Severity
        from stagewright.settings import from_environment
        from stagewright.wiring.command_line import findings

        found = findings(from_environment())
        missing = any(finding.severity is Severity.MISSING for finding in found)
        if as_json:
            print_json(
                [
                    {"subject": f.subject, "severity": f.severity.value, "says": f.says, "remedy": f.remedy}
                    for f in found
                ]
            )
        else:
            for finding in found:
                typer.echo(f"{finding.severity.value:<8} {finding.subject:<22} {finding.says}")
                if finding.remedy:
                    typer.echo(f"{'':<8} {'':<22} mend it: {finding.remedy}")
            typer.echo("Something is missing." if missing else "This machine can stage.")
        return 4 if missing else 0

    raise typer.Exit(run_to_end(work, as_json=as_json))
