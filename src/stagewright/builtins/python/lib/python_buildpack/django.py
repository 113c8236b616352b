"""Django projects: where manage.py is, the application that its settings name, and the static files."""

from __future__ import annotations

import ast
import os
from collections.abc import Mapping
from dataclasses import dataclass
from pathlib import Path

import buildpack
from buildpack import BuildpackError, CommandError

from python_buildpack.asgi_wsgi import UNREADABLE

DEPTH = 3
"""How deep below the app manage.py is looked for."""


@dataclass(frozen=True)
class DjangoProject:
    """A directory with a manage.py of Django."""

    directory: Path
    settings: str
    """The settings module that manage.py names, "" where it names none."""

    def application(self, interface: str) -> str:
        """``mysite.wsgi:application`` (or ``asgi``) where the settings or a file of that name give it, else ""."""
        named = _string_constant(self._file(self.settings), f"{interface.upper()}_APPLICATION")
        if named and "." in named:
            module, _, name = named.rpartition(".")
            if self._file(module).is_file():
                return f"{module}:{name}"
        packages = [self.settings.split(".")[0]] if self.settings else []
        packages += sorted(file.parent.name for file in self.directory.glob(f"*/{interface}.py"))
        found = (package for package in packages if (self.directory / package / f"{interface}.py").is_file())
        package = next(found, "")
        return f"{package}.{interface}:application" if package else ""

    def _file(self, module: str) -> Path:
        path = self.directory.joinpath(*module.split("."))
        return path / "__init__.py" if path.is_dir() else path.with_suffix(".py")


def find_django(root: Path) -> DjangoProject | None:
    """The manage.py that is nearest to the top, if it is Django's."""
    for depth in range(DEPTH):
        for file in sorted(root.glob("*/" * depth + "manage.py")):
            text = file.read_text(encoding="utf-8", errors="replace")
            if "django" in text and not any(part.startswith(".") for part in file.relative_to(root).parts):
                return DjangoProject(file.parent, _settings_module(text))
    return None


def _settings_module(text: str) -> str:
    """``os.environ.setdefault("DJANGO_SETTINGS_MODULE", "mysite.settings")``."""
    try:
        tree = ast.parse(text)
    except UNREADABLE:
        return ""
    for call in (node for node in ast.walk(tree) if isinstance(node, ast.Call)):
        values = [argument.value for argument in call.args if isinstance(argument, ast.Constant)]
        if len(values) == 2 and values[0] == "DJANGO_SETTINGS_MODULE" and isinstance(values[1], str):
            return values[1]
    return ""


def _string_constant(file: Path, name: str) -> str:
    """The string that a module's top level gives to a name, "" where it does not."""
    if not file.is_file():
        return ""
    try:
        body = ast.parse(file.read_bytes()).body
    except UNREADABLE:
        return ""
    for statement in body:
        if isinstance(statement, ast.Assign) and any(
            isinstance(t, ast.Name) and t.id == name for t in statement.targets
        ):
            value = statement.value
            if isinstance(value, ast.Constant) and isinstance(value.value, str):
                return value.value
    return ""


SKIPPED = (
    ("STATIC_ROOT", "STATIC_ROOT is not set, so there is no place for them"),
    ("Unknown command: 'collectstatic'", "django.contrib.staticfiles is not among the installed apps"),
)
"""What collectstatic says where an app has no static files to collect, which is no failure."""


def collect_static(project: DjangoProject, python: Path, environment: Mapping[str, str], root: Path) -> None:
    """Run ``manage.py collectstatic``; an app without static files is left alone, another failure ends the staging."""
    if os.environ.get("DISABLE_COLLECTSTATIC", "0") not in ("", "0", "false"):
        buildpack.step("Static files are not collected (DISABLE_COLLECTSTATIC is set)")
        return
    buildpack.step("Collecting static files (manage.py collectstatic)")
    variables = {**environment, "PYTHONDONTWRITEBYTECODE": "1"}
    try:
        said = buildpack.capture(
            [python, "manage.py", "collectstatic", "--noinput", "--verbosity", "1"],
            cwd=project.directory,
            env=variables,
            name="manage.py collectstatic",
            quiet=True,
        )
    except CommandError as error:
        reason = next((reason for sign, reason in SKIPPED if sign in error.output), None)
        if reason is None:
            buildpack.detail(error.output)
            raise BuildpackError(
                error.message,
                "Give the app at staging what its settings need (--env), or set DISABLE_COLLECTSTATIC=1.",
            ) from error
        buildpack.detail(f"Skipped: {reason}")
        return
    for line in (line.replace(str(root), "the app").replace("'", "") for line in said.splitlines() if line.strip()):
        buildpack.detail(line)
