"""The golden outputs: every report in every format, of views that hold one of everything.

`uv run python tests/golden/write.py` writes them anew; look at what changed before it is kept.
"""

from __future__ import annotations

import io
import json
from pathlib import Path

from provisioner.render import report, text
from provisioner.render.terminal import write

HERE = Path(__file__).parent
FORMATS = {
    "json": "json",
    "markdown": "md",
    "html": "html",
    "junit": "xml",
    "sarif": "sarif",
    "github": "github",
}
VIEWS = ("plan", "drift", "validate", "apply")


def rendered(name):
    """Each golden file of a view, by its name, with what it should hold now."""
    view = json.loads((HERE / f"{name}.view.json").read_text("utf-8"))
    for format_, ending in FORMATS.items():
        yield f"{name}.{ending}", report.render(view, format_, "1.2.3")
    if name in ("plan", "drift"):
        stream = io.StringIO()
        write(getattr(text, name)(view), stream)
        yield f"{name}.txt", stream.getvalue()


if __name__ == "__main__":
    for each in VIEWS:
        for file, made in rendered(each):
            (HERE / file).write_text(made, "utf-8")
