"""`graph`: print the dependencies in a spec, without an org, or in a saved plan."""

from __future__ import annotations

from dataclasses import dataclass
from pathlib import Path
from typing import TYPE_CHECKING

from provisioner.cli import output
from provisioner.cli.exit_status import DONE, WRONG
from provisioner.cli.options import SpecOptions
from provisioner.cli.stop import Stop, problem
from provisioner.spec.load import find, load

if TYPE_CHECKING:
    from provisioner.render.graph import Graph


@dataclass(frozen=True, kw_only=True)
class GraphOptions(SpecOptions):
    """The options of `graph`; `spec` is a folder or a saved plan."""

    format: str = "dot"


def graph(options: GraphOptions) -> int:
    """Print the order of a spec's resources, or of a plan's steps."""
    if options.spec is not None and Path(options.spec).is_file():
        return _print(_of_plan(options.spec), options.format, options.spec)
    spec = load(find(options.spec), options.env, secrets=False)
    if output.has_errors(spec.problems):
        raise Stop(WRONG, *spec.problems, texts=spec.texts)
    output.problems(spec.problems, spec.texts)
    from provisioner.plan import make, planner
    from provisioner.render.graph import graph

    ordered = planner.declared_order(make.resources(spec))
    shown = graph((str(r.address), None, map(str, sorted(needs))) for r, needs in ordered)
    return _print(shown, options.format, str(spec.folder))


def _of_plan(file: str) -> Graph:
    from provisioner.plan.plan_file import SavedPlanError, parse
    from provisioner.render.graph import of_steps

    try:
        return of_steps(parse(Path(file).read_text("utf-8")).document)
    except (SavedPlanError, UnicodeDecodeError) as error:
        help_ = "name the folder of a spec, or a plan that `plan --out` wrote"
        raise Stop(WRONG, problem(f"`{file}`: {error}", help_)) from error


def _print(shown: Graph, format_: str, name: str) -> int:
    from provisioner.render import graph, graph_svg

    match format_:
        case "mermaid":
            text = graph.mermaid(shown)
        case "svg":
            text = graph_svg.picture(shown, name)
        case _:
            text = graph.dot(shown, name)
    output.write_document([text], format_)
    return DONE
