"""The pure parts of the python buildpack: which Python, which file, what a Pipfile says, uv's settings, what is tidied up."""

from __future__ import annotations

import json
import sys
from pathlib import Path

import pytest
from buildpack import BuildpackError
from hypothesis import given
from hypothesis import strategies as st
from packaging.requirements import Requirement
from packaging.specifiers import SpecifierSet
from python_buildpack import interpreter, pipfile, relocation, uv, versions
from python_buildpack.project import Kind, python_request, read_project, recognise
from python_buildpack.versions import PythonRequest

STACK = (3, 11, 2)


def project_with(root: Path, **files: str) -> Path:
    """An app with these files; a double underscore in a name stands for its dot, ``_`` before it for a leading dot."""
    for name, text in files.items():
        (root / name.replace("__", ".")).write_text(text)
    return root


# ------------------------------------------------------------------------------------------------------------------- versions
@pytest.mark.parametrize(
    ("text", "wanted", "satisfied"),
    [
        ("3.11", "3.11", True),
        ("3.11.2\n", "3.11.2", True),
        ("3.11.3", "3.11.3", False),
        ("# ours\n\n3.12 # soon\n3.11", "3.12", False),
        ("3", "3", True),
        ("cpython@3.11", "3.11", True),
        ("python-3.11.2", "3.11.2", True),
        (">= 3.10, < 3.13", ">=3.10,<3.13", True),
        ("3.13.0rc1", "3.13.0rc1", False),
    ],
)
def test_a_python_version_file(text: str, wanted: str, satisfied: bool) -> None:
    request = versions.from_python_version_file(text)
    assert request is not None
    assert (request.wanted, request.allows(STACK), request.source) == (wanted, satisfied, ".python-version")


@pytest.mark.parametrize("text", ["pypy3.10", "system", "3.x.y", "my-env", "3.11.2.4"])
def test_a_python_version_file_that_names_no_cpython_is_refused_with_its_line(text: str) -> None:
    with pytest.raises(BuildpackError, match=r"\.python-version line 2 says"):
        versions.from_python_version_file(f"# which\n{text}")


@pytest.mark.parametrize(
    ("text", "wanted"),
    [("python-3.12.4\n", "3.12.4"), ("python-3.12.x", "3.12"), ("python-3.12", "3.12"), ("python-3.x", "3")],
)
def test_runtime_txt(text: str, wanted: str) -> None:
    assert versions.from_runtime_txt(text) == PythonRequest(wanted, "runtime.txt")


def test_a_runtime_txt_for_something_else_is_refused_and_an_empty_one_says_nothing() -> None:
    with pytest.raises(BuildpackError, match=r"runtime\.txt says 'java-17'"):
        versions.from_runtime_txt("java-17")
    assert versions.from_runtime_txt("\n") is None
    assert versions.from_python_version_file("# nothing\n") is None


@pytest.mark.parametrize(
    ("text", "wanted", "satisfied"),
    [
        ("^3.10", ">=3.10,<4", True),
        ("~3.10", ">=3.10,<3.11", False),
        ("~3", ">=3,<4", True),
        (">=3.9 <3.12", ">=3.9,<3.12", True),
        (">=3.9,<3.12", ">=3.9,<3.12", True),
        ("^2.7 || ^3.11", ">=3.11,<4", True),
        ("3.11.*", "3.11", True),
    ],
)
def test_what_poetry_writes(text: str, wanted: str, satisfied: bool) -> None:
    request = versions.from_poetry(text, "pyproject.toml")
    assert (request.wanted, request.allows(STACK)) == (wanted, satisfied)


def test_poetry_may_want_any_python() -> None:
    assert versions.from_poetry("*", "pyproject.toml").allows((3, 99))


RELEASES = st.lists(st.integers(0, 14), min_size=1, max_size=3).map(lambda parts: ".".join(map(str, [3, *parts][:3])))
CLAUSES = st.one_of(
    st.tuples(st.sampled_from(["==", "!=", "<", "<=", ">", ">="]), RELEASES).map("".join),
    st.tuples(st.sampled_from(["==", "!="]), RELEASES).map(lambda pair: f"{pair[0]}{pair[1]}.*"),
    RELEASES.map(lambda release: f"~={release}"),
)


