"""The part of a spec that a run is about: the addresses that `--target` and `--exclude` match."""

from __future__ import annotations

from collections.abc import Collection, Iterable
from dataclasses import dataclass
from fnmatch import fnmatchcase

from provisioner.model.diagnostics import closest
from provisioner.model.resource import Address

_GLOB = frozenset("*?[")
_FEW = 12


@dataclass(frozen=True, slots=True)
class Selection:
    """The patterns of `--target` and `--exclude`. Without any, the whole spec is selected."""

    targets: tuple[str, ...] = ()
    excludes: tuple[str, ...] = ()

    def __bool__(self) -> bool:
        return bool(self.targets or self.excludes)

    def targeted(self, addresses: Iterable[Address]) -> frozenset[Address]:
        """The addresses that the targets match; all of them if there are no targets."""
        return frozenset(addresses) if not self.targets else matching(self.targets, addresses)

    def excluded(self, addresses: Iterable[Address]) -> frozenset[Address]:
        """The addresses that the excludes match."""
        return matching(self.excludes, addresses) if self.excludes else frozenset()

    def unknown(self, addresses: Iterable[Address]) -> tuple[tuple[str, str], ...]:
        """Each pattern that matches no address, with a remedy."""
        names = {str(a) for a in addresses}
        return tuple(
            (pattern, _remedy(pattern, names))
            for pattern in (*self.targets, *self.excludes)
            if not _matches(pattern, names)
        )


def matching(patterns: Iterable[str], addresses: Iterable[Address]) -> frozenset[Address]:
    """The addresses that a pattern matches: exactly, or by `*`, `?` and `[...]`."""
    by_name = {str(a): a for a in addresses}
    return frozenset(by_name[n] for pattern in patterns for n in _matches(pattern, by_name))


def _matches(pattern: str, names: Collection[str]) -> Iterable[str]:
    # A name can contain `*` or `[`: a pattern that is an address matches only this address.
    if pattern in names:
        return [pattern]
    if not _GLOB & set(pattern):
        return []
    return [name for name in names if fnmatchcase(name, pattern)]


def _remedy(pattern: str, addresses: Iterable[str]) -> str:
    near = closest(pattern, addresses)
    if near:
        return f"did you mean `{near}`?"
    names = sorted(addresses)
    more = f" and {len(names) - _FEW} more" if len(names) > _FEW else ""
    return f"the spec has {', '.join(names[:_FEW])}{more}" if names else "the spec is empty"
