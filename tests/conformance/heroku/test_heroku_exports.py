"""The file ``export`` that a buildpack leaves for those after it, as it should not be: contracts/heroku.md §4.1.

What is not written there is decided here: an export is sourced by a shell of its own, and what that shell's environment has
become when it ends is what later scripts get. An error in it is a failure of the buildpack that wrote it.
"""

from __future__ import annotations

import pytest

from tests.conformance.heroku.conftest import Stage, Staged
from tests.conformance.heroku.probes import finalizing, heroku, supplying


def exporting(text: str) -> str:
    return f'cat > "$(dirname "$0")/../export" <<\'END\'\n{text}\nEND'


TOLERATED = {
    "a last command that fails": "export GIVEN=yes\n[ -d /nosuch ] && export OTHER=no",
    "an exit with 0": "export GIVEN=yes\nexit 0\nexport GIVEN=no",
    "a return": "export GIVEN=yes\nreturn\nexport GIVEN=no",
    "arguments set": "export GIVEN=yes\nset -- true",
    "another directory": "export GIVEN=yes\ncd /",
    "options set": "set -eu\nexport GIVEN=yes",
    "words on its output": "echo talking; export GIVEN=yes\necho NOT=this >&3 2>/dev/null",
    "declared, not exported by that word": "declare -x GIVEN=yes",
    "a value of two lines": "export GIVEN=yes LINES_OF=$'one\\ntwo'",
    "a PATH without anything": "export GIVEN=yes PATH=/nosuch",
    "a function in the place of exit": "export GIVEN=yes\nexit() { true; }; env() { echo NOT=this; }",
}


@pytest.fixture(scope="module")
def tolerated(stage: Stage) -> Staged:
    """A chain of buildpacks, one for each way, and one that looks at what they exported."""
    several = [
        heroku(f"no-{number}", detect="", release="", compile=exporting(text.replace("GIVEN", f"GIVEN_{number}")))
        for number, text in enumerate(TOLERATED.values())
    ]
    several = [one.with_scripts(compile=f"export PATH=/usr/bin:/bin\n{one.scripts['compile']}") for one in several]
    last = heroku("last", detect="", release="")
    last = last.with_scripts(compile=f"export PATH=/usr/bin:/bin\n{last.scripts['compile']}")
    return stage(*several, last, files={"Procfile": "web: true"})


@pytest.mark.clause("HK-14")
@pytest.mark.parametrize("number", range(len(TOLERATED)), ids=TOLERATED.keys())
def test_what_an_export_does_beside_exporting_does_not_touch_later_scripts(tolerated: Staged, number: int) -> None:
    seen = tolerated.seen("last", "compile")
    assert seen.environment[f"GIVEN_{number}"] == "yes"
    assert seen.cwd == "/app"
    assert seen.arguments[0] == "/app"
    assert not {"OTHER", "NOT"} & seen.environment.keys()


REFUSED = {
    "an exit with an error": ("export GIVEN=yes\nexit 3", "exit code 3"),
    "an error under set -e": ("set -e\nfalse", "exit code 1"),
    "no shell's language": ("if then fi (", "exit code"),
    "another program in its place": ("exec true", "environment"),
    "a signal": ("kill -9 $$", "signal 9"),
}


@pytest.mark.clause("HK-15")
@pytest.mark.parametrize(("text", "says"), REFUSED.values(), ids=REFUSED.keys())
def test_an_export_that_fails_is_the_failure_of_who_wrote_it(stage: Stage, text: str, says: str) -> None:
    staged = stage(heroku("first", compile=exporting(text)), heroku("second"))
    assert staged.code == 11
    failure = staged.failure
    assert failure["fault"] == "buildpack"
    assert "first" in failure["brief"] and "export" in failure["brief"] and says in failure["brief"]
    assert "second" not in failure["brief"]


@pytest.mark.clause("HK-37")
def test_exports_reach_the_scripts_of_cloud_foundry_and_of_nobody_earlier(stage: Stage) -> None:
    first = heroku("first", compile=exporting('export GIVEN="$GIVEN+first of $HOME" PATH="/first:$PATH"'))
    staged = stage(supplying("before"), first, supplying("after"), finalizing("last"), env={"GIVEN": "by the app"})
    assert staged.seen("before", "supply").environment["GIVEN"] == "by the app"
    assert staged.seen("after", "supply").environment["GIVEN"] == "by the app+first of /home/vcap"
    for script in ("supply", "finalize", "release"):
        assert staged.seen("last", script).search("PATH")[0] == "/first"