@given(
    clauses=st.lists(CLAUSES, min_size=1, max_size=3),
    version=st.tuples(st.just(3), st.integers(0, 14), st.integers(0, 14)),
)
def test_clauses_mean_what_packaging_says(clauses: list[str], version: tuple[int, ...]) -> None:
    request = versions.from_specifier(",".join(clauses), "requires-python")
    assert request.allows(version) == SpecifierSet(",".join(clauses)).contains(versions.show(version))


def test_a_final_release_comes_after_its_pre_release() -> None:
    assert versions.from_specifier(">=3.11.2rc1", "x").allows(STACK)
    assert not versions.from_specifier("<3.11.2rc1", "x").allows(STACK)
    assert not versions.from_specifier("==3.11.2rc1", "x").allows(STACK)


# -------------------------------------------------------------------------------------------------------------- which files
@pytest.mark.parametrize("name", ["requirements.txt", "pyproject.toml", "Pipfile", "setup.py"])
def test_each_of_these_files_makes_a_python_app(tmp_path: Path, name: str) -> None:
    assert recognise(tmp_path) is None
    (tmp_path / name).touch()
    assert recognise(tmp_path) == "python"


PROJECT = '[project]\nname = "x"\nversion = "1"\n'


@pytest.mark.parametrize(
    ("files", "kind", "ignored"),
    [
        ({"requirements__txt": "x"}, Kind.REQUIREMENTS, ()),
        ({"uv__lock": "", "pyproject__toml": PROJECT, "requirements__txt": "x"}, Kind.UV_LOCK, ("requirements.txt",)),
        ({"requirements__txt": "", "pyproject__toml": "[tool.ruff]\n"}, Kind.REQUIREMENTS, ()),
        ({"requirements__txt": "", "pyproject__toml": PROJECT}, Kind.REQUIREMENTS, ("pyproject.toml",)),
        ({"Pipfile": "", "Pipfile__lock": "{}"}, Kind.PIPFILE_LOCK, ()),
        ({"Pipfile": "", "requirements__txt": ""}, Kind.REQUIREMENTS, ("Pipfile",)),
        ({"Pipfile": "[packages]\n"}, Kind.PIPFILE, ()),
        ({"pyproject__toml": PROJECT, "setup__py": ""}, Kind.PYPROJECT, ()),
        ({"pyproject__toml": '[tool.poetry]\nname = "x"\n', "poetry__lock": ""}, Kind.PYPROJECT, ("poetry.lock",)),
        ({"pyproject__toml": "[tool.ruff]\n", "setup__py": ""}, Kind.SETUP, ()),
        ({"pyproject__toml": "[tool.ruff]\n"}, Kind.NOTHING, ()),
    ],
)
def test_which_file_names_the_packages(
    tmp_path: Path, files: dict[str, str], kind: Kind, ignored: tuple[str, ...]
) -> None:
    project = read_project(project_with(tmp_path, **files))
    assert (project.kind, project.ignored) == (kind, ignored)


def test_a_file_that_does_not_parse_is_named_with_the_place(tmp_path: Path) -> None:
    project_with(tmp_path, pyproject__toml='[project]\nname = "x\n')
    with pytest.raises(BuildpackError, match=r"pyproject.toml is not valid TOML: .*line 2"):
        read_project(tmp_path)
    (tmp_path / "pyproject.toml").unlink()
    project_with(tmp_path, Pipfile="", Pipfile__lock='{\n"a": }')
    with pytest.raises(BuildpackError, match=r"Pipfile.lock is not valid JSON: .*line 2"):
        python_request(read_project(tmp_path))


