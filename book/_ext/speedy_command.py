"""The page of the shell command, written at build time from the parsers that read its arguments.

`.. speedy-command::` gives a section for each subcommand: what it does, its usage, and an entry for each argument.
"""

import argparse
import re
from collections.abc import Iterator

from docutils import nodes
from speedy_utils import cli
from sphinx.application import Sphinx
from sphinx.util.docutils import SphinxDirective

WIDTH = 76  # of a usage, in characters
# Quoted texts and names of options within a help text: code, in which no quote or hyphen is made prettier.
CODE = re.compile(r'"[^"]+"|(?<![\w-])--?[a-z][\w-]*(?:\.\w+)?')


def subparsers(parser: argparse.ArgumentParser) -> dict[str, tuple[str, argparse.ArgumentParser]]:
    """{name: (what it does, its parser)} of each subcommand, in the order of --help."""
    (commands,) = (action for action in parser._actions if isinstance(action, argparse._SubParsersAction))
    return {choice.dest: (choice.help or "", commands.choices[choice.dest]) for choice in commands._choices_actions}


def arguments(parser: argparse.ArgumentParser) -> list[argparse.Action]:
    """What --help shows, in its order, without --help itself."""
    shown = [one for one in parser._actions if one.help is not argparse.SUPPRESS and one.dest != "help"]
    return sorted(shown, key=lambda one: bool(one.option_strings))


def usage(parser: argparse.ArgumentParser) -> str:
    """The usage without its first word and without colours, the same in a window of any width."""
    parser.color = False  # of Python 3.14
    parser.formatter_class = lambda prog: argparse.HelpFormatter(prog, width=WIDTH)
    return parser.format_usage().removeprefix("usage: ").replace("\n" + " " * 7, "\n").rstrip()


def signature(action: argparse.Action) -> str:
    """An argument as one writes it: "--seeds N [N ...]", "task {ner,pos}"."""
    name = ", ".join(action.option_strings)
    if action.nargs == 0:
        return name
    choices = "{" + ",".join(map(str, action.choices)) + "}" if action.choices else ""
    value = action.metavar or choices or (action.dest.upper() if name else action.dest)
    if not name:
        return f"{action.dest} {value}" if choices else str(value)
    many = {"+": f"{value} [{value} ...]", "*": f"[{value} ...]", "?": f"[{value}]"}
    return f"{name} {many.get(action.nargs, value)}"


def explanation(action: argparse.Action) -> str:
    """The help text as a sentence in reStructuredText."""
    text = action.help or ""
    text = CODE.sub(lambda found: f"``{found.group()}``", text.replace("*", r"\*"))
    text = text[:1].upper() + text[1:]
    required = "Required: " + text[:1].lower() + text[1:] if action.option_strings and action.required else text
    return required.rstrip(".") + "."


def source_of(parser: argparse.ArgumentParser) -> Iterator[str]:
    """The page's lines in reStructuredText."""
    for name, (does, command) in subparsers(parser).items():
        title = f"{parser.prog} {name}"
        yield from (title, "-" * len(title), "", f"{does[:1].upper()}{does[1:]}.", "")
        yield from (".. code-block:: text", "", *(f"   {line}" for line in usage(command).splitlines()), "")
        yield from (f".. program:: {title}", "")
        for action in arguments(command):
            yield from (f".. option:: {signature(action)}", "", f"   {explanation(action)}", "")


class SpeedyCommand(SphinxDirective):
    def run(self) -> list[nodes.Node]:
        text = "\n".join(source_of(cli._parser()))
        return self.parse_text_to_nodes(text, allow_section_headings=True)


def setup(app: Sphinx) -> dict[str, bool]:
    app.add_directive("speedy-command", SpeedyCommand)
    return {"parallel_read_safe": True, "parallel_write_safe": True}
