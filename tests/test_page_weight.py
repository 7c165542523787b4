"""How heavy the site is for a reader's line, and that its pages, made lighter, are the theme's pages still."""

import re
import sys
from types import SimpleNamespace
from urllib.parse import urlsplit

import pytest
from bs4 import BeautifulSoup
from conftest import NOTEBOOKS, ROOT, SITE, WIDTHS, site_pages
from repository import load_tool
from sphinx.errors import ExtensionError

sys.path.insert(0, str(ROOT / "book" / "_ext"))
import lean_pages

CHAPTERS = [path.stem for path in NOTEBOOKS]
PAGES = [path.relative_to(SITE).as_posix() for path in site_pages() if path != SITE / "index.html"]  # that one forwards
SITE_LIMIT, PAGE_LIMIT = 40_000_000, 1_500_000  # bytes; a page's with all that it loads, its figures' data included


@pytest.fixture(scope="module")
def host(site):
    """The site as a static host sends it, compressed, and how many bytes each path took."""
    tool, sent = load_tool("lighthouse"), {}

    class Scales(tool.StaticHost):
        def send_header(self, name, value):
            if name == "Content-Length":
                sent[urlsplit(self.path).path] = int(value)
            super().send_header(name, value)

    with tool.served(site, Scales) as address:
        yield SimpleNamespace(address=address, sent=sent)


@pytest.fixture(scope="module")
def reader(browser):
    context = browser.new_context(viewport=dict(zip(("width", "height"), WIDTHS["phone"], strict=True)))
    yield context
    context.close()


@pytest.fixture
def page(reader):
    page = reader.new_page()
    yield page
    page.close()


# ------------------------------------------------------------------------------------------------ weight


def test_the_site_is_small(site):
    assert sum(path.stat().st_size for path in site.rglob("*") if path.is_file()) < SITE_LIMIT


@pytest.mark.parametrize("name", CHAPTERS)
def test_a_chapter_is_light(host, page, name):
    asked = []
    page.on("request", lambda request: asked.append(request.url))
    page.goto(f"{host.address}/book/{name}.html", wait_until="load")
    page.wait_for_function("MathJax.startup && MathJax.startup.promise")
    page.evaluate("MathJax.startup.promise")
    assert page.locator(".math:not(:has(mjx-container))").count() == 0
    assert [url for url in asked if not url.startswith((host.address, "data:", "blob:"))] == []
    loaded = {urlsplit(url).path for url in asked if url.startswith(host.address)}  # a file kept counts for each page
    assert any(path.endswith(".woff") for path in loaded) and len(loaded) > 12
    assert sum(host.sent[path] for path in loaded) < PAGE_LIMIT


@pytest.mark.parametrize("name", [*PAGES, "404.html"])
def test_a_page_waits_for_nothing_and_lacks_nothing(site, name):
    soup = BeautifulSoup((site / name).read_text(encoding="utf-8"), "html.parser")
    scripts = soup.find_all("script", src=True)
    assert scripts and [tag["src"] for tag in scripts if not tag.has_attr("defer")] == []
    assert len(soup.find_all("link", rel="stylesheet")) == 1
    addresses = [tag["src"] for tag in scripts] + [
        tag["href"] for tag in soup.select("link[rel~=stylesheet], link[rel~=icon]")
    ]
    for path in (urlsplit(address).path for address in addresses):
        place = site / path.partition("/book/")[2] if path.startswith("/") else (site / name).parent / path
        assert place.is_file(), f"{path} is not there"
    assert [tag for tag in soup.select("i, span") if re.search(r"\bfa-", " ".join(tag.get("class", [])))] == []
    assert (name == "search.html") == ("searchindex.js" in str(scripts))


# ------------------------------------------------------------------------------------------------ the same pages


