"""The register of facts: its form, and that code and register name the same facts."""

import json
import re
from importlib.resources import files
from pathlib import Path

import jsonschema
import pytest

import provisioner
from provisioner.emulator import facts

PACKAGE = Path(provisioner.__file__).parent
SCHEMA = json.loads((files(facts) / facts.SCHEMA).read_text("utf-8"))
SOURCES = {
    path: path.read_text("utf-8")
    for path in sorted(PACKAGE.rglob("*.py"))
    if path.parent != PACKAGE / "emulator" / "facts"
}


def dangling(sources, register):
    """The citations of numbers that the register does not have, with their file."""
    return [
        (path.name, number)
        for path, text in sources.items()
        for number in facts.cited(text)
        if number not in register
    ]


def unused(sources, register):
    """The numbers of facts that no code cites."""
    used = {number for text in sources.values() for number in facts.cited(text)}
    return sorted(set(register) - used)


@pytest.mark.parametrize("area", facts.documents())
def test_each_area_fits_the_schema(area):
    jsonschema.Draft202012Validator(SCHEMA).validate(facts.documents()[area])


@pytest.mark.parametrize(
    "change",
    [
        {"number": 1},
        {"certainty": "sure"},
        {"text": "No full stop"},
        {"url": "http://example.com"},
        {"url": "../reference.md"},
        {"extra": 1},
    ],
)
def test_the_schema_refuses(change):
    document = json.loads(json.dumps(next(iter(facts.documents().values()))))
    document["facts"][0] |= change
    with pytest.raises(jsonschema.ValidationError):
        jsonschema.Draft202012Validator(SCHEMA).validate(document)


def test_each_fact_is_one_sentence_with_a_number_of_its_own():
    numbers = [
        entry["number"] for document in facts.documents().values() for entry in document["facts"]
    ]
    assert len(numbers) == len(set(numbers))
    for fact in facts.register().values():
        assert not re.search(r"[a-z]\. [A-Z]", fact.text), fact
    texts = [fact.text for fact in facts.register().values()]
    assert len(texts) == len(set(texts))


def test_the_levels_are_those_of_the_schema():
    entry = SCHEMA["properties"]["facts"]["items"]["properties"]
    assert list(facts.LEVELS) == entry["certainty"]["enum"]


@pytest.mark.parametrize(
    ("text", "numbers"),
    [
        ("# fact 101", [101]),
        ("(facts 101 and 102; text: guess)", [101, 102]),
        ("facts 101, 102 and 103", [101, 102, 103]),
        ("is so (fact\n    # 101).", [101]),
        ("Fact 101: and 5 more", [101]),
        ("artifact 5, in fact 6x", []),
        ("fact 101, 5 rows", [101]),
    ],
)
def test_citations_are_read(text, numbers):
    assert facts.cited(text) == numbers


def test_no_citation_dangles():
    assert dangling(SOURCES, facts.register()) == []


def test_no_fact_is_unused():
    assert unused(SOURCES, facts.register()) == []


def test_a_dangling_citation_and_an_unused_fact_are_noticed():
    assert dangling({Path("a.py"): "x = 1  # facts 101 and 998"}, facts.register()) == [
        ("a.py", 998)
    ]
    assert unused({Path("a.py"): "# fact 101"}, {101: None, 102: None}) == [102]


def test_nothing_cites_a_reference_outside_of_the_repository():
    outside = [
        path.name
        for path, text in SOURCES.items()
        if re.search(r"platform\s+(#\s+)?reference", text, re.IGNORECASE)
    ]
    assert outside == []
