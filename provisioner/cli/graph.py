"""`graph`: what needs what, of a spec without asking its org, or of a saved plan."""

from __future__ import annotations

import json
import sys
from argparse import Namespace
from pathlib import Path
from typing import TYPE_CHECKING

from provisioner.cli import output
from provisioner.cli.exit_status import DONE, WRONG
from provisioner.spec.load import find, load

if TYPE_CHECKING:
    from provisioner.render.graph import Graph


def graph(options: Namespace) -> int:
    """Print the order of a spec's resources, or of a plan's steps."""
    spec = options.spec
    if spec is not None and Path(spec).is_file():
        return _of_plan(spec, options.format)
    loaded = load(find(spec), options.env, secrets=False)
    output.problems(loaded.problems, loaded, sys.stderr)
    if output.errors(loaded.problems):
        return WRONG
    from provisioner.plan import make as workflow
    from provisioner.plan import planner
    from provisioner.render import graph as graphs

    ordered = planner.declared_order(workflow.resources(loaded))
    shown = graphs.graph((str(r.address), None, map(str, sorted(needs))) for r, needs in ordered)
    return _print(shown, options.format, str(loaded.folder))


def _of_plan(file: str, format_: str) -> int:
    from provisioner.plan.plan_file import SavedPlanError, parse
    from provisioner.render import graph as graphs

    try:
        text = Path(file).read_text("utf-8")
        parse(text)
    except (SavedPlanError, UnicodeDecodeError) as error:
        output.say(f"`{file}`: {error}", "name a spec's folder, or a plan that `plan --out` wrote")
        return WRONG
    return _print(graphs.of_steps(json.loads(text)), format_, file)


def _print(shown: Graph, format_: str, name: str) -> int:
    from provisioner.render import graph
    from provisioner.render import graph_svg as drawing

    match format_:
        case "mermaid":
            text = graph.mermaid(shown)
        case "svg":
            text = drawing.picture(shown, name)
        case _:
            text = graph.dot(shown, name)
    output.write_document([text], format_)
    return DONE
