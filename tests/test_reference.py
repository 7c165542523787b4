"""The reference pages agree with the chapters and the package: glossary, bibliography, API, command, citations."""

import re

import nbformat
import pytest
from conftest import NOTEBOOKS, ROOT

BOOK = ROOT / "book"


def page(name):
    return (BOOK / f"{name}.md").read_text(encoding="utf-8")


def one_line(text):
    return re.sub(r"\s+", " ", text)


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
