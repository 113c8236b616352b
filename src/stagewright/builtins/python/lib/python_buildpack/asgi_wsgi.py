"""The WSGI and ASGI applications that an app's modules make, read from their syntax; nothing of the app is imported or run."""

from __future__ import annotations

import ast
from collections.abc import Iterator
from dataclasses import dataclass, field
from enum import Enum
from pathlib import Path

UNREADABLE = (SyntaxError, ValueError, RecursionError, MemoryError)
"""What parsing raises for other versions of Python, binary content and nesting without end."""


class Interface(Enum):
    """How a server talks to an application."""

    WSGI = "WSGI"
    ASGI = "ASGI"


FRAMEWORKS = {
    "flask.Flask": ("Flask", Interface.WSGI),
    "apiflask.APIFlask": ("APIFlask", Interface.WSGI),
    "bottle.Bottle": ("Bottle", Interface.WSGI),
    "bottle.default_app": ("Bottle", Interface.WSGI),
    "falcon.App": ("Falcon", Interface.WSGI),
    "falcon.API": ("Falcon", Interface.WSGI),
    "whitenoise.WhiteNoise": ("WhiteNoise", Interface.WSGI),
    "django.core.wsgi.get_wsgi_application": ("Django", Interface.WSGI),
    "fastapi.FastAPI": ("FastAPI", Interface.ASGI),
    "starlette.applications.Starlette": ("Starlette", Interface.ASGI),
    "quart.Quart": ("Quart", Interface.ASGI),
    "litestar.Litestar": ("Litestar", Interface.ASGI),
    "sanic.Sanic": ("Sanic", Interface.ASGI),
    "blacksheep.Application": ("BlackSheep", Interface.ASGI),
    "falcon.asgi.App": ("Falcon", Interface.ASGI),
    "socketio.ASGIApp": ("Socket.IO", Interface.ASGI),
    "django.core.asgi.get_asgi_application": ("Django", Interface.ASGI),
}
"""What, when called, gives an application: its full name, the framework's name, the interface."""

APPLICATION_NAMES = ("app", "application", "api", "server", "wsgi", "asgi")
FACTORY_NAMES = ("create_app", "make_app", "build_app", "get_app", "app_factory", "create_application")

FILE_NAMES = ("app", "wsgi", "asgi", "main", "application", "server", "api", "run", "index")
"""Modules that are looked at, in this order, in the app's directory and in its packages (there ``__init__`` first)."""

SKIPPED_DIRECTORIES = frozenset(
    {"tests", "test", "docs", "venv", "env", "node_modules", "migrations", "build", "dist", "static"}
)

DEPTH = 4
"""How many imports and calls are followed from a name to the framework."""


@dataclass(frozen=True)
class Application:
    """An application, or a factory of one, by its import name."""

    module: str
    name: str
    framework: str
    interface: Interface
    file: str
    """The file that says so, relative to the app."""
    is_factory: bool = False
    directory: str = ""
    """The directory that must be importable, when it is not the app's own: ``src``."""

    @property
    def target(self) -> str:
        return f"{self.module}:{self.name}"


Known = tuple[str, Interface]


def find_application(root: Path) -> Application | None:
    """The first application in the files that usually hold one; a finished object is preferred to a factory anywhere."""
    for factories in (False, True):
        for base in ("", "src"):
            sources = _Sources(root / base)
            for file in _candidates(root / base):
                found = _in_module(sources, file, base, root, factories)
                if found:
                    return found
    return None


def _candidates(base: Path) -> Iterator[Path]:
    if not base.is_dir():
        return
    yield from (base / f"{name}.py" for name in FILE_NAMES if (base / f"{name}.py").is_file())
    for directory in sorted(entry for entry in base.iterdir() if entry.is_dir() and entry.name.isidentifier()):
        if directory.name not in SKIPPED_DIRECTORIES and not (base.name != "src" and directory.name == "src"):
            names = ("__init__", *FILE_NAMES)
            yield from (directory / f"{name}.py" for name in names if (directory / f"{name}.py").is_file())


def _in_module(sources: _Sources, file: Path, base: str, root: Path, factories: bool) -> Application | None:
    module_name = sources.name_of(file)
    module = sources.module(module_name)
    if module is None:
        return None
    for name in module.factories() if factories else module.objects():
        known = sources.resolve(module_name, name, DEPTH, called=factories)
        if known:
            framework, interface = known
            shown = file.relative_to(root).as_posix()
            return Application(module_name, name, framework, interface, shown, factories, base)
    return None


