"""The site's search, on a small site with the book's extension and theme: accents may be typed or left out."""

import functools
import json
import subprocess
import sys
import threading
import unicodedata
from http.server import SimpleHTTPRequestHandler, ThreadingHTTPServer

import pytest
from conftest import ROOT
from repository import calm_environment

CONF = f"""
extensions = ["speedy_site"]
html_theme = "sphinx_book_theme"
html_title = "A small site"
html_context = {{"default_mode": "auto"}}
html_favicon = {str(ROOT / "book" / "_assets" / "favicon.svg")!r}
language = "en"
"""
FILLER = "A sentence that is not looked for. " * 40
PAGES = {
    "accented": f"Notes\n=====\n\n{FILLER}\n\nBogotá, la señal, un pingüino y por qué.\n\n{FILLER}",
    "plain": f"More notes\n==========\n\n{FILLER}\n\nBogota, la senal, un pinguino y por que.\n\n{FILLER}",
    "headings": "Diseño\n======\n\nDesign.\n\nEl año\n------\n\nOne.\n\nEl ano\n------\n\nTwo.",
    "decomposed": unicodedata.normalize("NFD", "Forms\n=====\n\nUna cigüeña."),
    "short": "Short\n=====\n\nInés y Ño.",
    "english": "Stemming\n========\n\nOne system dominates another, says Ciguatera.",
    "outputs": "Outputs\n=======\n\n.. raw:: html\n\n"
    "   <table><tr><th>tilo</th><th>olmo</th></tr><tr><td>haya</td></tr></table><p>roble</p>"
    "<svg><text>sauce</text><text>fresno</text></svg><p><b>ol</b>ivo</p>",
    "code": "Code\n====\n\n.. py:function:: contraseña(x)\n\n   Nothing.\n\n.. index:: teléfono\n\nA number.",
}


@pytest.fixture(scope="module")
def small_site(tmp_path_factory):
    folder = tmp_path_factory.mktemp("search")
    source, built = folder / "source", folder / "built"
    source.mkdir()
    toctree = "Start\n=====\n\n.. toctree::\n   :hidden:\n\n" + "".join(f"   {name}\n" for name in PAGES)
    for name, text in {**PAGES, "index": toctree}.items():
        (source / f"{name}.rst").write_text(text + "\n", encoding="utf-8")
    (source / "conf.py").write_text(CONF, encoding="utf-8")
    command = [sys.executable, "-m", "sphinx", "-q", "-W", "-b", "html", str(source), str(built)]
    environment = calm_environment(PYTHONPATH=str(ROOT / "book" / "_ext"))
    done = subprocess.run(command, env=environment, capture_output=True, text=True, timeout=120)
    assert done.returncode == 0, done.stderr
    return built


class Reader:
    """Somebody at a keyboard on the small site, and everything that went wrong there."""

    def __init__(self, page, address):
        self.page, self.address, self.flaws = page, address, []
        page.on("console", lambda m: self.flaws.append(m.text) if m.type == "error" else None)
        page.on("pageerror", lambda error: self.flaws.append(str(error)))
        page.on("request", lambda r: None if r.url.startswith((address, "data:")) else self.flaws.append(r.url))

    def search(self, query):
        """What the search says: of each entry the page, the whole link, its title, the excerpt and the marked words."""
        self.page.locator("form.bd-search input:visible").first.select_text()
        self.page.keyboard.insert_text(query)
        with self.page.expect_navigation():
            self.page.keyboard.press("Enter")
        self.page.get_by_text("Search finished").or_(self.page.get_by_text("did not match")).wait_for(timeout=5_000)
        entries = self.page.locator("#search-results li")
        # An excerpt comes a little later than its entry; entries of objects have a description in its place.
        for entry in entries.all():
            entry.locator("p.context, > span:not(.highlighted)").first.wait_for(timeout=5_000)
        assert self.flaws == []
        return entries.evaluate_all("""all => all.map(entry => ({
            page: new URL(entry.querySelector("a").href).pathname.replace(/^.|.html$/g, ""),
            link: entry.querySelector("a").getAttribute("href"),
            title: entry.querySelector("a").textContent,
            excerpt: entry.querySelector("p.context")?.textContent,
            marked: [...entry.querySelectorAll(".highlighted")].map(one => one.textContent),
        }))""")

    def pages(self, query):
        return {entry["page"] for entry in self.search(query)}


