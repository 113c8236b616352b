"""The operator's way to the outside, as builds see it: one function, one value.

A build sees these files and variables and nothing else of the machine: no HOME, no credentials, no other variable. Places that
programs know are used where every stack has a file there (a root is read-only, so nothing can be mounted where nothing lies);
everything else lies below /trust and is named by a variable.
"""

from __future__ import annotations

from collections.abc import Mapping
from pathlib import Path, PurePosixPath

from stagewright.model.settings import Trust
from stagewright.settings.apt import apt_part
from stagewright.settings.certificates import certificates_part
from stagewright.settings.npm import npm_part
from stagewright.settings.operator import Operator, Part, content
from stagewright.settings.pip import pip_settings
from stagewright.settings.proxies import proxies_part
from stagewright.settings.uv import uv_part

_NAMES = ("/etc/resolv.conf", "/etc/hosts")


def gather(environ: Mapping[str, str], *, system: Path = Path("/"), apt_sources: Path | None = None) -> Trust:
    """Read what the operator configured. Never raises for what it finds: what cannot be read is left out and noted.

    ``system`` is where the system's files lie, ``/`` but in tests.
    """
    operator = Operator(environ, system)
    pip = pip_settings(operator)
    apt = apt_part(operator, apt_sources)
    npm = npm_part(operator)
    named = (*pip.part.certificates, *npm.certificates, *apt.certificates)
    certificates = certificates_part(operator, named)
    parts = (certificates, _names_part(operator), proxies_part(operator), pip.part, uv_part(operator, pip), npm, apt)
    files = {place: content for part in parts for place, content in part.files.items()}
    environment = {name: value for part in parts for name, value in part.environment.items()}
    notes = dict.fromkeys(note for part in parts for note in part.notes)
    return Trust(files, environment, tuple(notes))


def _names_part(operator: Operator) -> Part:
    """How names are resolved. A resolver on the loopback address works as it is, since builds share the host's network."""
    found = {PurePosixPath(place): content(operator.at(place)) for place in _NAMES}
    return Part({place: names for place, names in found.items() if names is not None})