@dataclass
class _Module:
    """What a module's top level binds: assignments, functions, classes and imports, by name."""

    package: str
    values: dict[str, list[ast.expr]] = field(default_factory=dict)
    functions: dict[str, ast.FunctionDef | ast.AsyncFunctionDef] = field(default_factory=dict)
    classes: dict[str, ast.ClassDef] = field(default_factory=dict)
    imports: dict[str, str] = field(default_factory=dict)

    def objects(self) -> Iterator[str]:
        """Names that may be applications, the usual ones first, imported ones only if they have a usual name."""
        bound = {**self.values, **self.functions}
        yield from (name for name in APPLICATION_NAMES if name in bound or name in self.imports)
        yield from (name for name in self.values if name not in APPLICATION_NAMES)

    def factories(self) -> Iterator[str]:
        yield from (name for name in FACTORY_NAMES if name in self.functions and not _required(self.functions[name]))


def _required(function: ast.FunctionDef | ast.AsyncFunctionDef) -> bool:
    """Whether a function cannot be called without arguments."""
    arguments = function.args
    positional = len(arguments.posonlyargs) + len(arguments.args) - len(arguments.defaults)
    return positional > 0 or None in arguments.kw_defaults


class _Sources:
    """The modules below one importable directory, parsed when they are first asked for."""

    def __init__(self, base: Path) -> None:
        self._base = base
        self._modules: dict[str, _Module | None] = {}

    def name_of(self, file: Path) -> str:
        parts = file.relative_to(self._base).with_suffix("").parts
        return ".".join(parts[:-1] if parts[-1] == "__init__" else parts)

    def module(self, name: str) -> _Module | None:
        if name not in self._modules:
            self._modules[name] = self._parse(name)
        return self._modules[name]

    def _parse(self, name: str) -> _Module | None:
        path = self._base.joinpath(*name.split("."))
        for file, package in ((path / "__init__.py", name), (path.with_suffix(".py"), name.rpartition(".")[0])):
            if file.is_file():
                try:
                    tree = ast.parse(file.read_bytes())
                except UNREADABLE:
                    return None
                return _collect(tree.body, _Module(package))
        return None

    def resolve(self, module_name: str, name: str, depth: int, *, called: bool = False) -> Known | None:
        """What the name of a module is (or gives, when called), or None where that is no application."""
        module = self.module(module_name)
        if module is None or depth == 0:
            return None
        if name in module.functions:
            function = module.functions[name]
            return self._in_function(module_name, function, depth) if called else _bare_application(function)
        if name in module.classes:
            bases = (self.full_name(module_name, base) for base in module.classes[name].bases)
            return next((FRAMEWORKS[base] for base in bases if base in FRAMEWORKS), None) if called else None
        for value in reversed(module.values.get(name, [])):
            known = None if called else self._of_expression(module_name, value, depth - 1)
            if known:
                return known
        if name in module.imports:
            return self._imported(module.imports[name], depth - 1, called)
        return None

    def _imported(self, full: str, depth: int, called: bool) -> Known | None:
        if called and full in FRAMEWORKS:
            return FRAMEWORKS[full]
        module, _, name = full.rpartition(".")
        return self.resolve(module, name, depth, called=called) if module else None

    def _of_expression(self, module_name: str, value: ast.expr, depth: int) -> Known | None:
        """An application where the expression calls a framework, a factory or a subclass, or is a wrapper around one."""
        if depth <= 0:
            return None
        if isinstance(value, ast.Name):
            return self.resolve(module_name, value.id, depth)
        if isinstance(value, ast.Attribute):
            return self._imported(self.full_name(module_name, value), depth, called=False) or self._dash(
                module_name, value, depth
            )
        if not isinstance(value, ast.Call):
            return None
        if isinstance(value.func, ast.Attribute) and value.func.attr == "make_wsgi_app":
            return ("Pyramid", Interface.WSGI)
        known = self._called(module_name, value.func, depth)
        if known or not value.args:
            return known
        return self._of_expression(module_name, value.args[0], depth - 1)

    def _called(self, module_name: str, function: ast.expr, depth: int) -> Known | None:
        full = self.full_name(module_name, function)
        if full in FRAMEWORKS:
            return FRAMEWORKS[full]
        if isinstance(function, ast.Name):
            return self.resolve(module_name, function.id, depth, called=True)
        return self._imported(full, depth, called=True)

    def _dash(self, module_name: str, value: ast.Attribute, depth: int) -> Known | None:
        """``server = app.server`` where app is a Dash: the Flask application within."""
        module = self.module(module_name)
        if module is None or value.attr != "server" or not isinstance(value.value, ast.Name) or depth == 0:
            return None
        made = (item for item in module.values.get(value.value.id, []) if isinstance(item, ast.Call))
        is_dash = any(self.full_name(module_name, call.func) == "dash.Dash" for call in made)
        return ("Dash", Interface.WSGI) if is_dash else None

    def _in_function(
        self, module_name: str, function: ast.FunctionDef | ast.AsyncFunctionDef, depth: int
    ) -> Known | None:
        """A factory is a function whose body calls a framework, or another factory."""
        local = _collect(function.body, _Module(self._package_of(module_name)))
        module = self.module(module_name)
        imports = {**(module.imports if module else {}), **local.imports}
        for call in (node for node in ast.walk(function) if isinstance(node, ast.Call)):
            full = _dotted(call.func, imports)
            if full in FRAMEWORKS:
                return FRAMEWORKS[full]
            known = self._called(module_name, call.func, depth - 1) if depth > 1 else None
            if known:
                return known
        return None

    def _package_of(self, module_name: str) -> str:
        module = self.module(module_name)
        return module.package if module else ""

    def full_name(self, module_name: str, expression: ast.expr) -> str:
        """``flask.Flask`` for ``Flask`` or ``flask.Flask``, by the module's imports; "" for what is no dotted name."""
        module = self.module(module_name)
        return _dotted(expression, module.imports if module else {})


