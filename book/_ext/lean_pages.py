"""Pages that arrive and show fast: one style sheet, one script that waits, and nothing that a page has no use for.

The theme sends half a megabyte of style rules in ten files, fifteen scripts, most of which the page waits for, and two
megabytes to draw twenty icons and formulas. Once all pages are written, and only then,

- rules for classes that occur in no page and no script are left out, and what is left is one file;
- scripts that every page has become one file, which runs when the page is there (`defer`), in the order it was;
- icons are drawn in the page; what search needs is loaded by the search page alone;
- formulas wait until the page has been shown (formulas.js).

What is not recognised is left as it is, and what ought to be there and is not stops the build.
"""

import hashlib
import itertools
import re
from collections.abc import Iterable
from html import escape
from pathlib import Path

import tinycss2
from sphinx.application import Sphinx
from sphinx.errors import ExtensionError
from tinycss2.ast import Node

STYLE = re.compile(r'\s*<link\b[^>]*?href="([^"?]*_static/)([^"?]+\.css)[^"]*"[^>]*>')
SCRIPT = re.compile(
    r'\s*<script\b([^>]*?)\bsrc="([^"?]*?)(_static/[^"?]+\.js|searchindex\.js)([^"]*)"([^>]*)></script>'
)
ICON = re.compile(r'<(i|span) class="([^"]*\bfa[a-z]*\b[^"]*)"([^>]*)></\1>')
WORD = re.compile(r"[A-Za-z0-9_-]+")

OPTIONS = "_static/documentation_options.js"  # a few lines, which others wait for: written into the page
MATHJAX = "_static/mathjax/tex-chtml.js"
FORMULAS = "_static/formulas.js"
ICONS = "_static/scripts/fontawesome.js"
ICON_SETS = {"fab": "fab", "fa-brands": "fab", "far": "far", "fa-regular": "far", "fas": "fas", "fa-solid": "fas"}
SEARCH = {"_static/searchtools.js", "_static/language_data.js", "_static/sphinx_highlight.js", "searchindex.js"}
TABS = "_static/design-tabs.js"
# In the order in which the pages have them.
TOGETHER = (
    "_static/doctools.js",
    "_static/clipboard.min.js",
    "_static/copybutton.js",
    "_static/scripts/sphinx-book-theme.js",
    "_static/togglebutton.js",
    "_static/access.js",
    "_static/scripts/bootstrap.js",
    "_static/scripts/pydata-sphinx-theme.js",
)
MADE = ("bs-",)  # Bootstrap puts these names together when it shows a tooltip
NEEDLESS = (
    "basic.css",
    "**/*.map",
    "**/*.LICENSE.txt",
    "vendor/fontawesome/**/*",
    "locales/**/*",
    "*webpack-macros.html",
)


# ------------------------------------------------------------------------------------------------ style rules


def names_in(selector: Iterable[Node]) -> Iterable[str]:
    """The classes and ids that a selector asks for; those within :not() and the like are left out."""
    after_dot = False
    for token in selector:
        if token.type == "hash" or (after_dot and token.type == "ident"):
            yield token.value
        after_dot = token.type == "literal" and token.value == "."


def selectors_of(prelude: list[Node]) -> list[list[Node]]:
    """A rule's selectors, which commas part."""
    parts: list[list[Node]] = [[]]
    for token in prelude:
        if token.type == "literal" and token.value == ",":
            parts.append([])
        else:
            parts[-1].append(token)
    return parts


def names_of(pages: Iterable[str], scripts: Iterable[str]) -> set[str]:
    """All names that classes and ids can have: what pages write, and every word of the scripts."""
    pages = list(pages)
    names = {name for text in (*pages, *scripts) for name in WORD.findall(text)}
    for text in pages:
        names.update(name for words in re.findall(r'\b(?:class|id)="([^"]*)"', text) for name in words.split())
    return names


def useful_rules(rules: list[Node], names: set[str]) -> str:
    """The rules that can apply to anything: all classes and ids of one of their selectors can occur."""
    kept = []
    for rule in rules:
        if rule.type == "qualified-rule":
            selectors = [
                s for s in selectors_of(rule.prelude) if all(n in names or n.startswith(MADE) for n in names_in(s))
            ]
            if selectors:
                heads = ",".join(tinycss2.serialize(s).strip() for s in selectors)
                kept.append(f"{heads}{{{tinycss2.serialize(rule.content).strip()}}}")
        elif rule.type == "at-rule" and rule.lower_at_keyword in ("media", "supports"):
            inner = useful_rules(tinycss2.parse_rule_list(rule.content, True, True), names)
            if inner:
                kept.append(f"@{rule.at_keyword}{tinycss2.serialize(rule.prelude)}{{{inner}}}")
        elif rule.type == "at-rule" and "Font Awesome" not in tinycss2.serialize(rule.content or []).replace("\\", ""):
            kept.append(rule.serialize())
        elif rule.type == "error":
            raise ExtensionError(f"A style sheet cannot be read: {rule.message}")
    return "\n".join(kept)


