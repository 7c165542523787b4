"""Pages that show fast: one style sheet, scripts that wait for the page, and nothing loaded that a page has no use for.

As the theme writes them, pages wait for ten style sheets and nine scripts, load two fonts and a megabyte and a half of
script to draw twenty icons, and on every page the search's index. There is no setting for any of it, so that each
page's text is edited once it is written:

- its style sheets become one, with the same rules in the same order;
- scripts run when the page is there (`defer`), still in their order;
- icons stand in the page as drawings;
- what search needs is loaded by the search page alone;
- the theme's script, which asks of each box whether it scrolls, asks all before it changes one;
- the colours of a first visit are chosen before the page is drawn, not after: it would be drawn twice.

(Formulas wait until the page has been shown: formulas.js.) What ought to be there and is not stops the build: the theme
has changed then, and somebody has to look.
"""

import hashlib
import re
from pathlib import Path

from sphinx.application import Sphinx
from sphinx.errors import ExtensionError

LINK = re.compile(r'<link\b[^>]*\brel="stylesheet"[^>]*>')
PRELOAD = re.compile(r'<link rel="preload" as="script"[^>]*>')
SCRIPT = re.compile(r'<script\b[^>]*\bsrc="([^"?]*)[^"]*"[^>]*></script>')
ICON = re.compile(r'<(i|span) class="([^"]*\bfa-[^"]*)"([^>]*)></\1>')
ADDRESS = re.compile(r"""url\(\s*["']?(?!data:|#)([^"')]+?)["']?\s*\)""")

OPTIONS = "documentation_options.js"  # a few lines, which those in the page itself add to while it is read
ICONS = "fontawesome.js"
SEARCH = {"searchtools.js", "language_data.js", "searchindex.js"}
THEME = "scripts/pydata-sphinx-theme.js"
# After each change of the page it gives boxes that scroll a stop of the Tab key: the page was laid out for each one.
ONE_BY_ONE = ".forEach(e=>{e.tabIndex=e.scrollWidth>e.clientWidth||e.scrollHeight>e.clientHeight?0:-1})"
ALL_AT_ONCE = (
    ".forEach((e,t,n)=>{t||[...n].map(e=>[e,e.scrollWidth>e.clientWidth||e.scrollHeight>e.clientHeight?0:-1])"
    ".forEach(([e,t])=>{e.tabIndex!==t&&(e.tabIndex=t)})})"
)
LATER = 'dataset.theme = localStorage.getItem("theme") || "auto";'
AT_ONCE = LATER.replace('"auto"', '(matchMedia("(prefers-color-scheme: dark)").matches ? "dark" : "light")')
# The sets of Font Awesome by the class that asks for them.
SETS = {"fas": "fas", "fa-solid": "fas", "far": "far", "fa-regular": "far", "fab": "fab", "fa-brands": "fab"}

Drawings = dict[tuple[str, str], tuple[str, str, str]]


def read_drawings(script: str) -> Drawings:
    """Font Awesome's icons from its own script: (set, name) -> width, height and path, an icon's other names too."""
    found: Drawings = {}
    start = 0
    for end in re.finditer(r'\("(fa[brs])",\w+\)', script):  # a set's name stands behind its icons
        icon = r'"?([a-z0-9-]+)"?:\[(\d+),(\d+),\[([^\]]*)\],"[0-9a-f]+","(M[^"]+)"\]'
        for name, width, height, others, path in re.findall(icon, script[start : end.start()]):
            for one in (name, *re.findall(r'"([a-z0-9-]+)"', others)):
                found[end[1], one] = (width, height, path)
        start = end.end()
    return found


def with_drawings(page: str, drawings: Drawings) -> str:
    """The page with its icons drawn, in place of their names."""

    def drawn(found: re.Match[str]) -> str:
        sets = {SETS[name] for name in found[2].split() if name in SETS}
        classes = [name for name in found[2].split() if name not in SETS]
        known = [drawings[key] for key in ((one, name[3:]) for one in sets for name in classes) if key in drawings]
        if len(known) != 1:
            raise ExtensionError(f"no icon is known as “{found[2]}”")
        width, height, path = known[0]
        hidden = "" if "aria-hidden" in found[3] else ' aria-hidden="true"'
        shape = f'viewBox="0 0 {width} {height}"><path fill="currentColor" d="{path}"/>'
        return f'<svg class="svg-inline--fa {" ".join(classes)}"{found[3]}{hidden} {shape}</svg>'

    return ICON.sub(drawn, page)


