"""What npm was told: npmrc of system and user, npm_config_* variables.

Rule: npm's documentation, "config" and ".npmrc". Builds get the operator's user and global files as one global file, so that the
.npmrc of an app still wins over it, and variables as variables, which win over both: as on the operator's machine.
"""

from __future__ import annotations

import re
from collections.abc import Callable, Iterator, Mapping
from dataclasses import dataclass, field
from pathlib import Path, PurePosixPath

from stagewright.settings.certificates import read_bundle
from stagewright.settings.cleaning import CleanUrl, clean_proxy, clean_url
from stagewright.settings.operator import Operator, Part, text

NPMRC = PurePosixPath("/trust/npmrc")

_GLOBAL = ("/etc/npmrc", "/usr/etc/npmrc", "/usr/local/etc/npmrc")
"""npm's global file lies in etc below the prefix of its installation, which differs by how Node came."""
_NUMBER = re.compile(r"[0-9]+(\.[0-9]+)?")
_PLAIN = {
    "strict-ssl": re.compile(r"true|false"),
    "noproxy": re.compile(r"[A-Za-z0-9._:*/,\[\] -]+"),
    "replace-registry-host": re.compile(r"[A-Za-z0-9._-]+"),
    **dict.fromkeys(
        (
            "fetch-timeout",
            "fetch-retries",
            "fetch-retry-factor",
            "fetch-retry-mintimeout",
            "fetch-retry-maxtimeout",
            "maxsockets",
        ),
        _NUMBER,
    ),
}
_SECRET = re.compile(
    r"(.*:)?(_authToken|_auth|_password|username|certfile|keyfile|key|cert|otp|tokenHelper)", re.IGNORECASE
)
_URLS: Mapping[str, Callable[[str], CleanUrl]] = {
    "registry": clean_url,
    "proxy": clean_proxy,
    "https-proxy": clean_proxy,
}
_SCOPED = re.compile(r"@[A-Za-z0-9~][A-Za-z0-9._~-]*:registry")
_REFERENCE = re.compile(r"\$\{([A-Za-z_][A-Za-z0-9_]*)\}")


@dataclass
class _Gathered:
    """What was kept so far."""

    values: dict[str, str] = field(default_factory=dict)
    certificates: list[bytes] = field(default_factory=list)
    notes: list[str] = field(default_factory=list)

    def take(self, key: str, value: str) -> None:
        if key == "cafile":
            self.certificates += read_bundle(Path(value))
        elif key in ("ca", "ca[]"):
            self.certificates.append(value.replace("\\n", "\n").encode())
        elif _SECRET.fullmatch(key):
            self.notes.append(f"npm: {_shown(key)} left out")
        elif clean := _URLS.get(key) or (clean_url if _SCOPED.fullmatch(key) else None):
            self._take_url(key, clean(value))
        elif key in _PLAIN:
            if _PLAIN[key].fullmatch(value):
                self.values[key] = value
            else:
                self.notes.append(f"npm: {key} left out, since it could not be read")

    def _take_url(self, key: str, cleaned: CleanUrl) -> None:
        if cleaned.removed:
            self.notes.append(f"npm: {cleaned.removed} in {key} left out")
        if cleaned.text is not None:
            self.values[key] = cleaned.text


def npm_part(operator: Operator) -> Part:
    from_files = _Gathered()
    for path in _files(operator):
        for key, value in _lines(text(path) or ""):
            from_files.take(key, _expanded(value, operator.environ))
    from_variables = _Gathered()
    for variable, value in operator.environ.items():
        if variable.lower().startswith("npm_config_") and value:
            from_variables.take(_key_of(variable), value)
    # A scope has no place in the name of a variable that a shell would pass on.
    scoped = {key: value for key, value in from_variables.values.items() if key.startswith("@")}
    lines = [f"{key}={value}" for key, value in (from_files.values | scoped).items()]
    environment = {"NPM_CONFIG_GLOBALCONFIG": str(NPMRC)} | {
        f"npm_config_{key.replace('-', '_')}": value
        for key, value in from_variables.values.items()
        if key not in scoped
    }
    return Part(
        {NPMRC: "\n".join(("; What the operator configured, without credentials.", *lines, "")).encode()},
        environment,
        (*from_files.certificates, *from_variables.certificates),
        (*from_files.notes, *from_variables.notes),
    )


def _files(operator: Operator) -> Iterator[Path]:
    """From the least to the most important."""
    environ = {name.lower(): value for name, value in operator.environ.items()}
    named = environ.get("npm_config_globalconfig", "")
    yield from [Path(named)] if named.startswith("/") else (operator.at(place) for place in _GLOBAL)
    user = environ.get("npm_config_userconfig", "")
    if user.startswith("/"):
        yield Path(user)
    elif operator.home is not None:
        yield operator.home / ".npmrc"


def _lines(npmrc: str) -> Iterator[tuple[str, str]]:
    for line in npmrc.splitlines():
        key, equals, value = line.strip().partition("=")
        if equals and not key.startswith((";", "#")):
            yield key.strip(), value.strip().strip("\"'").strip()


def _expanded(value: str, environ: Mapping[str, str]) -> str:
    """npm replaces ``${NAME}``; builds do not have the variables, so it is done here, before cleaning."""
    return _REFERENCE.sub(lambda match: environ.get(match[1], match[0]), value)


def _key_of(variable: str) -> str:
    key = variable[len("npm_config_") :]
    return key if key.startswith(("/", "@", "_")) else key.lower().replace("_", "-")


def _shown(key: str) -> str:
    """A key for a note: a registry's address in it loses whatever else it carries."""
    address, colon, name = key.rpartition(":")
    if not colon:
        return key
    cleaned = clean_url(f"https:{address}")
    return f"{(cleaned.text or 'https:').removeprefix('https:')}:{name}"