# Every rule that the browser knows of a sheet, with those that it imports; addresses differ in their folders.
RULES = r"""link => {
    const flat = sheet => [...sheet.cssRules].flatMap(rule => rule.styleSheet ? flat(rule.styleSheet) : [rule.cssText]);
    return flat(link.sheet).map(text => text.replace(/url\("(?!data:)[^"]*\//g, 'url("'));
}"""
LOADED = """href => new Promise((done, failed) => {
    const link = Object.assign(document.createElement("link"), {rel: "stylesheet", href});
    link.onload = () => done(link);
    link.onerror = () => failed(`no ${href}`);
    document.head.append(link);
})"""


@pytest.mark.parametrize("name", ["classification", "frontier-explorer"])
def test_one_sheet_has_the_rules_of_all_in_their_order(host, page, name):
    page.goto(f"{host.address}/book/{name}.html", wait_until="load")
    together = page.query_selector("link[rel=stylesheet]")
    text = (SITE / "_static" / together.get_attribute("href").rsplit("/", 1)[-1]).read_text(encoding="utf-8")
    names = re.findall(r"^/\* (\S+\.css) \*/$", text, flags=re.MULTILINE)
    assert len(names) >= 8 and names[-1] == "speedy.css" and ("explorer/explorer.css" in names) == ("explorer" in name)
    alone = [page.evaluate_handle(LOADED, f"../_static/{one}").as_element().evaluate(RULES) for one in names]
    assert all(alone) and sum(map(len, alone)) > 2000
    assert together.evaluate(RULES) == [rule for rules in alone for rule in rules]


@pytest.mark.parametrize("width", WIDTHS)
def test_icons_are_drawn(visit, width):
    page = visit(width=width).open("book/classification.html")
    shown = page.locator("svg.svg-inline--fa:visible")
    boxes = shown.evaluate_all(
        "all => all.map(one => [one, one.firstChild].map(it => it.getBoundingClientRect().width))"
    )
    assert len(boxes) >= 6
    assert all(8 < box < 40 and 0.4 * box < drawing <= box + 1 for box, drawing in boxes)


# ------------------------------------------------------------------------------------------------ a theme that changes

HEAD = (
    f"<script>{lean_pages.LATER}</script>\n"
    '<link href="_static/styles/a.css?v=1" rel="stylesheet" />\n<link rel="stylesheet" href="_static/b.css">\n'
    '<script src="_static/documentation_options.js"></script>\n<script src="_static/x.js?v=2"></script>\n'
    '<script defer src="_static/y.js"></script>\n<script src="_static/scripts/fontawesome.js"></script>\n'
    '<link rel="preload" as="script" href="_static/z.js" />\n<script>let inside = 1;</script>\n'
    + "".join(f'<script src="{name}"></script>\n' for name in sorted(lean_pages.SEARCH))
)
ICON = '<i class="fa-solid fa-bars fa-lg" data-mode="auto"></i> <i lang="es">el</i>'
DRAWINGS = {("fas", "bars"): ("10", "20", "M0 0h10"), ("fab", "github"): ("1", "2", "M1 1")}


@pytest.fixture
def static(tmp_path):
    (tmp_path / "styles").mkdir()
    (tmp_path / "dot.png").write_bytes(b"")
    (tmp_path / "base.css").write_text('p { background: url("dot.png") }')
    (tmp_path / "styles" / "a.css").write_text("@import \"../base.css\";\nb { background: url('../dot.png#x') }")
    (tmp_path / "b.css").write_text("i { background: url(data:image/png;base64,AAAA) }")
    (tmp_path / lean_pages.OPTIONS).write_text("const OPTIONS = {};")
    return tmp_path.resolve()


