"""What flags mean as values. Every refusal says what the flag takes."""

from __future__ import annotations

from collections.abc import Callable, Iterable
from dataclasses import dataclass
from pathlib import Path
from typing import TypeVar

from stagewright.errors import UsageProblem
from stagewright.model.build import ImageForm, ImageTarget

T = TypeVar("T")
N = TypeVar("N", int, float)


@dataclass(eq=False)
class BadOption(UsageProblem):
    """A flag has a value that it does not take."""

    flag: str
    says: str

    def brief(self) -> str:
        return f"{self.flag}: {self.says}."

    def hint(self) -> str:
        return "stagewright COMMAND --help lists what each flag takes."


def parsed(flag: str, text: str | None, parse: Callable[[str], T]) -> T | None:
    """The value of a flag that may be missing. Raises BadOption where ``parse`` raises ValueError."""
    if text is None:
        return None
    try:
        return parse(text)
    except ValueError as error:
        raise BadOption(flag, str(error)) from error


def within(parse: Callable[[str], N], least: N, most: N, words: str) -> Callable[[str], N]:
    """``parse``, refusing what is out of bounds."""

    def bounded(text: str) -> N:
        value = parse(text)
        if not least <= value <= most:
            raise ValueError(f"{text} is out of bounds: {words}")
        return value

    return bounded


def environment(pairs: Iterable[str], files: Iterable[Path]) -> dict[str, str]:
    """Variables of ``--env-file``, then of ``--env``, which wins. Raises BadOption."""
    env: dict[str, str] = {}
    for path in files:
        env.update(_env_file(path))
    for pair in pairs:
        name, equals, value = pair.partition("=")
        if not equals or not name:
            raise BadOption("--env", f"{name!r} has no value; write NAME=VALUE")
        env[name] = value
    return env


def _env_file(path: Path) -> Iterable[tuple[str, str]]:
    """Lines NAME=VALUE; empty lines and lines that begin with # say nothing; a value may stand in quotes."""
    try:
        text = path.read_text(encoding="utf-8")
    except (OSError, UnicodeDecodeError) as error:
        reason = error.strerror if isinstance(error, OSError) else "it is not UTF-8"
        raise BadOption("--env-file", f"{path} cannot be read ({reason})") from error
    for number, line in enumerate(text.splitlines(), start=1):
        stripped = line.strip().removeprefix("export ")
        if not stripped or stripped.startswith("#"):
            continue
        name, equals, value = stripped.partition("=")
        if not equals or not name.strip():
            raise BadOption("--env-file", f"{path}, line {number} is not NAME=VALUE")
        value = value.strip()
        if len(value) >= 2 and value[0] == value[-1] and value[0] in "'\"":
            value = value[1:-1]
        yield name.strip(), value


def image_target(text: str) -> ImageTarget:
    """``oci:DIR[:TAG]`` or ``docker-archive:FILE[:NAME]``. Raises BadImagePlace."""
    from stagewright.images import LayoutPlace, parse_place

    place = parse_place(text)
    if isinstance(place, LayoutPlace):
        return ImageTarget(ImageForm.OCI, place.directory, str(place.tag or "latest"))
    return ImageTarget(ImageForm.DOCKER_ARCHIVE, place.file, str(place.name or ""))
