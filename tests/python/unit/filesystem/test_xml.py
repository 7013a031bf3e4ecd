from __future__ import annotations

import pytest
from pyathena.filesystem import _xml

ANSWER = b"""<?xml version="1.0"?>
<Result xmlns="http://s3.amazonaws.com/doc/2006-03-01/"><Id>a&amp;b</Id>
<Set><Tag><Key>k</Key></Tag><Tag><Key>l</Key></Tag></Set></Result>"""


def test_parse() -> None:
    top = _xml.parse(ANSWER)
    assert top.name == "Result"
    assert top.find_text("Id") == "a&b"
    assert top.find_text("No", "Where") is None
    tags = top.find("Set")
    assert tags is not None
    assert [tag.texts() for tag in tags.all("Tag")] == [{"Key": "k"}, {"Key": "l"}]


@pytest.mark.parametrize(
    "document",
    [
        b"",
        b"<a>",
        b"<a></b>",
        b"not xml",
        b'<!DOCTYPE a [<!ENTITY e "x">]><a>&e;</a>',
        b"<a>" * 100 + b"</a>" * 100,
        b"<a>\xff</a>",
    ],
)
def test_parse_refuses(document: bytes) -> None:
    with pytest.raises(ValueError, match="answer of S3"):
        _xml.parse(document)


def test_build_is_read_back() -> None:
    text = "a<b>&\"'\r\n\té\U0001f600"
    document = _xml.build("Tagging", [("TagSet", [("Tag", [("Key", text), ("Value", "")])])])
    tag = _xml.parse(document).find("TagSet", "Tag")
    assert tag is not None
    assert tag.texts() == {"Key": text, "Value": ""}


def test_build_refuses_what_xml_cannot_carry() -> None:
    for character in "\0\x01\x1f\ufffe":
        with pytest.raises(ValueError, match="Key"):
            _xml.build("Tagging", [("Key", f"a{character}")])
