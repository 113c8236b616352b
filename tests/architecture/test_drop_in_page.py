"""The page of the drop-in names every flag with its default, and every exit code."""

from __future__ import annotations

import re
from pathlib import Path

from stagewright.lifecycle import builder, failures, launcher

PAGE = (Path(__file__).resolve().parent.parent.parent / "docs/reference/drop-in.md").read_text(encoding="utf-8")


def rows(first: str) -> list[list[str]]:
    """The cells of the table whose first column has that heading."""
    table = re.search(rf"^\| {first} \|.*\n\|[-|]+\|\n((?:\|.*\n)+)", PAGE, re.MULTILINE)
    assert table is not None, first
    return [[cell.strip() for cell in row.strip("|").split("|")] for row in table[1].splitlines()]


def codes(command: str) -> set[int]:
    return {int(row[0].strip("`")) for row in rows(command)}


def test_it_names_every_flag_with_its_default() -> None:
    said = [(row[0], row[1]) for row in rows("flag")]
    assert said == [(f"`-{flag.name}`", f"`{flag.default}`" if flag.default else "") for flag in builder.FLAGS.flags]


def test_it_names_every_exit_code_of_the_builder() -> None:
    of_problems = {failures.DETECT, failures.COMPILE, failures.RELEASE, failures.SUPPLY, failures.OTHER}
    of_the_platform = {failures.PLATFORM_OPTIONS, failures.CREDHUB}
    assert codes("builder") == of_problems | of_the_platform | {0, 2, builder._TOLD_TO_END}


def test_it_names_every_exit_code_of_the_launcher() -> None:
    assert codes("launcher") == {code for _, code in launcher.EXIT_CODES}


def test_every_variable_that_it_names_is_read() -> None:
    """Or by a library: proxies by urllib, certificates by OpenSSL, the directory of temporary files by Python."""
    source = Path(builder.__file__).parent.parent
    code = "".join(path.read_text(encoding="utf-8") for path in source.rglob("*.py"))
    named = [name for row in rows("variable") for name in re.findall(r"`(\w+)`", row[0])]
    assert len(named) > 10
    for name in set(named) - {"SSL_CERT_DIR"}:
        assert f'"{name}"' in code, name
