"""manifest.yml: what a Cloud Foundry app says of itself.

The attributes that touch staging are read; the others are Cloud Foundry's business and are passed over. Rule: Cloud Foundry
documentation, "App manifest attribute reference".
"""

from __future__ import annotations

from collections.abc import Callable, Mapping
from dataclasses import dataclass
from pathlib import Path
from typing import Any, TypeVar

from stagewright.documents import NotReadable, load_yaml, scalar_text
from stagewright.errors import AppProblem
from stagewright.model.build import AppManifest
from stagewright.model.names import AppName, StackName
from stagewright.model.process import Processes
from stagewright.model.quantities import parse_size

_NAMES = ("manifest.yml", "manifest.yaml")
_T = TypeVar("_T")


@dataclass(eq=False)
class BadManifest(AppProblem):
    """manifest.yml is not YAML, or one of its attributes has the wrong shape."""

    path: Path
    says: str

    def brief(self) -> str:
        return f"{self.path.name} cannot be used: {self.says}."

    def hint(self) -> str:
        return f"Mend {self.path}; the attributes are those of Cloud Foundry's app manifest."


def find_manifest(directory: Path) -> Path | None:
    """The manifest of a source directory, where there is one. A link is not followed out of the source."""
    for name in _NAMES:
        path = directory / name
        if path.is_file() and not path.is_symlink():
            return path
    return None


def read_manifest(path: Path, wanted: AppName | None = None) -> AppManifest:
    """The app of the manifest at ``path``: the one named ``wanted``, else its only one. Raises BadManifest."""
    try:
        document = load_yaml(path.read_bytes())
    except NotReadable as error:
        raise BadManifest(path, str(error)) from error
    return _Reading(path).manifest(document, wanted)


@dataclass(frozen=True)
class _Reading:
    path: Path

    def manifest(self, document: Any, wanted: AppName | None) -> AppManifest:
        if not isinstance(document, dict) or not isinstance(document.get("applications"), list):
            raise BadManifest(self.path, "it has no list 'applications'")
        apps = [app for app in document["applications"] if isinstance(app, dict)]
        if not apps or len(apps) != len(document["applications"]):
            raise BadManifest(self.path, "every entry of 'applications' must be a map")
        self._refuse_variables(apps)
        return self._app(self._choose(apps, wanted))

    def _choose(self, apps: list[dict[str, Any]], wanted: AppName | None) -> dict[str, Any]:
        if wanted is not None:
            named = [app for app in apps if app.get("name") == str(wanted)]
            if named:
                return named[0]
            if len(apps) == 1:
                return apps[0]
        if len(apps) == 1:
            return apps[0]
        names = ", ".join(str(app.get("name", "without a name")) for app in apps)
        raise BadManifest(self.path, f"it describes {len(apps)} apps ({names}); choose one with --name")

    def _refuse_variables(self, value: Any, depth: int = 0) -> None:
        """``((name))`` is filled in by ``cf push --var``; staging it as text would be a surprise at run time."""
        if depth > 6:
            return
        if isinstance(value, str) and value.startswith("((") and value.endswith("))"):
            raise BadManifest(self.path, f"the variable {value} has no value here; write the value or use --env")
        children = value.values() if isinstance(value, dict) else value if isinstance(value, list) else ()
        for child in children:
            self._refuse_variables(child, depth + 1)

    def _app(self, app: dict[str, Any]) -> AppManifest:
        processes = []
        web: dict[str, Any] = {}
        for entry in self._list(app, "processes"):
            if not isinstance(entry, dict) or not isinstance(entry.get("type"), str):
                raise BadManifest(self.path, "every entry of 'processes' needs a 'type'")
            if entry["type"] == "web":
                web = entry
            command = self._text(entry, "command")
            if command:
                processes.append((entry["type"], command))
        size = self._parsed(parse_size)
        return AppManifest(
            name=self._parsed(AppName)(app, "name"),
            buildpacks=self._buildpacks(app),
            env=self._env(app),
            stack=self._parsed(StackName)(app, "stack"),
            command=self._text(app, "command") or None,
            memory=size(app, "memory") or size(web, "memory"),
            disk=size(app, "disk_quota") or size(web, "disk_quota"),
            processes=Processes.of(processes),
        )

    def _buildpacks(self, app: dict[str, Any]) -> tuple[str, ...]:
        references = [scalar_text(entry) for entry in self._list(app, "buildpacks")]
        single = self._text(app, "buildpack")
        if single and single not in ("default", "null"):
            references.insert(0, single)
        if not all(references):
            raise BadManifest(self.path, "'buildpacks' must be a list of names or references")
        return tuple(reference for reference in references if reference)

    def _env(self, app: dict[str, Any]) -> Mapping[str, str]:
        env = app.get("env") or {}
        if not isinstance(env, dict):
            raise BadManifest(self.path, "'env' must be a map of names to values")
        values = {}
        for name, value in env.items():
            text = scalar_text(value)
            if text is None:
                raise BadManifest(
                    self.path, f"the value of env {name!r} must be a text or a number, not a list or a map"
                )
            values[str(name)] = text
        return values

    def _list(self, app: dict[str, Any], name: str) -> list[Any]:
        value = app.get(name)
        if value is None:
            return []
        if not isinstance(value, list):
            raise BadManifest(self.path, f"'{name}' must be a list")
        return value

    def _text(self, app: dict[str, Any], name: str) -> str | None:
        value = app.get(name)
        if value is None:
            return None
        text = scalar_text(value)
        if text is None:
            raise BadManifest(self.path, f"'{name}' must be a text")
        return text

    def _parsed(self, parse: Callable[[str], _T]) -> Callable[[dict[str, Any], str], _T | None]:
        def read(app: dict[str, Any], name: str) -> _T | None:
            text = self._text(app, name)
            if not text:
                return None
            try:
                return parse(text)
            except ValueError as error:
                raise BadManifest(self.path, f"'{name}': {error}") from error

        return read
