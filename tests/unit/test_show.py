"""What a person reads: nothing that a buildpack wrote reaches the terminal as a command."""

from __future__ import annotations

import pytest
from hypothesis import given
from hypothesis import strategies as st
from tests.values import buildpack, request

from stagewright.cli.show.safety import harmless
from stagewright.cli.show.wording import Role, failure_lines, lines_of
from stagewright.errors import Fault
from stagewright.model.events import ActionFinished, Noted, Warned
from stagewright.model.quantities import parse_duration, parse_size, show_duration, show_size
from stagewright.model.tree import Difference
from stagewright.staging.facts import Facts
from stagewright.staging.planner import plan


@given(st.text())
def test_no_control_character_survives(text: str) -> None:
    shown = harmless(text)
    assert not [c for c in shown if c != "\t" and (ord(c) < 0x20 or 0x7F <= ord(c) < 0xA0)]
    assert "\u202e" not in shown
    assert "\u2066" not in shown


@pytest.mark.parametrize(
    ("written", "shown"),
    [
        ("plain", "plain"),
        ("\x1b[31mred\x1b[0m", "red"),
        ("\x1b]0;title\x07after", "after"),
        ("\x1b]8;;http://x\x1b\\link\x1b]8;;\x1b\\", "link"),
        ("a\x08b", "a\\x08b"),
        ("\x1b[2Jcleared", "cleared"),
        ("\u202eevil", "\\u202eevil"),
        ("\x9b31mC1", "\\x9b31mC1"),
        ("tab\there", "tab\there"),
        ("Grüße ✓ 漢字", "Grüße ✓ 漢字"),
    ],
)
def test_sequences_go_and_the_rest_is_made_visible(written: str, shown: str) -> None:
    assert harmless(written) == shown


def test_a_failure_says_evidence_then_what_happened_then_whose_fault_then_what_to_do() -> None:
    lines = list(failure_lines("It broke.", "Mend it.", "last\nwords", Fault.BUILDPACK))
    said = "\n".join(line.text for line in lines)
    order = [said.index(part) for part in ("last", "words", "error: It broke.", "the buildpack", "Mend it.")]
    assert order == sorted(order)
    assert [line.role for line in lines].count(Role.FAILURE) == 1


def test_what_a_script_wrote_is_said_by_tree() -> None:
    action = plan(request(buildpack("python")), Facts()).actions[0]
    wrote = {"deps": Difference(added=3, bytes_written=2048), "app": Difference(changed=1, removed=2)}
    (line,) = lines_of(ActionFinished(action, 1.5, 0, wrote))
    assert line.text == "wrote deps +3 (2.0 KB), app ~1 -2 (0 B); took 1.5 s"


def test_notes_and_warnings_have_roles_of_their_own() -> None:
    assert [line.role for line in lines_of(Noted("x"))] == [Role.DETAIL]
    assert [line.role for line in lines_of(Warned("x"))] == [Role.WARNING]


@pytest.mark.parametrize(
    ("text", "size"),
    [("512M", 512 << 20), ("1G", 1 << 30), ("1.5g", 3 << 29), ("64KB", 64 << 10), ("10", 10), ("2GiB", 2 << 30)],
)
def test_sizes_are_read_as_cloud_foundry_does(text: str, size: int) -> None:
    assert parse_size(text) == size


@pytest.mark.parametrize("text", ["", "lots", "-1", "1X", "G", "1 2"])
def test_other_sizes_are_refused(text: str) -> None:
    with pytest.raises(ValueError, match="not a size"):
        parse_size(text)


@pytest.mark.parametrize(
    ("text", "seconds"), [("15m", 900), ("90", 90), ("1h30m", 5400), ("1.5s", 1.5), ("250ms", 0.25)]
)
def test_durations(text: str, seconds: float) -> None:
    assert parse_duration(text) == seconds


@pytest.mark.parametrize("text", ["", "soon", "5x", "-5s", "m5", "5m x"])
def test_other_durations_are_refused(text: str) -> None:
    with pytest.raises(ValueError, match="not a duration"):
        parse_duration(text)


@pytest.mark.parametrize(
    ("size", "shown"),
    [(0, "0 B"), (999, "999 B"), (1024, "1.0 KB"), (1023 << 10, "1.0 MB"), (150 << 20, "150 MB"), (5 << 40, "5.0 TB")],
)
def test_sizes_are_shown_short(size: int, shown: str) -> None:
    assert show_size(size) == shown


@pytest.mark.parametrize(("seconds", "shown"), [(0.008, "8 ms"), (1.34, "1.3 s"), (125, "2 m 05 s")])
def test_durations_are_shown_short(seconds: float, shown: str) -> None:
    assert show_duration(seconds) == shown
