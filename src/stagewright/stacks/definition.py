"""What a stack is made of: one TOML file, read once and checked."""

from __future__ import annotations

import json
import re
import tomllib
from collections.abc import Mapping, Sequence
from dataclasses import asdict, dataclass
from pathlib import Path, PurePosixPath
from typing import NoReturn

from stagewright.errors import UsageProblem
from stagewright.model.digest import Digest
from stagewright.model.layout import VCAP_ID
from stagewright.model.names import StackName

SCHEMA = 1
_DIRECTORY = Path(__file__).parent / "definitions"
_VARIANTS = ("essential", "apt", "required", "minbase", "buildd", "important", "standard")
_SUITE = re.compile(r"[a-z][a-z0-9.-]*(/[a-z0-9-]+)?")
_PACKAGE = re.compile(r"[a-z0-9][a-z0-9+.-]+(:[a-z0-9]+)?(=[A-Za-z0-9.+:~-]+|/[A-Za-z0-9-]+)?")
_USER = re.compile(r"[a-z_][a-z0-9_-]{0,31}")
_PATH = re.compile(r"/[^\0\n\r:]*")
_MODE = re.compile(r"0?[0-7]{3,4}")


@dataclass(eq=False)
class BadDefinition(UsageProblem):
    """A definition file that does not say what a stack is made of."""

    path: Path
    where: str
    """The key, as in ``run.packages``; empty for the file as a whole."""
    reason: str

    def brief(self) -> str:
        where = f", {self.where}" if self.where else ""
        return f"The stack definition {self.path}{where}: {self.reason}."

    def hint(self) -> str:
        return f"One that works, with comments, is {_DIRECTORY / 'debian12.toml'}"


@dataclass(eq=False)
class UnknownDefinition(UsageProblem):
    name: str
    known: tuple[str, ...]

    def brief(self) -> str:
        return f"There is no built-in definition of a stack {self.name!r}; there are: {', '.join(self.known)}."

    def hint(self) -> str:
        return "--definition FILE makes a stack of your own; 'stagewright stack show debian12 --definition' prints one."


@dataclass(frozen=True)
class RootDefinition:
    """One root: mmdebstrap's variant and the packages that are named beside it."""

    variant: str
    packages: tuple[str, ...]


@dataclass(frozen=True)
class User:
    """A user of the stack, with a group of the same name and id."""

    name: str
    id: int
    home: str
    shell: str = "/bin/bash"


@dataclass(frozen=True)
class Directory:
    """A directory that the roots hold from the start."""

    path: str
    owner: int = 0
    mode: int = 0o755


@dataclass(frozen=True)
class Definition:
    """A stack, before it is made. ``build`` names the packages of both roots."""

    name: StackName
    suite: str
    run: RootDefinition
    build: RootDefinition
    path_excludes: tuple[str, ...] = ()
    users: tuple[User, ...] = ()
    directories: tuple[Directory, ...] = ()

    @property
    def digest(self) -> Digest:
        """Of what it says, not of how it is written: comments and order of keys do not count."""
        return Digest.of(json.dumps(asdict(self), sort_keys=True).encode())


def load_definition(path: Path) -> Definition:
    """Read a definition; the stack is named like the file. Raises BadDefinition."""
    try:
        content = path.read_text(encoding="utf-8")
    except (OSError, UnicodeDecodeError) as error:
        reason = error.strerror.lower() if isinstance(error, OSError) and error.strerror else "it is not UTF-8"
        raise BadDefinition(path, "", f"it cannot be read: {reason}") from error
    return parse_definition(content, path)


def builtin_definition(name: str) -> Definition:
    """A definition that comes with Stagewright. Raises UnknownDefinition."""
    return parse_definition(builtin_text(name), Path(f"{name}.toml"))


def builtin_text(name: str) -> str:
    """The file itself, comments and all, to begin one's own with. Raises UnknownDefinition."""
    if name not in builtin_names():
        raise UnknownDefinition(name, builtin_names())
    return (_DIRECTORY / f"{name}.toml").read_text(encoding="utf-8")


def builtin_names() -> tuple[str, ...]:
    return tuple(sorted(file.stem for file in _DIRECTORY.glob("*.toml")))


def parse_definition(content: str, path: Path) -> Definition:
    """``path`` names the stack and is what problems speak of. Raises BadDefinition."""
    try:
        table = tomllib.loads(content)
    except tomllib.TOMLDecodeError as error:
        raise BadDefinition(path, "", f"it is not TOML: {error}") from error
    return _Reader(path).definition(table)


