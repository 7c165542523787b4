"""What hangs on the address at which the site is shown: previews, canonical links, sitemap, and the page not found."""

import functools
import io
import re
import threading
import xml.etree.ElementTree as ElementTree
from http.server import SimpleHTTPRequestHandler, ThreadingHTTPServer
from urllib.parse import urlsplit

import pytest
import yaml
from bs4 import BeautifulSoup
from conftest import ROOT, SITE, site_pages
from PIL import Image
from repository import load_tool
from test_accessibility import STRUCTURE, faint, prepare

CONFIG = yaml.safe_load((ROOT / "_config.yml").read_text(encoding="utf-8"))
BASE = CONFIG["html"]["baseurl"].rstrip("/") + "/"
PAGES = [path.relative_to(SITE).as_posix() for path in site_pages()]


def head(name):
    soup = BeautifulSoup((SITE / name).read_text(encoding="utf-8").split("</head>")[0], "html.parser")
    tags = {tag.get("property") or tag.get("name"): tag["content"] for tag in soup.find_all("meta", content=True)}
    return soup, tags


def test_the_address_is_the_repositorys():
    address = load_tool("address")
    assert f"https://{address.pages(*address.parse(CONFIG['repository']['url']))}/" == BASE


@pytest.mark.parametrize("name", PAGES)
def test_a_shared_link_has_a_preview(site, name):
    soup, tags = head(name)
    own = "book/index.html" if name == "index.html" else name  # that one forwards
    (canonical,) = soup.find_all("link", rel="canonical")
    assert canonical["href"] == tags["og:url"] == BASE + own
    assert tags["og:title"] and soup.title.text.startswith(tags["og:title"])
    assert tags["og:description"] == tags["description"]
    assert tags["og:type"] in ("article", "website") and tags["twitter:card"] == "summary_large_image"
    assert tags["og:image"].startswith(BASE) and tags["og:image:alt"]
    data = (SITE / tags["og:image"].removeprefix(BASE)).read_bytes()
    assert len(data) < 200_000
    picture = Image.open(io.BytesIO(data))
    assert (str(picture.width), str(picture.height)) == (tags["og:image:width"], tags["og:image:height"])
    assert (picture.width, picture.height) == (1200, 630)
    if name == "index.html":
        return
    icons = {
        tag["rel"][-1]: (SITE / name).parent / tag["href"] for tag in soup.find_all("link") if "icon" in tag["rel"][-1]
    }
    assert icons["icon"].resolve().exists()
    assert Image.open(icons["apple-touch-icon"]).size == (180, 180)
    assert soup.find("link", rel="icon", href=re.compile(r"\.svg$"))


def test_titles_and_descriptions_differ_from_page_to_page(site):
    heads = [head(name)[1] for name in PAGES if name != "index.html"]
    for what in ("og:title", "description"):
        assert len({tags[what] for tags in heads}) == len(heads)


def test_the_sitemap_lists_the_pages(site):
    space = "{http://www.sitemaps.org/schemas/sitemap/0.9}"
    tree = ElementTree.parse(site / "sitemap.xml").getroot()
    assert tree.tag == f"{space}urlset"
    listed = [place.text for place in tree.iterfind(f"{space}url/{space}loc")]
    assert len(listed) == len(set(listed))
    left_out = {"index.html", "search.html", "genindex.html"}
    assert set(listed) == {BASE + name for name in PAGES if name not in left_out}
    assert f"Sitemap: {BASE}sitemap.xml" in (site / "robots.txt").read_text(encoding="utf-8").splitlines()


class AsOnGitHub(SimpleHTTPRequestHandler):
    """The site below its path, and 404.html for all else."""

    def translate_path(self, path):
        prefix = urlsplit(BASE).path
        return super().translate_path(path.removeprefix(prefix) if path.startswith(prefix) else "/nowhere")

    def send_error(self, code, message=None, explain=None):
        data = (SITE / "404.html").read_bytes()
        self.send_response(code)
        self.send_header("Content-Type", "text/html")
        self.send_header("Content-Length", str(len(data)))
        self.end_headers()
        self.wfile.write(data)

    def log_message(self, *_):
        pass


@pytest.fixture(scope="module")
def host(site):
    server = ThreadingHTTPServer(("127.0.0.1", 0), functools.partial(AsOnGitHub, directory=site))
    threading.Thread(target=server.serve_forever, daemon=True).start()
    yield f"http://127.0.0.1:{server.server_port}"
    server.shutdown()
    server.server_close()


@pytest.fixture
def lost(browser, host):
    """Open an address of the site's host; `flaws` are the answers that were not what was asked for."""
    context = browser.new_context()
    page = context.new_page()
    page.flaws = []
    page.on("response", lambda r: page.flaws.append(f"{r.status} {r.url}") if r.status >= 400 else None)
    page.on("request", lambda r: page.flaws.append(r.url) if not r.url.startswith((host, "data:")) else None)
    yield page
    context.close()


@pytest.mark.parametrize("scheme", ["light", "dark"])
@pytest.mark.parametrize("place", ["speed.html", "book/nowhere.html", "book/a/b/c/d"])
def test_a_page_that_is_not_there(lost, host, place, scheme):
    lost.emulate_media(color_scheme=scheme)
    address = f"{host}{urlsplit(BASE).path}{place}"
    assert lost.goto(address).status == 404
    assert lost.flaws == [f"404 {address}"]
    assert lost.get_by_role("heading", name="This page is not here").is_visible()
    assert lost.evaluate("getComputedStyle(document.querySelector('.bd-article')).lineHeight") != "normal"
    lost.wait_for_function("s => document.documentElement.dataset.theme === s", arg=scheme)
    lost.wait_for_function("document.getAnimations().length === 0")
    prepare(lost)
    assert lost.evaluate(STRUCTURE) + faint(lost) == []


def test_a_way_on_from_a_page_that_is_not_there(lost, host):
    address = f"{host}{urlsplit(BASE).path}book/x/y.html"
    lost.goto(address)
    lost.get_by_label("Look for it").fill("pinguinos")
    lost.keyboard.press("Enter")
    lost.locator("#search-results li a").first.wait_for()
    lost.go_back()
    lost.get_by_role("link", name="the first page", exact=True).click()
    lost.wait_for_url(f"{host}{urlsplit(BASE).path}book/index.html")
    lost.goto(address)
    lost.locator("nav a", has_text="Traps").click()
    lost.wait_for_url("**/book/book/traps.html")
    lost.goto(address)
    lost.keyboard.press("Tab")
    lost.keyboard.press("Enter")
    lost.wait_for_url(f"{address}#main-content")
    assert set(lost.flaws) == {f"404 {address}"}


def test_search_engines_leave_it_out(site):
    soup, tags = head("404.html")
    assert tags["robots"] == "noindex" and soup.title.text.startswith("Not found")
