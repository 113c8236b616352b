"""What opening a container needs whoever opens it: a plan of its mounts, a name, a record, a watch on the disk, a clock."""

from __future__ import annotations

import json
import os
from collections.abc import Sequence
from contextlib import ExitStack
from dataclasses import dataclass
from pathlib import Path
from typing import Any

from stagewright.model.containers import ContainerSpec
from stagewright.model.tree import Owner
from stagewright.sandbox import kernel, seccomp
from stagewright.sandbox.cgroups import Place
from stagewright.sandbox.container import Bundle, Container
from stagewright.sandbox.mount_plan import MountPlan, make_points, plan_mounts
from stagewright.sandbox.oci_config import Foundation, Identity, container_config
from stagewright.sandbox.oversight import Oversight, oversee
from stagewright.sandbox.problems import writing_below
from stagewright.sandbox.runtime import Runtime
from stagewright.sandbox.session import ContainerSession, Ways, open_files_allowed
from stagewright.sandbox.sweeping import KeptRecord, Record, Records, process_with
from stagewright.trees import remove_tree


@dataclass(frozen=True)
class Means:
    """What a sandbox has at hand on this machine."""

    runtime: Runtime
    records: Records
    place: Place | None
    """Where its control groups go; None: it has none."""
    owner: Owner | None
    seccomp: dict[str, Any]


@dataclass(frozen=True)
class Prepared:
    """A container that could be started."""

    spec: ContainerSpec
    plan: MountPlan
    means: Means
    container: Container
    record: KeptRecord
    oversight: Oversight

    def configure(self, identity: Identity, root: Path, sources: Sequence[Path]) -> None:
        """Write the runtime's configuration. Paths are those that the runtime will see."""
        place, group = self.means.place, self.container.group
        foundation = Foundation(
            root=root,
            sources=sources,
            seccomp=self.means.seccomp,
            cgroup=group.path if group is not None else None,
            resources=place.resources(self.spec.limits) if place is not None else {},
            open_files=open_files_allowed(),
        )
        config = container_config(self.spec, self.plan, identity, foundation)
        with writing_below(self.spec.scratch):
            self.container.bundle.config.write_text(json.dumps(config))

    def session(self, ways: Ways) -> ContainerSession:
        """Of the container, once it was launched. Raises ContainerNotStarted."""
        self.container.wait_until_up()
        self.record.note_first(self.container.first_pid)
        return ContainerSession(self.container, ways, self.oversight)


def prepare(held: ExitStack, spec: ContainerSpec, means: Means) -> Prepared:
    """Everything but the start; ``held`` takes it all back. Raises PlatformProblem."""
    kernel.adopt_orphans()
    plan = plan_mounts(spec)
    make_points(plan, means.owner)
    oversight = oversee(held, spec.limits, plan.writable_sources)
    name = f"stagewright-{spec.name}-{os.urandom(4).hex()}"
    bundle = Bundle(spec.scratch / name)
    held.callback(remove_tree, bundle.directory)
    with writing_below(spec.scratch):
        bundle.directory.mkdir(mode=0o700)
    group = means.place.group(name) if means.place is not None else None
    groups = tuple(map(str, group.directories)) if group is not None else ()
    record = held.enter_context(means.records.kept(Record(name, groups, process_with(os.getpid()))))
    container = Container(means.runtime, name, bundle, group)
    return Prepared(spec, plan, means, container, record, oversight)


def read_seccomp(*, user_namespaces: bool = False) -> dict[str, Any]:
    """The profile for this machine. Raises SeccompProfileMissing, SeccompProfileUnreadable."""
    return seccomp.read_profile(seccomp.find_profile(), os.uname().machine, user_namespaces=user_namespaces)
