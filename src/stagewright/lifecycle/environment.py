"""The environment of an app, and of the scripts that stage it, from that of the platform.

The source is contracts/cloudfoundry-staging.md §1.2, step 0, and §1.9.
"""

from __future__ import annotations

import json
from collections.abc import Callable, Mapping
from pathlib import PurePosixPath
from typing import Any

from stagewright.lifecycle.credhub import Patience, interpolate
from stagewright.lifecycle.go_values import parse_decimal
from stagewright.lifecycle.platform_options import read_platform_options
from stagewright.model.services import NotJson, database_url, read_json

_EVERY_ADDRESS = "0.0.0.0"  # noqa: S104 - what an app is told to listen on; nothing here listens


def with_service_credentials(
    environ: Mapping[str, str], patience: Patience, say: Callable[[str], None]
) -> dict[str, str]:
    """``environ`` with the credentials of services in it: the step that builder, launcher and shell have in common.

    References to CredHub are exchanged where VCAP_PLATFORM_OPTIONS names one, then DATABASE_URL is set, over one that is there.
    VCAP_PLATFORM_OPTIONS itself stays. Raises BadPlatformOptions, CredhubFailed.
    """
    made = dict(environ)
    options = read_platform_options(made.get("VCAP_PLATFORM_OPTIONS", ""))
    if options.credhub_uri:
        services = interpolate(made, options.credhub_uri, patience, say)
        if services or "VCAP_SERVICES" in made:
            made["VCAP_SERVICES"] = services
    url = database_url(made.get("VCAP_SERVICES", ""))
    if url is not None:
        made["DATABASE_URL"] = url
    return made


def of_app(environ: Mapping[str, str], app: str, patience: Patience, say: Callable[[str], None]) -> dict[str, str]:
    """What the app in directory ``app``, an absolute path, is started with. Raises BadPlatformOptions, CredhubFailed."""
    beside = PurePosixPath(app).parent  # by name alone, as in the reference: no link is followed
    made = {**environ, "HOME": app, "TMPDIR": str(beside / "tmp"), "DEPS_DIR": str(beside / "deps")}
    if "VCAP_APPLICATION" in made:
        made["VCAP_APPLICATION"] = _application(made["VCAP_APPLICATION"], environ)
    made = with_service_credentials(made, patience, say)
    made.pop("VCAP_PLATFORM_OPTIONS", None)
    return made


def _application(text: str, environ: Mapping[str, str]) -> str:
    """VCAP_APPLICATION with what is this instance's own in it; as it is where it is not a JSON object."""
    try:
        application: Any = read_json(text.encode("utf-8", "surrogateescape").decode("utf-8", "replace"))
    except NotJson:
        return text
    if not isinstance(application, dict):
        return text
    application |= {"host": _EVERY_ADDRESS, "instance_id": environ.get("INSTANCE_GUID", "")}
    for member, variable in (("port", "PORT"), ("instance_index", "INSTANCE_INDEX")):
        number = parse_decimal(environ.get(variable, ""))
        if number is not None:
            application[member] = number
    return _written(application) or text


def _written(application: dict[str, Any]) -> str | None:
    """Compact and sorted, as Go writes a map; None for a number that no JSON can hold."""
    try:
        written = json.dumps(application, ensure_ascii=False, allow_nan=False, sort_keys=True, separators=(",", ":"))
        try:
            written.encode("utf-8")
        except UnicodeEncodeError:  # half of a pair of surrogates, which only an escape can say
            return json.dumps(application, sort_keys=True, separators=(",", ":"))
        return written
    except (ValueError, RecursionError):
        return None
