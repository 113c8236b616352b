"""The sandbox of a user without root: a user namespace in which that user is everybody.

The runtime wants the container's 0 to be somebody, so it is the caller. The first process runs as that, and each command makes
one more user namespace in which the same caller is 2000, and drops every capability. A process in an inner user namespace can
neither trace nor read one in the outer, and the first process of a container takes no signal from inside.
"""

from __future__ import annotations

import os
import re
from collections.abc import Iterator
from contextlib import ExitStack, contextmanager
from pathlib import Path, PurePosixPath

from stagewright.model.containers import ContainerSpec, Limits
from stagewright.model.layout import VCAP_ID
from stagewright.model.tree import Owner
from stagewright.ports.sandbox import Session
from stagewright.sandbox.cgroups import Place, find_delegated_place, find_place
from stagewright.sandbox.oci_config import Identity
from stagewright.sandbox.opening import Means, prepare, read_seccomp
from stagewright.sandbox.problems import RootLacksProgram
from stagewright.sandbox.runtime import find_runtime
from stagewright.sandbox.session import Ways
from stagewright.sandbox.sweeping import Records

_UNSHARE = PurePosixPath("/usr/bin/unshare")
_SETPRIV = PurePosixPath("/usr/bin/setpriv")

_BECOME_VCAP = (
    *(str(_UNSHARE), "--user", f"--map-user={VCAP_ID}", f"--map-group={VCAP_ID}", "--keep-caps"),
    *(str(_SETPRIV), "--bounding-set=-all", "--inh-caps=-all", "--ambient-caps=-all"),
)

_COUNTS_PROCESSES = (5, 14)
"""Since this Linux RLIMIT_NPROC counts the processes in a user namespace, not all that the user has anywhere."""


class Rootless:
    """The Sandbox of `ports.sandbox` for users without root, with one id mapped and nothing setuid."""

    name = "rootless"
    owner: Owner | None = None

    def __init__(self, runtime: str | None, state: Path) -> None:
        """``runtime`` as in Settings."""
        self._runtime = runtime
        self._records = Records(state / "containers", state / "runtime")

    @contextmanager
    def open(self, spec: ContainerSpec) -> Iterator[Session]:
        _require_programs(spec)
        runtime = find_runtime(self._runtime, self._records.runtime_state)
        means = Means(runtime, self._records, _place(), None, read_seccomp(user_namespaces=True))
        with ExitStack() as held:
            prepared = prepare(held, spec, means)
            identity = _identity(spec.limits)
            prepared.configure(identity, spec.root, [mount.source for mount in prepared.plan.mounts])
            container = held.enter_context(prepared.container)
            container.launch()
            yield prepared.session(Ways(identity, None, ("--preserve-credentials",)))

    def unenforced(self, limits: Limits) -> tuple[str, ...]:
        place = _place() or Place(2, PurePosixPath("/"), ())
        lacking = place.unenforced(limits)
        return tuple(limit for limit in lacking if not (limit == "pids" and _can_count_processes()))

    def sweep(self) -> int:
        return self._records.sweep()


def _place() -> Place | None:
    return find_place() if os.geteuid() == 0 else find_delegated_place()


def _identity(limits: Limits) -> Identity:
    return Identity(
        first_process=0,
        commands=0,
        outside=os.geteuid(),
        group_outside=os.getegid(),
        size=1,
        capabilities=("CAP_SETFCAP",),  # without it nobody may map the namespace's 0 once more (user_namespaces(7))
        prefix=_BECOME_VCAP,
        processes=limits.pids if _can_count_processes() else None,
    )


def _can_count_processes() -> bool:
    """root's processes are never counted."""
    version = re.match(r"(\d+)\.(\d+)", os.uname().release)
    return os.geteuid() != 0 and version is not None and (int(version[1]), int(version[2])) >= _COUNTS_PROCESSES


def _require_programs(spec: ContainerSpec) -> None:
    for program in (_UNSHARE, _SETPRIV):
        mounted = any(program.is_relative_to(mount.target) for mount in spec.mounts)
        if not mounted and not os.path.lexists(spec.root / program.relative_to("/")):
            raise RootLacksProgram(spec.root, program)
