"""Of very many steps, or problems, that are alike a few are shown, and how many there are."""

from __future__ import annotations

from provisioner.model.diagnostics import Diagnostic, Span
from provisioner.render import diagnostics
from provisioner.render.collapse import Collapsed, collapse


def step(address, action="create", names=("Name",), notes=(), matched=None):
    return {
        "address": address,
        "action": action,
        "matched_by": matched,
        "fields": [{"name": name} for name in names],
        "notes": [{"kind": kind} for kind in notes],
    }


def shown(steps):
    return [str(s) if isinstance(s, Collapsed) else s["address"] for s in collapse(steps)]


def test_a_hundred_steps_are_all_shown():
    steps = [step(f"contact/c{n}") for n in range(100)]
    assert shown(steps) == [s["address"] for s in steps]


def test_of_more_the_first_of_each_sort_are_shown():
    steps = [step("profile/P"), step("portal/P")]
    steps += [step(f"account/c:{n}") for n in range(50)]
    for n in range(60):
        steps += [step(f"contact/c:{n}"), step(f"contact/d:{n}")]
    steps += [step("user/c:1", "deactivate", ()), step("user/c:2", names=("Name", "Title"))]
    assert shown(steps) == [
        *["profile/P", "portal/P", "account/c:0", "account/c:1", "account/c:2"],
        "... 47 more like account/c:2, the last is account/c:49",
        *["contact/c:0", "contact/d:0", "contact/c:1", "contact/d:1", "contact/c:2", "contact/d:2"],
        "... 57 more like contact/c:2, the last is contact/c:59",
        "... 57 more like contact/d:2, the last is contact/d:59",
        *["user/c:1", "user/c:2"],
    ]


def test_one_more_is_shown_rather_than_counted():
    steps = [step(f"contact/c{n}", names=(f"N{n % 30}",)) for n in range(120)]
    assert shown(steps) == [s["address"] for s in steps]


def test_what_differs_in_its_notes_or_how_it_is_known_is_not_alike():
    steps = [step(f"user/c{n}", notes=("e-mail",) if n % 2 else ()) for n in range(200)]
    assert shown(steps)[:7] == [f"user/c{n}" for n in range(6)] + [
        "... 97 more like user/c4, the last is user/c198"
    ]


def test_of_very_many_problems_of_one_code_the_first_are_shown():
    problems = [
        Diagnostic("too-long", f"`x{n}` is too long", Span("c.csv", n, 1, n, 2))
        for n in range(1, 1001)
    ]
    other = Diagnostic("other", "another", Span("c.csv", 2000, 1, 2000, 2))
    text = [str(line) for line in diagnostics.lines([*problems, other], {"c.csv": "x\n" * 3000})]
    said = "\n".join(text)
    assert said.count("is too long") == 20
    assert "... 980 more of `too-long`, the last at c.csv:1000:1" in said
    assert "another" in said
    assert text[-1] == "1001 problems in 1 file"