@dataclass(frozen=True)
class _Reader:
    path: Path

    def definition(self, table: Mapping[str, object]) -> Definition:
        self.only(table, "", ("schema", "suite", "path_excludes", "run", "build", "users", "directories"))
        if table.get("schema") != SCHEMA:
            self.bad("schema", f"it must be {SCHEMA}")
        run = self.root(table, "run")
        build = self.root(table, "build")
        both = RootDefinition(build.variant, tuple(dict.fromkeys((*run.packages, *build.packages))))
        excludes = self.texts(table, "path_excludes", "path_excludes", _PATH, "an absolute path")
        return Definition(
            self.name(),
            self.text(table, "suite", "suite", _SUITE, "the name of a suite, such as bookworm"),
            run,
            both,
            excludes,
            tuple(self.user(entry, where) for entry, where in self.tables(table, "users")),
            tuple(self.directory(entry, where) for entry, where in self.tables(table, "directories")),
        )

    def bad(self, where: str, reason: str) -> NoReturn:
        raise BadDefinition(self.path, where, reason)

    def name(self) -> StackName:
        try:
            return StackName(self.path.stem)
        except ValueError as error:
            raise BadDefinition(self.path, "", f"the stack would be named like the file, but {error}") from error

    def only(self, table: Mapping[str, object], where: str, known: Sequence[str]) -> None:
        for key in table:
            if key not in known:
                self.bad(f"{where}.{key}" if where else key, f"no such key; there are {', '.join(known)}")

    def text(
        self, table: Mapping[str, object], key: str, where: str, pattern: re.Pattern[str], what: str, default: str = ""
    ) -> str:
        value = table.get(key, default)
        if not isinstance(value, str) or not pattern.fullmatch(value):
            self.bad(
                where, f"{value!r} is not {what}" if key in table or default else f"it is missing; it takes {what}"
            )
        return value

    def texts(
        self, table: Mapping[str, object], key: str, where: str, pattern: re.Pattern[str], what: str
    ) -> tuple[str, ...]:
        values = table.get(key, [])
        if not isinstance(values, list):
            self.bad(where, "it must be a list")
        for value in values:
            if not isinstance(value, str) or not pattern.fullmatch(value):
                self.bad(where, f"{value!r} is not {what}")
        return tuple(values)

    def tables(self, table: Mapping[str, object], key: str) -> list[tuple[Mapping[str, object], str]]:
        entries = table.get(key, [])
        if not isinstance(entries, list) or not all(isinstance(entry, dict) for entry in entries):
            self.bad(key, f"write it as [[{key}]]")
        return [(entry, f"{key}[{number}]") for number, entry in enumerate(entries)]

    def root(self, table: Mapping[str, object], key: str) -> RootDefinition:
        section = table.get(key)
        if not isinstance(section, dict):
            self.bad(key, f"the section [{key}] is missing")
        self.only(section, key, ("variant", "packages"))
        variant = section.get("variant")
        if variant not in _VARIANTS:
            self.bad(f"{key}.variant", f"{variant!r} is none of {', '.join(_VARIANTS)}")
        packages = self.texts(section, "packages", f"{key}.packages", _PACKAGE, "the name of a package")
        return RootDefinition(str(variant), packages)

    def user(self, entry: Mapping[str, object], where: str) -> User:
        self.only(entry, where, ("name", "id", "home", "shell"))
        name = self.text(entry, "name", f"{where}.name", _USER, "the name of a user")
        number = self.id(entry, "id", where)
        if number == VCAP_ID or name == "vcap":
            self.bad(where, f"vcap ({VCAP_ID}) is in every stack already")
        home = self.text(entry, "home", f"{where}.home", _PATH, "an absolute path", "/nonexistent")
        return User(
            name, number, home, self.text(entry, "shell", f"{where}.shell", _PATH, "an absolute path", "/bin/bash")
        )

    def directory(self, entry: Mapping[str, object], where: str) -> Directory:
        self.only(entry, where, ("path", "owner", "mode"))
        path = self.text(entry, "path", f"{where}.path", _PATH, "an absolute path")
        if ".." in PurePosixPath(path).parts:
            self.bad(f"{where}.path", "it holds '..'")
        owner = self.id(entry, "owner", where) if "owner" in entry else 0
        mode = self.text(entry, "mode", f"{where}.mode", _MODE, 'a mode such as "0755"', "0755")
        return Directory(path, owner, int(mode, 8))

    def id(self, entry: Mapping[str, object], key: str, where: str) -> int:
        number = entry.get(key)
        if not isinstance(number, int) or isinstance(number, bool) or not 0 <= number < 65534:
            self.bad(f"{where}.{key}", "it takes a number from 0 to 65533")
        return number
