"""The part of a spec that a run is about: the addresses that `--target` and `--exclude` match."""

from __future__ import annotations

from collections.abc import Iterable
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
        known = {str(a): a for a in addresses}
        return tuple(
            (pattern, _remedy(pattern, known))
            for pattern in (*self.targets, *self.excludes)
            if not _matches(pattern, known)
        )


def matching(patterns: Iterable[str], addresses: Iterable[Address]) -> frozenset[Address]:
    """The addresses that a pattern matches: exactly, or by `*`, `?` and `[...]`."""
    known = {str(a): a for a in addresses}
    return frozenset(known[name] for pattern in patterns for name in _matches(pattern, known))


def _matches(pattern: str, known: Iterable[str]) -> Iterable[str]:
    # A name can contain `*` or `[`: a pattern that is an address matches only this address.
    if pattern in known:
        return [pattern]
    if not _GLOB & set(pattern):
        return []
    return [name for name in known if fnmatchcase(name, pattern)]


def _remedy(pattern: str, known: Iterable[str]) -> str:
    near = closest(pattern, known)
    if near:
        return f"did you mean `{near}`?"
    names = sorted(known)
    more = f" and {len(names) - _FEW} more" if len(names) > _FEW else ""
    return f"the spec has {', '.join(names[:_FEW])}{more}" if names else "the spec is empty"
