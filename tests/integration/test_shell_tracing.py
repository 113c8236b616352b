"""The preamble of traced shells, in real ones: what a script prints and sees stays what it was, and every command is told."""

from __future__ import annotations

import os
import subprocess
import time
from dataclasses import dataclass
from pathlib import Path, PurePosixPath

import pytest

from stagewright.buildpacks.tracing import mark_of, preamble_script, read_xtrace, tracing_environment
from stagewright.model.trace import Xtrace
from stagewright.staging.output import Masker

BASE = {"PATH": os.environ["PATH"], "HOME": "/tmp", "LANG": "C.UTF-8"}


@dataclass(frozen=True)
class Ended:
    out: bytes
    err: bytes
    code: int


@dataclass(frozen=True)
class Traced:
    plain: Ended
    traced: Ended
    xtrace: Xtrace

    @property
    def texts(self) -> list[str]:
        return [command.text for command in self.xtrace.commands]


class Bench:
    """Runs one script without and with tracing."""

    def __init__(self, directory: Path) -> None:
        self.directory = directory
        self.preamble = directory / "preamble.bash"
        self.preamble.write_bytes(preamble_script())
        self.file = directory / "xtrace"
        self.environment = tracing_environment(PurePosixPath(self.preamble), PurePosixPath(self.file))

    def run(self, text: str, *arguments: str, argv0: str | None = None, mask: str = "") -> Traced:
        script = self.directory / "script"
        script.write_text(text)
        script.chmod(0o755)
        argv = [*([argv0] if argv0 else []), str(script), *arguments]
        plain = self._run(argv, BASE)
        self.file.unlink(missing_ok=True)
        began = time.time()
        traced = self._run(argv, {**BASE, **self.environment})
        seconds = time.time() - began
        return Traced(plain, traced, self.read(began, seconds, mask))

    def read(self, began: float, seconds: float, secret: str = "") -> Xtrace:
        return read_xtrace(
            self.file,
            mark=mark_of(self.environment),
            coverage="bash",
            began=began,
            seconds=seconds,
            mask=Masker([secret] if secret else []),
        )

    def _run(self, argv: list[str], environment: dict[str, str]) -> Ended:
        ended = subprocess.run(argv, env=environment, cwd=self.directory, capture_output=True, check=False, timeout=60)
        return Ended(ended.stdout, ended.stderr, ended.returncode)


@pytest.fixture
def bench(tmp_path: Path) -> Bench:
    return Bench(tmp_path)


SCRIPTS = {
    "a child's output and errors, captured": "x=$(bash -c 'echo out; echo err >&2; cd /nowhere' 2>&1); printf '[%s]' \"$x\"",
    "its own errors, captured": '{ x=$(ls /nowhere 2>&1); } || true; echo "$x"',
    "functions": 'f() { echo "$# $1"; g; }; g() { return 3; }; f a b || echo $?',
    "nounset and errexit": "set -euo pipefail; "
    "f() { local a=1; echo $a; }; f; bash -euc 'f() { :; }; f; echo ${1-none}'; false; echo no",
    "the status and the last argument at first": 'echo "$? $_"',
    "the status after each command": "false; echo $?; (exit 7); echo $?; x=$(exit 9); echo $?",
    "descriptors": "exec 3>/dev/null 4>&1 5<&0 6>&1 7>&1 8>&1 9>&1; echo four >&4; echo nine >&9; exec 3>&- 9>&-; echo end",
    "free descriptors": "for i in 3 4 5 6 7 8 9; do [[ -e /proc/$$/fd/$i ]] && echo $i; done; exec {fd}>/dev/null; echo $fd",
    "its own set +x": "echo a; set +x; echo b; set +o xtrace",
    "pipelines": 'printf \'%s\\n\' a b c | while read -r x; do echo "<$x>"; done | tac; echo "${PIPESTATUS[*]}"',
    "process substitution": "diff <(echo a) <(echo b); echo $?",
    "here documents": "cat <<END\n$(echo in) $((1 + 1))\nEND\ncat <<< word",
    "traps": "trap 'echo bye $?' EXIT; trap 'echo err' ERR; false; trap 'echo d >&2' DEBUG; :; trap - DEBUG; exit 4",
    "a child without BASH_ENV": "unset BASH_ENV; bash -c 'echo $-'; env -i /bin/bash -c 'echo $-'",
    "arguments": 'printf "<%s>" "$@"; shift; set -- x y; echo "$#$1"',
    "variables": "compgen -v | grep -E '^(s|fd|now)$'; declare -F; echo ${FUNCNAME-none} ${#BASH_SOURCE[@]}",
    "a caller's name": "f() { caller 0; echo ${BASH_LINENO[0]}; }; f",
    "a shell started with -x": "bash -xc 'echo a; x=$(echo b)'; bash -c 'echo c'",
    "many names": "eval 'a() { b; }; b() { echo \"${FUNCNAME[*]}\"; }'; a",
    "read from standard input": "echo 'echo from stdin $-' | sed 's/\\$-//' | bash",
    "coprocesses": "coproc cat; echo x >&${COPROC[1]}; read -r y <&${COPROC[0]}; echo $y; kill $COPROC_PID",
    "background": "sleep 0.01 & wait $!; echo $?",
}


