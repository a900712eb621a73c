"""A graph as SVG: its own picture, or a part of a page. Pure."""

from __future__ import annotations

from xml.sax.saxutils import escape, quoteattr

from provisioner.render.format import visible
from provisioner.render.graph import Graph, Node
from provisioner.render.graph_layout import layout

_BOX, _ROW, _MARGIN, _GAP = 28, 42, 12, 56
_CHARACTER, _LONGEST = 7.3, 34
_STYLE = """
  svg { --card: #fff; --line: #8c959f; --text: #1f2328; --page: #fff;
    --create: #1a7f37; --update: #8a5a00; --deactivate: #7a3ec8; --delete: #c1222d; }
  @media (prefers-color-scheme: dark) {
    svg { --card: #151b23; --line: #6b7685; --text: #e6edf3; --page: #0d1117;
      --create: #4cc764; --update: #dca93b; --deactivate: #b78af5; --delete: #ff7b74; } }
  .page { fill: var(--page); }
"""
SHAPES = """
  .node rect { fill: var(--card); stroke: var(--tone, var(--line)); stroke-width: 1.5; }
  .node text { fill: var(--text);
    font: 12px ui-monospace, SFMono-Regular, Menlo, Consolas, "DejaVu Sans Mono", monospace; }
  .edge { fill: none; stroke: var(--line); stroke-width: 1.3; } .tip { fill: var(--line); }
  .create { --tone: var(--create); } .update { --tone: var(--update); }
  .deactivate { --tone: var(--deactivate); } .delete { --tone: var(--delete); }
"""
"""How the parts of a drawing look, by variables that its page defines."""


_TIP = (
    '<defs><marker id="tip" viewBox="0 0 8 8" refX="3" refY="4" markerWidth="7" markerHeight="7" '
    'orient="auto-start-reverse"><path class="tip" d="M0 0 8 4 0 8z"/></marker></defs>'
)


def picture(shown: Graph, title: str) -> str:
    """The graph as an SVG file that needs no other."""
    return svg(shown, title, style=_STYLE + SHAPES) + "\n"


def svg(shown: Graph, title: str, *, style: str = "", links: bool = False) -> str:
    """The graph as an `svg` element; `links` leads from each box to its step of the page."""
    plan = layout(len(shown.nodes), shown.edges)
    widths = [0.0] * plan.columns
    for node, (column, _) in zip(shown.nodes, plan.places, strict=True):
        widths[column] = max(widths[column], len(_short(node)) * _CHARACTER + 18)
    lefts = [_MARGIN + sum(widths[:c]) + c * _GAP for c in range(plan.columns)]
    width = int(sum(widths) + max(0, plan.columns - 1) * _GAP + 2 * _MARGIN)
    height = int((plan.rows - 1) * _ROW + _BOX + 2 * _MARGIN)

    def middle(row: float) -> float:
        return round(_MARGIN + row * _ROW + _BOX / 2, 1)

    parts = []
    for way in plan.ways:
        first, *between, last = sorted(way)
        points = [(lefts[first[0]] + widths[first[0]], middle(first[1]))]
        for column, row in between:
            points += [(lefts[column], middle(row)), (lefts[column] + widths[column], middle(row))]
        points.append((lefts[last[0]] - 5, middle(last[1])))
        parts.append(_edge(points, back=way[0] > way[-1]))
    for node, (column, row) in zip(shown.nodes, plan.places, strict=True):
        parts.append(_node(node, lefts[column], middle(row), widths[column], links=links))
    back = '<rect class="page" width="100%" height="100%"/>'
    sheet = f"<style>{style}</style>\n{back}\n" if style else ""
    return (
        f'<svg xmlns="http://www.w3.org/2000/svg" viewBox="0 0 {width} {height}" width="{width}" '
        f'height="{height}" role="img" aria-label={quoteattr(visible(title))}>\n'
        f"{_TIP}\n{sheet}" + "\n".join(parts) + "\n</svg>"
    )


def _edge(points: list[tuple[float, float]], *, back: bool) -> str:
    (x, y), *others = points
    path = f"M{x:.0f} {y:g}"
    for i, (to_x, to_y) in enumerate(others):
        if i % 2:
            # Straight along an empty place.
            path += f"H{to_x:.0f}"
        else:
            half = (x + to_x) / 2
            path += f"C{half:.0f} {y:g} {half:.0f} {to_y:g} {to_x:.0f} {to_y:g}"
        x, y = to_x, to_y
    end = "start" if back else "end"
    return f'<path class="edge" marker-{end}="url(#tip)" d="{path}"/>'


def _node(node: Node, left: float, middle: float, width: float, *, links: bool) -> str:
    top = middle - _BOX / 2
    box = (
        f"<title>{escape(visible(node.name))}</title>"
        f'<rect x="{left:.0f}" y="{top:g}" width="{width:.0f}" height="{_BOX}" rx="5"/>'
        f'<text x="{left + 9:.0f}" y="{middle + 4:g}">{escape(_short(node))}</text>'
    )
    group = f'<g class="node {node.action or ""}">{box}</g>'
    return f'<a href="#step-{node.number}">{group}</a>' if links and node.count == 1 else group


def _short(node: Node) -> str:
    label = node.label
    return label if len(label) <= _LONGEST else f"{label[: _LONGEST - 1]}\N{HORIZONTAL ELLIPSIS}"
