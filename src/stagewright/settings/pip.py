"""What pip was told: pip.conf of system and user, PIP_CONFIG_FILE, PIP_* variables.

Rule: pip's documentation, "Configuration": later files win, variables win over files, and a section named after a command wins
over ``[global]``. Of all keys only those are kept that say where packages come from.
"""

from __future__ import annotations

import configparser
import re
from collections.abc import Mapping
from dataclasses import dataclass
from pathlib import Path, PurePosixPath

from stagewright.settings.certificates import read_bundle
from stagewright.settings.cleaning import clean_proxy, clean_url
from stagewright.settings.operator import Operator, Part, text

PIP_CONF = PurePosixPath("/trust/pip.conf")

_SECTIONS = ("global", "install", "download", "wheel", "index", "lock")
_RENAMED = {"pypi-url": "index-url", "default-timeout": "timeout"}
_URLS = ("index-url", "extra-index-url", "find-links")
_PLAIN = {
    "trusted-host": re.compile(r"[A-Za-z0-9._:*\[\]-]+"),
    "timeout": re.compile(r"[0-9]+(\.[0-9]+)?"),
    "retries": re.compile(r"[0-9]+"),
    "no-index": re.compile(r"(?i)true|false|yes|no|on|off|1|0"),
}
_REFUSED = ("client-cert", "keyring-provider")

Values = Mapping[tuple[str, str], tuple[str, ...]]
"""By section and key."""


@dataclass(frozen=True)
class PipSettings:
    """What pip was told, cleaned. uv falls back on it."""

    values: Values
    part: Part

    def of(self, key: str) -> tuple[str, ...]:
        """The values of a key for ``pip install``."""
        return self.values.get(("install", key)) or self.values.get(("global", key), ())


def pip_settings(operator: Operator) -> PipSettings:
    notes: list[str] = []
    raw = _raw(operator, notes)
    values: dict[tuple[str, str], tuple[str, ...]] = {}
    certificates: list[bytes] = []
    for (section, key), value in raw.items():
        if key == "cert":
            certificates += read_bundle(Path(value.strip()))
        elif key in _REFUSED:
            notes.append(f"pip: {key} left out")
        elif kept := _kept(key, value, notes):
            values[section, key] = kept
    environment = {"PIP_CONFIG_FILE": str(PIP_CONF)}
    part = Part({PIP_CONF: _written(values)}, environment, tuple(certificates), tuple(notes))
    return PipSettings(values, part)


def _raw(operator: Operator, notes: list[str]) -> dict[tuple[str, str], str]:
    raw: dict[tuple[str, str], str] = {}
    for path in _files(operator):
        raw.update(_read(path, notes))
    for variable, value in operator.environ.items():
        if not variable.startswith("PIP_") or not value:
            continue
        key = _plain_key(variable.removeprefix("PIP_"))
        for section in _SECTIONS:
            raw.pop((section, key), None)
        raw["global", key] = value
    return raw


def _files(operator: Operator) -> list[Path]:
    """From the least to the most important, as pip reads them."""
    named = operator.named("PIP_CONFIG_FILE")
    if named == Path("/dev/null"):
        return []
    paths = [*reversed(list(operator.system_config("pip", "pip.conf"))), operator.at("/etc/pip.conf")]
    if named is not None and named.exists():
        return [*paths, named]
    if operator.home is not None:
        paths.append(operator.home / ".pip" / "pip.conf")
    return [*paths, *operator.user_config("pip", "pip.conf")]


def _read(path: Path, notes: list[str]) -> dict[tuple[str, str], str]:
    found = text(path)
    if found is None:
        return {}
    parser = configparser.RawConfigParser()
    try:
        parser.read_string(found)
    except configparser.Error:
        notes.append(f"pip: {path} left out, since it could not be read")
        return {}
    return {
        (section, _plain_key(key)): value
        for section in parser.sections()
        if section in _SECTIONS
        for key, value in parser.items(section)
    }


def _plain_key(key: str) -> str:
    plain = key.lower().replace("_", "-").removeprefix("--")
    return _RENAMED.get(plain, plain)


def _kept(key: str, value: str, notes: list[str]) -> tuple[str, ...]:
    if key in _URLS or key == "proxy":
        clean = clean_proxy if key == "proxy" else clean_url
        kept = []
        for word in value.split():
            cleaned = clean(word)
            if cleaned.text is not None:
                kept.append(cleaned.text)
            if cleaned.removed:
                notes.append(f"pip: {cleaned.removed} in {key} left out")
        return tuple(kept)
    if key not in _PLAIN:
        return ()
    words = tuple(word for word in value.split() if _PLAIN[key].fullmatch(word))
    if len(words) != len(value.split()):
        notes.append(f"pip: {key} left out, since it could not be read")
    return words


def _written(values: Values) -> bytes:
    lines = ["# What the operator configured, without credentials."]
    for section in _SECTIONS:
        keys = {key: words for (of, key), words in values.items() if of == section}
        if keys or section == "global":
            lines.append(f"[{section}]")
        lines += [f"{key} =" + "".join(f"\n    {word}" for word in words) for key, words in sorted(keys.items())]
    return ("\n".join(lines) + "\n").encode()