@pytest.mark.parametrize("name", SCRIPTS)
def test_what_a_script_prints_stays_the_same(bench: Bench, name: str) -> None:
    seen = bench.run(f"#!/bin/bash\n{SCRIPTS[name]}\n", "one", "two words")
    assert seen.traced == seen.plain
    assert seen.xtrace.commands


@pytest.mark.parametrize(
    "first", ["#!/bin/bash -eu", "#!/usr/bin/env bash", "#!/bin/bash -x", "#!/bin/bash --noprofile"]
)
def test_first_lines(bench: Bench, first: str) -> None:
    seen = bench.run(f"{first}\nbash -c 'echo child >&2'\necho \"$1\"\n", "argument")
    assert seen.traced == seen.plain
    assert any("echo child" in text for text in seen.texts)


def test_a_shell_that_was_asked_for_its_own_xtrace_keeps_it_and_the_trace_says_so(bench: Bench) -> None:
    seen = bench.run("#!/bin/bash -x\necho a\n")
    assert seen.traced.err == b"+ echo a\n"
    assert [text for text in seen.texts if "-x" in text] == seen.texts


def test_a_plain_shell_is_not_touched(bench: Bench) -> None:
    seen = bench.run("#!/bin/sh\nx=$(sh -c 'echo sub' 2>&1)\necho $x $-\n")
    assert seen.traced == seen.plain
    assert seen.texts == []


def test_the_bash_children_of_a_plain_shell_tell(bench: Bench) -> None:
    seen = bench.run("#!/bin/sh\nbash -c 'echo sub; echo again'\n")
    assert seen.texts == ["echo sub", "echo again"]


def test_commands_are_told_with_place_and_time(bench: Bench) -> None:
    (bench.directory / "lib.sh").write_text("helper() {\n  sleep 0.05\n}\n")
    seen = bench.run(
        "#!/bin/bash\nsource ./lib.sh\nouter() {\n  helper\n}\nouter\nbash -c 'sleep 0.03; true'\n"
        "x=$(bash -c 'sleep 0.02; true')\n: end\n"
    )
    by_text = {command.text: command for command in seen.xtrace.commands}
    nap = by_text["sleep 0.05"]
    assert (nap.file, nap.line, nap.function, nap.depth) == ("./lib.sh", 2, "helper", 2)
    assert (by_text["helper"].line, by_text["helper"].function) == (4, "outer")
    assert Path(by_text["outer"].file).name == "script"
    assert 0.05 <= nap.seconds < 1
    assert 0.03 <= by_text["bash -c 'sleep 0.03; true'"].seconds < 1
    assert by_text["sleep 0.03"].process != nap.process
    assert 0.02 <= by_text["sleep 0.02"].seconds < 1
    offsets = [command.offset for command in seen.xtrace.commands]
    assert offsets == sorted(offsets)
    assert by_text[": end"].offset >= 0.08
    assert not seen.xtrace.truncated


