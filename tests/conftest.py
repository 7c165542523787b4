"""What several test files share: the built site, its pages, and where Chromium is."""

import os
import re
import shutil
from pathlib import Path

import pytest
from playwright.sync_api import sync_playwright

ROOT = Path(__file__).resolve().parents[1]
SITE = ROOT / "_build" / "html"
NOTEBOOKS = sorted((ROOT / "book").glob("*.ipynb"))
WIDTHS = {"desktop": (1366, 900), "phone": (390, 844)}


# Whole builds, a browser: after everything quick, and the longest first, so that two workers end together.
SLOW = ("test_wheel", "test_assignments", "test_build", "test_site", "test_search")


def pytest_collection_modifyitems(items: list[pytest.Item]) -> None:
    items.sort(key=lambda item: SLOW.index(item.path.stem) + 1 if item.path.stem in SLOW else 0)


def site_pages() -> list[Path]:
    """The pages of the site, for parametrizing; none before `make book`. 404.html, made for a server, is left out."""
    pages = sorted(path for path in SITE.rglob("*.html") if "_static" not in path.parts)
    return [path for path in pages if path != SITE / "404.html"]


@pytest.fixture(scope="session")
def site() -> Path:
    if not (SITE / "index.html").exists():
        pytest.fail("There is no site in _build/html: say make book first (make test does it by itself).")
    return SITE


@pytest.fixture(scope="session")
def chromium() -> str:
    """The path of a Chromium; without one a test is skipped, but never in continuous integration."""
    for name in ("chromium", "chromium-browser", "google-chrome"):
        if found := shutil.which(name):
            return found
    reason = "No Chromium here, so the site was not opened in a browser: install Debian's chromium."
    if os.environ.get("CI"):
        pytest.fail(reason)
    pytest.skip(reason)


@pytest.fixture(scope="session")
def browser(chromium):
    """One browser for all test files: Playwright starts only once in a process."""
    with sync_playwright() as playwright:
        quiet = ["--no-sandbox", "--disable-background-networking", "--disable-component-update", "--disable-sync"]
        browser = playwright.chromium.launch(executable_path=chromium, args=quiet)
        yield browser
        browser.close()


class Visit:
    """An open page, and everything that went wrong on it."""

    def __init__(self, browser, width="desktop", scheme="light"):
        size = dict(zip(("width", "height"), WIDTHS[width], strict=True))
        self.context = browser.new_context(viewport=size, color_scheme=scheme)
        self.page = self.context.new_page()
        self.flaws = []
        self.page.on("console", lambda m: self.flaws.append(f"console: {m.text}") if m.type == "error" else None)
        self.page.on("pageerror", lambda error: self.flaws.append(f"script: {error}"))
        self.page.on("request", self._requested)
        self.context.route(re.compile("^(https?|wss?):"), lambda route: route.abort())

    def _requested(self, request):
        if not request.url.startswith(("file:", "data:", "blob:")):
            self.flaws.append(f"leaves the machine: {request.url}")

    def open(self, name):
        path, _, query = name.partition("?")
        self.page.goto((SITE / path).as_uri() + (f"?{query}" if query else ""), wait_until="load")
        self.page.wait_for_timeout(150)  # a forwarding page is on its way now
        self.page.wait_for_load_state("load")
        if self.page.evaluate("typeof MathJax !== 'undefined'"):
            self.page.wait_for_function("MathJax.startup && MathJax.startup.promise", timeout=20_000)
            self.page.evaluate("MathJax.startup.promise")
        return self.page

    def close(self):
        self.context.close()


@pytest.fixture
def visit(browser, site):
    """Open pages of the built site as readers of several kinds: `visit(width="phone", scheme="dark").open(name)`."""
    opened = []

    def start(**how):
        opened.append(Visit(browser, **how))
        return opened[-1]

    yield start
    for one in opened:
        one.close()
