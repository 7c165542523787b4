"""Links inside the site all resolve, anchors included; links out of it are what they should be."""

import re
from functools import cache
from urllib.parse import unquote, urldefrag, urlsplit

import pytest
import yaml
from bs4 import BeautifulSoup
from conftest import NOTEBOOKS, ROOT, SITE, site_pages

PAGES = {path: BeautifulSoup(path.read_text(encoding="utf-8"), "html.parser") for path in site_pages()}
ATTRIBUTES = {"a": "href", "link": "href", "script": "src", "img": "src", "source": "srcset", "iframe": "src"}


@cache
def anchors(path):
    return {tag.get("id") or tag.get("name") for tag in PAGES[path].find_all(lambda t: t.get("id") or t.get("name"))}


def targets(soup):
    for tag in soup.find_all(list(ATTRIBUTES)):
        value = tag.get(ATTRIBUTES[tag.name])
        if value and not (tag.name == "link" and tag.get("rel") == ["canonical"] and value.startswith("http")):
            yield tag.name, value


@pytest.mark.parametrize("page", PAGES, ids=lambda path: str(path.relative_to(SITE)))
def test_every_link_inside_resolves(page):
    broken = []
    for _, value in targets(PAGES[page]):
        parts = urlsplit(value)
        if parts.scheme or value.startswith("//"):
            continue
        address, fragment = urldefrag(value.split("?")[0] if "?" in value and "#" not in value else value)
        target = (page.parent / unquote(address.split("?")[0])).resolve() if address else page
        target = target / "index.html" if target.is_dir() else target
        if not target.is_relative_to(SITE.resolve()) or not target.is_file():
            broken.append(value)
        elif fragment and target.suffix == ".html" and unquote(fragment) not in anchors(target):
            broken.append(f"{value} (no such anchor)")
    assert not broken


@pytest.mark.parametrize("page", PAGES, ids=lambda path: str(path.relative_to(SITE)))
def test_nothing_is_loaded_from_elsewhere(page):
    loads = {"link", "script", "img", "source", "iframe"}
    assert not [value for tag, value in targets(PAGES[page]) if tag in loads and re.match(r"(https?:)?//", value)]


@pytest.mark.parametrize("notebook", NOTEBOOKS, ids=lambda path: path.stem)
def test_the_launch_button_opens_the_right_notebook(site, notebook):
    address = yaml.safe_load((ROOT / "_config.yml").read_text(encoding="utf-8"))["repository"]["url"]
    slug = address.removeprefix("https://github.com/")
    soup = PAGES[SITE / "book" / f"{notebook.stem}.html"]
    links = {tag["href"] for tag in soup.find_all("a", href=True) if "colab.research.google.com" in tag["href"]}
    assert links == {f"https://colab.research.google.com/github/{slug}/blob/main/book/{notebook.name}"}
    assert links.pop() in (ROOT / "README.md").read_text(encoding="utf-8")


def test_every_page_is_linked_from_every_chapter(site):
    for notebook in NOTEBOOKS:
        page = SITE / "book" / f"{notebook.stem}.html"
        linked = {
            (page.parent / urldefrag(value)[0]).resolve().name for tag, value in targets(PAGES[page]) if tag == "a"
        }
        assert {f"{other.stem}.html" for other in NOTEBOOKS} <= linked | {page.name}
