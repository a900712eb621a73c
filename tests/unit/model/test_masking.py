"""Registered values are replaced in every spelling that an output has for them."""

from __future__ import annotations

import html
import json
from urllib.parse import quote

import pytest

from provisioner.model import masking
from provisioner.model.masking import Masked

VALUE = 'Top "<é>&\\ secret'


@pytest.fixture(autouse=True)
def registered():
    masking.remember([VALUE, "abc", "two lines\r\nof a text"])
    yield
    masking.forget()


@pytest.mark.parametrize(
    "text",
    [
        VALUE,
        VALUE.upper(),
        VALUE.lower(),
        json.dumps(VALUE)[1:-1],
        json.dumps(VALUE, ensure_ascii=False)[1:-1],
        html.escape(VALUE),
        html.escape(VALUE, quote=False),
        quote(VALUE, safe=""),
        "two lines",
        "of a text",
    ],
)
def test_every_spelling_is_replaced(text):
    assert masking.mask(f"a {text} b") == "a *** b"


def test_what_is_too_short_is_not_replaced():
    assert masking.mask("abc") == "abc"


def test_data_is_masked_and_keys_are_not():
    assert masking.masked({VALUE: [VALUE, 1, None], "b": Masked("x"), "c": ("of a text",)}) == {
        VALUE: ["***", 1, None],
        "b": "***",
        "c": ["***"],
    }


def test_nothing_is_masked_after_it_is_forgotten():
    masking.forget()
    assert masking.mask(VALUE) == VALUE
    assert not masking.is_active()


@pytest.fixture
def long_ones():
    """Only values that are long enough to be found, so that data is searched as JSON."""
    masking.forget()
    masking.remember([VALUE, "two lines\r\nof a text"])


@pytest.mark.usefixtures("long_ones")
def test_data_without_a_registered_value_is_not_copied():
    steps = [{"fields": [{"name": "Email", "after": f"{n}@acme.example"}]} for n in range(250)]
    steps[170] = {"fields": [{"name": "Email", "after": VALUE}]}
    masked = masking.masked(steps)
    assert masked[170] == {"fields": [{"name": "Email", "after": "***"}]}
    assert masked[:170] + masked[171:] == steps[:170] + steps[171:]
    # Long lists are searched in parts, of which only those with a value are copied.
    assert all(masked[n] is steps[n] for n in (*range(100), *range(200, 250)))


@pytest.mark.usefixtures("long_ones")
@pytest.mark.parametrize("depth", [0, 1, 2])
@pytest.mark.parametrize(
    "text",
    [
        *(spelling for spelling in sorted(masking._spellings(VALUE))),
        VALUE.upper(),
        repr("two lines\r\nof a text"),
        f"{VALUE}\n{VALUE}",
    ],
)
def test_a_value_is_found_however_deep_it_is(text, depth):
    expected = masking.mask(text)
    for _ in range(depth):
        text, expected = [{"a": text, "b": 1.5}], [{"a": expected, "b": 1.5}]
    assert masking.masked([text, "clean"]) == [expected, "clean"]
    assert "***" in str(expected)


@pytest.mark.usefixtures("long_ones")
@pytest.mark.parametrize("secret", ["ΓΣΣΓ", "ΣΣ ΣΣ", "straße", "İstanbul", "ﬁne ﬁle"])
@pytest.mark.parametrize("around", ["{}", "\n{}\n", "Γ{}Γ", '"{}"', "\\{}."])
def test_letters_with_special_lower_case_are_found_as_in_a_text(secret, around):
    masking.remember([secret])
    for given in (secret, secret.lower(), secret.upper()):
        text = around.format(given)
        assert masking.masked([text]) == [masking.mask(text)]


def test_a_masked_text_that_is_too_short_to_be_found_is_replaced():
    masking.remember(["xyz"])
    assert masking.masked([{"after": Masked("xyz")}, Masked("a xyz")]) == [{"after": "***"}, "***"]