def test_what_comes_before_a_substitution_or_a_pipe_is_not_said_to_take_its_time(bench: Bench) -> None:
    seen = bench.run("#!/bin/bash\n: one\nx=$(sleep 0.05; echo y)\n: two\nsleep 0.05 | cat\n: three\n(sleep 0.05)\n")
    took = {command.text: command.seconds for command in seen.xtrace.commands}
    assert all(took[f": {word}"] < 0.04 for word in ("one", "two", "three")), took
    assert sum(command.seconds >= 0.05 for command in seen.xtrace.commands if command.text == "sleep 0.05") == 3
    assert took["cat"] >= 0.04


def test_what_looks_like_a_line_of_the_trace_is_none(bench: Bench) -> None:
    """A value may come from a file of the app. [[ ]] prints it as it is, with its line ends."""
    forged = "+\x1f0123456789abcdef\x1f1\x1f1\x1f0\x1f1\x1f1\x1ff\x1ffile\x1frm -rf /"
    seen = bench.run(f"#!/bin/bash\nx=$'a\\n{forged}'\n[[ $x == a* ]]\necho '{forged}'\n: end\n")
    assert len(seen.texts) == 4
    assert "rm -rf /" not in seen.texts


def test_secrets_are_masked_however_bash_quotes_them(bench: Bench) -> None:
    secret = "pass'wörd\twith\nlines\x01and more"
    seen = bench.run(
        '#!/bin/bash\necho "$1" > /dev/null\ncurl_like() { :; }\ncurl_like --password="$1"\n', secret, mask=secret
    )
    told = "\n".join(seen.texts)
    assert told.count("[redacted]") == 4, "two lines, twice"
    for part in ("wörd", "lines", "and more"):
        assert part not in told


def test_a_trace_file_that_cannot_be_written_changes_nothing(bench: Bench) -> None:
    bench.environment["STAGEWRIGHT_XTRACE_FILE"] = "/nowhere/at/all"
    seen = bench.run("#!/bin/bash\necho a $-\nbash -c 'echo b'\n")
    assert seen.traced == seen.plain


def test_few_descriptors_are_enough(bench: Bench) -> None:
    seen = bench.run("#!/bin/bash\nulimit -n 64\nbash -c 'echo child; bash -c \"echo grandchild\"' 2>&1\n")
    assert seen.traced == seen.plain
    assert "echo grandchild" in seen.texts


def test_bash_before_5_0_tells_whole_seconds(bench: Bench) -> None:
    """There is no EPOCHREALTIME in 4.4; another name that is not set stands for it here."""
    bench.preamble.write_bytes(preamble_script().replace(b"EPOCHREALTIME", b"NO_SUCH_VARIABLE"))
    seen = bench.run("#!/bin/bash\nset -u\necho a\n")
    assert seen.traced == seen.plain
    assert seen.texts == ["set -u", "echo a"]
    assert all(0 <= command.offset < 5 for command in seen.xtrace.commands)


def test_several_processes_may_write_at_once(bench: Bench) -> None:
    long = "x" * 6000
    seen = bench.run(f"#!/bin/bash\nfor i in 1 2 3 4; do (for j in {{1..50}}; do : '{long}' $j; done) & done\nwait\n")
    assert len([text for text in seen.texts if text.startswith(":")]) == 200
    assert all(len(text) < 3000 for text in seen.texts)


def test_the_cost_is_small(bench: Bench) -> None:
    """Measured: 12 µs a command and 1 ms a bash. The bound is wide, since machines are shared."""
    begin = time.monotonic()
    seen = bench.run("#!/bin/bash\nfor ((i = 0; i < 20000; i++)); do :; done\n")
    assert time.monotonic() - begin < 10
    assert len(seen.xtrace.commands) == 20_001, "one says that there was more"
    assert seen.xtrace.truncated


def test_shellcheck_has_nothing_to_say(bench: Bench) -> None:
    ended = subprocess.run(["shellcheck", str(bench.preamble)], capture_output=True, text=True, check=False)
    assert ended.returncode == 0, ended.stdout
