"""Content as HTML in which nothing runs, and as a few words."""

import pytest

from skytier_app import markdown


@pytest.mark.parametrize(
    ("content", "shown"),
    [
        ("It *weaves* `a < b` &amp; more.", "It weaves a < b & more."),
        ("One line\nand the next  \nand one more", "One line and the next and one more"),
        ("One\r\nline", "One line"),
        ("# Title\n\nThe beginning.\n\n| a | b |\n|---|---|\n| 1 | 2 |", "The beginning."),
        ("# Title\n\nThe beginning.\n\n```\ncode()\n```\n\nThe end.", "The beginning. The end."),
        ("- first\n- second", "first second"),
        ("- first\n\n- second", "first second"),
        ("> A quote.\n\nAn answer.", "A quote. An answer."),
        ("A [link](https://example.org) and ![a picture](x.png).", "A link and a picture."),
        ("# Nothing but *a title*", "Nothing but a title"),
        ("```\ncode()\n```", "code()"),
        ("| a | b |\n|---|---|\n| 1 | 2 |", "a b 1 2"),
        ("<b>bold</b>", "<b>bold</b>"),
        ("<div>\nbold\n</div>", "<div> bold </div>"),
        ("---", "---"),
        ("> " * 100 + "deep", "> " * 100 + "deep"),
    ],
)
def test_an_excerpt_is_the_text_of_the_paragraphs(content: str, shown: str) -> None:
    assert markdown.excerpt(content) == shown


def test_an_excerpt_ends_between_two_words() -> None:
    assert markdown.excerpt("word " * 1000, length=12) == "word word …"
    assert markdown.excerpt("word " * 2, length=12) == "word word"


LINK = 'rel="nofollow ugc noopener"'


@pytest.mark.parametrize(
    ("content", "html"),
    [
        ("# *One*\n\n###### Six", "<h1><em>One</em></h1>\n<h6>Six</h6>\n"),
        ("a\nb  \nc\\\nd", "<p>a\nb<br>\nc<br>\nd</p>\n"),
        ("a\r\n\r\nb\rc", "<p>a</p>\n<p>b\nc</p>\n"),
        ("**a** ~~b~~ `c < d`", "<p><strong>a</strong> <del>b</del> <code>c &lt; d</code></p>\n"),
        ("> a\n\n***", "<blockquote>\n<p>a</p>\n</blockquote>\n<hr>\n"),
        ("- a\n- b", "<ul>\n<li>a</li>\n<li>b</li>\n</ul>\n"),
        ("1) a\n\n2) b", "<ol>\n<li><p>a</p>\n</li>\n<li><p>b</p>\n</li>\n</ol>\n"),
        ("3. third\n4. fourth", '<ol start="3">\n<li>third</li>\n<li>fourth</li>\n</ol>\n'),
        ("0. zero", '<ol start="0">\n<li>zero</li>\n</ol>\n'),
        ("    a < b", "<pre><code>a &lt; b</code></pre>\n"),
        ("```\na\n```", "<pre><code>a\n</code></pre>\n"),
        (
            "~~~ c++ and more\na\n~~~",
            '<pre><code class="language-c++">a\n</code></pre>\n',
        ),
        (
            '```"><script>\na\n```',
            '<pre><code class="language-&quot;&gt;&lt;script&gt;">a\n</code></pre>\n',
        ),
        (
            "| a | b | c | d |\n|---|:--|:-:|--:|\n| 1 |",
            '<table>\n<thead>\n<tr><th>a</th><th align="left">b</th><th align="center">c</th>'
            '<th align="right">d</th></tr>\n</thead>\n<tbody>\n<tr><td>1</td>'
            '<td align="left"></td><td align="center"></td><td align="right"></td></tr>\n'
            "</tbody>\n</table>\n",
        ),
        ("&copy; &lt; \\* &nothing;", "<p>© &lt; * &amp;nothing;</p>\n"),
        ('[x](/a?b&c "d&quot;e")', f'<p><a href="/a?b&amp;c" title="d&quot;e" {LINK}>x</a></p>\n'),
        ("[x](</a bü>)", f'<p><a href="/a%20b%C3%BC" {LINK}>x</a></p>\n'),
        ("[x](/%20%)", f'<p><a href="/%20%" {LINK}>x</a></p>\n'),
        (
            "<ada@example.org> <HTTPS://example.org>",
            f'<p><a href="mailto:ada@example.org" {LINK}>ada@example.org</a> '
            f'<a href="HTTPS://example.org" {LINK}>HTTPS://example.org</a></p>\n',
        ),
        ("[x][y]\n\n[Y]: /z 't'", f'<p><a href="/z" title="t" {LINK}>x</a></p>\n'),
        # Nothing runs.
        ("<script>x</script>", "<p>&lt;script&gt;x&lt;/script&gt;</p>\n"),
        ("a <b onclick=x>b</b>", "<p>a &lt;b onclick=x&gt;b&lt;/b&gt;</p>\n"),
        ("<!-- a -->\n\nb", "<p>&lt;!-- a --&gt;\n</p>\n<p>b</p>\n"),
        ("[x](javascript:y)", "<p>x</p>\n"),
        ("[x](JaVaScRiPt:y) ![z](data:text/html,y)", "<p>x z</p>\n"),
        ("[x](java&Tab;script:y)", f'<p><a href="java%09script:y" {LINK}>x</a></p>\n'),
        ("[x](&#1;javascript:y)", f'<p><a href="%01javascript:y" {LINK}>x</a></p>\n'),
        ('[x](/"onclick="y)', f'<p><a href="/%22onclick=%22y" {LINK}>x</a></p>\n'),
        # A page asks no other host for anything.
        ("![a *b*](/c.png)", f'<p><a href="/c.png" {LINK}>a <em>b</em></a></p>\n'),
        ("![](/c.png)", f'<p><a href="/c.png" {LINK}>/c.png</a></p>\n'),
        ("[![a](/b.png)](/c)", f'<p><a href="/c" {LINK}>a</a></p>\n'),
        ("[![](/b.png)](/c)", f'<p><a href="/c" {LINK}>/b.png</a></p>\n'),
        ("![a [b](/c) d](/e)", f'<p><a href="/e" {LINK}>a b d</a></p>\n'),
    ],
)
def test_html_says_what_markdown_means_and_nothing_runs(content: str, html: str) -> None:
    assert markdown.to_html(content) == html