@pytest.mark.parametrize(
    ("files", "wanted", "source"),
    [
        ({"__python-version": "3.12", "runtime__txt": "python-3.10"}, "3.12", ".python-version"),
        ({"runtime__txt": "python-3.10.x", "pyproject__toml": PROJECT}, "3.10", "runtime.txt"),
        (
            {"pyproject__toml": PROJECT + 'requires-python = ">=3.12"\n'},
            ">=3.12",
            "requires-python in pyproject.toml",
        ),
        (
            {"pyproject__toml": '[tool.poetry.dependencies]\npython = "^3.10"\n'},
            ">=3.10,<4",
            "python in pyproject.toml",
        ),
        ({"Pipfile": '[requires]\npython_version = "3.12"\n'}, "3.12", "requires in Pipfile"),
        (
            {"Pipfile": "", "Pipfile__lock": '{"_meta": {"requires": {"python_full_version": "3.12.1"}}}'},
            "3.12.1",
            "requires in Pipfile.lock",
        ),
        ({"requirements__txt": ""}, "", "nothing"),
    ],
)
def test_the_first_file_that_asks_for_a_python_wins(
    tmp_path: Path, files: dict[str, str], wanted: str, source: str
) -> None:
    request = python_request(read_project(project_with(tmp_path, **files)))
    assert (request.wanted, request.source) == (wanted, source)


# --------------------------------------------------------------------------------------------------------------- interpreter
def test_the_stack_is_left_out_when_uv_is_told_so() -> None:
    assert not interpreter.stack_is_excluded({"UV_PYTHON_PREFERENCE": "system"})
    assert interpreter.stack_is_excluded({"UV_PYTHON_PREFERENCE": "only-managed"})
    assert interpreter.stack_is_excluded({"UV_MANAGED_PYTHON": "1"})


