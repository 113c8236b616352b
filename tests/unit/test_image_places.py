"""Names of images, and the texts of ``--image``."""

from __future__ import annotations

from pathlib import Path

import pytest
from hypothesis import given
from hypothesis import strategies as st

import stagewright.images as images
from stagewright.images import ArchivePlace, BadImagePlace, ImageName, LayoutPlace, RefName, parse_place


@pytest.mark.parametrize(
    ("text", "place"),
    [
        ("oci:out", LayoutPlace(Path("out"))),
        ("oci:/a b/out:v1.0", LayoutPlace(Path("/a b/out"), RefName("v1.0"))),
        ("oci:out:docker.io/library/x:1", LayoutPlace(Path("out"), RefName("docker.io/library/x:1"))),
        ("docker-archive:shop.tar", ArchivePlace(Path("shop.tar"))),
        ("docker-archive:shop.tar:shop", ArchivePlace(Path("shop.tar"), ImageName("shop", "latest"))),
        (
            "docker-archive:x:r.example.com:5000/a/b:v1",
            ArchivePlace(Path("x"), ImageName("r.example.com:5000/a/b", "v1")),
        ),
    ],
)
def test_places(text: str, place: images.Place) -> None:
    assert parse_place(text) == place
    assert parse_place(str(place)) == place


@pytest.mark.parametrize(
    "text",
    [
        "",
        "out",
        "oci",
        "oci:",
        "oci::tag",
        "oci:out:",
        "oci:out:no tag",
        "oci:out:-x",
        "oci:out:a..b",
        "OCI:out",
        "oci:a\0b",
        "docker-archive:",
        "docker-archive:f:UPPER",
        "docker-archive:f:a:b:c",
        "docker://x",
        "dir:x",
        "oci:out:" + "a" * 300,
    ],
)
def test_what_is_no_place(text: str) -> None:
    with pytest.raises(BadImagePlace) as caught:
        parse_place(text)
    assert "oci:DIRECTORY" in caught.value.hint()
    assert caught.value.brief().isprintable()


@given(st.text(max_size=60))
def test_any_text_is_a_place_or_refused(text: str) -> None:
    for prefix in ("", "oci:", "docker-archive:", "docker-archive:f:"):
        try:
            place = parse_place(prefix + text)
        except BadImagePlace:
            continue
        assert parse_place(str(place)) == place


@pytest.mark.parametrize("name", ["shop", "a.b/c_d/e__f-g", "localhost:5000/shop", "127.0.0.1/x"])
def test_image_names(name: str) -> None:
    assert str(ImageName.parse(name)) == f"{name}:latest"


def test_a_name_is_checked_however_it_is_made() -> None:
    with pytest.raises(ValueError, match="not the name of an image"):
        ImageName("shop:v1", "v2")
    with pytest.raises(ValueError, match="not the name of an image"):
        ImageName("shop", "a/b")


def test_every_public_name_can_be_had() -> None:
    assert sorted(images.__all__) == sorted(images._HOMES)
    for name in images.__all__:
        assert getattr(images, name) is not None
    with pytest.raises(AttributeError, match="no attribute 'nothing'"):
        _ = images.nothing
