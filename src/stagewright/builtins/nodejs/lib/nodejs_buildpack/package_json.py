"""What the app says about itself: package.json, and the files beside it that name a version of Node.js."""

from __future__ import annotations

import json
from collections.abc import Mapping
from dataclasses import dataclass, field
from pathlib import Path

from buildpack import fail

PACKAGE_JSON = "package.json"

INSTALL_SCRIPTS = ("preinstall", "install", "postinstall", "prepublish", "preprepare", "prepare", "postprepare")
"""Scripts of the app that package managers run by themselves when they install; they may use development dependencies."""


@dataclass(frozen=True)
class AppPackage:
    """The part of package.json that a staging depends on."""

    engines: Mapping[str, str] = field(default_factory=dict)
    scripts: Mapping[str, str] = field(default_factory=dict)
    package_manager: str = ""
    """``NAME@VERSION`` with an optional ``+ALGORITHM.HASH``."""
    dev_package_manager: tuple[str, str] | None = None
    """``devEngines.packageManager``: its name and range."""
    main: str = ""
    has_dependencies: bool = False
    has_dev_dependencies: bool = False
    has_workspaces: bool = False

    @property
    def runs_own_install_scripts(self) -> bool:
        return any(self.scripts.get(name) for name in INSTALL_SCRIPTS)

    @property
    def installs_something(self) -> bool:
        found = self.has_dependencies or self.has_dev_dependencies or self.has_workspaces
        return found or self.runs_own_install_scripts

    @property
    def build_script(self) -> str | None:
        """The script that builds the app: ``heroku-postbuild`` stands in for ``build``, as on Heroku."""
        return next((name for name in ("heroku-postbuild", "build") if self.scripts.get(name)), None)


def read_package(build: Path) -> AppPackage | None:
    """None where the app has no package.json; fails where it is none."""
    file = build / PACKAGE_JSON
    if not file.is_file():
        return None
    try:
        content = json.loads(file.read_bytes().decode("utf-8-sig"))
    except UnicodeDecodeError as error:
        fail(f"package.json is not UTF-8: {error.reason} at byte {error.start}.", "Save it as UTF-8.")
    except json.JSONDecodeError as error:
        fail(
            f"package.json is not valid JSON: {error.msg} at line {error.lineno}, column {error.colno}.",
            "Mend that line; `npm pkg get name` reads the file the way npm does.",
        )
    if not isinstance(content, dict):
        fail("package.json holds no JSON object.", "It must begin with { and name the app's dependencies and scripts.")
    return _parsed(content)


def _parsed(content: Mapping[str, object]) -> AppPackage:
    dependencies = [content.get(key) for key in ("dependencies", "optionalDependencies")]
    manager = content.get("packageManager")
    return AppPackage(
        engines=_texts(content.get("engines")),
        scripts=_texts(content.get("scripts")),
        package_manager=manager.strip() if isinstance(manager, str) else "",
        dev_package_manager=_dev_package_manager(content.get("devEngines")),
        main=str(content.get("main") or ""),
        has_dependencies=any(bool(found) for found in dependencies),
        has_dev_dependencies=bool(content.get("devDependencies")),
        has_workspaces=bool(content.get("workspaces")),
    )


def _texts(value: object) -> dict[str, str]:
    """The text members of an object; numbers too, since ``"node": 20`` is meant as a range."""
    if not isinstance(value, dict):
        return {}
    return {str(key): str(text).strip() for key, text in value.items() if isinstance(text, (str, int, float))}


def _dev_package_manager(value: object) -> tuple[str, str] | None:
    named = value.get("packageManager") if isinstance(value, dict) else None
    first = named[0] if isinstance(named, list) and named else named
    texts = _texts(first)
    return (texts["name"], texts.get("version", "")) if texts.get("name") else None
