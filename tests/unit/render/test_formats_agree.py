"""One computed result, many renderings: each, read back, says what was computed.

Markdown is read by GitHub's own parser (cmark-gfm), the page by lxml.
"""

from __future__ import annotations

import json
import re

import cmarkgfm
import pytest
from cmarkgfm.cmark import Options
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st
from lxml import html as pages

from provisioner.render import html as page
from provisioner.render import markdown as md
from provisioner.render import report, text
from provisioner.render.format import value, visible

# What would like to be obeyed by a terminal, a page, Markdown or GitHub.
NASTY = (
    "<script>alert(1)</script>",
    "</code></summary></details><b>",
    "``` ` `` x",
    "| a | b\\|",
    "@octocat #1 GH-2 :tada: $x$ {{ y }}",
    "https://evil.example www.evil.example a@b.example",
    "\n\n# Title\n- [ ] list\n> [!NOTE]",
    "\x1b[2J\x07\N{RIGHT-TO-LEFT OVERRIDE}",
    "&lt;&#64;octocat",
    "\\*a\\* _b_ **c** ~~d~~ [e](f) ![g](h)",
    "-->",
    " ",
)
words = st.one_of(
    st.sampled_from(NASTY), st.text(st.characters(exclude_categories=["Cs"]), max_size=20)
)
names = words.filter(bool)
values = st.one_of(words, st.none(), st.booleans(), st.integers(), st.lists(words, max_size=3))
fields = st.fixed_dictionaries(
    {
        "name": names,
        "before": values,
        "after": values,
        "default": st.booleans(),
        "file": st.just("specs/acme/a.yaml"),
        "line": st.integers(1, 99),
        "column": st.just(5),
        "end_line": st.just(None),
        "end_column": st.just(None),
    }
)
notes = st.fixed_dictionaries(
    {
        "kind": st.sampled_from(["irreversible", "e-mail", "gains a login", "note"]),
        "text": names,
        "people": st.just(1),
    }
)
problems = st.fixed_dictionaries(
    {
        "severity": st.sampled_from(["error", "warning"]),
        "code": st.just("odd"),
        "message": names,
        "help": st.one_of(st.none(), names),
        "notes": st.lists(names, max_size=1),
        "file": st.just("specs/acme/a.yaml"),
        "line": st.integers(1, 99),
        "column": st.just(3),
        "end_line": st.just(None),
        "end_column": st.just(None),
        "count": st.integers(3, 999),
        "also": st.lists(st.just({"file": "a.csv", "line": 9, "column": 2}), max_size=2),
    }
)

lefts = st.fixed_dictionaries({"address": names, "needs": names})
ignored = st.fixed_dictionaries({"address": names, "reason": names, "until": st.just("2026-12-31")})
refusals = st.fixed_dictionaries({"rule": names, "message": names, "help": names})


@st.composite
def steps(draw):
    action = draw(st.sampled_from(["create", "update", "deactivate", "delete"]))
    created = action == "create"
    said = draw(st.lists(notes, max_size=2))
    given_ = draw(st.lists(fields, max_size=3)) if action in ("create", "update") else []
    if not created:
        # Only a new record gets what the spec leaves open.
        given_ = [field | {"default": False} for field in given_]
    return {
        "address": f"account/{draw(names)}",
        "action": action,
        "id": None,
        "matched_by": None if created else draw(names),
        "irreversible": any(n["kind"] == "irreversible" for n in said),
        "file": "specs/acme/a.yaml",
        "line": draw(st.integers(1, 99)),
        "column": 3,
        "end_line": None,
        "end_column": None,
        "fields": given_,
        "notes": said,
        "needs": [],
        "calls": [],
        "last_modified": None if created else {"by": draw(names), "at": "2026-03-01T10:20:30.000Z"},
    }


UNMANAGED = st.fixed_dictionaries(
    {
        "kind": st.sampled_from(["user", "profile", "portal", "member"]),
        "name": names,
        "id": st.none(),
        "detail": st.none() | names,
    }
)


