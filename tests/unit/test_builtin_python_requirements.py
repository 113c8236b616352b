"""requirements.txt made ready for uv, and the line that is to blame."""

from __future__ import annotations

from pathlib import Path

import pytest
from buildpack import BuildpackError
from python_buildpack import requirements
from python_buildpack.requirements import Prepared


def prepared(tmp_path: Path, **files: str) -> Prepared:
    """The prepared requirements of an app with these files: ``requirements`` and others, all ``.txt``."""
    app = tmp_path / "app"
    app.mkdir()
    for name, text in files.items():
        (app / f"{name}.txt").write_text(text)
    return requirements.prepare(app, "requirements.txt", tmp_path / "scratch")


def text_of(found: Prepared, name: str = "requirements.txt") -> str:
    return (found.directory / name).read_text()


def test_lines_that_uv_reads_stay_as_they_are(tmp_path: Path) -> None:
    text = (
        "# pinned\nflask==3.0.0 \\\n    --hash=sha256:aa\n-e .\n-e ./lib/ours\n--index-url https://host/simple\n"
        "name @ git+https://host/x.git@v1\n--no-binary :all:\n-r https://host/more.txt\n"
    )
    assert text_of(prepared(tmp_path, requirements=text)) == text


def test_what_uv_does_not_read_is_changed_line_by_line(tmp_path: Path) -> None:
    found = prepared(
        tmp_path,
        requirements="--trusted-host host\n--pre\n--prefer-binary\n-e git+https://host/x.git@main#egg=x\nflask\n",
    )
    assert text_of(found) == "\n\n\ngit+https://host/x.git@main#egg=x\nflask\n"
    assert found.arguments == ["--allow-insecure-host", "host", "--prerelease", "allow"]


def test_files_of_the_app_that_are_included_are_prepared_too_even_in_a_circle(tmp_path: Path) -> None:
    found = prepared(
        tmp_path,
        requirements="-r base.txt\n--constraint=limits.txt\n-rbase.txt\n",
        base="--pre\n-r requirements.txt\nflask\n",
        limits="flask<4\n",
    )
    base, limits = found.directory / "base.txt", found.directory / "limits.txt"
    assert text_of(found) == f"-r {base}\n--constraint={limits}\n-r{base}\n"
    assert text_of(found, "base.txt") == f"\n-r {found.directory}/requirements.txt\nflask\n"
    assert found.arguments == ["--prerelease", "allow"]


def test_an_included_file_that_is_missing_or_outside_is_refused_with_its_line(tmp_path: Path) -> None:
    with pytest.raises(BuildpackError, match=r"requirements\.txt line 2: -r other\.txt \(there is no such file\)"):
        prepared(tmp_path, requirements="flask\n-r other.txt\n")
    (tmp_path / "secret.txt").touch()
    (tmp_path / "app/requirements.txt").write_text("-r ../secret.txt")
    with pytest.raises(BuildpackError, match=r"requirements\.txt line 1: .*leads out of the app"):
        requirements.prepare(tmp_path / "app", "requirements.txt", tmp_path / "scratch")


@pytest.mark.parametrize("encoding", ["utf-8", "utf-8-sig", "utf-16"])
def test_encodings_that_editors_write(tmp_path: Path, encoding: str) -> None:
    (tmp_path / "requirements.txt").write_bytes("# café\r\nflask\r\n".encode(encoding))
    assert text_of(requirements.prepare(tmp_path, "requirements.txt", tmp_path / "scratch")) == "# café\nflask\n"


def test_other_encodings_are_refused_with_the_line(tmp_path: Path) -> None:
    (tmp_path / "requirements.txt").write_bytes("flask\n# café\n".encode("latin-1"))
    with pytest.raises(BuildpackError, match=r"requirements\.txt line 2 is not UTF-8"):
        requirements.prepare(tmp_path, "requirements.txt", tmp_path / "scratch")


# What uv 0.13 says, with SCRATCH for the directory of the copies.
SAID = [
    ("error: Couldn't parse requirement in `SCRATCH/requirements.txt` at position 19\n  cause: no such operator", 3),
    ("error: Unexpected '-', expected '-c', '-e': SCRATCH/requirements.txt:4:1", 4),
    ("error: Unsupported editable requirement in `SCRATCH/requirements.txt` at line 5: `x`", 5),
    ("Because no-such-thing was not found in the package\n registry and you require no-such-thing==1", 5),
    ("Because there is no version of g_unicorn==999 and you require g-unicorn==999", 3),
    ("Because only g-unicorn<=27 is available and you require g-unicorn>99", 3),
    ("error: Failed to download `flask==3.0.0`\n  cause: Hash mismatch for `flask==3.0.0`", 1),
    ("error: Failed to build `no-such-thing==1`", 5),
    ("error: Distribution not found at: file:///home/vcap/app/lib/ours", 6),
]


@pytest.mark.parametrize(("said", "number"), SAID)
def test_the_line_to_blame(tmp_path: Path, said: str, number: int) -> None:
    text = "Flask==3.0.0\n# six\nG.Unicorn ===== 3\n--bogus x\nNo_Such.Thing==1\n./lib/ours\n"
    found = prepared(tmp_path, requirements=text)
    line = requirements.blame(said.replace("SCRATCH", str(found.directory)), found)
    assert line is not None
    assert str(line) == f"requirements.txt line {number}: {text.splitlines()[number - 1]}"


def test_packages_without_a_version_are_named(tmp_path: Path) -> None:
    text = "flask\ngunicorn>=20\nwerkzeug==3.0.0\nx @ https://host/x-1.whl\n-r more.txt\n# rest\n./local\n"
    found = prepared(tmp_path, requirements=text, more="Jinja2\n")
    assert requirements.without_version(found) == ["flask", "gunicorn", "jinja2"]


def test_nobody_is_blamed_for_what_no_line_causes(tmp_path: Path) -> None:
    found = prepared(tmp_path, requirements="flask\n")
    assert requirements.blame("error: Failed to fetch: https://host/simple/x: dns error", found) is None


def test_the_line_to_blame_in_an_included_file_hides_credentials(tmp_path: Path) -> None:
    found = prepared(tmp_path, requirements="-r base.txt\n", base="x @ https://me:secret@host/x-1.whl\n")
    line = requirements.blame("error: Failed to download `x @ https://****@host/x-1.whl`", found)
    assert str(line) == "base.txt line 1: x @ https://***@host/x-1.whl"


def test_requirements_from_another_file_are_blamed_in_its_name(tmp_path: Path) -> None:
    found = requirements.generated("Pipfile", ["flask==999"], tmp_path)
    line = requirements.blame("Because there is no version of flask==999", found)
    assert str(line) == "Pipfile: flask==999"
