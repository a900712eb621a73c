"""Templates: filling in twice is filling in once, and nothing but templates is touched."""

from __future__ import annotations

import json

from hypothesis import given, settings
from hypothesis import strategies as st

from provisioner.model.diagnostics import DiagnosticError
from provisioner.spec.document import parse, render

PIECES = st.sampled_from(
    [
        *["{{ vars.a }}", "{{ vars.b }}", "{{vars.n}}", "{{ env.E }}", "{{ vars.gone }}", "{{"],
        *["}}", "{%", "%}", "{#", "#}", "{{ vars.a|upper }}", "{{ vars.l }}", "{{ 1 + 1 }}"],
        *[
            "{{ vars.b }}{{ vars.gone }}",
            "{% if vars.a %}",
            "{% endif %}",
            "x",
            " ",
            "\n",
            "'",
            '"',
        ],
    ]
)
TEXTS = st.lists(PIECES, max_size=6).map("".join)
DOCUMENTS = st.recursive(
    TEXTS | st.none() | st.integers(),
    lambda inner: st.lists(inner, max_size=3) | st.dictionaries(st.sampled_from("klm"), inner),
    max_leaves=8,
).map(lambda data: parse(json.dumps(data, ensure_ascii=False), "f.yaml"))
VARS = {"a": "text", "b": "{{ vars.a }}", "n": 5, "l": [1, "{{ vars.a }}"]}
ENV = {"E": "{{ vars.b }}"}


def rendered(document):
    try:
        return render(document, VARS, ENV)
    except DiagnosticError as error:
        return error.diagnostics


@settings(max_examples=300, deadline=None)
@given(DOCUMENTS)
def test_rendering_twice_is_rendering_once(document):
    once = rendered(document)
    if isinstance(once, tuple):
        assert once
        assert all(d.span and d.span.file == "f.yaml" for d in once)
    else:
        assert rendered(once) == once == rendered(document)
        assert once.values == document.values


def test_documents_with_and_without_problems_are_rendered():
    documents = [parse(json.dumps([text]), "f.yaml") for text in ("{{ vars.b }}", "{{")]
    first, second = map(rendered, documents)
    assert first.data == ["{{ vars.a }}"]
    assert [d.code for d in second] == ["template-syntax"]


@settings(deadline=None)
@given(st.text(st.characters(exclude_characters="{", exclude_categories=["Cs", "Cc"])))
def test_text_without_templates_is_kept(written):
    document = parse(json.dumps([written], ensure_ascii=False), "f.yaml")
    assert render(document, VARS, ENV).data == document.data
