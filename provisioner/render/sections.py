"""What a report says beside its steps and problems, as sections that every format shows. Pure.

Whoever computes something new puts it into the view (see `provisioner.plan.document`) and a section
here, and all formats for people have it.
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
    """A title, and sentences in which names stand in backticks.

    `key` is where in the view it is from; `tone` is `error` where it stands in the way,
    `warning` where it must be seen, `note` where it is good to know.
    """

    key: str
    title: str
    items: tuple[str, ...]
    tone: str = "note"


def sections(view: Document) -> Iterator[Section]:
    """The sections that have something to say, the weightiest first."""
    if view["report"] == "validate":
        return
    makers = (_refusals, _left_out, _emails, _absent, _unmanaged, _shares, _ignored)
    for make in makers:
        section = make(view)
        if section.items:
            yield section


def _refusals(view: StepsDocument) -> Section:
    items = (
        f"{found['message']}; {found['help']}" if found["help"] else found["message"]
        for found in view.get("refusals", ())
    )
    return Section("refusals", "Refused by the policy", tuple(items), "error")


def _left_out(view: StepsDocument) -> Section:
    items = (f"`{found['address']}`, for want of `{found['needs']}`" for found in view["left_out"])
    return Section("left_out", "Left out", tuple(items), "warning")


def _emails(view: StepsDocument) -> Section:
    items = tuple(found["text"] for found in view["email_differences"])
    return Section("email_differences", "E-mails and logins", items)


def _absent(view: StepsDocument) -> Section:
    return Section("absent", "In no row of a roster", tuple(map(_leavers, view["absent"])))


def _leavers(found: AbsentDocument) -> str:
    names = [f"`{name}`" for name in found["usernames"][:_FEW]]
    more = [f"{found['users'] - _FEW} more"] if found["users"] > _FEW else []
    users = "1 active user" if found["users"] == 1 else f"{found['users']} active users"
    kept = ", which `absent: keep` leaves as they are"
    what = ", deactivated by `absent: deactivate`" if found["deactivated"] else kept
    return f"{users} of the profiles of `{found['roster']}`{what}: {', '.join([*names, *more])}"


def _unmanaged(view: StepsDocument) -> Section:
    found = view.get("unmanaged", []) if view["report"] != "apply" else []
    items = [
        f"{item['kind']} `{item['name']}`" + (f", `{item['detail']}`" if item["detail"] else "")
        for item in found[:_MOST_LISTED]
    ]
    if len(found) > _MOST_LISTED:
        items.append(f"{len(found) - _MOST_LISTED} more, which `--format json` lists")
    return Section("unmanaged", "In the org, and in no spec", tuple(items))


def _shares(view: StepsDocument) -> Section:
    counted = view.get("shares", []) if view["report"] != "apply" else []
    shares = [f"{s['managed']} of {s['managed'] + s['unmanaged']} {s['kind']}s" for s in counted]
    return Section("shares", "Under management", (", ".join(shares),) if shares else ())


def _ignored(view: StepsDocument) -> Section:
    items = (
        f"`{found['address']}` until {found['until']}: {found['reason']}"
        for found in view["ignored"]
    )
    return Section("ignored", "Ignored", tuple(items))