@st.composite
def views(draw):
    drawn = draw(st.lists(steps(), max_size=4))
    for number, step in enumerate(drawn, 1):
        step["number"] = number
        step["address"] += f" {number}"
        # A step needs one before it.
        step["needs"] = [drawn[0]["address"]] if number > 1 else []
    actions = [s["action"] for s in drawn]
    counts = {n: actions.count(n) for n in ("create", "update", "deactivate", "delete")}
    others = ("gain_login", "lose_login", "change_login", "emails")
    others += ("api_calls_read", "api_calls_to_apply")
    numbers = {n: draw(st.integers(0, 50)) for n in others}
    irreversible = sum(n["kind"] == "irreversible" for s in drawn for n in s["notes"])
    return {
        "format_version": 1,
        "report": draw(st.sampled_from(["plan", "drift"])),
        "spec": draw(names),
        "environment": draw(names),
        "org": {"id": "00D", "name": draw(names), "instance_url": "https://acme.example"},
        "steps": drawn,
        "known": [],
        "problems": draw(st.lists(problems, max_size=2)),
        "summary": counts | numbers | {"managed": len(drawn), "irreversible": irreversible},
        "licences": [{"name": draw(names), "total": 9, "used": 1, "after": 2, "left": 7}],
        "left_out": draw(st.lists(lefts, max_size=3)),
        "unmanaged": draw(st.lists(UNMANAGED, max_size=3)),
        "absent": [],
        "email_differences": [],
        "ignored": draw(st.lists(ignored, max_size=3)),
        "refusals": draw(st.lists(refusals, max_size=3)),
    }


BESIDE = ("refusals", "left_out", "unmanaged", "ignored")


PLAIN = {"details", "summary", "code", "sub", "b", "p", "pre", "ul", "li", "h2", "h3", "br"}
PLAIN |= {"strong", "blockquote", "div"}
DRIFT_WORDS = ("missing", "changed", "still active", "still exist")
many = settings(deadline=None, suppress_health_check=[HealthCheck.too_slow])


def expected_fields(view):
    """Each field as people read it: name, before and after."""
    drift = view["report"] == "drift"
    for step in view["steps"]:
        shown = step["fields"] if not drift or step["action"] == "update" else ()
        for field in shown:
            before = None if step["action"] == "create" else value(field["before"])
            yield visible(field["name"]), before, value(field["after"])


def rendered_markdown(text_):
    """As GitHub shows it: raw HTML and all, links and tables made."""
    return pages.fromstring(
        "<div>"
        + cmarkgfm.github_flavored_markdown_to_html(text_, Options.CMARK_OPT_UNSAFE)
        + "</div>"
    )


def own_text(element):
    return " ".join(element.text_content().split())


def expected_diff(view):
    """The lines that stand in the blocks of code."""
    drift = view["report"] == "drift"
    for step in view["steps"]:
        for field in step["fields"] if not drift or step["action"] == "update" else ():
            name = visible(field["name"])
            if step["action"] != "create":
                yield f"- {name}: {value(field['before'])}" + ("  # org" if drift else "")
            more = "  # spec" if drift else "  # default" if field["default"] else ""
            yield f"+ {name}: {value(field['after'])}{more}"


def outside_code(page_):
    """The texts in which GitHub looks for mentions, references, links and emoji."""
    for e in page_.iter():
        within = any(a.tag in ("code", "pre") for a in e.iterancestors())
        if not within:
            yield e.tail or ""
        if not within and e.tag not in ("code", "pre") and isinstance(e.tag, str):
            yield e.text or ""


@many
@given(views())
def test_markdown_says_what_was_computed(view):
    page_ = rendered_markdown(md.markdown(view, title="Plan"))
    heads = [d.find("summary") for d in page_.iter("details")]
    heads += [p for p in page_.iter("p") if p.find("sub") is not None]
    addresses = [h.find("code").text for h in heads if h.find("code") is not None]
    assert sorted(addresses) == sorted(visible(s["address"]) for s in view["steps"])
    blocks = [p for p in page_.iter("pre") if p.get("lang") == "diff"]
    lines = [line for block in blocks for line in block.text_content().splitlines()]
    assert lines == list(expected_diff(view))
    counts = zip(("create", "update", "deactivate", "delete"), DRIFT_WORDS, strict=True)
    for name, word in counts if view["steps"] else ():
        shown = word if view["report"] == "drift" else f"to {name}"
        assert f"{view['summary'][name]} {shown}" in own_text(page_)
    listed = [own_text(li) for li in page_.iter("li")]
    for problem in view["problems"]:
        assert any(li.startswith(problem["severity"]) for li in listed)
    # What stands alone in its section, and is only good to know, is a paragraph.
    alone = ("unmanaged", "ignored")
    beside = sum(len(view[n]) for n in BESIDE if n not in alone or len(view[n]) > 1)
    assert len(listed) >= len(view["problems"]) + beside


