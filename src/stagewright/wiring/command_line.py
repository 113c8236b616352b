"""What the command line works with: the disk of this machine and its OCI runtime. No server, no database."""

from __future__ import annotations

from stagewright.buildpacks import BuildpackStore, Catalogue, FetchPolicy
from stagewright.model.findings import Finding, Severity
from stagewright.model.settings import Settings
from stagewright.sandbox import choose
from stagewright.services.platform import Platform
from stagewright.stacks.store import StackStore
from stagewright.storage import DiskCaches, DiskRecords, DiskWorkspaces


def open_platform(settings: Settings, sandbox: str = "auto") -> Platform:
    """The installation that ``settings`` describe. ``sandbox`` is auto, rootful, rootless or none.

    Raises PlatformProblem where no sandbox of that kind works on this machine.
    """
    chosen = choose(sandbox, runtime=settings.runtime, state=settings.state / "sandbox")
    catalogue = Catalogue()
    return Platform(
        settings=settings,
        sandbox=chosen,
        workspaces=DiskWorkspaces(settings.cache / "builds"),
        caches=DiskCaches(settings.cache / "apps", chosen.owner),
        records=DiskRecords(settings.state / "records"),
        stacks=StackStore(settings.stacks),
        buildpacks=BuildpackStore(
            settings.cache / "buildpacks", catalogue, settings.bounds, policy=FetchPolicy(environment=settings.outward)
        ),
        catalogue=catalogue,
    )


def findings(settings: Settings) -> tuple[Finding, ...]:
    """What this machine lacks, and which limits it cannot hold, for ``stagewright doctor``."""
    from stagewright.sandbox.diagnosis import findings as sandbox_findings
    from stagewright.stacks.machine import findings as stack_findings

    state = settings.state / "sandbox"
    found = (*sandbox_findings(settings.runtime, state), *stack_findings(settings))
    left_out = tuple(Finding("trust", Severity.WEAK, note) for note in settings.trust.notes)
    return (*found, *left_out)