class Quiet(SimpleHTTPRequestHandler):
    def log_message(self, *_):
        pass


@pytest.fixture(scope="module")
def reader(browser, small_site):
    """From a server on this machine: a browser lets no script read files, so excerpts need one."""
    server = ThreadingHTTPServer(("127.0.0.1", 0), functools.partial(Quiet, directory=small_site))
    threading.Thread(target=server.serve_forever, daemon=True).start()
    context = browser.new_context()
    reader = Reader(context.new_page(), f"http://127.0.0.1:{server.server_port}")
    reader.page.goto(f"{reader.address}/search.html")
    yield reader
    context.close()
    server.shutdown()
    server.server_close()


WORDS = ["bogota", "BOGOTÁ", "senal", "señal", "pinguino", "pingüino", "que", "qué", "ping", "güin"]


@pytest.mark.parametrize("query", [*WORDS, "bogota señal"])
def test_accents_may_be_typed_or_not(reader, query):
    assert reader.pages(query) == {"accented", "plain"}


def test_cells_and_labels_are_words_of_their_own(small_site):
    index = (small_site / "searchindex.js").read_text(encoding="utf-8")
    index = json.loads(index[index.index("(") + 1 : index.rindex(")")])
    page = index["docnames"].index("outputs")
    found = {term for term, pages in index["terms"].items() if pages == page}
    assert found == {"tilo", "olmo", "haya", "robl", "sauc", "fresno", "olivo"}


@pytest.mark.parametrize("query", ["cigüeña", unicodedata.normalize("NFD", "cigüeña"), "ciguena"])
def test_accents_may_be_signs_of_their_own(reader, query):
    assert reader.pages(query) == {"decomposed"}


@pytest.mark.parametrize("query", ["Inés", "ines", "ño"])
def test_a_word_that_ends_as_a_stop_word_is_found(reader, query):
    assert reader.pages(query) == {"short"}


@pytest.mark.parametrize("query", ["dominating", "DÓMINATES"])
def test_english_is_stemmed(reader, query):
    assert reader.pages(query) == {"english"}


@pytest.mark.parametrize("query", ["contrasena", "contraseña", "telefono", "teléfono"])
def test_names_of_functions_and_entries_of_an_index_are_found(reader, query):
    assert reader.pages(query) == {"code"}


@pytest.mark.parametrize("query", ["diseno", "DISEÑO"])
def test_a_page_is_found_by_its_title_once(reader, query):
    (entry,) = reader.search(query)
    assert (entry["link"], entry["title"]) == ("headings.html", "Diseño")


@pytest.mark.parametrize("query", ["el ano", "El año"])
def test_sections_are_offered_under_their_own_titles(reader, query):
    entries = [(entry["link"], entry["title"]) for entry in reader.search(query)]
    assert len(entries) == len(set(entries))
    sections = {title: link for link, title in entries if "#" in link}
    assert sections == {"Diseño > El año": "headings.html#el-ano", "Diseño > El ano": "headings.html#id1"}


@pytest.mark.parametrize("query", ["pinguino", "pingüino"])
def test_the_excerpt_shows_and_marks_the_word_as_the_page_writes_it(reader, query):
    entries = {entry["page"]: entry for entry in reader.search(query)}
    for page, word in [("accented", "pingüino"), ("plain", "pinguino")]:
        assert word in entries[page]["excerpt"]
        assert entries[page]["marked"] == [word]