@many
@given(views())
def test_nothing_in_markdown_is_obeyed(view):
    page_ = rendered_markdown(md.markdown(view, title="Plan"))
    assert {e.tag for e in page_.iter() if isinstance(e.tag, str)} <= PLAIN
    for plain in outside_code(page_):
        assert not re.search(r"@\w|#\d|GH-\d|:\w+:|\$\S|https?:|www\.", plain)


@many
@given(views())
def test_the_page_says_what_was_computed(view):
    shown = report.render(view, "html", "1")
    parsed = pages.fromstring(shown)
    assert [len(parsed.findall(f".//{tag}")) for tag in ("script", "style", "img")] == [1, 1, 0]
    addresses = [a.text_content() for a in parsed.iter("address")]
    assert addresses == [visible(s["address"]) for s in view["steps"]]
    rows = [row for s in parsed.find_class("step") for row in s.iter("tr")]
    found = {
        (
            r.find("th").text_content(),
            d.text_content() if (d := r.find("td[1]/del")) is not None else None,
            r.find("td[1]/ins").text_content(),
        )
        for r in rows
    }
    # The page shows of a drift what a missing resource would get, too.
    assert set(expected_fields(view)) <= found
    items = [own_text(li) for ul in parsed.find_class("counts") for li in ul]
    for name in ("create", "update", "deactivate", "delete") if view["steps"] else ():
        assert any(i.startswith(f"{view['summary'][name]} ") for i in items)
    for name in BESIDE:
        assert len([li for ul in parsed.find_class(name) for li in ul]) == len(view[name])
    listed = [li for ul in parsed.find_class("problems") for li in ul]
    assert [li.get("class") for li in listed] == [p["severity"] for p in view["problems"]]


@many
@given(views())
def test_text_says_what_was_computed(view):
    drift = view["report"] == "drift"
    shown = text.drift(view) if drift else text.plan(view, verbose=True)
    lines = [str(line) for line in shown]
    whole = "\n".join(lines)
    assert all(line.isprintable() for line in lines)
    places = [whole.index(visible(s["address"]).rstrip()) for s in view["steps"]]
    assert len(places) == len(view["steps"])
    for name, before, after in expected_fields(view):
        assert any(name.strip() in line for line in lines)
        for given_ in filter(None, (before, after)):
            assert any(given_.rstrip() in line for line in lines)
    if view["steps"] and not drift:
        for name in ("create", "update", "deactivate", "delete"):
            assert f"{view['summary'][name]} to {name}" in whole
        shorter = "\n".join(map(str, text.plan(view)))
        defaults = [sum(f["default"] for f in s["fields"]) for s in view["steps"]]
        # Hypothesis draws texts of the program, too, so a name can be `  shown by --verbose`.
        counted = re.findall(r"^ +\d+ default values?  shown by --verbose$", shorter, re.MULTILINE)
        assert len(counted) == sum(map(bool, defaults))
        assert len(shorter) <= len(whole) or sum(defaults) < 10


@many
@given(views())
def test_json_is_what_was_computed(view):
    assert json.loads(report.render(view, "json", "1")) == view


