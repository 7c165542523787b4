"""Reading the book without a mouse: where the keyboard is can be seen, and all that a pointer does a key does too."""

import io

import pytest
from conftest import WIDTHS
from PIL import Image

CHAPTER, SHORT = "book/speed-and-score.html", "book/about.html"
RING = {"light": (11, 92, 173), "dark": (122, 183, 255)}
# Adds what has the focus to the stops of the Tab key; false where Tab has come back to the start.
STOP = """() => {
    const one = document.activeElement, stops = window.stops ||= [];
    if (one === document.body || stops.includes(one)) return false;
    return stops.push(one);
}"""
# One stop of each kind: what has the same classes in the same surroundings looks the same.
KINDS = """() => {
    const names = one => one === document.body ? "" : `${one.tagName}.${one.className} < ${names(one.parentElement)}`;
    return Object.values(Object.fromEntries(window.stops.map(one => [names(one), one])));
}"""


def press_tab_to(page, selector, limit=150):
    """Press Tab until the focus is on an element that fits."""
    for _ in range(limit):
        page.keyboard.press("Tab")
        if page.evaluate("s => document.activeElement.matches(s)", selector):
            return
    pytest.fail(f"{limit} times Tab, and {selector} was never reached")


def focused(page, selector):
    return page.evaluate("s => document.activeElement.matches(s)", selector)


def tab_stops(page):
    """A stop of the Tab key of each kind, from the top of the page to where the browser starts again."""
    for _ in range(1000):
        page.keyboard.press("Tab")
        if not page.evaluate(STOP):
            return list(page.evaluate_handle(KINDS).get_properties().values())
    pytest.fail("Tab never comes back to the start")


def ring(page, stop, colour):
    """Pixels of the ring's colour around an element that has the focus, in parts of its outline."""
    box = stop.bounding_box()
    left, top = max(box["x"] - 6, 0), max(box["y"] - 6, 0)
    width, height = page.viewport_size["width"], page.viewport_size["height"]
    clip = {"x": left, "y": top, "width": min(box["width"] + 12, width - left)}
    clip["height"] = min(box["height"] + 12, height - top)
    picture = Image.open(io.BytesIO(page.screenshot(clip=clip, animations="disabled"))).convert("RGB")
    near = sum(
        count
        for count, pixel in picture.getcolors(2**24)
        if all(abs(a - b) <= 12 for a, b in zip(pixel, colour, strict=True))
    )
    return near / (2 * (clip["width"] + clip["height"] - 24))


@pytest.mark.parametrize(
    ("name", "width", "scheme"),
    [
        (CHAPTER, "desktop", "light"),
        (CHAPTER, "phone", "dark"),
        ("book/index.html", "desktop", "dark"),
        ("search.html?q=fertility", "desktop", "light"),
    ],
)
def test_every_stop_of_the_tab_key_shows_that_it_has_the_focus(visit, name, width, scheme):
    page = visit(width=width, scheme=scheme).open(name)
    page.add_style_tag(content="* { scroll-behavior: auto !important; transition: none !important }")
    stops = tab_stops(page)
    assert len(stops) > 8
    faint = []
    for stop in stops:
        stop.evaluate("one => { one.scrollIntoView({block: 'center'}); one.focus() }")
        page.keyboard.press("Shift")  # the browser shows the ring to who uses keys
        if ring(page, stop.as_element(), RING[scheme]) < 1:  # it is three pixels wide: a third of it is enough
            faint.append(stop.evaluate("one => one.outerHTML.slice(0, 200)"))
    assert faint == []


def test_the_first_stop_leads_past_the_contents(visit):
    page = visit().open(SHORT)
    page.keyboard.press("Tab")
    link = page.locator("#pst-skip-link a")
    # It slides in from above the page.
    page.wait_for_function("document.querySelector('#pst-skip-link a').getBoundingClientRect().top >= 0")
    assert focused(page, "#pst-skip-link a") and link.is_visible()
    page.keyboard.press("Enter")
    page.keyboard.press("Tab")
    assert focused(page, "main *")


@pytest.mark.parametrize("key", ["Enter", "Space"])
@pytest.mark.parametrize("width", WIDTHS)
def test_the_colour_scheme_is_switched(visit, width, key):
    page = visit(width=width).open(SHORT)
    press_tab_to(page, ".theme-switch-button")
    said = []
    for _ in range(3):
        before = page.evaluate("document.documentElement.dataset.mode")
        page.keyboard.press(key)
        page.wait_for_function("before => document.documentElement.dataset.mode !== before", arg=before)
        assert focused(page, ".theme-switch-button")
        name = page.evaluate("document.activeElement.getAttribute('aria-label')")
        assert page.locator("main > [role=status]").text_content() == name
        theme, paper = page.evaluate(
            "[document.documentElement.dataset.theme, getComputedStyle(document.body).backgroundColor]"
        )
        said.append((name.removeprefix("Colour scheme: "), theme, paper))
    assert said == [
        ("dark", "dark", "rgb(18, 18, 18)"),
        ("light", "light", "rgb(255, 255, 255)"),
        ("as your system", "light", "rgb(255, 255, 255)"),
    ]