def _dotted(expression: ast.expr, imports: dict[str, str]) -> str:
    if isinstance(expression, ast.Name):
        return imports.get(expression.id, expression.id)
    if isinstance(expression, ast.Attribute):
        before = _dotted(expression.value, imports)
        return f"{before}.{expression.attr}" if before else ""
    return ""


def _bare_application(function: ast.FunctionDef | ast.AsyncFunctionDef) -> Known | None:
    """``def app(environ, start_response)`` and ``async def app(scope, receive, send)``."""
    names = [argument.arg for argument in function.args.args]
    if isinstance(function, ast.AsyncFunctionDef):
        return ("plain ASGI", Interface.ASGI) if names == ["scope", "receive", "send"] else None
    return ("plain WSGI", Interface.WSGI) if len(names) == 2 and names[1] == "start_response" else None


def _collect(statements: list[ast.stmt], module: _Module) -> _Module:
    """Fill in what these statements bind, also inside if, try and with."""
    for statement in statements:
        if isinstance(statement, (ast.Import, ast.ImportFrom)):
            module.imports.update(_imported_names(statement, module.package))
        elif isinstance(statement, ast.Assign):
            for target in statement.targets:
                _bind(target, statement.value, module)
        elif isinstance(statement, ast.AnnAssign) and statement.value is not None:
            _bind(statement.target, statement.value, module)
        elif isinstance(statement, (ast.FunctionDef, ast.AsyncFunctionDef)):
            module.functions[statement.name] = statement
        elif isinstance(statement, ast.ClassDef):
            module.classes[statement.name] = statement
        elif isinstance(statement, (ast.If, ast.Try, ast.With)) and not _is_main_guard(statement):
            _collect(statement.body, module)
            _collect(getattr(statement, "orelse", []), module)
            for handler in getattr(statement, "handlers", []):
                _collect(handler.body, module)
    return module


def _is_main_guard(statement: ast.stmt) -> bool:
    """``if __name__ == "__main__":`` is not run by a server."""
    return isinstance(statement, ast.If) and any(
        isinstance(node, ast.Name) and node.id == "__name__" for node in ast.walk(statement.test)
    )


def _bind(target: ast.expr, value: ast.expr, module: _Module) -> None:
    if isinstance(target, ast.Name):
        module.values.setdefault(target.id, []).append(value)


def _imported_names(statement: ast.Import | ast.ImportFrom, package: str) -> Iterator[tuple[str, str]]:
    if isinstance(statement, ast.Import):
        for alias in statement.names:
            yield (alias.asname or alias.name.split(".")[0]), (alias.name if alias.asname else alias.name.split(".")[0])
        return
    parents = package.split(".") if package else []
    base = parents[: len(parents) - statement.level + 1] if statement.level else []
    origin = ".".join([*base, *([statement.module] if statement.module else [])])
    for alias in statement.names:
        yield alias.asname or alias.name, f"{origin}.{alias.name}" if origin else alias.name
