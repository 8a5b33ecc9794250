"""What is written as HTML is well formed, and text comes out of it as it went in."""

from xml.etree import ElementTree

from spacelang import html
from spacelang.html import Markup, TableRow, element, written

HOSTILE = "<script>alert('1')</script> & \"more\""


def parsed(text: str) -> ElementTree.Element:
    return ElementTree.fromstring(text.removeprefix("<!doctype html>\n"))


def test_text_comes_out_as_it_went_in_wherever_it_stands() -> None:
    body = (
        html.section(HOSTILE, element("p", HOSTILE, element("br"), HOSTILE)),
        html.table([HOSTILE], [[HOSTILE], TableRow([element("code", HOSTILE), 3], "quiet")]),
        html.properties([(HOSTILE, HOSTILE)]),
        html.titled(HOSTILE, HOSTILE),
        html.code(HOSTILE),
    )
    page = html.page(HOSTILE, *body)
    assert "<script>" not in page
    tags = ("title", "h1", "h2", "th", "td", "b", "code")
    texts = [one.text for tag in tags for one in parsed(page).iter(tag)]
    assert [text for text in texts if text != HOSTILE] == [None, "3"], "the cell around the code, and the number"
    assert texts.count(HOSTILE) == 10


def test_an_attribute_cannot_be_left_by_its_value() -> None:
    line = written(html.Element("a", (), {"title": HOSTILE}))
    assert parsed(line).attrib == {"title": HOSTILE}


def test_what_another_has_written_is_taken_as_it_is() -> None:
    assert written("a < b", html.figure("<i>c</i>"), Markup("<hr>")) == "a &lt; b<figure><i>c</i></figure><hr>"


def test_a_page_needs_no_other_file_and_fits_a_narrow_screen() -> None:
    page = parsed(html.page("title", element("p", "text"), script="run()"))
    assert [one.text for one in page.iter("p")] == ["text"]
    assert {one.get("name") for one in page.iter("meta")} == {None, "viewport"}
    assert not [
        one for one in page.iter() if one.get("src") or not (one.get("href") or "data:").startswith("data:")
    ]


def test_many_records_are_cut_and_it_is_said() -> None:
    shown = html.of_records("all", [{"n": n} for n in range(100)])
    assert "the first 60" in shown
    assert shown.count("<td>") == 60
    assert "the first" not in html.of_records("few", [{"n": 1}])
