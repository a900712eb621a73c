"""Lay a graph out in columns, every need left of what needs it. Pure.

The layered way of Sugiyama: columns by longest path, long edges through empty places of the
columns between, fewer crossings by sweeps over the mean place of the neighbours, and heights
that straighten the edges. Small and linear enough for the at most 60 boxes that are drawn.
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from itertools import pairwise

_SWEEPS = 8
ROW = 1.0


@dataclass(frozen=True, slots=True)
class Layout:
    """Where each node stands: its column, and its height in rows; and the way of each edge.

    A way is the (column, height) of its begin, of each empty place it goes through, and of
    its end. `rows` is how high the whole is.
    """

    places: tuple[tuple[int, float], ...]
    ways: tuple[tuple[tuple[int, float], ...], ...]
    columns: int
    rows: float


def layout(count: int, edges: Sequence[tuple[int, int]]) -> Layout:
    """The places of nodes `0` to `count - 1`. A cycle is cut at the edge that goes back."""
    forward = [(a, b) if a < b else (b, a) for a, b in edges]
    column = _columns(count, forward)
    column, chains = _chains(column, forward)
    neighbours: list[tuple[list[int], list[int]]] = [([], []) for _ in column]
    for chain in chains:
        for left, right in pairwise(chain):
            neighbours[right][0].append(left)
            neighbours[left][1].append(right)
    layers = _ordered(column, neighbours)
    heights = _heights(layers, neighbours, len(column))
    places = [(c, h) for c, h in zip(column, heights, strict=True)]
    ways = []
    for (a, b), chain in zip(edges, chains, strict=True):
        way = tuple(places[n] for n in chain)
        ways.append(way if a < b else way[::-1])
    rows = max(heights, default=0.0) + ROW
    return Layout(tuple(places[:count]), tuple(ways), len(layers), rows)


def _columns(count: int, edges: Sequence[tuple[int, int]]) -> list[int]:
    """The longest way to each node; nodes come in an order in which edges go up."""
    column = [0] * count
    for a, b in sorted(edges):
        column[b] = max(column[b], column[a] + 1)
    return column


def _chains(
    column: list[int], edges: Sequence[tuple[int, int]]
) -> tuple[list[int], list[tuple[int, ...]]]:
    """Columns with the empty places added, and the nodes that each edge goes through."""
    column = list(column)
    chains = []
    for a, b in edges:
        between = range(column[a] + 1, column[b])
        empty = range(len(column), len(column) + len(between))
        column.extend(between)
        chains.append((a, *empty, b))
    return column, chains


def _ordered(column: list[int], neighbours: list[tuple[list[int], list[int]]]) -> list[list[int]]:
    layers: list[list[int]] = [[] for _ in range(max(column, default=-1) + 1)]
    for node, c in enumerate(column):
        layers[c].append(node)
    rank = {node: i for layer in layers for i, node in enumerate(layer)}
    best, fewest = [list(layer) for layer in layers], _crossings(layers, neighbours)
    for sweep in range(_SWEEPS):
        side = sweep % 2
        for layer in layers if side == 0 else layers[::-1]:
            middles = {n: _mean([rank[m] for m in neighbours[n][side]], rank[n]) for n in layer}
            layer.sort(key=lambda n, middles=middles: (middles[n], n))  # type: ignore[misc]
            rank.update({node: i for i, node in enumerate(layer)})
        crossings = _crossings(layers, neighbours)
        if crossings < fewest:
            best, fewest = [list(layer) for layer in layers], crossings
    return best


def _crossings(layers: list[list[int]], neighbours: list[tuple[list[int], list[int]]]) -> int:
    crossings = 0
    for layer, following in pairwise(layers):
        rank = {node: i for i, node in enumerate(following)}
        ends = [rank[m] for n in layer for m in sorted(neighbours[n][1], key=rank.__getitem__)]
        # How many pairs of edges end in another order than they begin.
        crossings += sum(b < a for i, a in enumerate(ends) for b in ends[i + 1 :])
    return crossings


def _heights(
    layers: list[list[int]], neighbours: list[tuple[list[int], list[int]]], count: int
) -> list[float]:
    heights = [0.0] * count
    tallest = max(map(len, layers), default=0)
    for layer in layers:
        for i, node in enumerate(layer):
            heights[node] = i + (tallest - len(layer)) / 2
    for sweep in range(_SWEEPS):
        side = sweep % 2
        for layer in layers if side == 0 else layers[::-1]:
            targets = [_mean([heights[m] for m in neighbours[n][side]], heights[n]) for n in layer]
            for node, height in zip(layer, _apart(targets), strict=True):
                heights[node] = height
    lowest = min(heights, default=0.0)
    return [height - lowest for height in heights]


def _apart(targets: list[float]) -> list[float]:
    """The heights nearest to the targets that keep the order and a row between each two.

    Least squares: neighbours that want the same place share it as a block around its mean.
    """
    blocks: list[tuple[float, int]] = []  # the mean target height of a block's first, and its size
    for i, height in enumerate(targets):
        mean, size = height - i * ROW, 1
        while blocks and blocks[-1][0] >= mean:
            other, many = blocks.pop()
            mean, size = (other * many + mean * size) / (many + size), many + size
        blocks.append((mean, size))
    firsts = [mean for mean, size in blocks for _ in range(size)]
    return [first + i * ROW for i, first in enumerate(firsts)]


def _mean(values: Sequence[float], otherwise: float) -> float:
    return sum(values) / len(values) if values else otherwise
