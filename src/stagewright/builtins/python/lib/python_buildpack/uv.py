"""uv itself, pinned by hash and kept in the cache, and the settings that it runs with."""

from __future__ import annotations

import configparser
import os
import re
import shutil
import sys
from collections.abc import Callable, Mapping
from dataclasses import dataclass
from pathlib import Path

import buildpack
from cache import Cache

PINNED = Path(__file__).resolve().parent.parent.parent / "uv.txt"
"""Requirements that pin uv by version and by the hashes of its wheels."""

INDEX_VARIABLES = ("UV_DEFAULT_INDEX", "UV_INDEX_URL", "UV_INDEX", "UV_EXTRA_INDEX_URL", "UV_CONFIG_FILE")
"""Where one of these is set somebody has told uv about indices, and pip's settings say nothing to it."""

PIP_SETTINGS = {
    "index-url": ("UV_DEFAULT_INDEX", " "),
    "extra-index-url": ("UV_INDEX", " "),
    "find-links": ("UV_FIND_LINKS", ","),
    "trusted-host": ("UV_INSECURE_HOST", " "),
}
"""pip's setting, the variable of uv that means the same, and what separates several values there."""


@dataclass(frozen=True)
class Uv:
    """An installed uv with the environment that all its commands get."""

    program: Path
    version: str
    environment: Mapping[str, str]

    def run(self, *arguments: str | Path, cwd: Path, hidden: str = "", **variables: str) -> None:
        """Run uv and stream what it says, without the text ``hidden``; raises ``CommandError``."""
        buildpack.run(
            [self.program, *arguments],
            cwd=cwd,
            env={**self.environment, **variables},
            name=f"uv {arguments[0]} {arguments[1]}",
            edit=lambda line: line.replace(hidden, ""),
        )

    def ask(self, *arguments: str | Path, cwd: Path, **variables: str) -> str:
        """Run uv and give back what it prints; raises ``CommandError``."""
        environment = {**self.environment, **variables}
        name = f"uv {arguments[0]} {arguments[1]}"
        return buildpack.capture([self.program, *arguments], cwd=cwd, env=environment, name=name).strip()


def pinned_version() -> str:
    matched = re.search(r"^uv==(\S+)", PINNED.read_text(encoding="utf-8"), re.MULTILINE)
    if matched is None:
        raise buildpack.BuildpackError(f"{PINNED.name} does not pin uv", "This is a flaw of the buildpack.")
    return matched[1]


def obtain(cache: Cache, staging: buildpack.Staging) -> Uv:
    """uv from the cache, or by pip from the package index."""
    version = pinned_version()
    place = cache.have("uv", version, _install(version))
    packages = cache.directory_for("packages")
    return Uv(place / "uv", version, settings(buildpack.supplied_environment(staging), packages))


def _install(version: str) -> Callable[[Path], None]:
    def install(place: Path) -> None:
        buildpack.step(f"Installing uv {version}")
        with buildpack.scratch("python-uv") as scratch:
            venv = Path(scratch) / "venv"
            buildpack.run([sys.executable, "-m", "venv", venv], name="python -m venv", quiet=True)
            buildpack.run(
                [venv / "bin/python", "-m", "pip", "install", *PIP_OPTIONS, "-r", PINNED],
                name="pip install uv",
                hint="uv comes from the package index that pip is configured for. Is the network of the build cut off?",
                quiet=True,
            )
            shutil.copy2(venv / "bin/uv", place / "uv")

    return install


PIP_OPTIONS = (
    "--quiet",
    "--disable-pip-version-check",
    "--no-cache-dir",
    "--no-deps",
    "--only-binary=:all:",
    "--require-hashes",
)


def settings(environment: Mapping[str, str], packages: Path) -> dict[str, str]:
    """The environment of uv: the script's, pip's indices where uv has none of its own, and what makes results relocatable.

    Debug information of extension modules would hold uv's random build directories, hence ``-g0``: among the preprocessor's
    flags, which are added to the interpreter's own, while setuptools takes CFLAGS in their stead (and so would lose ``-O2``).
    """
    result = {**environment, **pip_settings(environment)}
    result["CPPFLAGS"] = f"{result.get('CPPFLAGS', '')} -g0".strip()
    return {
        **result,
        "UV_CACHE_DIR": str(packages),
        "UV_LINK_MODE": "copy",
        "UV_NO_EDITABLE": "1",
        "UV_NO_PROGRESS": "1",
        "UV_PYTHON_DOWNLOADS": "never",
        "NO_COLOR": "1",
        "PYTHONHASHSEED": "0",
    }


def has_index(environment: Mapping[str, str]) -> bool:
    """Whether the operator or the app has chosen a package index."""
    return any(environment.get(name) for name in INDEX_VARIABLES)


def pip_settings(environment: Mapping[str, str]) -> dict[str, str]:
    """What pip's variables and configuration files say about indices, as uv's variables; empty where uv has its own."""
    if has_index(environment):
        return {}
    configured = _pip_configuration(environment)
    result = {}
    for setting, (variable, separator) in PIP_SETTINGS.items():
        given = environment.get("PIP_" + setting.upper().replace("-", "_")) or configured.get(setting, "")
        values = [value for value in given.split() if setting != "find-links" or "://" in value or Path(value).is_dir()]
        if values and not environment.get(variable):
            result[variable] = separator.join(values)
    return result


def _pip_configuration(environment: Mapping[str, str]) -> dict[str, str]:
    """``[global]`` and ``[install]`` of the configuration files that pip would read, the later ones winning."""
    home = Path(environment.get("HOME", os.sep))
    files = [Path("/etc/pip.conf"), home / ".pip/pip.conf", home / ".config/pip/pip.conf"]
    files += [Path(environment["PIP_CONFIG_FILE"])] if environment.get("PIP_CONFIG_FILE") else []
    result: dict[str, str] = {}
    for file in files:
        parser = configparser.RawConfigParser()
        try:
            parser.read(file, encoding="utf-8")
        except (configparser.Error, OSError, UnicodeDecodeError) as error:
            buildpack.warn(f"{file} is not read: {error}")
            continue
        for section in ("global", "install"):
            if parser.has_section(section):
                result.update(parser.items(section))
    return result