def test_a_page_becomes_lean(static):
    page = lean_pages.lean(HEAD + ICON, "chapter.html", static, DRAWINGS)
    (sheet,) = static.glob("book-*.css")
    assert (
        page.split()
        == (
            f"<script>{lean_pages.AT_ONCE}</script>\n"
            f'<link rel="stylesheet" href="_static/{sheet.name}">\n<script>const OPTIONS = {{}};</script>\n'
            '<script defer src="_static/x.js?v=2"></script>\n<script defer src="_static/y.js"></script>\n'
            "<script>let inside = 1;</script>\n"
            '<svg class="svg-inline--fa fa-bars fa-lg" data-mode="auto" aria-hidden="true" viewBox="0 0 10 20">'
            '<path fill="currentColor" d="M0 0h10"/></svg> <i lang="es">el</i>'
        ).split()
    )
    rules = re.sub(r"/\*.*?\*/\s*", "", sheet.read_text()).split("\n")
    assert rules == [
        'p { background: url("dot.png") }',
        'b { background: url("dot.png#x") }',
        "i { background: url(data:image/png;base64,AAAA) }",
    ]
    searching = lean_pages.lean(HEAD + ICON, "search.html", static, DRAWINGS)
    assert re.findall(r'src="([a-z_]+\.js)"', searching) == sorted(lean_pages.SEARCH)
    (static / "b.css").write_text("i { color: red }")
    lean_pages.lean(HEAD, "chapter.html", static, DRAWINGS)
    assert len(list(static.glob("book-*.css"))) == 2  # no browser shows an old one


@pytest.mark.parametrize(
    ("old", "new", "words"),
    [
        ("fontawesome.js", "icons.js", "does not load fontawesome.js"),
        ("searchindex.js", "index.js", "does not load searchindex.js"),
        ("documentation_options.js", "options.js", "does not load documentation_options.js"),
        ('rel="stylesheet"', 'rel="style"', "no style sheets"),
        ('href="_static/b.css"', 'href="https://example.org/b.css"', "does not lie in _static"),
        ("fa-bars", "fa-burger-king", "no icon is known as “fa-solid fa-burger-king fa-lg”"),
        ("fa-solid", "fa-thin", "no icon is known"),
        ("_static/b.css", "_static/gone.css", "gone.css"),
        ("dataset.theme", "dataset.colours", "chooses its colours in another way"),
    ],
)
def test_another_theme_stops_the_build(static, old, new, words):
    assert old in HEAD + ICON
    with pytest.raises(ExtensionError, match=f"^chapter.html: .*{re.escape(words)}.* mend lean_pages.py"):
        lean_pages.lean((HEAD + ICON).replace(old, new), "chapter.html", static, DRAWINGS)


@pytest.mark.parametrize(
    ("sheet", "words"),
    [("@import url(base.css);", "imports a style sheet"), ("p { background: url(none.png) }", "asks for none.png")],
)
def test_a_sheet_that_cannot_be_moved_stops_the_build(static, sheet, words):
    (static / "b.css").write_text(sheet)
    with pytest.raises(ExtensionError, match=f"b.css {words}"):
        lean_pages.lean(HEAD + ICON, "chapter.html", static, DRAWINGS)


# ------------------------------------------------------------------------------------------------ make lighthouse


@pytest.mark.parametrize(
    ("setting", "page", "words"),
    [
        ({"LIGHTHOUSE": "nowhere-at-all"}, "book/index.html", "npm install --ignore-scripts lighthouse"),
        ({"RUNS": "0"}, "book/index.html", "RUNS=0 is not a whole number above zero."),
        ({}, "book/nothing.html", "The site has no book/nothing.html."),
    ],
)
def test_what_cannot_be_measured_gets_a_sentence(site, monkeypatch, capsys, setting, page, words):
    for name, value in setting.items():
        monkeypatch.setenv(name, value)
    with pytest.raises(SystemExit) as stopped:
        load_tool("lighthouse").main([page])
    out, err = capsys.readouterr()
    assert (stopped.value.code, out, err.count("\n")) == (1, "", 1) and words in err


def test_another_script_of_the_theme_stops_the_build():
    script = f"boxes(){lean_pages.ONE_BY_ONE};"
    assert lean_pages.measure_at_once(script) == f"boxes(){lean_pages.ALL_AT_ONCE};"
    with pytest.raises(ExtensionError, match=r"another way now; mend lean_pages\.py\.$"):
        lean_pages.measure_at_once(script.replace("tabIndex", "tabStop"))
