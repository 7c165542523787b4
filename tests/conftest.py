"""What several test files share: the built site, its pages, and where Chromium is."""

import os
import shutil
from pathlib import Path

import pytest

ROOT = Path(__file__).resolve().parents[1]
SITE = ROOT / "_build" / "html"
NOTEBOOKS = sorted((ROOT / "book").glob("*.ipynb"))


# Whole builds, a browser: after everything quick, and the longest first, so that two workers end together.
SLOW = ("test_wheel", "test_build", "test_site", "test_search")


def pytest_collection_modifyitems(items: list[pytest.Item]) -> None:
    items.sort(key=lambda item: SLOW.index(item.path.stem) + 1 if item.path.stem in SLOW else 0)


def site_pages() -> list[Path]:
    """The pages of the site, for parametrizing; none before `make book`."""
    return sorted(path for path in SITE.rglob("*.html") if "_static" not in path.parts)


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