def test_without_a_download_the_message_names_what_is_at_hand_and_how_to_set_a_mirror(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    (tmp_path / "20250101").mkdir()
    for version in ("3.9.1", "3.12.4"):
        (tmp_path / f"20250101/cpython-{version}+20250101-x86_64-unknown-linux-gnu-install_only.tar.gz").touch()
    monkeypatch.setenv("UV_PYTHON_INSTALL_MIRROR", tmp_path.as_uri())
    error = interpreter.unobtainable("3.13", PythonRequest("3.13", ".python-version"))
    assert error.message == "Python 3.13, which .python-version asks for, could not be installed"
    assert versions.show(tuple(sys.version_info[:3])) in error.hint
    assert "UV_PYTHON_INSTALL_MIRROR" in error.hint
    assert error.hint.endswith(f"The mirror {tmp_path} holds: 3.9.1, 3.12.4.")


# ------------------------------------------------------------------------------------------------------------------- Pipfile
def test_a_lock_becomes_requirements_with_hashes_markers_and_extras() -> None:
    lock = {
        "default": {
            "requests": {
                "version": "==2.32.3",
                "extras": ["socks", "security"],
                "hashes": ["sha256:aa", "sha256:bb"],
                "markers": "python_version >= '3.8'",
                "index": "pypi",
            },
            "colorama": {"version": "==0.4.6", "sys_platform": "== 'win32'", "markers": "python_version < '4'"},
            "tool": {"git": "https://host/tool.git", "ref": "abc123", "subdirectory": "py"},
            "ours": {"path": "lib/ours", "editable": True},
            "self": {"path": ".", "editable": True},
            "wheel-of-it": {"file": "https://host/x-1.whl"},
        },
        "develop": {"pytest": {"version": "==8"}},
    }
    assert pipfile.lock_requirements(lock) == [
        "colorama==0.4.6 ; (python_version < '4') and (sys_platform == 'win32')",
        "./lib/ours",
        "requests[security,socks]==2.32.3 ; python_version >= '3.8' --hash=sha256:aa --hash=sha256:bb",
        ".",
        "tool @ git+https://host/tool.git@abc123#subdirectory=py",
        "wheel-of-it @ https://host/x-1.whl",
    ]


@pytest.mark.parametrize(
    ("entry", "line"),
    [
        ("*", "x"),
        ("==1.2", "x==1.2"),
        (">=1,<2", "x>=1,<2"),
        ("~=1.4", "x~=1.4"),
        ("1.2", "x==1.2"),
        ({"version": "*", "extras": ["y"]}, "x[y]"),
        ({"version": ">=1", "markers": "os_name == 'posix'"}, "x>=1 ; os_name == 'posix'"),
    ],
)
def test_a_pipfile_entry_becomes_a_requirement(entry: object, line: str) -> None:
    assert pipfile.pipfile_requirements({"packages": {"x": entry}}) == [line]
    Requirement(line)


def test_a_pipfile_entry_that_is_neither_version_nor_table_is_refused() -> None:
    with pytest.raises(BuildpackError, match="Pipfile: the entry of x"):
        pipfile.pipfile_requirements({"packages": {"x": 3}})


def test_the_public_index_gives_way_to_the_operators() -> None:
    sources = [{"name": "pypi", "url": "https://a/simple"}, {"name": "ours", "url": "https://b/simple"}]
    assert pipfile.index_lines(sources, operator_has_index=False) == [
        "--index-url https://a/simple",
        "--extra-index-url https://b/simple",
    ]
    assert pipfile.index_lines(sources, operator_has_index=True) == ["--extra-index-url https://b/simple"]


# ----------------------------------------------------------------------------------------------------------------------- uv
def test_uv_is_pinned_by_hashes_for_two_architectures() -> None:
    text = uv.PINNED.read_text()
    assert text.count("--hash=sha256:") == 2
    assert uv.pinned_version() in text


def test_pips_settings_reach_uv_unless_uv_has_its_own(tmp_path: Path) -> None:
    configuration = tmp_path / "pip.conf"
    configuration.write_text("[global]\nindex-url = https://a/simple\nextra-index-url =\n  https://b\n  https://c\n")
    env = {"HOME": str(tmp_path), "PIP_CONFIG_FILE": str(configuration), "PIP_TRUSTED_HOST": "a"}
    env["PIP_FIND_LINKS"] = f"{tmp_path} {tmp_path}/nowhere https://d/links"
    assert uv.pip_settings(env) == {
        "UV_DEFAULT_INDEX": "https://a/simple",
        "UV_INDEX": "https://b https://c",
        "UV_INSECURE_HOST": "a",
        "UV_FIND_LINKS": f"{tmp_path},https://d/links",
    }
    assert uv.pip_settings({**env, "PIP_INDEX_URL": "https://e"})["UV_DEFAULT_INDEX"] == "https://e"
    assert uv.pip_settings({**env, "UV_DEFAULT_INDEX": "https://f"}) == {}
    configuration.write_text("no section\n")
    assert "UV_DEFAULT_INDEX" not in uv.pip_settings(env)


def test_uv_copies_never_downloads_interpreters_by_itself_and_keeps_the_apps_compiler_flags(tmp_path: Path) -> None:
    settings = uv.settings({"CFLAGS": "-O3", "CPPFLAGS": "-DX", "HOME": str(tmp_path)}, tmp_path)
    assert (settings["CFLAGS"], settings["CPPFLAGS"]) == ("-O3", "-DX -g0")
    assert "CFLAGS" not in uv.settings({"HOME": str(tmp_path)}, tmp_path), "it would replace the interpreter's own"
    assert settings["UV_LINK_MODE"] == "copy"
    assert settings["UV_PYTHON_DOWNLOADS"] == "never"


# ---------------------------------------------------------------------------------------------------------------- relocation
def test_a_package_from_disk_forgets_where_it_was_built_and_one_from_version_control_does_not(tmp_path: Path) -> None:
    library = tmp_path / "lib/python3.11"
    for name, url in (("local-1", "file:///home/vcap/app"), ("git-1", "https://host/x.git")):
        metadata = library / f"site-packages/{name}.dist-info"
        metadata.mkdir(parents=True)
        (metadata / "direct_url.json").write_text(json.dumps({"url": url}))
        (metadata / "uv_cache.json").write_text("{}")
        rows = [f"{name}.dist-info/direct_url.json,sha256=x,1", f"{name}.dist-info/RECORD,,", '"a,b.py",sha256=y,2']
        (metadata / "RECORD").write_text("\n".join(rows) + "\n")
    relocation.tidy(tmp_path, library)
    local, git = (library / f"site-packages/{name}-1.dist-info" for name in ("local", "git"))
    assert [file.name for file in local.iterdir()] == ["RECORD"]
    assert (local / "RECORD").read_text() == 'local-1.dist-info/RECORD,,\n"a,b.py",sha256=y,2\n'
    assert (git / "direct_url.json").is_file()


def test_packages_move_into_an_interpreter_without_replacing_it(tmp_path: Path) -> None:
    venv, prefix = tmp_path / "prefix/.packages", tmp_path / "prefix"
    for name in ("bin/python", "bin/python3", "bin/flask", "lib/python3.12/site-packages/flask/app.py", "pyvenv.cfg"):
        (venv / name).parent.mkdir(parents=True, exist_ok=True)
        (venv / name).write_text("of the environment")
    (prefix / "bin").mkdir()
    (prefix / "bin/python3").write_text("of the interpreter")
    (venv / "lib64").symlink_to("lib")
    relocation.move_in(venv, prefix)
    assert not venv.exists()
    assert (prefix / "bin/python3").read_text() == "of the interpreter"
    found = sorted(str(file.relative_to(prefix)) for file in prefix.rglob("*") if file.is_file())
    assert found == ["bin/flask", "bin/python3", "lib/python3.12/site-packages/flask/app.py"]


def test_an_interpreter_forgets_where_it_was_installed(tmp_path: Path) -> None:
    root = tmp_path / "cpython-3.12.4-linux"
    for name in (
        "bin/python3.12",
        "bin/pip3",
        "lib/python3.12/EXTERNALLY-MANAGED",
        "lib/python3.12/_sysconfigdata__linux_x86_64-linux-gnu.py",
        "lib/python3.12/__pycache__/os.cpython-312.pyc",
        "lib/pkgconfig/python3.pc",
    ):
        (root / name).parent.mkdir(parents=True, exist_ok=True)
        (root / name).write_text(f"prefix = {root}\n")
    (root / "bin/python3.12").write_bytes(b"\x7fELF\0" + str(root).encode())
    relocation.neutralise_interpreter(root, tmp_path)
    left = {str(file.relative_to(root)): file.read_bytes() for file in root.rglob("*") if file.is_file()}
    assert left == {
        "bin/python3.12": b"\x7fELF\0" + str(root).encode(),
        "lib/pkgconfig/python3.pc": b"prefix = /install\n",
        "lib/python3.12/_sysconfigdata__linux_x86_64-linux-gnu.py": b"prefix = /install\n",
    }


def test_byte_code_is_the_same_wherever_it_was_made_and_looks_at_no_time(tmp_path: Path) -> None:
    made = []
    for place in ("one", "another/place"):
        library = tmp_path / place / "0/lib"
        library.mkdir(parents=True)
        (library / "module.py").write_text("VALUES = {'a', 'b'}\ndef f(x): return x in {'c', 'd', 'e'}\n")
        (library / "broken.py").write_text("print 'Python 2'\n")
        relocation.compile_bytecode(Path(sys.executable), tmp_path / place, [library])
        compiled = list((library / "__pycache__").iterdir())
        assert [file.name.split(".")[0] for file in compiled] == ["module"]
        made.append(compiled[0].read_bytes())
    assert made[0] == made[1]
    assert made[0][4:8] == b"\x01\0\0\0", "PEP 552: hash-based, not checked against the source"
    assert str(tmp_path).encode() not in made[0]


def test_what_setuptools_leaves_in_the_app_goes_and_what_was_there_stays(tmp_path: Path) -> None:
    for name in ("build", "part/ours.egg-info", "part"):
        (tmp_path / name).mkdir(parents=True, exist_ok=True)
    before = relocation.build_leftovers(tmp_path)
    for name in ("x.egg-info", "part/build", "part/src/y.egg-info"):
        (tmp_path / name).mkdir(parents=True)
    relocation.remove_leftovers(tmp_path, before)
    left = sorted(str(path.relative_to(tmp_path)) for path in tmp_path.rglob("*"))
    assert left == ["build", "part", "part/ours.egg-info", "part/src"]
