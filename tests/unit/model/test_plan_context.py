from provisioner.model.change import Action, Change
from provisioner.model.plan_context import PlanContext
from provisioner.model.resource import Address, DesiredState, LiveState, Ref, Resource

ACME = Address("account", "acme")
JANE = Resource(Address("contact", "jane"), {"Fax": "1"}, written={"AccountId": Ref(ACME)})
GONE = Resource(Address("contact", "gone"), {}, written={"AccountId": Ref(ACME)}, remove=True)


def context(*desired, live=(), changes=()):
    changed = {change.address: change for change in changes}
    return PlanContext(DesiredState(desired), LiveState(live), None, changed)


def test_what_is_to_be_removed_is_not_of_its_kind():
    assert list(context(JANE, GONE).of_kind("contact")) == [JANE]
    assert list(context(JANE).of_kind("user")) == []


def test_a_referrer_is_found_by_the_field_that_refers():
    assert context(JANE, GONE).referrer("contact", "AccountId", ACME) == JANE
    assert context(JANE).referrer("contact", "ReportsToId", ACME) is None
    assert context(GONE).referrer("contact", "AccountId", ACME) is None


def test_a_field_that_no_spec_manages_keeps_its_live_value():
    live = Resource(JANE.address, {"Fax": "2", "Phone": "3"}, id="003")
    here = context(JANE, live=[live])
    assert (here.value(JANE, "Fax"), here.value(JANE, "Phone")) == ("1", "3")
    assert here.value(JANE, "Email") is None


def test_a_created_resource_is_a_change_without_a_live_one():
    create = Change(Action.CREATE, JANE.address, None, JANE)
    assert context(JANE, changes=[create]).created(JANE)
    assert not context(JANE).created(JANE)
