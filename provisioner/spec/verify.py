"""The `verify:` section of a spec: the users who log in after an apply, and with which secrets.

The secrets are not read before somebody logs in: a plan does not need them.
"""

from __future__ import annotations

from collections.abc import Iterable, Iterator, Mapping
from dataclasses import dataclass
from difflib import get_close_matches

from provisioner.kinds.portal.kind import PortalKind
from provisioner.kinds.profile.kind import ProfileKind
from provisioner.kinds.user.kind import UserKind
from provisioner.model.diagnostics import Diagnostic, Span
from provisioner.model.resource import Address, Spec
from provisioner.spec.document import Document
from provisioner.spec.yaml_reader import Yaml

SECTION = "verify"


@dataclass(frozen=True, slots=True)
class VerifyEntry:
    """One user of the spec whose login is verified, by its key under `users:`.

    `password` and `new_password` say where the secrets are, as `{env: NAME}` or `{file: PATH}`;
    without the first, the one of `on_create` is used. `objects` are those that the user must be
    able to read; `None` stands for those that the user's profile can read.
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


def entries(documents: Iterable[Document]) -> tuple[VerifyEntry, ...]:
    """The entries of all files, by key. If a key is in two files, the first one counts."""
    by_key: dict[str, VerifyEntry] = {}
    for document in documents:
        for entry in _entries(document):
            by_key.setdefault(entry.key, entry)
    return tuple(by_key[key] for key in sorted(by_key))


def check(documents: Iterable[Document], specs: Iterable[Spec]) -> Iterator[Diagnostic]:
    """What is wrong with the entries: repeated keys, and users or portals without a spec."""
    users = {s.address.name: s for s in specs if UserKind.owns(s.address)}
    portals = {s.address.name for s in specs if PortalKind.owns(s.address)}
    seen: dict[str, VerifyEntry] = {}
    for entry in (e for document in documents for e in _entries(document)):
        first = seen.setdefault(entry.key, entry)
        if first is not entry:
            note = f"first declared at {first.span}"
            message = f"`{entry.key}` is declared twice"
            yield Diagnostic("duplicate-key", message, entry.span, notes=(note,))
            continue
        if entry.key not in users:
            yield Diagnostic(
                "unknown-reference",
                f"`{entry.key}` is not a user of this spec",
                entry.span,
                help=_nearest(entry.key, users, "declare it under `users:`"),
            )
            continue
        if entry.password is None and not _has_password(users[entry.key]):
            yield Diagnostic(
                "no-password",
                f"nothing says what `{entry.key}` logs in with",
                entry.span,
                help="give it a `password`: {env: NAME} or {file: PATH}",
            )
        if entry.portal is not None and entry.portal not in portals:
            yield Diagnostic(
                "unknown-reference",
                f"`{entry.portal}` is not a portal of this spec",
                entry.at("portal"),
                help=_nearest(entry.portal, portals, "name one of the spec's portals"),
            )


def objects_of(entry: VerifyEntry, specs: Mapping[Address, Spec]) -> tuple[str, ...]:
    """The objects that the user must be able to read: those of the entry, or of the profile."""
    if entry.objects is not None:
        return entry.objects
    user = specs.get(UserKind.address(entry.key))
    profile = user.data.get("profile") if user else None
    declared = specs.get(ProfileKind.address(profile)) if isinstance(profile, str) else None
    allowed = (declared.data.get("objectPermissions") if declared else None) or {}
    return tuple(sorted(name for name, rights in allowed.items() if "read" in (rights or ())))


def _entries(document: Document) -> Iterator[VerifyEntry]:
    data = document.data if isinstance(document.data, dict) else {}
    section = data.get(SECTION)
    for key, value in section.items() if isinstance(section, dict) else ():
        span, fields = document.span((SECTION, key), key=True), value or {}
        if span is None or not isinstance(fields, dict):
            continue
        spans = {name: s for name in fields if (s := document.span((SECTION, key, name)))}
        portal, objects = fields.get("portal"), fields.get("objects")
        yield VerifyEntry(
            key,
            span,
            spans,
            _secret_place(fields.get("password")),
            _secret_place(fields.get("new_password")),
            portal if isinstance(portal, str) else None,
            tuple(map(str, objects)) if isinstance(objects, list) else None,
        )


def _secret_place(value: Yaml) -> Mapping[str, str] | None:
    if not isinstance(value, dict):
        return None
    return {name: text for name, text in value.items() if isinstance(text, str)}


def _has_password(user: Spec) -> bool:
    """Whether the spec sets the user's first password itself, and does not have it emailed."""
    actions = user.data.get("on_create")
    password = actions.get("password") if isinstance(actions, Mapping) else None
    return password is not None and password != "email"  # noqa: S105 - a word of the spec


def _nearest(name: str, names: Iterable[str], otherwise: str) -> str:
    close = get_close_matches(name, list(names), n=1)
    return f"did you mean `{close[0]}`?" if close else otherwise
