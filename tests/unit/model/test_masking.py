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