def style_text(path: Path, static: Path) -> str:
    """A style sheet with what it imports, its addresses seen from the folder `static`."""
    folder = path.parent
    if not path.is_file():
        raise ExtensionError(f"there is no {path.name}")

    def moved(found: re.Match[str]) -> str:
        file, rest = re.match(r"([^?#]*)(.*)", found[1]).groups()
        place = (folder / file).resolve()
        if not place.is_file():
            raise ExtensionError(f"{path.name} asks for {found[1]}, which is not there")
        return f'url("{place.relative_to(static).as_posix()}{rest}")'

    text = ADDRESS.sub(moved, path.read_text(encoding="utf-8"))
    text = re.sub(r'@import\s+"([^":]+)"\s*;', lambda found: style_text(folder / found[1], static), text)
    if "@import" in text:
        raise ExtensionError(f"{path.name} imports a style sheet in a way that is not known here")
    return text


def with_one_sheet(page: str, static: Path) -> str:
    """The page with all its style sheets in one, whose name changes with its content: no browser keeps an old one."""
    links = [re.search(r'href="([^"?]*_static/)([^"?]+)', tag) for tag in LINK.findall(page)]
    if not all(links) or len({link[1] for link in links}) != 1:
        raise ExtensionError("it has no style sheets, or one that does not lie in _static")
    text = "\n".join(f"/* {link[2]} */\n{style_text(static / link[2], static)}" for link in links)
    name = f"book-{hashlib.sha256(text.encode()).hexdigest()[:10]}.css"
    (static / name).write_text(text, encoding="utf-8", newline="\n")
    tags = iter([f'<link rel="stylesheet" href="{links[0][1]}{name}">'])
    return LINK.sub(lambda found: next(tags, ""), page)


def with_waiting_scripts(page: str, searches: bool, static: Path) -> str:
    """The page with scripts that wait until it is there; the index is loaded where readers search."""
    seen = set()

    def placed(found: re.Match[str]) -> str:
        script = found[1].rsplit("/", 1)[-1]
        seen.add(script)
        if script == ICONS or (script in SEARCH and not searches):
            return ""
        if script == OPTIONS:
            return f"<script>{(static / OPTIONS).read_text(encoding='utf-8')}</script>"
        waits = re.search(r"\s(?:defer|async)\b", found[0])
        return found[0] if waits else found[0].replace("<script", "<script defer", 1)

    page = PRELOAD.sub("", SCRIPT.sub(placed, page))
    if missing := {OPTIONS, ICONS, *SEARCH} - seen:
        raise ExtensionError(f"it does not load {', '.join(sorted(missing))}")
    return page


def with_colours(page: str) -> str:
    """The page in the colours that the reader's system asks for, where the reader has not chosen others."""
    if page.count(LATER) != 1:
        raise ExtensionError("it chooses its colours in another way now")
    return page.replace(LATER, AT_ONCE)


def lean(page: str, name: str, static: Path, drawings: Drawings) -> str:
    """The whole page; raises ExtensionError when the theme writes something else than this knows."""
    try:
        page = with_waiting_scripts(with_drawings(page, drawings), name == "search.html", static)
        return with_one_sheet(with_colours(page), static)
    except ExtensionError as error:
        reason = f"{name}: {error}; look at what the theme writes now and mend {Path(__file__).name}."
        raise ExtensionError(reason) from None


def measure_at_once(script: str) -> str:
    """The theme's script with one layout of the page in place of one for each box that may scroll."""
    if script.count(ONE_BY_ONE) != 1:
        raise ExtensionError(f"{THEME} looks for boxes that scroll in another way now; mend {Path(__file__).name}.")
    return script.replace(ONE_BY_ONE, ALL_AT_ONCE)


def finish(app: Sphinx, error: Exception | None) -> None:
    if error or app.builder.format != "html":
        return
    static = Path(app.outdir, "_static").resolve()
    script = static / "scripts" / ICONS
    drawings = read_drawings(script.read_text(encoding="utf-8")) if script.is_file() else {}  # no icon is known then
    for path in sorted(Path(app.outdir).rglob("*.html")):
        text = path.read_text(encoding="utf-8")
        if static not in path.resolve().parents and 'http-equiv="Refresh"' not in text:  # the first page only forwards
            path.write_text(lean(text, path.name, static, drawings), encoding="utf-8", newline="\n")
    theme = static / THEME
    theme.write_text(measure_at_once(theme.read_text(encoding="utf-8")), encoding="utf-8", newline="\n")
    for path in [*static.rglob("*.map"), *static.rglob(ICONS)]:
        path.unlink()


def setup(app: Sphinx) -> dict[str, bool]:
    app.connect("build-finished", finish, priority=900)  # after all others that edit pages
    return {"parallel_read_safe": True, "parallel_write_safe": True}
