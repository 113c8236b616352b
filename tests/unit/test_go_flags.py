"""Command lines by the rules of Go's flag package. The expectations were read off a Go program that declares the same flags."""

from __future__ import annotations

import pytest
from hypothesis import given
from hypothesis import strategies as st

from stagewright.lifecycle.flags import BadFlags, Flag, FlagSet, Given, HelpAsked, Kind, MissingFlags
from stagewright.lifecycle.go_values import NotAValue, parse_decimal, parse_duration, parse_integer, quoted

FLAGS = FlagSet(
    "builder",
    (
        Flag("order", Kind.STRING, "", "list\nof two"),
        Flag("buildDir", Kind.STRING, "/tmp/app", "directory of `raw` bits"),
        Flag("skipDetect", Kind.BOOL, "false", "skip"),
        Flag("x", Kind.BOOL, "true", "one"),
        Flag("attempts", Kind.INT, "3", "number of"),
        Flag("delay", Kind.DURATION, "1s", "wait"),
        Flag("zero", Kind.INT, "0", "zz"),
    ),
)

USAGE = """\
Usage of builder:
  -attempts int
    \tnumber of (default 3)
  -buildDir raw
    \tdirectory of raw bits (default "/tmp/app")
  -delay duration
    \twait (default 1s)
  -order string
    \tlist
    \tof two
  -skipDetect
    \tskip
  -x\tone (default true)
  -zero int
    \tzz
"""


def test_usage() -> None:
    assert FLAGS.usage() == USAGE


def test_defaults() -> None:
    given_ = FLAGS.parse([])
    assert (given_.text("buildDir"), given_.boolean("skipDetect"), given_.boolean("x")) == ("/tmp/app", False, True)
    assert (given_.integer("attempts"), given_.seconds("delay"), given_.arguments) == (3, 1.0, ())


@pytest.mark.parametrize(
    ("arguments", "name", "value", "rest"),
    [
        (["-buildDir", "v"], "buildDir", "v", ()),
        (["--buildDir", "v"], "buildDir", "v", ()),
        (["-buildDir=v"], "buildDir", "v", ()),
        (["--buildDir=v=w"], "buildDir", "v=w", ()),
        (["-buildDir="], "buildDir", "", ()),
        (["-buildDir", ""], "buildDir", "", ()),
        (["-buildDir", "-x"], "buildDir", "-x", ()),
        (["-buildDir", "--"], "buildDir", "--", ()),
        (["-buildDir=1", "-buildDir=2"], "buildDir", "2", ()),
        (["-skipDetect"], "skipDetect", "true", ()),
        (["-skipDetect", "false"], "skipDetect", "true", ("false",)),
        (["-skipDetect=F"], "skipDetect", "F", ()),
        (["a", "-buildDir=v"], "buildDir", "/tmp/app", ("a", "-buildDir=v")),
        (["--", "-buildDir=v"], "buildDir", "/tmp/app", ("-buildDir=v",)),
        (["-", "-buildDir=v"], "buildDir", "/tmp/app", ("-", "-buildDir=v")),
        (["", "-buildDir=v"], "buildDir", "/tmp/app", ("", "-buildDir=v")),
    ],
)
def test_forms(arguments: list[str], name: str, value: str, rest: tuple[str, ...]) -> None:
    read = FLAGS.parse(arguments)
    assert (read.text(name), read.arguments) == (value, rest)


