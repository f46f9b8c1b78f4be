"""Content as HTML in which nothing runs, and as a few words."""

import pytest

from skytier_app import markdown


@pytest.mark.parametrize(
    ("content", "shown"),
    [
        ("It *weaves* `a < b` &amp; more.", "It weaves a < b & more."),
        ("One line\nand the next  \nand one more", "One line and the next and one more"),
        ("# Title\n\nThe beginning.\n\n| a | b |\n|---|---|\n| 1 | 2 |", "The beginning."),
        ("- first\n- second", "first second"),
        ("A [link](https://example.org) and ![a picture](x.png).", "A link and ."),
        ("# Nothing but a title", "Nothing but a title"),
        ("```\ncode()\n```", "``` code() ```"),
        ("<b>bold</b>", "<b>bold</b>"),
    ],
)
def test_an_excerpt_is_the_text_of_the_paragraphs(content: str, shown: str) -> None:
    assert markdown.excerpt(content) == shown


def test_an_excerpt_ends_between_two_words() -> None:
    assert markdown.excerpt("word " * 1000, length=12) == "word word …"
    assert markdown.excerpt("word " * 2, length=12) == "word word"


@pytest.mark.parametrize(
    ("content", "html"),
    [
        ("<script>x</script>", "<p>&lt;script&gt;x&lt;/script&gt;</p>\n"),
        ("[x](javascript:y)", "<p>[x](javascript:y)</p>\n"),
        ("![x](https://example.org/pixel.png)", "<p></p>\n"),
        (
            "[x](https://example.org)",
            '<p><a href="https://example.org" rel="nofollow ugc noopener">x</a></p>\n',
        ),
    ],
)
def test_html_is_clean(content: str, html: str) -> None:
    assert markdown.to_html(content) == html
