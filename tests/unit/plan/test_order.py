import pytest

from provisioner.login.admission import Admission, linked
from provisioner.model.change import Action, Change, FieldChange
from provisioner.model.diagnostics import DiagnosticError
from provisioner.model.plan import order
from provisioner.model.resource import Address, LiveState, Ref, Resource


def change(kind, name, *needs, action=Action.CREATE):
    fields = {f"f{i}": Ref(Address(*n.split("/"))) for i, n in enumerate(needs)}
    after = Resource(Address(kind, name), fields, written=fields)
    before = None if action is Action.CREATE else Resource(after.address, {}, id=f"id-{name}")
    return Change(action, after.address, before, after)


def ordered(*changes, referrers=lambda _: frozenset()):
    ranks = {"settings": 0, "account": 1, "contact": 2, "user": 3}
    found = order(changes, lambda c: ranks[c.address.kind], referrers)
    return [str(c.address) for c, _ in found]


def test_what_a_step_needs_comes_before_it():
    changes = (change("account", "a", "user/owner"), change("user", "owner"))
    assert ordered(*changes) == ["user/owner", "account/a"]


def test_ties_go_by_kind_then_by_name():
    changes = [change("user", "b"), change("user", "a"), change("settings", "z")]
    assert ordered(*changes) == ["settings/z", "user/a", "user/b"]


def test_the_order_does_not_hang_on_the_order_given():
    changes = [change("contact", str(i), "account/a") for i in range(9)] + [change("account", "a")]
    assert ordered(*changes) == ordered(*reversed(changes))


def test_a_user_that_becomes_inactive_does_not_wait_for_a_portal():
    profile = Ref(Address("profile", "Gold"))
    portal = Resource(Address("portal", "p"), {"profiles": ("Gold",), "active": True})
    created = Change(Action.CREATE, portal.address, None, portal)

    def needs(*, active):
        fields = {"IsActive": active, "ProfileId": profile}
        before = Resource(Address("user", "u"), {**fields, "IsActive": not active}, id="id-u")
        after = Resource(before.address, fields)
        changed = (FieldChange("IsActive", not active, active),)
        user = Change(Action.UPDATE, before.address, before, after, changed)
        changes = {portal.address: created, user.address: user}
        admission = Admission({portal.address: portal}, LiveState(), None, changes, ())
        ordered = order(linked(changes, admission).values(), lambda _: 0, lambda _: frozenset())
        return next(needed for change, needed in ordered if change.address.kind == "user")

    assert needs(active=True) == frozenset({portal.address})
    assert needs(active=False) == frozenset()


def test_what_still_points_to_it_goes_before_a_removal():
    gone = change("account", "a", action=Action.DELETE)
    moved = change("contact", "c", action=Action.UPDATE)
    pointing = lambda r: frozenset({moved.address} if r.id == "id-a" else ())  # noqa: E731
    assert ordered(gone, moved, referrers=pointing) == ["contact/c", "account/a"]


def test_a_cycle_names_its_members():
    changes = (change("contact", "a", "contact/b"), change("contact", "b", "contact/a"))
    with pytest.raises(DiagnosticError, match=r"contact/. -> contact/. -> contact/."):
        ordered(*changes)