@pytest.mark.parametrize(
    ("arguments", "said"),
    [
        (["-foo"], "flag provided but not defined: -foo"),
        (["--foo=1"], "flag provided but not defined: -foo"),
        (["-build=1"], "flag provided but not defined: -build"),
        (["-skipdetect"], "flag provided but not defined: -skipdetect"),
        (["-buildDir"], "flag needs an argument: -buildDir"),
        (["---x"], "bad flag syntax: ---x"),
        (["-=x"], "bad flag syntax: -=x"),
        (["-skipDetect=yes"], 'invalid boolean value "yes" for -skipDetect: parse error'),
        (["-skipDetect="], 'invalid boolean value "" for -skipDetect: parse error'),
        (["-attempts", "x\n"], 'invalid value "x\\n" for flag -attempts: parse error'),
        (
            ["-attempts=9223372036854775808"],
            'invalid value "9223372036854775808" for flag -attempts: value out of range',
        ),
        (["-delay=1"], 'invalid value "1" for flag -delay: parse error'),
    ],
)
def test_refusals(arguments: list[str], said: str) -> None:
    with pytest.raises(BadFlags) as raised:
        FLAGS.parse(arguments)
    assert (raised.value.brief(), raised.value.hint()) == (said, USAGE)


@pytest.mark.parametrize("argument", ["-h", "--h", "-help", "--help", "-h=1"])
def test_help(argument: str) -> None:
    with pytest.raises(HelpAsked) as raised:
        FLAGS.parse([argument, "-foo"])
    assert raised.value.brief() + "\n" == USAGE


def test_a_flag_may_be_called_h() -> None:
    assert FlagSet("c", (Flag("h", Kind.BOOL, "false", ""),)).parse(["-h"]).boolean("h")


def test_empty_values_are_missing() -> None:
    with pytest.raises(MissingFlags) as raised:
        FLAGS.parse(["-buildDir="]).require_all()
    assert raised.value.brief() == "missing flag: -buildDir, missing flag: -order"
    FLAGS.parse(["-order=a"]).require_all()


@pytest.mark.parametrize(
    ("text", "seconds"),
    [
        ("1s", 1.0),
        ("1.5h", 5400.0),
        ("300ms", 0.3),
        ("1h2m", 3720.0),
        ("-1m", -60.0),
        ("+2us", 2e-6),
        ("2µs", 2e-6),
        ("2μs", 2e-6),
        ("0", 0.0),
        ("-0", 0.0),
        (".5s", 0.5),
        ("5.s", 5.0),
        ("0.0000000001s", 0.0),
    ],
)
def test_durations(text: str, seconds: float) -> None:
    assert parse_duration(text) == seconds


@pytest.mark.parametrize("text", ["", "1", "s", ".s", "1d", "1 s", "1h-2m", "٣s", "9999999h", "+", "1S"])
def test_no_durations(text: str) -> None:
    with pytest.raises(NotAValue):
        parse_duration(text)


@pytest.mark.parametrize(
    ("text", "number"),
    [("0x10", 16), ("010", 8), ("0o7", 7), ("0b11", 3), ("1_0", 10), ("0_7", 7), ("+5", 5), ("-0x1", -1), ("00", 0)],
)
def test_integers(text: str, number: int) -> None:
    assert parse_integer(text) == number


@pytest.mark.parametrize(
    "text", ["", " 5", "_1", "1_", "1__0", "08", "0x", "1.0", "٣", "-9223372036854775809", "9" * 400]
)
def test_no_integers(text: str) -> None:
    with pytest.raises(NotAValue):
        parse_integer(text)


@given(st.lists(st.text(max_size=12)))
def test_any_command_line_is_read_or_refused(arguments: list[str]) -> None:
    try:
        read = FLAGS.parse(arguments)
    except (BadFlags, HelpAsked):
        return
    assert isinstance(read, Given)
    assert list(read.arguments) == arguments[len(arguments) - len(read.arguments) :]
    assert isinstance(read.seconds("delay") + read.integer("attempts") + read.boolean("skipDetect"), float)


@given(st.text())
def test_no_text_breaks_the_readers(text: str) -> None:
    assert parse_decimal(text) is None or parse_decimal(text) == int(text)
    assert quoted(text).isprintable()
    for reader in (parse_duration, parse_integer):
        try:
            reader(text)
        except NotAValue as error:
            assert str(error) in ("parse error", "value out of range")
