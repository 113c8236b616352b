"""How a trace is shown: the tree in a pipe, the page in a browser; neither can be taken over by what is in it."""

from __future__ import annotations

import base64
import hashlib
import re
from dataclasses import replace
from html.parser import HTMLParser

import pytest
from hypothesis import given
from hypothesis import strategies as st
from tests.trace_values import TRACE

from stagewright.cli.show.markup import element
from stagewright.cli.show.trace_page import trace_page
from stagewright.cli.show.trace_tree import Node, print_trace, trace_tree, tree_lines
from stagewright.model.trace import Trace, TracedCommand, Xtrace

EMPTY_ELEMENTS = {"meta", "input", "br"}


class Page(HTMLParser):
    """What a browser would build: elements, their attributes, and text outside of style and script."""

    def __init__(self, page: str) -> None:
        super().__init__()
        self.elements: list[tuple[str, dict[str, str | None]]] = []
        self.open: list[str] = []
        self.text = ""
        self.raw: dict[str, str] = {}
        self.feed(page)
        self.close()

    def handle_starttag(self, tag: str, attrs: list[tuple[str, str | None]]) -> None:
        self.elements.append((tag, dict(attrs)))
        if tag not in EMPTY_ELEMENTS:
            self.open.append(tag)

    def handle_startendtag(self, tag: str, attrs: list[tuple[str, str | None]]) -> None:
        self.elements.append((tag, dict(attrs)))

    def handle_endtag(self, tag: str) -> None:
        assert self.open.pop() == tag

    def handle_data(self, data: str) -> None:
        if self.open and self.open[-1] in ("style", "script"):
            self.raw[self.open[-1]] = self.raw.get(self.open[-1], "") + data
        else:
            self.text += data

    def all(self, tag: str) -> list[dict[str, str | None]]:
        return [attributes for name, attributes in self.elements if name == tag]


def with_command(text: str) -> Trace:
    script = replace(TRACE.scripts[1], xtrace=Xtrace("bash", (TracedCommand(0, text, text, 1, text, seconds=1),)))
    buildpack = replace(
        TRACE.buildpacks[1], reference=text, name=text, origin={text: text, "commits": [{"subject": text}]}
    )
    return replace(TRACE, buildpacks=(TRACE.buildpacks[0], buildpack), scripts=(script,), outcome=text)


def texts(node: Node) -> list[str]:
    return [node.text, *(text for below in node.below for text in texts(below))]


def test_the_slowest_comes_first_on_every_level() -> None:
    shown = "\n".join(texts(trace_tree(TRACE)))
    order = [
        "ruby 1.10.3",
        "bin/compile",
        "bundle install",
        "rm -f",
        "install_ruby",
        "curl",
        "tar -xzf",
        "apt",
        "supply",
    ]
    places = [re.search(re.escape(part), shown) for part in order[:1]]
    assert all(places)
    assert shown.index("  ruby 1.10.3") < shown.index("  apt")
    assert (
        shown.index("20: bundle install") < shown.index("31: rm -f") < shown.index("12: curl") < shown.index("14: tar")
    )


def test_the_tree_tells_all_that_a_trace_holds() -> None:
    shown = "\n".join(texts(trace_tree(TRACE)))
    for part in (
        "sha256:",
        "https://git.example.com/team/ruby.git",
        "branch stable",
        "Ben: Say what is installed",
        "dirty yes",
        "CPU 9.8 s",
        "peak memory 412 MB",
        "wrote app: 2,311 added (60.0 MB), 3 changed (1.0 MB), 1 removed (120 B)",
        "+ API_TOKEN=[redacted]",
        "~ PATH=/home/vcap/deps/0/bin:/usr/bin:/bin  (was /usr/bin:/bin)",
        "- MEMORY_LIMIT",
        "none: /bin/sh script, start and end only",
        "and more that are not kept",
    ):
        assert part in shown, part


def test_only_all_of_it_is_all_of_it() -> None:
    commands = tuple(
        TracedCommand(number / 10, f"echo {number} {'x' * 300}", f"f{number % 9}.sh", number) for number in range(90)
    )
    trace = replace(TRACE, scripts=(replace(TRACE.scripts[1], xtrace=Xtrace("bash", commands)),))
    short, full = "\n".join(texts(trace_tree(trace))), "\n".join(texts(trace_tree(trace, full=True)))
    assert "5 more files and functions" in short
    assert "x" * 300 not in short
    assert full.count("x" * 300) == 90
    assert "more" not in full.replace("more that", "")