def test_the_colour_scheme_stays_on_the_next_page(visit):
    page = visit().open(SHORT)
    press_tab_to(page, ".theme-switch-button")
    page.keyboard.press("Enter")
    page.wait_for_function("document.documentElement.dataset.theme === 'dark'")
    page.reload()
    page.wait_for_selector(".theme-switch-button[aria-label='Colour scheme: dark']", state="attached")
    assert page.evaluate("getComputedStyle(document.body).backgroundColor") == "rgb(18, 18, 18)"


@pytest.mark.parametrize(
    ("button", "dialog"),
    [(".primary-toggle", "#pst-primary-sidebar-modal"), (".secondary-toggle", "#pst-secondary-sidebar-modal")],
)
def test_on_a_phone_the_contents_open_and_close(visit, button, dialog):
    page = visit(width="phone").open(SHORT)
    press_tab_to(page, button)
    for close in ("Escape", "Enter"):  # the focus is on the button that closes
        page.keyboard.press("Enter")
        page.locator(f"{dialog}[open]").wait_for()
        assert focused(page, f"{dialog} .speedy-close button")
        page.keyboard.press(close)
        page.locator(f"{dialog}[open]").wait_for(state="detached")
        # The theme moves the contents back a moment after it has closed the dialog; opened before that, it stays empty.
        page.locator(f"{dialog} .speedy-close").wait_for(state="detached")
        assert focused(page, button)
    page.keyboard.press("Enter")
    page.locator(f"{dialog}[open]").wait_for()
    press_tab_to(page, f"{dialog} a[href*=traps], {dialog} a[href='#three-scales']", limit=60)
    page.keyboard.press("Enter")
    page.wait_for_url("**/*traps.html" if "primary" in dialog else "**#three-scales")


def test_on_a_desktop_the_contents_are_put_away_and_back(visit):
    page = visit().open(SHORT)
    press_tab_to(page, ".primary-toggle")
    sidebar = page.locator("#pst-primary-sidebar nav")
    page.keyboard.press("Enter")
    sidebar.wait_for(state="hidden")
    assert focused(page, ".primary-toggle")
    page.keyboard.press("Enter")
    sidebar.wait_for()


@pytest.mark.parametrize(("name", "width"), [(CHAPTER, "desktop"), (SHORT, "phone")])
def test_search_from_any_page_to_a_result(visit, name, width):
    page = visit(width=width).open(name)
    if width == "phone":
        press_tab_to(page, ".search-button")
        page.keyboard.press("Enter")
    else:
        page.keyboard.press("Control+k")
    page.locator("#pst-search-dialog[open]").wait_for()
    page.keyboard.press("Escape")
    page.locator("#pst-search-dialog[open]").wait_for(state="detached")
    page.keyboard.press("Control+k")
    page.keyboard.type("pinguinos")
    page.keyboard.press("Enter")
    page.wait_for_url("**/search.html?q=pinguinos")
    page.locator("#search-results li a").first.wait_for()
    press_tab_to(page, "#search-results a")
    page.keyboard.press("Enter")
    page.wait_for_url("**/book/*.html*")


def test_a_wide_table_scrolls(visit):
    page = visit(width="phone").open(CHAPTER)
    press_tab_to(page, ".speedy-table[role=region]")
    table = page.evaluate_handle("document.activeElement")
    assert len(table.get_attribute("aria-label")) > 10
    for key, moved in (("ArrowRight", "one.scrollLeft > 20"), ("ArrowLeft", "one.scrollLeft === 0")):
        for _ in range(3):
            page.keyboard.press(key)
        page.wait_for_function(f"one => {moved}", arg=table)


def test_a_table_that_is_unfolded_can_be_reached(visit):
    page = visit(width="phone").open(CHAPTER)
    figure = page.locator(".speedy-figure", has=page.locator("details")).first
    table = figure.locator(".speedy-table")
    assert table.get_attribute("role") is None
    figure.locator("summary").focus()
    page.keyboard.press("Enter")
    page.wait_for_function(
        "one => one.tabIndex === 0 && one.getAttribute('role') === 'region'", arg=table.element_handle()
    )
    page.keyboard.press("Tab")
    assert table.evaluate("one => one === document.activeElement")


def test_no_box_that_scrolls_stands_in_another(visit):
    page = visit(width="phone").open(CHAPTER)
    page.evaluate("for (const one of document.querySelectorAll('details')) one.open = true")
    page.wait_for_function("document.querySelectorAll('.speedy-figure [role=region]').length > 1")
    assert page.locator(".bd-article [role=region] [role=region]").count() == 0


def test_print_from_the_menu(visit):
    page = visit().open(SHORT)
    page.evaluate("window.print = () => { window.printed = true }")
    press_tab_to(page, ".dropdown-download-buttons > button")
    page.keyboard.press("Enter")
    button = page.locator(".btn-download-pdf-button")
    button.wait_for()
    press_tab_to(page, ".btn-download-pdf-button", limit=5)
    page.keyboard.press("Enter")
    page.wait_for_function("window.printed")


def test_code_is_copied(visit):
    reader = visit()
    page = reader.open(CHAPTER)
    page.evaluate("document.addEventListener('copy', () => { window.copied = String(getSelection()) || 'yes' })")
    press_tab_to(page, "button.copybtn")
    page.wait_for_function("getComputedStyle(document.activeElement).opacity === '1'")
    page.keyboard.press("Enter")
    page.wait_for_function("window.copied || document.querySelector('.copybtn.success')")
    assert reader.flaws == []
