"""The role `run-time`: how long notebooks took when this site was built, so that no such figure is typed."""

import json
from pathlib import Path

from docutils import nodes
from sphinx.application import Sphinx
from sphinx.util import logging
from sphinx.util.docutils import SphinxRole

LOGGER = logging.getLogger(__name__)


def in_words(seconds: float) -> str:
    return f"{round(seconds)} s" if seconds < 120 else f"{round(seconds / 60)} min"


class RunTime(SphinxRole):
    """{run-time}`speed-and-score tagging`: the seconds of these chapters, one after the other."""

    def run(self) -> tuple[list[nodes.Node], list[nodes.system_message]]:
        self.env.note_reread()  # it depends on the chapters
        path = Path(self.env.srcdir, "run_times.json")
        times = json.loads(path.read_text(encoding="utf-8")) if path.exists() else {}
        names = [f"book/{name}" for name in self.text.split()]
        if lacking := [name for name in names if name not in times]:
            LOGGER.warning("no run time is known of %s", ", ".join(lacking), location=self.get_location())
        return [nodes.Text(in_words(sum(times[name]["seconds"] for name in names if name in times)))], []


def setup(app: Sphinx) -> dict[str, bool]:
    app.add_role("run-time", RunTime())
    return {"parallel_read_safe": True, "parallel_write_safe": True}
