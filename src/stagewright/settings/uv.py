"""What uv was told: uv.toml of system and user, UV_* variables; where it was told nothing, what pip was told.

Rule: uv's documentation, "Configuration files": user over system, lists are joined, variables over files. Builds get the
result as the system's file, found by XDG_CONFIG_DIRS, and not by UV_CONFIG_FILE: that one would make uv ignore the settings of
the app itself (``[tool.uv]``).
"""

from __future__ import annotations

import json
import re
from collections.abc import Mapping
from pathlib import Path, PurePosixPath

from stagewright.settings.cleaning import clean_proxy, clean_url
from stagewright.settings.operator import Operator, Part, text
from stagewright.settings.pip import PipSettings

CONFIG_DIRECTORY = PurePosixPath("/trust/xdg")
UV_TOML = CONFIG_DIRECTORY / "uv" / "uv.toml"

_URL_KEYS = ("index-url", "python-install-mirror", "pypy-install-mirror", "python-downloads-json-url")
_URL_LIST_KEYS = ("extra-index-url", "find-links")
_PROXY_KEYS = ("http-proxy", "https-proxy")
_WORD = re.compile(r"[A-Za-z0-9._:*,/\[\]-]+")
_WORD_KEYS = ("index-strategy", "no-proxy")
_WORD_LIST_KEYS = ("allow-insecure-host", "trusted-host", "no-proxy")
_SWITCHES = ("no-index", "native-tls", "system-certs", "offline")
_REFUSED = ("keyring-provider",)
_INDEX_SWITCHES = ("default", "explicit")

_URL_VARIABLES = (
    "UV_INDEX_URL",
    "UV_EXTRA_INDEX_URL",
    "UV_DEFAULT_INDEX",
    "UV_INDEX",
    "UV_FIND_LINKS",
    "UV_PYTHON_INSTALL_MIRROR",
    "UV_PYPY_INSTALL_MIRROR",
    "UV_PYTHON_DOWNLOADS_JSON_URL",
)
_WORD_VARIABLES = (
    "UV_INDEX_STRATEGY",
    "UV_INSECURE_HOST",
    "UV_HTTP_TIMEOUT",
    "UV_REQUEST_TIMEOUT",
    "UV_HTTP_CONNECT_TIMEOUT",
    "UV_HTTP_RETRIES",
    "UV_NATIVE_TLS",
    "UV_SYSTEM_CERTS",
    "UV_OFFLINE",
    "UV_NO_INDEX",
)
_SECRET_VARIABLE = re.compile(r"UV_INDEX_\w+_(USERNAME|PASSWORD)|UV_PUBLISH_\w+|UV_KEYRING_PROVIDER")
_INDEXES = {"UV_INDEX_URL", "UV_EXTRA_INDEX_URL", "UV_DEFAULT_INDEX", "UV_INDEX", "UV_FIND_LINKS", "UV_NO_INDEX"}
_TIMEOUTS = {"UV_HTTP_TIMEOUT", "UV_REQUEST_TIMEOUT"}
_INDEX_KEYS = {"index", "index-url", "extra-index-url", "find-links", "no-index"}

Table = dict[str, object]


def uv_part(operator: Operator, pip: PipSettings) -> Part:
    notes: list[str] = []
    table = _from_files(operator, notes)
    environment = _variables(operator, notes)
    knows_indexes = _INDEXES & environment.keys() or _INDEX_KEYS & {*table, *_pip_table(table)}
    if not knows_indexes:
        table |= _as_pip(pip)
    if not _TIMEOUTS & environment.keys() and pip.of("timeout"):
        environment["UV_HTTP_TIMEOUT"] = pip.of("timeout")[-1].partition(".")[0]
    return Part(
        {UV_TOML: _written(table)},
        {"XDG_CONFIG_DIRS": f"{CONFIG_DIRECTORY}:/etc/xdg"} | environment,
        notes=tuple(notes),
    )


def _from_files(operator: Operator, notes: list[str]) -> Table:
    if operator.environ.get("UV_NO_CONFIG"):
        return {}
    named = operator.named("UV_CONFIG_FILE")
    if named is not None:
        return _read(named, notes)
    user = next(operator.user_config("uv", "uv.toml"), None)
    system = next(
        (path for path in (*operator.system_config("uv", "uv.toml"), operator.at("/etc/uv/uv.toml")) if path.is_file()),
        None,
    )
    tables = [_read(path, notes) for path in (user, system) if path is not None]
    merged: Table = {}
    for table in reversed(tables):
        merged = _over(table, merged)
    return merged


def _over(important: Table, other: Table) -> Table:
    merged = other | important
    for key in other.keys() & important.keys():
        mine, theirs = important[key], other[key]
        if isinstance(mine, list) and isinstance(theirs, list):
            merged[key] = mine + theirs
        elif isinstance(mine, dict) and isinstance(theirs, dict):
            merged[key] = _over(mine, theirs)
    return merged


