"""The reference pages agree with the chapters and the package: glossary, bibliography, API, command, citations."""

import datetime
import os
import re
import subprocess
import sys
from functools import cache

import nbformat
import pytest
import yaml
from bs4 import BeautifulSoup
from conftest import NOTEBOOKS, ROOT, SITE, site_pages
from pybtex.database import parse_file, parse_string
from pybtex.richtext import Text
from repository import calm_environment

import speedy_utils as su
from speedy_utils import cli

BOOK = ROOT / "book"
sys.path.insert(0, str(BOOK / "_ext"))

import speedy_api  # noqa: E402
import speedy_chapters  # noqa: E402
import speedy_citing  # noqa: E402
import speedy_command  # noqa: E402
import speedy_functions  # noqa: E402
import speedy_works  # noqa: E402


def page(name):
    return (BOOK / f"{name}.md").read_text(encoding="utf-8")


def one_line(text):
    return re.sub(r"\s+", " ", text)


@cache
def parsed(path):
    return BeautifulSoup(path.read_text(encoding="utf-8"), "html.parser")


@pytest.fixture
def soup(site):
    """A page of the built site by its name, parsed: `soup("glossary")`."""
    return lambda name: parsed(SITE / "book" / f"{name}.html")


CELLS = {path.stem: nbformat.read(path, as_version=4).cells for path in NOTEBOOKS}
TEXTS = {name: one_line("\n".join(cell.source for cell in cells)).casefold() for name, cells in CELLS.items()}


# ------------------------------------------------------------------------------------------------ glossary

GLOSSARY = re.findall(r"^(\S.*)\n((?:  .*\n)+)", page("glossary").split("```{glossary}\n")[1], re.MULTILINE)
TERMS = [term for term, _ in GLOSSARY]


def test_the_glossary_is_sorted_and_names_no_term_twice():
    assert len(TERMS) >= 50
    assert [term.casefold() for term in TERMS] == sorted({term.casefold() for term in TERMS})


@pytest.mark.parametrize(("term", "definition"), GLOSSARY, ids=TERMS)
def test_a_term_has_its_spanish_and_a_chapter_that_uses_it(term, definition):
    definition = one_line(definition).strip()
    assert re.search(r' Spanish: <i lang="es">[^<]\S', definition) or '<i lang="es"><span lang="en">' in definition
    title, target = re.search(r" \[([^\]]+)\]\(([\w-]+)\.ipynb(?:#[\w-]+)?\)$", definition).groups()
    assert one_line(CELLS[target][0].source).startswith(f"# {title} "), "another title than the chapter's"
    assert term.casefold() in TEXTS[target], f"{term} does not occur in {target}"


def test_spanish_terms_are_found_with_and_without_accents(visit):
    """Words that stand in the glossary alone."""
    reader = visit()
    for word in ("cuantización", "cuantizacion", "desviacion tipica"):
        page = reader.open(f"search.html?q={word}")
        page.locator("#search-results li").first.wait_for(timeout=20_000)
        links = page.locator("#search-results li a").evaluate_all("all => all.map(a => a.getAttribute('href'))")
        assert any("glossary" in link for link in links), word
    assert reader.flaws == []


# ------------------------------------------------------------------------------------------------ bibliography

READING = {chapter.name.removeprefix("book/"): chapter.further_reading() for chapter in speedy_chapters.chapters(ROOT)}
WORKS = dict(parse_file(str(BOOK / "references.bib"), "bibtex").entries)
ABROAD = [
    (name, url) for name, items in READING.items() for item in items for url in re.findall(r"\]\((http[^)]+)", item)
]


def test_every_chapter_has_further_reading():
    assert set(READING) == set(CELLS) and all(READING.values())


@pytest.mark.parametrize(("chapter", "address"), ABROAD, ids=[f"{name} {url}" for name, url in ABROAD])
def test_a_work_that_a_chapter_links_to_is_in_the_bibliography(chapter, address):
    assert [key for key, entry in WORKS.items() if address in speedy_works.addresses(entry)] != []


def test_every_item_of_further_reading_names_a_work_and_every_work_is_named():
    named = [
        (item, {key for key, entry in WORKS.items() if speedy_works.names(item, entry)})
        for items in READING.values()
        for item in items
    ]
    assert [item for item, keys in named if not keys] == []
    assert set(WORKS) == set().union(*(keys for _, keys in named))


def test_where_a_work_is_found():
    text = "@misc{a, title = {A}, url = {https://x.org/a}, doi = {10.1/b}, eprint = {2001.00001}}"
    (entry,) = parse_string(text, "bibtex").entries.values()
    expected = {"https://x.org/a", "https://doi.org/10.1/b", "https://arxiv.org/abs/2001.00001"}
    assert speedy_works.addresses(entry) == expected


