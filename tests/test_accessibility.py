"""axe-core finds nothing wrong on any page: on a desktop and a phone, light and dark, everything unfolded."""

import re
from pathlib import Path

import axe_playwright_python
import pytest
from bs4 import BeautifulSoup
from conftest import SITE, WIDTHS, site_pages

AXE = Path(axe_playwright_python.__file__).with_name("axe.min.js").read_text(encoding="utf-8")
PAGES = [str(path.relative_to(SITE)) for path in site_pages() if path != SITE / "index.html"]  # that one forwards
SCHEMES = ["light", "dark"]

# All rules, those that axe leaves off by itself included, but contrast (below) and its stricter sister.
STRUCTURE = """async () => {
    const rules = Object.fromEntries(axe.getRules().map(({ruleId}) => [ruleId, {enabled: true}]));
    for (const name of ["color-contrast", "color-contrast-enhanced"]) rules[name].enabled = false;
    const found = await axe.run(document, {rules, resultTypes: ["violations"]});
    return found.violations.flatMap(v => v.nodes.map(n => `${v.id}: ${n.target.join(" ")} ${n.html.slice(0, 200)}`));
}"""
# Contrast takes long, and looks at nothing but what `looks` collects: text that looks like text that has passed is not
# looked at again, on this page or the next.
CONTRAST = """async passed => {
    const grounds = new Map();
    const ground = one => {
        if (!one) return "";
        if (!grounds.has(one)) {
            const {backgroundColor, backgroundImage, opacity} = getComputedStyle(one);
            const own = [backgroundColor, backgroundImage, opacity].join();
            grounds.set(one, ground(one.parentElement) + (own === "rgba(0, 0, 0, 0),none,1" ? "" : `|${own}`));
        }
        return grounds.get(one);
    };
    const looks = one => {
        const {color, fontSize, fontWeight, textShadow} = getComputedStyle(one);
        return [color, fontSize, fontWeight, textShadow, ground(one)].join();
    };
    const known = new Set(passed), picked = new Map();
    for (const one of document.body.querySelectorAll("*")) {
        if (![...one.childNodes].some(n => n.nodeType === 3 && n.data.trim()) || !one.checkVisibility()) continue;
        const look = looks(one);
        if (!known.has(look)) picked.set(look, [...(picked.get(look) || []), one].slice(0, 3));
    }
    if (!picked.size) return {passed: [], flaws: []};
    const options = {runOnly: ["color-contrast"], elementRef: true};
    const found = await axe.run({include: [...picked.values()].flat()}, options);
    return {
        passed: found.passes.flatMap(rule => rule.nodes.map(n => looks(n.element))),
        flaws: found.violations.flatMap(v => v.nodes.map(n => `${v.id}: ${n.target.join(" ")} ${n.any[0].message}`)),
    };
}"""
passed = set()


# What there is thousands of on a page, and axe's time goes with their number: words of code, of which one of each kind
# stays; the letters of formulas and the lines of drawings, which are hidden from screen readers.
TRIM = """() => {
    for (const one of document.querySelectorAll("details")) one.open = true;
    for (const one of document.querySelectorAll("svg[aria-hidden], mjx-math[aria-hidden]")) one.replaceChildren();
    const kinds = new Set();
    for (const word of document.querySelectorAll(".highlight pre span")) {
        if (kinds.has(word.className)) word.replaceWith(word.textContent);
        kinds.add(word.className);
    }
}"""


def prepare(page):
    """Everything unfolded, and axe there."""
    assert page.locator(":is(svg, mjx-math)[aria-hidden] :is(a, [tabindex])").count() == 0
    page.evaluate(TRIM)
    page.evaluate(AXE)


def turn(page, width, scheme):
    page.set_viewport_size(dict(zip(("width", "height"), WIDTHS[width], strict=True)))
    page.emulate_media(color_scheme=scheme)
    page.wait_for_function("s => document.documentElement.dataset.theme === s", arg=scheme)
    page.wait_for_function("document.getAnimations().length === 0")


def faint(page):
    """The texts of the page with too little contrast."""
    found = page.evaluate(CONTRAST, sorted(passed))
    passed.update(found["passed"])
    return found["flaws"]


@pytest.mark.parametrize("name", PAGES)
def test_axe_finds_nothing(visit, name):
    page = visit().open(name)
    prepare(page)
    flaws = []
    for width in WIDTHS:
        for scheme in SCHEMES:
            turn(page, width, scheme)
            found = faint(page)
            if (width, scheme) in (("desktop", "light"), ("phone", "dark")):  # of the rest nothing hangs on both
                found += page.evaluate(STRUCTURE)
            flaws += [f"{width}, {scheme}: {flaw}" for flaw in found]
    assert flaws == []


def test_axe_finds_nothing_among_what_was_searched(visit):
    page = visit().open("search.html?q=pinguinos")
    page.locator("#search-results li").first.wait_for()
    prepare(page)
    assert page.evaluate(STRUCTURE) + faint(page) == []


@pytest.mark.parametrize("scheme", SCHEMES)
@pytest.mark.parametrize(
    ("width", "button", "dialog"),
    [
        ("desktop", ".search-button-field", "#pst-search-dialog"),
        ("phone", ".search-button", "#pst-search-dialog"),
        ("phone", ".primary-toggle", "#pst-primary-sidebar-modal"),
        ("phone", ".secondary-toggle", "#pst-secondary-sidebar-modal"),
    ],
)
def test_axe_finds_nothing_in_a_dialog(visit, width, button, dialog, scheme):
    page = visit(width=width, scheme=scheme).open("book/about.html")
    prepare(page)
    page.locator(f"{button}:visible").click()
    page.locator(f"{dialog}[open]").wait_for()
    page.wait_for_function("document.getAnimations().length === 0")
    assert page.evaluate(STRUCTURE) + faint(page) == []


def test_axe_sees_what_is_wrong(visit):
    page = visit().open("book/about.html")
    page.evaluate("""document.querySelector("article").insertAdjacentHTML("beforeend", `
        <img src="data:image/gif;base64,R0lGODlhAQABAAAAACw=">
        <p style="color: #bbb; background: #fff">Faint.</p>
        <details><summary>More</summary><button aria-label="Go">Start</button></details>
        <div style="overflow: auto; width: 5rem"><p style="width: 50rem">Out of reach.</p></div>
        <div style="overflow: auto; width: 5rem" tabindex="0"><p style="width: 50rem">Without a name.</p></div>
    `)""")
    prepare(page)
    found = {flaw.split(":")[0] for flaw in page.evaluate(STRUCTURE) + faint(page)}
    assert found == {
        "image-alt",
        "color-contrast",
        "label-content-name-mismatch",
        "scrollable-region-focusable",
        "focus-order-semantics",
    }


@pytest.mark.parametrize("name", PAGES)
def test_every_figure_has_its_numbers_in_a_table(site, name):
    page = (site / name).read_text(encoding="utf-8")
    figures = re.findall(r'<figure class="speedy-figure">.*?</figure>', page, flags=re.DOTALL)
    assert len(figures) == page.count('class="speedy-figure"')
    for figure in figures:
        assert all(len(text) > 60 for text in re.findall(r'(?:role="img" aria-label|alt)="([^"]*)"', figure))
        (table,) = BeautifulSoup(figure[figure.index("<details") :], "html.parser").find_all("table")
        assert len(table.caption.text) >= 20
        assert all(cell.get("scope") == "col" for cell in table.thead.find_all("th"))
        rows = table.tbody.find_all("tr")
        assert len(rows) > 1 and all(row.th["scope"] == "row" and len(row.find_all("td")) > 0 for row in rows)
