"""The built site as a reader meets it: in a real browser, from the file system, with no network."""

import json
import re

import pytest
from conftest import NOTEBOOKS, SITE, WIDTHS, site_pages

CHAPTERS = [path.stem for path in NOTEBOOKS]
PAGES = [str(path.relative_to(SITE)) for path in site_pages()]
FIGURE_PAPER = {"light": "rgb(255, 255, 255)", "dark": "rgb(18, 18, 18)"}


def test_the_site_has_all_pages(site):
    assert {f"book/{name}.html" for name in [*CHAPTERS, "index", "about"]} | {"index.html", "search.html"} <= set(PAGES)


@pytest.mark.parametrize("scheme", ["light", "dark"])
@pytest.mark.parametrize("width", WIDTHS)
@pytest.mark.parametrize("name", PAGES)
def test_page(visit, name, width, scheme):
    reader = visit(width=width, scheme=scheme)
    page = reader.open(name)
    assert page.evaluate("document.documentElement.scrollWidth <= innerWidth + 1"), "the page scrolls sideways"
    broken = "[...document.images].filter(i => i.loading !== 'lazy' && !(i.complete && i.naturalWidth)).map(i => i.src)"
    assert page.evaluate(broken) == []
    bare = (
        "[...document.images].filter(i => !i.alt.trim() && i.getAttribute('role') !== 'presentation').map(i => i.src)"
    )
    assert page.evaluate(bare) == []
    assert page.evaluate("document.documentElement.lang") == "en"
    assert page.locator("meta[name=description]").get_attribute("content")
    if page.locator("html[data-theme]").count():
        assert page.evaluate("document.documentElement.dataset.theme") == scheme
    page.evaluate("for (const one of document.querySelectorAll('details')) one.open = true")
    figures = page.locator(".speedy-figure [role=img]")
    for figure in figures.all():
        assert len(figure.get_attribute("aria-label")) > 60
        drawn = {name: figure.locator(f"svg.{name}") for name in ("wide", "narrow")}
        shown, hidden = ("narrow", "wide") if width == "phone" else ("wide", "narrow")
        assert drawn[shown].is_visible() and not drawn[hidden].is_visible()
        paper = drawn[shown].evaluate("svg => getComputedStyle(svg).backgroundColor")
        assert paper == FIGURE_PAPER[scheme]
        box = drawn[shown].bounding_box()
        assert box["x"] >= 0 and box["x"] + box["width"] <= WIDTHS[width][0] + 1 and box["height"] > 100
    assert reader.flaws == []


def test_the_landing_figure_has_the_colour_of_its_page(visit):
    page = visit(scheme="dark").open("book/index.html")
    shown = page.locator(".speedy-figure img:visible")
    assert shown.count() == 1 and "dark" in shown.get_attribute("src")
    assert shown.evaluate("i => getComputedStyle(i).filter") == "none"


@pytest.mark.parametrize("name", CHAPTERS)
def test_formulas_are_typeset(visit, name):
    page = visit().open(f"book/{name}.html")
    formulas = page.locator(".math").count()
    assert formulas >= 3
    assert page.locator("mjx-container").count() == formulas
    assert page.locator("mjx-merror").count() == 0


@pytest.mark.parametrize("name", CHAPTERS)
def test_a_chapter_says_what_a_reader_needs(visit, name):
    page = visit().open(f"book/{name}.html")
    text = page.locator("main").inner_text()
    assert "Scale mini" in text and "torch" in text
    took = re.search(r"Runs in (\d+) (s|min): measured on \d+ cores? when this page was built", text)
    measured = json.loads((SITE.parent / "src" / "run_times.json").read_text(encoding="utf-8"))
    seconds = measured[f"book/{name}"]["seconds"]
    if round(seconds) < 120:
        assert took.groups() == (f"{seconds:.0f}", "s")
    else:
        assert took[2] == "min" and abs(60 * int(took[1]) - seconds) <= 30.5
    assert page.locator(".speedy-figure svg.wide").count() >= 2
    for heading in ("Exercises", "Check yourself", "Key points", "Further reading"):
        assert page.get_by_role("heading", name=heading).count() == 1
    assert "Traceback" not in text and "Warning" not in text


def test_solutions_are_hidden_and_open_by_keyboard(visit):
    page = visit().open("book/speed-and-score.html")
    solutions = page.locator("details.hide", has_text="solution of exercise")
    assert solutions.count() >= 4
    first = solutions.first
    assert first.get_attribute("open") is None
    first.locator("summary").focus()
    page.keyboard.press("Enter")
    assert first.get_attribute("open") is not None


def test_answers_open_by_keyboard(visit):
    page = visit().open("book/spanish-encoders.html")
    answer = page.locator("details", has_text="All 256 bytes are in its vocabulary")
    assert answer.count() == 1 and answer.get_attribute("open") is None
    answer.locator("summary").focus()
    page.keyboard.press("Space")
    assert answer.get_attribute("open") is not None


def test_the_switch_turns_figures_dark(visit):
    page = visit(scheme="light").open("book/speed-and-score.html")
    svg = page.locator(".speedy-figure svg.wide").first
    assert svg.evaluate("s => getComputedStyle(s).backgroundColor") == FIGURE_PAPER["light"]
    for _ in range(3):  # auto, light, dark in some order
        page.locator("button.theme-switch-button:visible").first.click()
        if page.evaluate("document.documentElement.dataset.theme") == "dark":
            break
    assert svg.evaluate("s => getComputedStyle(s).backgroundColor") == FIGURE_PAPER["dark"]
    ink = svg.locator("[style*='--fig-ink']").first
    assert ink.evaluate("t => { const c = getComputedStyle(t); return c.fill + c.stroke }").count("230, 233, 237") >= 1


def test_dark_readers_get_light_paper_in_print(visit):
    page = visit(scheme="dark").open("book/speed-and-score.html")
    page.emulate_media(media="print")
    assert page.evaluate("getComputedStyle(document.body).backgroundColor") in (
        "rgb(255, 255, 255)",
        "rgba(0, 0, 0, 0)",
    )
    svg = page.locator(".speedy-figure svg.wide").first
    assert svg.is_visible()
    assert svg.evaluate("s => getComputedStyle(s).backgroundColor") == FIGURE_PAPER["light"]
    colours = "all => [...new Set(all.map(s => getComputedStyle(s).color))]"
    colours = page.locator(".highlight span").evaluate_all(colours)
    assert set(colours) <= {"rgb(27, 31, 36)", "rgb(89, 99, 110)"}, "code in colours made for dark paper"
    assert len(page.pdf()) > 50_000


@pytest.mark.parametrize(
    ("words", "chapter"),
    [("fertility", "spanish-encoders"), ("pinguinos", "spanish-encoders"), ("dominates", "speed-and")],
)
def test_search_finds(visit, words, chapter):
    reader = visit()
    page = reader.open(f"search.html?q={words}")
    page.locator("#search-results li").first.wait_for(timeout=20_000)
    links = page.locator("#search-results li a").evaluate_all("all => all.map(a => a.getAttribute('href'))")
    assert any(chapter in link for link in links)
    assert reader.flaws == []
