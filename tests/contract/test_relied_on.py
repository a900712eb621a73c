"""The guesses that a plan, a drift report or an explanation of a login relies on are marked.

The local org is traced while the product works with it. Each guess or unverified rule that runs
must be in `control/relied_on.json`: under `answers` if it runs while the product reads, under
`state` if it runs when the org is made and written to. What a failure lists goes there.
"""

import ast
import copy
import json
import sys
import threading
from contextlib import contextmanager
from functools import cache
from pathlib import Path

import pytest

import provisioner
from provisioner.drift.find import find_drift
from provisioner.emulator import facts
from provisioner.emulator.control import coverage
from provisioner.emulator.lifecycle import first_day
from provisioner.emulator.sites import members, networks, templates
from provisioner.login import read as explaining
from provisioner.login.checks import run_checks
from provisioner.login.read import Target

from .test_logins import JANE, PORTAL, PROFILE, SPEC

PRODUCT = Path(provisioner.__file__).parent
LOCAL_ORG = PRODUCT / "emulator"
MARKED = json.loads((LOCAL_ORG / "control" / "relied_on.json").read_text("utf-8"))
SELF_REGISTRATION = {"section": "Additional Information", "behavior": "Edit"}


class Lines:
    """The lines of the local org that ran, by file, and the names that they used."""

    def __init__(self):
        self.ran = {}
        self.names = set()

    @contextmanager
    def traced(self):
        before = sys.gettrace()
        sys.settrace(self._call)
        threading.settrace(self._call)
        try:
            yield
        finally:
            sys.settrace(before)
            threading.settrace(before)

    def _call(self, frame, _event, _arg):
        if not frame.f_code.co_filename.startswith(str(LOCAL_ORG)):
            return None
        self.names.update(frame.f_code.co_names)
        lines = self.ran.setdefault(frame.f_code.co_filename, set())

        def line(frame, _event, _arg):
            lines.add(frame.f_lineno)
            return line

        return line


@cache
def source(module):
    path = LOCAL_ORG / (module.removesuffix(".__init__").replace(".", "/") + ".py")
    if not path.is_file():
        path = path.with_suffix("") / "__init__.py"
    text = path.read_text("utf-8")
    return path, text.split("\n"), ast.parse(text)


def reached(rule, lines):
    """Whether the statement that a rule stands at ran, or the name that it sets was used."""
    if rule.module == "http.gate" and rule.line == 0:
        return False  # a cell of the gate's table, which has no statement of its own
    path, text, tree = source(rule.module)
    ran = lines.ran.get(str(path), set())
    if rule.function == "module":
        return bool(ran)
    statements = [node for node in ast.walk(tree) if isinstance(node, ast.stmt)]
    blocks = [n for n in statements if isinstance(n, ast.FunctionDef | ast.ClassDef)]
    inside = [n for n in blocks if n.lineno <= rule.line <= n.end_lineno]
    if not inside:
        return bool(ran) and rule.function in lines.names
    inner = min(inside, key=lambda n: n.end_lineno - n.lineno)
    if rule.line != inner.lineno:
        at = rule.line
        while text[at - 1].strip().startswith("#"):
            at += 1
        covering = [n for n in statements if n not in blocks and n.lineno <= at <= n.end_lineno]
        if covering:
            inner = min(covering, key=lambda n: n.end_lineno - n.lineno)
            if isinstance(inner, ast.If) and all(isinstance(n, ast.Raise) for n in inner.body):
                inner = inner.body[0]
            return any(inner.lineno <= n <= inner.end_lineno for n in ran)
    return any(inner.body[0].lineno <= n <= inner.end_lineno for n in ran)


def unproven(lines):
    return {
        coverage.reliance_key(rule)
        for rule in coverage.rules()
        if rule.certainty in coverage.UNPROVEN and reached(rule, lines)
    }


def work(portal):
    """Plans of a new org and of changes, drift, and an explanation; between them, `apply`."""
    spec = copy.deepcopy(SPEC)
    fields = {"CanAllowPortalSelfReg": SELF_REGISTRATION}
    spec["layouts"] = {"Contact-Contact Layout": {"fields": fields}}
    spec["settings"]["CommunitiesSettings"] = {"enableNetworksEnabled": True}
    yield lambda: portal.plan(spec)
    portal.apply(spec)
    local = portal.local.open()
    by = first_day.admin_id(local)
    values = {"Name": "Acme Site", "UrlPathPrefix": "customers"}
    site = networks.create(local, by, templates.site_template("Customer Service"), values)
    (user,) = local.select("User", Username=JANE)
    members.add_group(local, by, site, user["ProfileId"], status=members.ADDED)
    changed = copy.deepcopy(spec)
    changed["portals"][PORTAL]["active"] = False
    changed["profiles"][PROFILE]["objectPermissions"]["Account"] = ["read"]
    changed["contacts"]["jane"]["FirstName"] = "Jane"
    changed["users"]["jane"]["IsActive"] = False
    yield lambda: portal.plan(changed)
    yield lambda: find_drift(portal.load(spec), portal.org)
    yield lambda: run_checks(explaining.read(portal.org, JANE, Target(), "127.0.0.1"))


@pytest.fixture(autouse=True)
def password(monkeypatch):
    monkeypatch.setenv("JANE_PASSWORD", "correct4horse")


def test_the_guesses_behind_the_answers_are_marked(portal):
    lines = Lines()
    for call in work(portal):
        with lines.traced():
            call()
    assert sorted(unproven(lines) - set(MARKED["answers"])) == []


def test_the_guesses_behind_the_state_are_marked(request):
    lines = Lines()
    with lines.traced():
        for call in work(request.getfixturevalue("portal")):
            call()
    found = unproven(lines)
    assert len(found) > 40, "the trace does not see the local org"
    assert sorted(found - {*MARKED["answers"], *MARKED["state"]}) == []


def test_what_is_marked_is_unproven_and_there():
    keys = {
        coverage.reliance_key(rule)
        for rule in coverage.rules()
        if rule.certainty in coverage.UNPROVEN
    }
    assert [key for by in ("answers", "state") for key in MARKED[by] if key not in keys] == []
    assert len([rule for rule in coverage.rules() if rule.relied_on]) >= len(MARKED["answers"])


def test_the_facts_that_the_product_cites_without_proof_are_marked():
    cited = {"plan": set(), "explain": set()}
    for path in PRODUCT.rglob("*.py"):
        package = path.relative_to(PRODUCT).parts[0]
        if package != "emulator":
            by = "explain" if package == "login" else "plan"
            cited[by].update(facts.cited(path.read_text("utf-8")))
    register = facts.register()
    assert MARKED["facts"] == {
        by: sorted(number for number in numbers if register[number].level != "verified")
        for by, numbers in cited.items()
    }