def style_text(path: Path, static: Path) -> str:
    """A style sheet with what it imports, its addresses seen from the folder `static`."""
    text = path.read_text(encoding="utf-8")

    def imported(found: re.Match[str]) -> str:
        return style_text((path.parent / found[1]).resolve(), static)

    def address(found: re.Match[str]) -> str:
        target = (path.parent / found[1]).resolve()
        return f"url({target.relative_to(static.resolve()).as_posix()})"

    text = re.sub(r'@import\s+"([^"]+)"\s*;', imported, text)
    return re.sub(r"url\(\s*[\"']?(?!data:|#|https?:)([^\"')]+)[\"']?\s*\)", address, text)


# ------------------------------------------------------------------------------------------------ scripts and icons


def read_icons(path: Path) -> dict[tuple[str, str], tuple[str, str, str]]:
    """Font Awesome's drawings from its own script: (set, name) -> width, height, path."""
    text, icons = path.read_text(encoding="utf-8"), {}
    start = 0
    for end in re.finditer(r'[a-z]\("(fa[brs])",p\)', text):
        entry = r'"?([a-z0-9-]+)"?:\[(\d+),(\d+),\[([^\]]*)\],"[0-9a-f]+","(M[^"]+)"\]'
        for name, width, height, others, drawing in re.findall(entry, text[start : end.start()]):
            for one in (name, *re.findall(r'"([a-z0-9-]+)"', others)):
                icons[end[1], one] = (width, height, drawing)
        start = end.end()
    if len(icons) < 1000:
        raise ExtensionError(f"{path.name} holds {len(icons)} icons that this can read: Font Awesome has changed.")
    return icons


def with_icons(page: str, icons: dict[tuple[str, str], tuple[str, str, str]]) -> str:
    """The page with its icons drawn, in place of names for a script."""

    def draw(found: re.Match[str]) -> str:
        classes = found[2].split()
        style = (
            "fab" if {"fab", "fa-brands"} & set(classes) else "far" if {"far", "fa-regular"} & set(classes) else "fas"
        )
        drawings = [icons[style, name[3:]] for name in classes if (style, name[3:]) in icons and name.startswith("fa-")]
        if len(drawings) != 1:
            raise ExtensionError(f"No icon is known as “{found[2]}”.")
        ((width, height, drawing),) = drawings
        rest = found[3] if "aria-hidden" in found[3] else found[3] + ' aria-hidden="true"'
        return (
            f'<svg class="svg-inline--fa {" ".join(classes)}"{rest} viewBox="0 0 {width} {height}">'
            f'<path fill="currentColor" d="{escape(drawing)}"/></svg>'
        )

    return ICON.sub(draw, page)


def with_sizes(page: str) -> str:
    """The page with the shapes of its figures, so that one out of sight has its place before it is drawn."""

    def size(found: re.Match[str]) -> str:
        shapes = re.findall(r'<svg [^>]*class="(wide|narrow)" viewBox="0 0 ([\d.]+) ([\d.]+)"', found[2])
        if [name for name, _, _ in shapes] != ["wide", "narrow"]:
            raise ExtensionError("A figure is not drawn twice, wide and narrow.")
        style = "; ".join(f"--{name}: {width} / {height}" for name, width, height in shapes)
        return f'{found[1]} style="{style}"{found[2]}'

    return re.sub(r'(<figure class="speedy-figure"><div role="img")(.*?</div>)', size, page, flags=re.DOTALL)


