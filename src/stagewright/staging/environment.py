"""The variables of a build's scripts (contracts/cloudfoundry-staging.md §1.8, contracts/heroku.md §4.1)."""

from __future__ import annotations

import json
import re
from collections.abc import Mapping
from pathlib import PurePosixPath

from stagewright.model.application import AppIdentity, staging_application
from stagewright.model.build import BuildRequest
from stagewright.model.layout import FIXED_TIME, SLUG, Layout
from stagewright.model.services import database_url
from stagewright.model.variables import Value, Variables
from stagewright.staging.problems import BadVariable

PATH = "/usr/local/bin:/usr/bin:/bin:/usr/local/sbin:/usr/sbin:/sbin"
LOCALE = "C.UTF-8"
"""Cloud Foundry says en_US.UTF-8, which a slim Debian does not have; C.UTF-8 is in every one and sorts the same everywhere."""

RUN_DPKG_STATUS = "STAGEWRIGHT_RUN_DPKG_STATUS"
_NAME = re.compile(r"[A-Za-z_][A-Za-z0-9_]*")
_LONGEST_NAME = 255
"""Characters: in ENV_DIR a name is that of a file."""


def check_variables(env: Mapping[str, str]) -> None:
    """Raise BadVariable for the first that has a `fault_of_variable`."""
    for name, value in env.items():
        fault = fault_of_variable(name, value)
        if fault is not None:
            raise BadVariable(name if len(name) <= _LONGEST_NAME else f"{name[:40]}…", fault)


def fault_of_variable(name: str, value: str) -> str | None:
    """Why no app can set a variable, as the end of a sentence, or None: Cloud Foundry refuses the name (VCAP_*, PORT), no shell
    can read it or no file have it, or the value holds a NUL."""
    if not _NAME.fullmatch(name):
        return "a name is made of letters, digits and '_', and does not begin with a digit"
    if len(name) > _LONGEST_NAME:
        return f"a name has at most {_LONGEST_NAME} characters"
    if name.startswith("VCAP_") or name == "PORT":
        return "the platform sets it itself"
    return "its value holds a NUL character" if "\0" in value else None


def build_variables(request: BuildRequest, layout: Layout, trust: Mapping[str, str]) -> Variables:
    """All that scripts of a build find in their environment; nothing of the caller's own enters it."""
    platform: dict[str, Value] = {
        "PATH": PATH,
        "LANG": LOCALE,
        "LC_ALL": LOCALE,
        "TZ": "UTC",
        "USER": "vcap",
        "LOGNAME": "vcap",
        "SHELL": "/bin/bash",
        "HOME": layout.home,
        "TMPDIR": layout.tmp,
        "SOURCE_DATE_EPOCH": str(FIXED_TIME),
    }
    seen_trust = {name: PurePosixPath(value) if value.startswith("/") else value for name, value in trust.items()}
    return Variables(
        platform={**platform, **seen_trust},
        config=request.env,
        services=service_variables(request.services),
        cloudfoundry={
            "VCAP_SERVICES": "{}",
            "CF_STACK": str(request.stack.name),
            "MEMORY_LIMIT": f"{request.limits.memory >> 20}m",
            "VCAP_APPLICATION": json.dumps(
                staging_application(AppIdentity(request.app), request.limits), sort_keys=True
            ),
            RUN_DPKG_STATUS: PurePosixPath("/trust/run-dpkg-status"),
        },
        heroku=_heroku(request),
    )


def service_variables(services: Mapping[str, object]) -> dict[str, str]:
    """What bound services are to an app: VCAP_SERVICES, and DATABASE_URL where one is a relational database (§1.2 step 0)."""
    if not services:
        return {}
    variables = {"VCAP_SERVICES": json.dumps(services)}
    url = database_url(services)
    return variables if url is None else {**variables, "DATABASE_URL": url}


def _heroku(request: BuildRequest) -> dict[str, Value]:
    """STACK is what Heroku's buildpacks choose binaries by, and what they fail without; herokuish has the time-outs of curl."""
    variables: dict[str, Value] = {
        "STACK": str(request.stack.name),
        "REQUEST_ID": str(request.id),
        "APP_DIR": SLUG,
        "CURL_CONNECT_TIMEOUT": "30",
        "CURL_TIMEOUT": "180",
    }
    return {**variables, "SOURCE_VERSION": request.source_version} if request.source_version else variables