def test_a_detect_that_says_no_is_no_failure() -> None:
    no = replace(TRACE.scripts[0], script="detect", exit_code=1)
    assert not no.failed
    assert replace(no, exit_code=2).failed
    assert replace(no, script="supply").failed


def test_a_pipe_gets_plain_lines(capsys: pytest.CaptureFixture[str]) -> None:
    print_trace(TRACE)
    out = capsys.readouterr().out
    assert "\x1b" not in out
    assert out.splitlines()[0].startswith("shop on debian12 · build ")


@given(st.text())
def test_nothing_in_a_trace_takes_over_a_terminal_or_a_page(text: str) -> None:
    trace = with_command(text)
    for line, _ in tree_lines(trace_tree(trace, full=True)):
        assert not [c for c in line if ord(c) < 0x20 and c != "\t"]
    ours = Page(trace_page(with_command("x")))
    theirs = Page(trace_page(trace))
    assert theirs.open == []
    assert {name for name, _ in theirs.elements} <= {name for name, _ in ours.elements} | {"br"}
    assert theirs.raw == ours.raw
    trace_page(trace).encode("utf-8")


def test_hostile_markup_is_text() -> None:
    hostile = "</script></style><script>alert(1)</script><img src=x onerror=alert(1)>\"' &amp; \u202e\x1b[31m"
    page = Page(trace_page(with_command(hostile)))
    assert len(page.all("script")) == 1
    assert not page.all("img")
    assert "<script>alert(1)</script>" in page.text
    assert "\u202e" not in page.text


def test_a_page_fetches_and_runs_nothing_but_its_own() -> None:
    page = Page(trace_page(TRACE))
    (policy,) = [one["content"] for one in page.all("meta") if one.get("http-equiv") == "Content-Security-Policy"]
    assert policy is not None
    assert policy.startswith("default-src 'none'; ")
    assert "unsafe" not in policy
    for what in ("style", "script"):
        digest = base64.b64encode(hashlib.sha256(page.raw[what].encode()).digest()).decode()
        assert f"{what}-src 'sha256-{digest}'" in policy
    for tag, attributes in page.elements:
        assert tag not in ("img", "link", "iframe", "object", "base", "form")
        assert not {"src", "style", "onclick", "onload"} & attributes.keys()
        assert (attributes.get("href") or "#").startswith("#"), "links stay on the page"
    assert "url(" not in page.raw["style"]
    assert "fetch" not in page.raw["script"]


def test_a_page_can_be_used_without_a_mouse_and_without_its_script() -> None:
    page = Page(trace_page(TRACE))
    (field,) = page.all("input")
    assert [label["for"] for label in page.all("label")] == [field["id"]]
    (find,) = [one for one in page.all("div") if one.get("id") == "find"]
    assert "hidden" in find, "shown by the script that makes it work"
    targets = {one["id"] for one in page.all("details") if one.get("id")}
    links = [one["href"] for one in page.all("a")]
    assert len(links) == len(TRACE.scripts)
    assert {str(link).removeprefix("#") for link in links} == targets
    assert page.all("html") == [{"lang": "en"}]
    assert any(one.get("name") == "viewport" for one in page.all("meta"))


def test_a_page_tells_all_that_a_trace_holds() -> None:
    text = Page(trace_page(TRACE)).text
    for part in (
        "shop",
        "staged",
        "bundle install",
        "MEMORY_LIMIT",
        "vendor/ruby/bin/ruby",
        "Say what is installed",
        "412 MB",
    ):
        assert part in text, part


def test_a_page_of_very_many_commands_shows_the_slowest() -> None:
    commands = tuple(
        TracedCommand(number / 1000, f"echo {number}", "a.sh", 1, seconds=number / 1e6) for number in range(5000)
    )
    trace = replace(TRACE, scripts=(replace(TRACE.scripts[1], xtrace=Xtrace("bash", commands)),))
    page = trace_page(trace)
    assert "of which the slowest 1,000 are on this page" in page
    assert "echo 4999<" in page
    assert "echo 100<" not in page
    assert len(page) < 2_000_000


def test_a_trace_without_scripts_is_shown() -> None:
    trace = replace(TRACE, scripts=(), buildpacks=(), ended=TRACE.started)
    assert len(texts(trace_tree(trace))) == 2
    assert Page(trace_page(trace)).open == []


def test_elements_escape_by_themselves() -> None:
    made = element("p", "<b>", element("b", "&"), class_='"x"', hidden=True, open=False)
    assert made.html == '<p class="&quot;x&quot;" hidden>&lt;b&gt;<b>&amp;</b></p>'
