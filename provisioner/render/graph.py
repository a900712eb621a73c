"""The dependencies of steps as a graph, and the graph as DOT and Mermaid. Pure."""

from __future__ import annotations

from collections.abc import Iterable
from dataclasses import dataclass

from provisioner.plan.document import ActionName
from provisioner.render.documents import StepsDocument
from provisioner.render.format import SIGNS, visible

# With more boxes than this, similar steps share one box.
MOST = 60


@dataclass(frozen=True, slots=True)
class Node:
    """One box: a resource, or `count` similar ones; `number` is its place in the order."""

    name: str
    number: int
    action: ActionName | None = None
    count: int = 1

    @property
    def label(self) -> str:
        """The text in the box."""
        sign = f"{SIGNS[self.action]} " if self.action else ""
        if self.count > 1:
            return f"{sign}{visible(self.name)} ({self.count:,})"
        return f"{self.number}  {sign}{visible(self.name)}"


@dataclass(frozen=True, slots=True)
class Graph:
    """Boxes in order, and edges as (needed, dependent) pairs of their indexes."""

    nodes: tuple[Node, ...]
    edges: tuple[tuple[int, int], ...]


def of_steps(view: StepsDocument) -> Graph:
    """The steps of a plan, each after what it needs."""
    steps = view["steps"]
    return graph((s["address"], s["action"], s["needs"]) for s in steps)


def graph(
    ordered: Iterable[tuple[str, ActionName | None, Iterable[str]]], most: int = MOST
) -> Graph:
    """The graph of (address, action, addresses needed) in the order resources.

    When there are more than `most`, those of one kind and action become one box.
    """
    resources = [(address, action, tuple(needs)) for address, action, needs in ordered]
    if len(resources) > most:
        return _collapsed(resources)
    places = {address: n for n, (address, _, _) in enumerate(resources)}
    edges = {
        (places[need], places[a]) for a, _, needs in resources for need in needs if need in places
    }
    nodes = tuple(Node(address, n, action) for n, (address, action, _) in enumerate(resources, 1))
    return Graph(nodes, tuple(sorted(edges)))


def _collapsed(resources: list[tuple[str, ActionName | None, tuple[str, ...]]]) -> Graph:
    groups: dict[tuple[str, ActionName | None], list[str]] = {}
    for address, action, _ in resources:
        groups.setdefault((address.partition("/")[0], action), []).append(address)
    place = {address: n for n, members in enumerate(groups.values()) for address in members}
    nodes = tuple(
        Node(members[0] if len(members) == 1 else kind, n, action, len(members))
        for n, ((kind, action), members) in enumerate(groups.items(), 1)
    )
    edges = {
        (place[need], place[a]) for a, _, needs in resources for need in needs if need in place
    }
    return Graph(nodes, tuple(sorted(e for e in edges if e[0] != e[1])))


def dot(shown: Graph, name: str) -> str:
    """The graph in the language of Graphviz."""
    lines = [
        f"digraph {_dot(name)} {{",
        "  rankdir=LR;",
        '  node [shape=box, style=rounded, fontname="sans-serif"];',
    ]
    lines += [f"  n{i} [label={_dot(node.label)}];" for i, node in enumerate(shown.nodes, 1)]
    lines += [f"  n{need + 1} -> n{user + 1};" for need, user in shown.edges]
    return "\n".join([*lines, "}"]) + "\n"


def mermaid(shown: Graph) -> str:
    """The graph in the language of Mermaid, which GitHub and GitLab draw in Markdown."""
    lines = ["flowchart LR"]
    lines += [f'  n{i}["{_mermaid(node.label)}"]' for i, node in enumerate(shown.nodes, 1)]
    lines += [f"  n{need + 1} --> n{user + 1}" for need, user in shown.edges]
    return "\n".join(lines) + "\n"


def _dot(text: str) -> str:
    # Graphviz reads entities in text, too.
    escaped = text.replace("&", "&amp;").replace("\\", "\\\\").replace('"', '\\"')
    return f'"{escaped}"'


def _mermaid(text: str) -> str:
    """Text inside quotes: what Markdown, HTML or Mermaid would read goes in as `#35;`."""
    return "".join(
        c if c.isalnum() or c in " /.,-_+~!()" or ord(c) > 127 else f"#{ord(c)};" for c in text
    )
