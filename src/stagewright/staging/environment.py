"""The environment of a script (contracts/cloudfoundry-staging.md §1.8)."""

from __future__ import annotations

import json
import re
from collections.abc import Mapping
from pathlib import PurePosixPath

from stagewright.model.build import BuildRequest
from stagewright.model.layout import FIXED_TIME, Layout
from stagewright.ports.sandbox import Session
from stagewright.staging.problems import BadVariable

PATH = "/usr/local/bin:/usr/bin:/bin:/usr/local/sbin:/usr/sbin:/sbin"
LOCALE = "C.UTF-8"
"""Cloud Foundry says en_US.UTF-8, which a slim Debian does not have; C.UTF-8 is in every one and sorts the same everywhere."""

RUN_DPKG_STATUS = "STAGEWRIGHT_RUN_DPKG_STATUS"
_NAME = re.compile(r"[A-Za-z_][A-Za-z0-9_]*")


def check_variables(env: Mapping[str, str]) -> None:
    """Raise BadVariable for a name that Cloud Foundry refuses (VCAP_*, PORT) or no shell can read, or a value with a NUL."""
    for name, value in env.items():
        if not _NAME.fullmatch(name):
            raise BadVariable(name, "a name is made of letters, digits and '_', and does not begin with a digit")
        if name.startswith("VCAP_") or name == "PORT":
            raise BadVariable(name, "the platform sets it itself")
        if "\0" in value:
            raise BadVariable(name, "its value holds a NUL character")


def script_environment(
    request: BuildRequest, layout: Layout, trust: Mapping[str, str], session: Session
) -> dict[str, str]:
    """The whole environment of every script of a build; nothing of the caller's own enters it.

    Later wins: platform, trust, the app's variables, then what the app may not change.
    """

    def seen(path: PurePosixPath) -> str:
        return str(session.path_of(path))

    platform = {
        "PATH": PATH,
        "LANG": LOCALE,
        "LC_ALL": LOCALE,
        "TZ": "UTC",
        "USER": "vcap",
        "LOGNAME": "vcap",
        "SHELL": "/bin/bash",
        "HOME": seen(layout.home),
        "TMPDIR": seen(layout.tmp),
        "SOURCE_DATE_EPOCH": str(FIXED_TIME),
        "VCAP_SERVICES": "{}",
    }
    fixed = {
        "CF_STACK": str(request.stack.name),
        "MEMORY_LIMIT": f"{request.limits.memory >> 20}m",
        "VCAP_APPLICATION": _vcap_application(request),
        RUN_DPKG_STATUS: seen(PurePosixPath("/trust/run-dpkg-status")),
    }
    seen_trust = {name: seen(PurePosixPath(value)) if value.startswith("/") else value for name, value in trust.items()}
    return {**platform, **seen_trust, **request.env, **fixed}


def _vcap_application(request: BuildRequest) -> str:
    """Of a staging's VCAP_APPLICATION, what one machine knows. It holds no guid of the build: scripts copy it into droplets."""
    return json.dumps(
        {
            "application_name": str(request.app),
            "name": str(request.app),
            "limits": {"mem": request.limits.memory >> 20, "disk": request.limits.disk >> 20, "fds": 16384},
            "application_uris": [],
            "uris": [],
            "users": None,
        },
        sort_keys=True,
    )
