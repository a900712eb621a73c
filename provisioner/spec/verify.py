"""The `verify:` section of a spec: who logs in to prove that the portal works, and with what. Pure.

A canary's secrets stay where they are until somebody logs in: a plan needs none of them.
"""

from __future__ import annotations

from collections.abc import Iterable, Iterator, Mapping
from dataclasses import dataclass
from difflib import get_close_matches

from provisioner.model.diagnostics import Diagnostic, Span
from provisioner.model.resource import Address, Spec
from provisioner.spec.document import Document

SECTION = "verify"


@dataclass(frozen=True, slots=True)
class Canary:
    """One user of the spec that logs in, by its key.

    `password` and `new_password` say where the secrets are, as `{env: NAME}` or `{file: PATH}`;
    without the first it is the one that `on_create` gives. `objects` is `None` where the
    profile's own permissions say what is to be reachable.
    """

    key: str
    span: Span
    spans: Mapping[str, Span]
    password: Mapping[str, str] | None = None
    new_password: Mapping[str, str] | None = None
    portal: str | None = None
    objects: tuple[str, ...] | None = None

    def at(self, name: str) -> Span:
        return self.spans.get(name, self.span)


def canaries(documents: Iterable[Document]) -> tuple[Canary, ...]:
    """The canaries of all files, by key; where a key is given twice, the first one counts."""
    found: dict[str, Canary] = {}
    for document in documents:
        for canary in _of(document):
            found.setdefault(canary.key, canary)
    return tuple(found[key] for key in sorted(found))


def check(documents: Iterable[Document], specs: Iterable[Spec]) -> Iterator[Diagnostic]:
    """What is wrong with the canaries: keys given twice, users that no spec declares."""
    users = {s.address.name: s for s in specs if s.address.kind == "user"}
    portals = {s.address.name for s in specs if s.address.kind == "portal"}
    seen: dict[str, Canary] = {}
    for canary in (c for document in documents for c in _of(document)):
        first = seen.setdefault(canary.key, canary)
        if first is not canary:
            note = f"first declared at {first.span}"
            message = f"`{canary.key}` is declared twice"
            yield Diagnostic("duplicate-key", message, canary.span, notes=(note,))
            continue
        if canary.key not in users:
            yield Diagnostic(
                "unknown-reference",
                f"`{canary.key}` is no user of this spec",
                canary.span,
                help=_nearest(canary.key, users, "declare it under `users:`"),
            )
            continue
        if canary.password is None and not _given(users[canary.key]):
            yield Diagnostic(
                "no-password",
                f"nothing says what `{canary.key}` logs in with",
                canary.span,
                help="give it a `password`: {env: NAME} or {file: PATH}",
            )
        if canary.portal is not None and canary.portal not in portals:
            yield Diagnostic(
                "unknown-reference",
                f"`{canary.portal}` is no portal of this spec",
                canary.at("portal"),
                help=_nearest(canary.portal, portals, "name one of the spec's portals"),
            )


def objects_of(canary: Canary, specs: Mapping[Address, Spec]) -> tuple[str, ...]:
    """The objects that are to be reachable: as the canary says, else what its profile may read."""
    if canary.objects is not None:
        return canary.objects
    user = specs.get(Address("user", canary.key))
    profile = user.data.get("profile") if user else None
    declared = specs.get(Address("profile", profile)) if isinstance(profile, str) else None
    allowed = (declared.data.get("objectPermissions") if declared else None) or {}
    return tuple(sorted(name for name, rights in allowed.items() if "read" in (rights or ())))


def _of(document: Document) -> Iterator[Canary]:
    data = document.data if isinstance(document.data, Mapping) else {}
    section = data.get(SECTION)
    for key, written in section.items() if isinstance(section, Mapping) else ():
        span, given = document.span((SECTION, key), key=True), written or {}
        if span is None or not isinstance(given, Mapping):
            continue
        spans = {name: s for name in given if (s := document.span((SECTION, key, name)))}
        objects = given.get("objects")
        yield Canary(
            key,
            span,
            spans,
            _place(given.get("password")),
            _place(given.get("new_password")),
            given.get("portal"),
            tuple(objects) if isinstance(objects, list) else None,
        )


def _place(given: object) -> Mapping[str, str] | None:
    return given if isinstance(given, Mapping) else None


def _given(user: Spec) -> bool:
    """Whether the spec sets the user's first password itself, and does not have it mailed."""
    actions = user.data.get("on_create")
    password = actions.get("password") if isinstance(actions, Mapping) else None
    return password is not None and password != "email"  # noqa: S105 - a word of the spec


def _nearest(name: str, known: Iterable[str], otherwise: str) -> str:
    close = get_close_matches(name, list(known), n=1)
    return f"did you mean `{close[0]}`?" if close else otherwise
