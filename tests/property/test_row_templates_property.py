"""The templates of a row give the same values together as each of them gives alone."""

from __future__ import annotations

from hypothesis import given
from hypothesis import strategies as st

from provisioner.model.masking import Masked, Opaque
from provisioner.spec import template
from provisioner.spec.roster.templates import RowTemplates

HEADER = ["a", "b c", "items"]
CELLS = st.lists(
    st.sampled_from(["", " x ", "Ü", "on", "ON", "{{ x }}", "<b>", "ß", "7"]),
    min_size=3,
    max_size=3,
)
NAMES = st.sampled_from(
    ["row.a", "row['b c']", 'row["items"]', "row.items", "'on'", '"<"', "env.SECRET", "row.z"]
)
FILTERS = st.lists(
    st.sampled_from([" | lower", "|upper", " | trim", "|string", " | title", " | int"]), max_size=2
)
TERMS = st.builds(lambda name, filters: name + "".join(filters), NAMES, FILTERS)
EXPRESSIONS = TERMS | st.builds(
    lambda left, operator, right: f"{left} {operator} {right}",
    TERMS,
    st.sampled_from(["==", "!=", "~", "<"]),
    TERMS,
)
PIECES = EXPRESSIONS.map(lambda e: f"{{{{ {e} }}}}") | st.sampled_from(
    [
        "@",
        " <i> ",
        "\n",
        "} ",
        "{% set fi1 = 'x' %}",
        "{{ fi1 }}",
        "{{ values }}",
        "{% if row.a %}1{% endif %}",
    ]
)
TEMPLATES = st.lists(PIECES, min_size=1, max_size=4).map("".join)


def alone(text, names):
    """The value of one template, or the problems that it has."""
    try:
        return template.compiled(text)(names)
    except template.TemplateError as error:
        return error.problems


@given(st.lists(TEMPLATES, min_size=1, max_size=4), CELLS)
def test_templates_give_together_what_each_gives_alone(texts, cells):
    names = {
        "row": dict(zip(HEADER, cells, strict=True)),
        "vars": {},
        "env": {"SECRET": Opaque("hidden")},
    }
    values = [
        value.problems if isinstance(value, template.TemplateError) else value
        for value in RowTemplates(texts).fill(names)
    ]
    expected = [alone(text, names) for text in texts]
    assert values == expected
    assert list(map(type, values)) == list(map(type, expected))


def test_only_texts_with_a_masked_value_are_masked():
    names = {"row": {"a": "1"}, "vars": {}, "env": {"SECRET": Opaque("hidden")}}
    texts = ["{{ row.a }}-", "{{ env.SECRET }}-", "-{{ row.a }}", "{{ env.SECRET }}"]
    values = RowTemplates(texts).fill(names)
    assert values == ["1-", "hidden-", "-1", "hidden"]
    assert list(map(type, values)) == [str, Masked, str, Masked]