def with_scripts(page: str, name: str, bundle: str, options: str) -> str:
    """The page with its scripts in one, behind the page; those of search and tabs only where they are used."""
    seen: list[str] = []

    def place(found: re.Match[str]) -> str:
        before, up, script, version, after = found.groups()
        seen.append(script)
        if script == OPTIONS:
            first = f'<script defer src="{up}{bundle}"></script>'
            return f"\n    <script>{options}</script>\n    {first}"
        if script in TOGETHER or script == ICONS or (script in SEARCH and name != "search.html"):
            return ""
        if script == TABS and "sd-tab-set" not in page:
            return ""
        if script == MATHJAX:
            return f'\n    <script defer src="{up}{FORMULAS}" data-mathjax="{up}{script}{version}"></script>'
        attributes = re.sub(r'\s*\b(?:defer|async)(?:="[^"]*")?', "", f"{before} {after}").strip()
        return f'\n    <script defer {attributes}{" " * bool(attributes)}src="{up}{script}{version}"></script>'

    page = SCRIPT.sub(place, page)
    together = [script for script in seen if script in TOGETHER]
    if OPTIONS not in seen or sorted(together) != sorted(TOGETHER):
        raise ExtensionError(f"{name}: its scripts are {', '.join(seen)}; look at what the theme loads now.")
    return re.sub(r'\s*<link rel="preload" as="script"[^>]*>', "", page)


def together(static: Path) -> str:
    """All scripts of TOGETHER in one; the first words keep "use strict" of one from being that of all."""
    texts = ["void 0;"]
    for script in TOGETHER:
        text = (static.parent / script).read_text(encoding="utf-8")
        if "currentScript" in text:
            raise ExtensionError(f"{script} looks for itself in the page: it has to stay a file of its own.")
        texts.append(re.sub(r"^//# sourceMappingURL=.*$", "", text, flags=re.MULTILINE))
    return "\n;\n".join(texts)


# ------------------------------------------------------------------------------------------------ all pages


def write_named(static: Path, kind: str, text: str) -> str:
    """Write a file whose name changes with its content, so that no browser keeps an old one; its place in the site."""
    name = f"book-{hashlib.sha256(text.encode()).hexdigest()[:10]}.{kind}"
    (static / name).write_text(text, encoding="utf-8", newline="\n")
    return f"_static/{name}"


def finish(app: Sphinx, error: Exception | None) -> None:
    if error or app.builder.format != "html":
        return
    folder, static = Path(app.outdir), Path(app.outdir, "_static")
    texts = {
        path: path.read_text(encoding="utf-8") for path in sorted(folder.rglob("*.html")) if static not in path.parents
    }
    pages = {path: text for path, text in texts.items() if 'http-equiv="Refresh"' not in text}

    icons = read_icons(folder / ICONS)
    script = write_named(static, "js", together(static))
    options = (folder / OPTIONS).read_text(encoding="utf-8").strip()
    for path, text in pages.items():
        pages[path] = with_sizes(with_scripts(with_icons(text, icons), path.name, script, options))

    sheets = {path: [found[2] for found in STYLE.finditer(text)] for path, text in pages.items()}
    common = [name for name in next(iter(sheets.values())) if all(name in one for one in sheets.values())]
    loaded = {name for text in pages.values() for name in re.findall(r"_static/([^\"?]+\.js)", text)}
    scripts = [(static / name).read_text(encoding="utf-8") for name in sorted(loaded)]
    names = names_of(pages.values(), scripts)
    rules = "\n".join(style_text(static / name, static) for name in common)
    style = write_named(static, "css", useful_rules(tinycss2.parse_stylesheet(rules, True, True), names))
    for path, text in pages.items():
        path.write_text(with_style(text, common, style), encoding="utf-8", newline="\n")
    clear(static, [*TOGETHER, ICONS, OPTIONS, *(f"_static/{name}" for name in common)])


def with_style(page: str, common: list[str], style: str) -> str:
    """The page with one style sheet in place of those that all pages have."""
    first = True

    def place(found: re.Match[str]) -> str:
        nonlocal first
        if found[2] not in common:
            return found[0]
        link = f'\n  <link rel="stylesheet" href="{found[1].removesuffix("_static/")}{style}">' if first else ""
        first = False
        return link

    return STYLE.sub(place, page)


def clear(static: Path, replaced: list[str]) -> None:
    """Delete what no page loads any more."""
    for name in replaced:
        (static.parent / name).unlink(missing_ok=True)
    for pattern in NEEDLESS:
        for path in static.glob(pattern):
            if path.is_file():
                path.unlink()
    for path in sorted((p for p in static.rglob("*") if p.is_dir()), reverse=True):
        if not any(path.iterdir()):
            path.rmdir()


def setup(app: Sphinx) -> dict[str, bool]:
    app.connect("build-finished", finish, priority=900)  # after all others that write in pages
    return {"parallel_read_safe": True, "parallel_write_safe": True}
