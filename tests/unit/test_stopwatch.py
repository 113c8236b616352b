"""Where the time of a staging goes, part by part."""

from __future__ import annotations

import pytest

from stagewright.staging.stopwatch import Stopwatch


def test_parts_of_one_name_are_added_up_in_the_order_of_their_first() -> None:
    watch = Stopwatch()
    watch.script("detect", 1.0, 0.25)
    watch.script("supply", 2.0, 0.25)
    watch.script("detect", 4.0, 0.5)
    assert watch.scripts == 7.0
    assert watch.parts == (("detect", 5.0), ("start and end of scripts", 1.0), ("supply", 2.0))


def test_what_fails_is_counted_too() -> None:
    watch = Stopwatch()
    with pytest.raises(ValueError), watch.timing("removal"):
        raise ValueError
    ((part, seconds),) = watch.parts
    assert part == "removal"
    assert 0 <= seconds <= watch.total
    assert watch.scripts == 0
