"""A template that is filled in by the shortcut gives what Jinja2 gives."""

from __future__ import annotations

from hypothesis import given
from hypothesis import strategies as st

from provisioner.spec import template
from provisioner.spec.roster.shortcut import shortcut

HEADER = ["a", "b c", "items"]
CELLS = st.lists(
    st.sampled_from(["", " x ", "Ü", "on", "ON", "{{ x }}", "<b>", "ß"]), min_size=3, max_size=3
)
NAMES = st.sampled_from(["row.a", "row['b c']", 'row["items"]', "row.items", "'on'", '"<"'])
FILTERS = st.lists(
    st.sampled_from([" | lower", "|upper", " | trim", "|string", " | title"]), max_size=2
)
TEXTS = st.builds(lambda name, filters: name + "".join(filters), NAMES, FILTERS)
EXPRESSIONS = TEXTS | st.builds(
    lambda one, op, other: f"{one} {op} {other}",
    TEXTS,
    st.sampled_from(["==", "!=", "~", "<"]),
    TEXTS,
)
TEMPLATES = st.lists(
    EXPRESSIONS.map(lambda e: f"{{{{ {e} }}}}") | st.sampled_from(["@", " <i> ", "\n", "} {"]),
    min_size=1,
    max_size=4,
).map("".join)


@given(TEMPLATES, CELLS)
def test_the_shortcut_gives_what_jinja_gives(text, cells):
    short = shortcut(text, {name: place for place, name in enumerate(HEADER)})
    if short and template.is_template(text):
        names = {"row": dict(zip(HEADER, cells, strict=True))}
        assert short(cells) == template.fill(text, names)


def test_what_is_common_is_short():
    columns = {"a": 0, "b c": 1}
    cells = ["Ann", "On "]
    for text, expected in (
        ("{{ row.a }}", "Ann"),
        ("{{ row['b c'] | trim | lower }}", "on"),
        ("{{ row.a | lower }}@x.io", "ann@x.io"),
        ("{{ row.a == 'Ann' }}", True),
        ("{{ row.a != 'Ann' }}", False),
    ):
        assert shortcut(text, columns)(cells) == expected
    for text in (
        "{{ row.a | int }}",
        "{{ vars.x }}",
        "{% if row.a %}1{% endif %}",
        "{{ row.z }}",
        "{{",
    ):
        assert shortcut(text, columns) is None