def big(steps_, length=40):
    """A plan of as many steps as are asked for."""
    step = {
        "action": "create",
        "id": None,
        "matched_by": None,
        "irreversible": False,
        "file": "specs/acme/a.yaml",
        "line": 1,
        "column": 3,
        "end_line": 1,
        "end_column": 4,
        "notes": [],
        "needs": [],
        "calls": [],
        "last_modified": None,
    }
    field = {"name": "LastName", "before": None, "after": "x" * length, "default": False, "line": 2}
    field |= {"file": "specs/acme/a.yaml", "column": 5, "end_line": 2, "end_column": 9}
    made = [
        step | {"number": n, "address": f"contact/c{n}", "fields": [field]}
        for n in range(1, steps_ + 1)
    ]
    summary = dict.fromkeys(("update", "deactivate", "delete", "gain_login", "lose_login"), 0)
    summary |= {
        "change_login": 0,
        "create": steps_,
        "emails": 0,
        "irreversible": 0,
        "managed": steps_,
    }
    return {
        "format_version": 1,
        "report": "plan",
        "spec": "specs/acme",
        "environment": "production",
        "org": {"id": "00D", "name": "Acme", "instance_url": "https://acme.example"},
        "steps": made,
        "known": [],
        "left_out": [],
        "ignored": [],
        "absent": [],
        "email_differences": [],
        "problems": [],
        "summary": summary | {"api_calls_read": 3, "api_calls_to_apply": steps_},
        "licences": [],
    }


@pytest.mark.parametrize(("count", "length"), [(1, 200_000), (300, 500), (5_000, 40), (300, 40)])
def test_markdown_fits_a_comment_however_much_there_is(count, length):
    shown = md.markdown(big(count, length), title="Plan")
    assert len(shown.encode("utf-16-le")) // 2 <= 65_536
    assert len(md.markdown(big(count, length), title="Plan", limit=20_000)) <= 20_000
    page_ = rendered_markdown(shown)
    assert f"{count} to create" in own_text(page_)
    listed = len([d for d in page_.iter("details") if "contact/c" in own_text(d.find("summary"))])
    left = re.search(r"([\d,]+) more steps? did not fit in this comment", own_text(page_))
    assert listed + (int(left[1].replace(",", "")) if left else 0) == count
    assert listed >= min(count, 100)


def test_problems_leave_the_steps_of_a_comment_their_room():
    problem = {"severity": "warning", "help": "h" * 500, "notes": [], "file": None, "also": []}
    view = big(300)
    view["problems"] = [
        problem | {"code": "odd", "message": f"{n} " + "m" * 900, "count": 1} for n in range(200)
    ]
    shown = md.markdown(view, title="Plan")
    assert len(shown) <= md.LIMIT
    listed = shown.count("- **warning**")
    assert 5 < listed < 40
    assert f"and {200 - listed} more problems" in shown
    assert shown.count("<summary>") > 150


def test_a_few_steps_are_read_without_a_click():
    assert md.markdown(big(3), title="Plan").count("<details open>") == 3
    assert "<details open>" not in md.markdown(big(4), title="Plan")


def test_markdown_says_by_its_first_line_what_it_is_about():
    view = big(1) | {"environment": "x --> y"}
    assert md.markdown(view, title="Plan").splitlines()[0] == (
        "<!-- provisioner plan specs/acme x_.._ y -->".replace("x_.._ y", "x_____y")
    )


def test_a_page_of_many_steps_stays_small():
    shown = report.render(big(5_000), "html", "1")
    parsed = pages.fromstring(shown)
    assert len(list(parsed.iter("address"))) == 5_000
    assert len(parsed.find_class("step")) == page.MOST
    assert len(shown) < 3_000_000


@pytest.mark.parametrize("steps_", [1_000, 1_001, 2_000, 2_001, 3_500])
def test_json_of_many_steps_is_the_same_json(steps_):
    view = big(steps_)
    assert json.loads(report.render(view, "json", "1")) == view


def test_a_name_in_the_line_of_a_step_can_not_be_markup():
    view = big(page.MOST + 1)
    result = {"outcome": "failed", "code": "INVALID_FIELD", "reason": "no <i>such</i> field"}
    view["steps"][-1] |= {
        "address": 'contact/<b onclick="x()">&', "file": "<i>.csv", "result": result,
    }  # fmt: skip
    shown = pages.fromstring(report.render(view, "html", "1"))
    row = shown.get_element_by_id(f"step-{page.MOST + 1}")
    assert own_text(row.find(".//address")) == 'contact/<b onclick="x()">&'
    assert "failed INVALID_FIELD: no <i>such</i> field" in own_text(row)
    assert not list(row.iter("b", "i"))
