"""The sections of a report other than steps and problems. Every format for people shows them. Pure.

To add a section, add its data to the document (`provisioner.plan.document`) and a function here.
"""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import dataclass

from provisioner.plan.document import AbsentDocument
from provisioner.render.documents import Document, StepsDocument

_MOST_LISTED = 20
_FEW = 3


@dataclass(frozen=True, slots=True)
class Section:
    """A title, and sentences that have names in backticks.

    `key` is the key of its data in the document. `tone` is `error` if it prevents an apply,
    `warning` if a reviewer must read it, otherwise `note`.
    """

    key: str
    title: str
    items: tuple[str, ...]
    tone: str = "note"


def sections(view: Document) -> Iterator[Section]:
    """The sections that are not empty, the most important first."""
    if view["report"] == "validate":
        return
    makers = (_refusals, _left_out, _emails, _absent, _unmanaged, _shares, _ignored)
    for make in makers:
        section = make(view)
        if section.items:
            yield section


def _refusals(view: StepsDocument) -> Section:
    items = (
        f"{refusal['message']}; {refusal['help']}" if refusal["help"] else refusal["message"]
        for refusal in view.get("refusals", ())
    )
    return Section("refusals", "Refused by the policy", tuple(items), "error")


def _left_out(view: StepsDocument) -> Section:
    items = (
        f"`{item['address']}`, because it needs `{item['needs']}`" for item in view["left_out"]
    )
    return Section("left_out", "Skipped", tuple(items), "warning")


def _emails(view: StepsDocument) -> Section:
    items = tuple(difference["text"] for difference in view["email_differences"])
    return Section("email_differences", "Emails and logins", items)


def _absent(view: StepsDocument) -> Section:
    return Section("absent", "Not in the roster", tuple(map(_absent_users, view["absent"])))


def _absent_users(absent: AbsentDocument) -> str:
    names = [f"`{name}`" for name in absent["usernames"][:_FEW]]
    more = [f"{absent['users'] - _FEW} more"] if absent["users"] > _FEW else []
    users = "1 active user" if absent["users"] == 1 else f"{absent['users']} active users"
    kept = ", not changed because of `absent: keep`"
    action = ", deactivated because of `absent: deactivate`" if absent["deactivated"] else kept
    listed = ", ".join([*names, *more])
    return f"{users} with the profiles of `{absent['roster']}`{action}: {listed}"


def _unmanaged(view: StepsDocument) -> Section:
    unmanaged = view.get("unmanaged", []) if view["report"] != "apply" else []
    items = [
        f"{item['kind']} `{item['name']}`" + (f", `{item['detail']}`" if item["detail"] else "")
        for item in unmanaged[:_MOST_LISTED]
    ]
    if len(unmanaged) > _MOST_LISTED:
        items.append(f"{len(unmanaged) - _MOST_LISTED} more, which `--format json` lists")
    return Section("unmanaged", "In the org, but not in the specs", tuple(items))


def _shares(view: StepsDocument) -> Section:
    counted = view.get("shares", []) if view["report"] != "apply" else []
    shares = [f"{s['managed']} of {s['managed'] + s['unmanaged']} {s['kind']}s" for s in counted]
    return Section("shares", "Managed by the specs", (", ".join(shares),) if shares else ())


def _ignored(view: StepsDocument) -> Section:
    items = (
        f"`{entry['address']}` until {entry['until']}: {entry['reason']}"
        for entry in view["ignored"]
    )
    return Section("ignored", "Ignored", tuple(items))
