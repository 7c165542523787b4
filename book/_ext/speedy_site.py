"""What this book adds to Jupyter Book's pages: formulas without a CDN, a search that folds accents, run times.

The site has to work from the file system, with no network and without an error in the console. Jupyter Book takes
MathJax from a CDN, and Sphinx's search page fetches the pages it found, which a browser refuses for files. Both are
mended here.
"""

import json
import re
import shutil
import unicodedata
from importlib.metadata import distribution
from pathlib import Path
from typing import Any

from docutils import nodes
from sphinx.application import Sphinx
from sphinx.config import Config
from sphinx.search import languages
from sphinx.search.en import SearchEnglish

MATHJAX = "formulas.js"  # starts MathJax once the page has been shown
# What MathJax then loads, part by part; output/chtml asks for its font by itself.
MATHJAX_PARTS = ("core", "input/tex", "output/chtml", "a11y/assistive-mml")
# What MathJax loads when a formula first uses one of their commands: \boldsymbol, \cancel, \color ...
MATHJAX_ON_DEMAND = (
    "bbox",
    "boldsymbol",
    "braket",
    "cancel",
    "cases",
    "color",
    "enclose",
    "html",
    "upgreek",
)
# A browser lets no script read a file: from file://, search shows titles without excerpts.
SEARCH_WITHOUT_FETCH = 'if (location.protocol === "file:") DOCUMENTATION_OPTIONS.SHOW_SEARCH_SUMMARY = false;'
SEARCH_SCRIPT = Path(__file__).with_name("search.js").read_text(encoding="utf-8")
# Where the text of an output's HTML ends and other text begins.
ENDS_OF_TEXT = re.compile(r"(</(?:caption|p|summary|td|text|th|tr)>)(?=<)")
DESCRIPTION_LENGTH = 160


def fold(word: str) -> str:
    """The word without accents: atención -> atencion, pingüino -> pinguino, ñ -> n."""
    letters = unicodedata.normalize("NFD", word)
    return "".join(letter for letter in letters if not unicodedata.category(letter).startswith("M"))


class FoldingSearch(SearchEnglish):
    """English search that finds a Spanish word typed with or without its accents; search.js does so to a query."""

    js_stemmer_code = SearchEnglish.js_stemmer_code.replace("var Stemmer =", "var EnglishStemmer =", 1) + SEARCH_SCRIPT

    def split(self, input: str) -> list[str]:
        return super().split(unicodedata.normalize("NFC", input))

    def stem(self, word: str) -> str:
        """The English stem without accents; less is taken away where a stop word, never found, would be left."""
        bare = fold(word.lower())
        forms = (super().stem(bare), bare)
        return next((form for form in forms if form not in self.stopwords), word.lower())


def part_words(app: Sphinx, doctree: nodes.document, docname: str) -> None:
    """Part cells of tables and labels of figures: Sphinx takes the tags away and would index them as one word."""
    for node in doctree.findall(nodes.raw):
        if "html" in node.get("format", "").split():
            node.children = [nodes.Text(ENDS_OF_TEXT.sub(r"\1\n", node.astext()))]


def use_local_mathjax(app: Sphinx, config: Config) -> None:
    config.mathjax_path = MATHJAX
    config.mathjax3_config = {"loader": {"load": list(MATHJAX_PARTS)}}


def copy_mathjax(app: Sphinx) -> None:
    """Put the few files of MathJax that the pages use beside them, before pages are written and ask for checksums."""
    if app.builder.format != "html":
        return
    package = Path(str(distribution("sphinx-mathjax-offline").locate_file("sphinx-mathjax-offline/static/mathjax")))
    if not (package / "startup.js").is_file():
        raise FileNotFoundError(f"MathJax is not in {package}; make the environment again with tools/setup_env.py.")
    target = Path(app.outdir, "_static", "mathjax")
    fonts = sorted((package / "output/chtml/fonts/woff-v2").glob("*.woff"))
    parts = ["startup", *MATHJAX_PARTS, "output/chtml/fonts/tex"]
    parts += [f"input/tex/extensions/{name}" for name in MATHJAX_ON_DEMAND]
    for source in [*(package / f"{name}.js" for name in parts), *fonts]:
        place = target / source.relative_to(package)
        place.parent.mkdir(parents=True, exist_ok=True)
        shutil.copyfile(source, place)


def first_paragraph(doctree: nodes.document | None) -> str:
    """The first words of a page, cut between words: what a search engine shows under its title."""
    for paragraph in doctree.findall(nodes.paragraph) if doctree else ():
        text = " ".join(paragraph.astext().split())
        if not isinstance(paragraph.parent, nodes.section | nodes.document) or not text:
            continue
        if len(text) > DESCRIPTION_LENGTH:
            text = text[: DESCRIPTION_LENGTH - 1].rsplit(" ", 1)[0].rstrip(" ,;:") + "…"
        return text
    return ""


def run_time_line(app: Sphinx, pagename: str) -> str:
    """How long the notebook took when this site was built, as HTML; nothing for a page that runs no code."""
    path = Path(app.srcdir, "run_times.json")
    times = json.loads(path.read_text(encoding="utf-8")) if path.exists() else {}
    measured = times.get(pagename)
    if measured is None:
        return ""
    seconds, cores = round(measured["seconds"]), measured["cores"]
    took = f"{seconds} s" if seconds < 120 else f"{round(seconds / 60)} min"
    cores_text = "1 core" if cores == 1 else f"{cores} cores"
    return f'<p class="speedy-run-time">Runs in {took}: measured on {cores_text} when this page was built.</p>'


def complete_page(
    app: Sphinx,
    pagename: str,
    templatename: str,
    context: dict[str, Any],
    doctree: nodes.document | None,
) -> None:
    """Add the description, the run time, and on the search page the switch for file://."""
    description = first_paragraph(doctree) or f"{context.get('title', 'A page')}: {app.config.html_title}"
    escaped = description.replace("&", "&amp;").replace('"', "&quot;").replace("<", "&lt;")
    context["metatags"] = context.get("metatags", "") + f'\n<meta name="description" content="{escaped}">'
    if "body" in context:
        line = run_time_line(app, pagename)
        context["body"] = re.sub("</h1>", lambda end: end.group() + "\n" + line, context["body"], count=1)
    if pagename == "search":
        app.add_js_file(None, body=SEARCH_WITHOUT_FETCH)


def drop_needless_mathjax(
    app: Sphinx,
    pagename: str,
    templatename: str,
    context: dict[str, Any],
    doctree: nodes.document | None,
) -> None:
    """Sphinx loads MathJax on a page without formulas when a page below it has some, as on the landing page."""
    if app.env.get_domain("math").data["has_equations"].get(pagename):
        return
    scripts = context["script_files"]
    needless = [s for s in scripts if MATHJAX in str(s.filename) or "window.MathJax" in s.attributes.get("body", "")]
    scripts[:] = [script for script in scripts if script not in needless]


def setup(app: Sphinx) -> dict[str, bool]:
    languages["en"] = FoldingSearch
    # It comes with sphinx_external_toc and does nothing here, but does not say that pages may be read in parallel.
    app.setup_extension("sphinx_multitoc_numbering")
    app.extensions["sphinx_multitoc_numbering"].parallel_read_safe = True
    app.connect("config-inited", use_local_mathjax)
    app.connect("builder-inited", copy_mathjax)
    app.connect("doctree-resolved", part_words)
    app.connect("html-page-context", complete_page)
    app.connect("html-page-context", drop_needless_mathjax, priority=900)  # after Sphinx has added it
    return {"parallel_read_safe": True, "parallel_write_safe": True}
