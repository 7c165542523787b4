"""What needs the address at which the site is shown: previews of shared links, the sitemap, the page not found.

The address is `html: baseurl:` of _config.yml; tools/address.py writes it for a fork. Nothing else depends on it: the
pages themselves link each other relatively, and the site works from a folder.
"""

import re
from collections.abc import Iterator
from html import escape, unescape
from pathlib import Path
from typing import Any
from urllib.parse import urlsplit
from xml.sax.saxutils import escape as escape_xml

from sphinx.application import Sphinx
from sphinx.errors import ExtensionError

NOT_FOUND = "404"  # GitHub Pages shows 404.html, whatever address was asked for
NOT_FOUND_BODY = """<section id="not-found">
<h1>This page is not here</h1>
<p>The address leads to no page of this book: it may have a letter too many, or the page has got another name.</p>
<form action="search.html" method="get" role="search">
<label for="look-for">Look for it:</label>
<input type="search" id="look-for" name="q" autocomplete="off"> <button type="submit" class="btn">Search</button>
</form>
<p>Or go to <a href="{first}">the first page</a>; all chapters are listed in the contents.</p>
</section>
"""
PREVIEW, PREVIEW_SIZE = "_static/preview.png", (1200, 630)
PREVIEW_ALT = "Speed against score: a dashed line joins the fastest of the best language models for Spanish"
UNLISTED = {"404.html", "search.html", "genindex.html", "index.html"}  # index.html forwards to the first page


def base(app: Sphinx) -> str:
    """The site's address with a slash at its end."""
    address = app.config.html_baseurl
    if not re.match(r"https?://[^/]+", address or ""):
        raise ExtensionError("_config.yml needs html: baseurl:, the address at which the site is shown (https://...).")
    return address.rstrip("/") + "/"


def not_found(app: Sphinx) -> Iterator[tuple[str, dict[str, Any], str]]:
    first = app.builder.get_relative_uri(NOT_FOUND, app.config.root_doc)
    body = NOT_FOUND_BODY.format(first=first)
    yield (
        NOT_FOUND,
        {"title": "Not found", "body": body, "metatags": '<meta name="robots" content="noindex">'},
        "page.html",
    )


def from_anywhere(page: str, path: str) -> str:
    """The page with its links led from the root of the host: it is shown under addresses of any depth."""
    relative = r'((?:href|src|srcset|action|data-content_root)=")(?![a-z]+:|//|/|#|")(?:\./)?([^"]*")'
    return re.sub(relative, lambda found: f"{found[1]}{path}{found[2]}", page)


def preview(page: str, address: str, app: Sphinx) -> str:
    """What services that show a preview of a link read: title, first words, picture."""
    found = {
        "title": re.search(r"<title>(.*?)</title>", page, re.DOTALL),
        "description": re.search(r'<meta name="description" content="([^"]*)"', page),
    }
    missing = [name for name, match in found.items() if match is None]
    if missing:
        raise ExtensionError(f"{address}: the page has no {' and no '.join(missing)} for its preview.")
    texts = {name: " ".join(unescape(match[1]).split()) for name, match in found.items()}
    title = texts["title"].removesuffix(f" — {app.config.html_title}")
    open_graph = {
        "type": "website" if title == app.config.html_title else "article",
        "site_name": app.config.html_title,
        "locale": "en_GB",
        "url": address,
        "title": title,
        "description": texts["description"],
        "image": base(app) + PREVIEW,
        "image:type": "image/png",
        "image:width": str(PREVIEW_SIZE[0]),
        "image:height": str(PREVIEW_SIZE[1]),
        "image:alt": PREVIEW_ALT,
    }
    lines = [f'<meta property="og:{name}" content="{escape(text)}">' for name, text in open_graph.items()]
    return "\n".join([*lines, '<meta name="twitter:card" content="summary_large_image">'])


def finish(app: Sphinx, error: Exception | None) -> None:
    """Previews and icons on every page, the sitemap, and robots.txt."""
    if error or app.builder.format != "html":
        return
    folder, address = Path(app.outdir), base(app)
    listed = []
    for path in sorted(folder.rglob("*.html")):
        name, text = path.relative_to(folder).as_posix(), path.read_text(encoding="utf-8")
        if name.startswith("_static/") or 'http-equiv="Refresh"' in text:
            continue
        up = "../" * name.count("/")
        icons = [f'<link rel="{kind}" href="{up}_static/icon.png">' for kind in ("alternate icon", "apple-touch-icon")]
        head = "\n".join([*icons, preview(text, address + name, app)])
        text = text.replace("</title>", f"</title>\n{head}", 1)
        if name == f"{NOT_FOUND}.html":
            text = from_anywhere(text, urlsplit(address).path)
        path.write_text(text, encoding="utf-8", newline="\n")
        if name not in UNLISTED:
            listed.append(f"<url><loc>{escape_xml(address + name)}</loc></url>")
    sitemap = ['<?xml version="1.0" encoding="utf-8"?>', '<urlset xmlns="http://www.sitemaps.org/schemas/sitemap/0.9">']
    (folder / "sitemap.xml").write_text("\n".join([*sitemap, *listed, "</urlset>", ""]), encoding="utf-8", newline="\n")
    robots = f"User-agent: *\nAllow: /\n\nSitemap: {address}sitemap.xml\n"
    (folder / "robots.txt").write_text(robots, encoding="utf-8", newline="\n")


def setup(app: Sphinx) -> dict[str, bool]:
    app.connect("config-inited", lambda app, config: base(app) and None)
    app.connect("html-collect-pages", not_found)
    app.connect("build-finished", finish)
    return {"parallel_read_safe": True, "parallel_write_safe": True}