def test_addresses_and_titles_stand_once():
    addresses = [address for entry in WORKS.values() for address in speedy_works.addresses(entry)]
    titles = [entry.fields["title"].strip("{}").casefold() for entry in WORKS.values()]
    assert len(addresses) == len(set(addresses)) and len(titles) == len(set(titles))
    assert list(WORKS) == sorted(WORKS)


def test_each_work_on_the_page_leads_to_the_chapters_that_link_to_it(soup):
    entries = soup("bibliography").select("article li:has(.speedy-cited)")
    assert len(entries) == len(WORKS)
    shown = {}
    for entry in entries:
        links = [tag["href"] for tag in entry.find_all("a")]
        for address in [link for link in links if link.startswith("http")]:
            shown[address] = [link for link in links if not link.startswith("http")]
    expected = {}
    for chapter, address in ABROAD:
        expected.setdefault(address, []).append(f"{chapter}.html")
    assert {address: set(pages) <= set(shown[address]) for address, pages in expected.items()} == dict.fromkeys(
        expected, True
    )


# ------------------------------------------------------------------------------------------------ API and command

OPTIONS = [
    (name, option)
    for name, (_, parser) in speedy_command.subparsers(cli._parser()).items()
    for action in parser._actions
    for option in action.option_strings or [action.metavar or action.dest]
    if action.dest != "help"
]


def test_every_export_is_on_the_page_once_and_nothing_else():
    named = re.findall(r"^\.\. (?:auto\w+|py:data):: (\w+)$", page("api"), re.MULTILINE)
    assert sorted(named) == sorted(su._HOME)


def test_every_entry_of_the_api_says_what_it_is(soup):
    entries = [tag for tag in soup("api").select("article section > dl.py") if tag.dt.get("id")]
    assert sorted(tag.dt["id"] for tag in entries) == sorted(f"speedy_utils.{name}" for name in su._HOME)
    for entry in entries:
        assert len(entry.find("dd", recursive=False).find("p").get_text()) > 12, entry.dt["id"]
    for signature in soup("api").select("dt.sig"):
        assert not signature.find_all(["dl", "dd"])  # a list without terms
    text = soup("api").article.get_text()
    assert "`" not in text and "<factory>" not in text and not re.search(r"\b0x[0-9a-f]{6,}", text)


def test_the_api_is_read_without_heavy_libraries():
    code = (
        "import sys, speedy_api, speedy_utils\nfrom sphinx.ext.autodoc.mock import mock\n"
        "with mock(speedy_api.HEAVY):\n    [getattr(speedy_utils, name) for name in speedy_utils._HOME]\n"
        "print(sorted({'torch', 'transformers', 'datasets', 'openvino', 'matplotlib'} & set(sys.modules)))"
    )
    environment = calm_environment(PYTHONPATH=f"{ROOT}{os.pathsep}{BOOK / '_ext'}")
    done = subprocess.run([sys.executable, "-c", code], env=environment, capture_output=True, text=True, timeout=60)
    assert (done.returncode, done.stdout) == (0, "[]\n"), done.stderr


def test_a_docstring_becomes_markup():
    written = 'Takes `x` and the column `score` of `fine_tune` and\n`su.score()`, as `a\nb` does; source="mini".'
    assert speedy_api.marked_up(written) == (
        "Takes ``x`` and the column ``score`` of :py:obj:`fine_tune <speedy_utils.fine_tune>` and\n"
        ':py:obj:`su.score() <speedy_utils.score>`, as ``a b`` does; ``source="mini"``.'
    )


@pytest.mark.parametrize(("command", "option"), OPTIONS, ids=[" ".join(pair) for pair in OPTIONS])
def test_every_option_of_a_subcommand_is_on_the_page(soup, command, option):
    section = soup("command").find(id=f"speedy-{command}")
    entries = {tag.get_text() for tag in section.select("dt .sig-name")}
    told = any(option in code.get_text() for code in section.select("dd code"))  # --validation, beside --train
    assert option in entries or (option in ("--validation", "--test") and told)


def test_every_option_says_what_it_does():
    silent = [
        (name, action.dest)
        for name, (does, parser) in speedy_command.subparsers(cli._parser()).items()
        for action in speedy_command.arguments(parser)
        if not (does and action.help)
    ]
    assert silent == []


@pytest.mark.parametrize("columns", ["40", "200"])
def test_the_page_of_the_command_does_not_depend_on_the_window(monkeypatch, columns):
    lines = list(speedy_command.source_of(cli._parser()))
    monkeypatch.setenv("COLUMNS", columns)
    assert list(speedy_command.source_of(cli._parser())) == lines
    assert max(len(line) for line in lines if line.startswith("   speedy ")) <= speedy_command.WIDTH + 3


# ------------------------------------------------------------------------------------------------ functions


def chapter(*cells):
    return speedy_chapters.Chapter("book/one", "One", tuple(("code", cell) for cell in cells))