def _read(path: Path, notes: list[str]) -> Table:
    found = text(path)
    if found is None:
        return {}
    import tomllib  # 7 ms that only operators with a uv.toml pay

    try:
        raw = tomllib.loads(found)
    except tomllib.TOMLDecodeError:
        notes.append(f"uv: {path} left out, since it could not be read")
        return {}
    kept = _kept(raw, notes)
    if isinstance(raw.get("pip"), dict) and (pip := _kept(raw["pip"], notes)):
        kept["pip"] = pip
    return kept


def _kept(raw: Mapping[str, object], notes: list[str]) -> Table:
    kept: Table = {}
    for key, value in raw.items():
        found = _value(key, value, notes)
        if found is not None:
            kept[key] = found
    return kept


def _value(key: str, value: object, notes: list[str]) -> object | None:
    if key in _REFUSED:
        notes.append(f"uv: {key} left out")
    elif key == "index" and isinstance(value, list):
        return [index for entry in value if isinstance(entry, dict) and (index := _index(entry, notes))]
    elif key in _SWITCHES and isinstance(value, bool):
        return value
    elif key in (*_URL_KEYS, *_PROXY_KEYS) and isinstance(value, str):
        return _url(key, value, notes)
    elif key in _URL_LIST_KEYS and isinstance(value, list):
        return [url for entry in value if isinstance(entry, str) and (url := _url(key, entry, notes))]
    elif key in _WORD_KEYS and isinstance(value, str):
        return value if _WORD.fullmatch(value) else None
    elif key in _WORD_LIST_KEYS and isinstance(value, list):
        return [word for word in value if isinstance(word, str) and _WORD.fullmatch(word)]
    return None


def _index(entry: Mapping[str, object], notes: list[str]) -> Table | None:
    """One ``[[index]]``; one that is only to be reached with a password is left in, for its server to refuse."""
    url = entry.get("url")
    cleaned = _url("index", url, notes) if isinstance(url, str) else None
    if cleaned is None:
        return None
    index: Table = {"url": cleaned}
    index |= {key: entry[key] for key in _INDEX_SWITCHES if isinstance(entry.get(key), bool)}
    for key in ("name", "format"):
        value = entry.get(key)
        if isinstance(value, str) and re.fullmatch(r"[A-Za-z0-9._-]+", value):
            index[key] = value
    return index


def _url(key: str, value: str, notes: list[str]) -> str | None:
    cleaned = (clean_proxy if key in _PROXY_KEYS else clean_url)(value)
    if cleaned.removed:
        notes.append(f"uv: {cleaned.removed} in {key} left out")
    return cleaned.text


def _variables(operator: Operator, notes: list[str]) -> dict[str, str]:
    kept: dict[str, str] = {}
    for variable, value in operator.environ.items():
        if not variable.startswith("UV_") or not value:
            continue
        if _SECRET_VARIABLE.fullmatch(variable):
            notes.append(f"uv: {variable} left out")
        elif variable in _URL_VARIABLES:
            words = [word for part in value.split() if (word := _named_url(variable, part, notes))]
            kept |= {variable: " ".join(words)} if words else {}
        elif variable in _WORD_VARIABLES and all(_WORD.fullmatch(word) for word in value.split()):
            kept[variable] = value
    return kept


def _named_url(variable: str, word: str, notes: list[str]) -> str | None:
    """An index in a variable may carry a name: ``name=https://…``."""
    match = re.fullmatch(r"([A-Za-z0-9._-]+)=(.*)", word)
    url = _url(variable, match[2] if match else word, notes)
    return f"{match[1]}={url}" if match and url else url


def _pip_table(table: Table) -> Table:
    pip = table.get("pip")
    return pip if isinstance(pip, dict) else {}


def _as_pip(pip: PipSettings) -> Table:
    """uv does not read what pip was told, but an operator who told pip meant every installer of Python packages."""
    table: Table = {}
    indexes: list[Table] = [{"url": url} for url in pip.of("extra-index-url")]
    indexes += [{"url": url, "default": True} for url in pip.of("index-url")[:1]]
    if indexes:
        table["index"] = indexes
    if pip.of("find-links"):
        table["find-links"] = list(pip.of("find-links"))
    if pip.of("trusted-host"):
        table["allow-insecure-host"] = list(pip.of("trusted-host"))
    if pip.of("no-index")[-1:] and pip.of("no-index")[-1].lower() in ("true", "yes", "on", "1"):
        table["no-index"] = True
    return table


def _written(table: Table) -> bytes:
    """TOML: plain keys first, then tables, as the format wants it."""
    lines = ["# What the operator configured, without credentials."]
    lines += [f"{key} = {_toml(value)}" for key, value in table.items() if key not in ("index", "pip")]
    if pip := _pip_table(table):
        lines += ["[pip]", *(f"{key} = {_toml(value)}" for key, value in pip.items() if key != "index")]
    indexes = table.get("index")
    for index in indexes if isinstance(indexes, list) else ():
        lines += ["[[index]]", *(f"{key} = {_toml(value)}" for key, value in index.items())]
    return ("\n".join(lines) + "\n").encode()


def _toml(value: object) -> str:
    """The values that were kept hold no control characters, so JSON's notation of them is TOML's, too."""
    return json.dumps(value, ensure_ascii=False)