def test_what_counts_as_using_a_name():
    code = (
        "%pip install nothing\nimport speedy_utils as su\nfrom speedy_utils import plots\n"
        "from speedy_utils.metrics import squad as f\nimport speedy_utils.uncertainty as chance",
        "su.score(su.published_results())\nsu.plots.lines.__name__\nplots.dots\nf(1)\nchance.holm([])\nscore = 1",
        "su.__version__, su.speed, other.su.cut, 'su.choose'\nimport numpy as np; np.su.compare",
    )
    expected = {"score", "published_results", "plots.lines", "plots.dots", "metrics.squad", "uncertainty.holm"}
    assert set(speedy_functions.used(chapter(*code))) == expected


def test_one_thing_under_two_names_is_one_entry(monkeypatch):
    book = (chapter("import speedy_utils as su\nsu.frontier.score\nsu.score"),)
    monkeypatch.setattr(speedy_functions, "chapters", lambda source: book)
    assert speedy_functions.chapters_by_function(ROOT) == {"score": list(book)}


def test_code_that_cannot_be_read_is_not_passed_over():
    with pytest.raises(SyntaxError):
        list(speedy_functions.used(chapter("import speedy_utils as su", "def broken(:")))


def test_the_index_leads_to_chapters_and_entries(soup):
    """What a plain search for su.NAME finds in the notebooks, the page has, in the book's order."""
    order = [one.name.removeprefix("book/") for one in speedy_chapters.chapters(ROOT)]
    rows = {}
    for term in soup("function-index").select("article dt"):
        name = term.get_text().strip().removeprefix("su.")
        rows[name] = [link["href"].removesuffix(".html") for link in term.find_next_sibling("dd").find_all("a")]
        if name in su._HOME:
            assert term.a["href"] == f"api.html#speedy_utils.{name}"
    code = {name: "\n".join(c.source for c in cells if c.cell_type == "code") for name, cells in CELLS.items()}
    code = {name: re.sub(r"^\s*#.*", "", text, flags=re.MULTILINE) for name, text in code.items()}
    for name in su._HOME:
        found = [one for one in order if re.search(rf"(?<![\w.'\"#`])su\.{name}\b(?!\.)", code[one])]
        assert set(found) <= set(rows.get(name, [])), name
    assert all(places == sorted(places, key=order.index) for places in rows.values())
    assert any("." in name for name in rows)


# ------------------------------------------------------------------------------------------------ citing

PAGES = [path for path in site_pages() if path.parent.name == "book" and path.stem != "404"]


@pytest.mark.parametrize("path", PAGES, ids=lambda path: path.stem)
def test_a_page_says_how_to_cite_it(path):
    html = path.read_text(encoding="utf-8")
    (block,) = re.findall(r'<details class="speedy-cite">.*?</details>', html, re.DOTALL)
    assert html.index(block) > html.rindex("</section>")
    block = BeautifulSoup(block, "html.parser").details
    title = BeautifulSoup(re.search("<h1>([^<]+)", html)[1], "html.parser").get_text()
    assert block.find(True, recursive=False).name == "summary" and block.summary.get_text() == "Cite this page"
    address = yaml.safe_load((ROOT / "CITATION.cff").read_text(encoding="utf-8"))["url"]
    address += "/" if path.stem == "index" else f"/book/{path.name}"
    page_text, paper_text = (block.find_all("p")[place].get_text() for place in (0, 2))
    assert title in page_text and f"version {su.__version__}" in page_text and page_text.endswith(f" {address}")
    assert "Cañete" in paper_text and "https://aclanthology.org/2024.starsem-1.14" in paper_text
    entries = parse_string("\n".join(pre.get_text() for pre in block.find_all("pre")), "bibtex").entries
    own, paper = entries.values()
    plain = str(Text.from_latex(own.fields["title"]))
    assert (plain, own.fields["url"], own.fields["note"]) == (title, address, f"Version {su.__version__}")
    assert paper == WORKS[speedy_citing.PAPER]


def test_pages_that_are_no_part_of_the_book_are_not_cited(site):
    for path in site_pages():
        if path not in PAGES:
            assert "speedy-cite" not in path.read_text(encoding="utf-8"), path.name


def test_a_release_is_cited_by_its_date():
    citation = yaml.safe_load((ROOT / "CITATION.cff").read_text(encoding="utf-8"))
    citation.pop("date-released", None)
    assert "2031, not released yet" in speedy_citing.page_text(citation, "Traps & more", "https://x.org/a", "2031")
    assert "year      = {2031}" in speedy_citing.page_entry(citation, "book/traps", "Traps & more", "u_1", "2031")
    dated = citation | {"date-released": datetime.date(2032, 5, 4)}
    assert "2032-05-04. " in speedy_citing.page_text(dated, "Traps & more", "https://x.org/a", "2031")
    entry = speedy_citing.page_entry(dated, "book/traps", "Traps & more", "u_1", "2031")
    assert "year      = {2032}" in entry and r"{{Traps \& more}}" in entry and "{u_1}" in entry
    assert entry.startswith("@incollection{speedy-gonzales-book-traps,")
