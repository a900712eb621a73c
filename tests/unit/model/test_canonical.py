import pytest

from provisioner.model.canonical import canonical, long_id


@pytest.mark.parametrize(
    ("one", "other", "type_"),
    [
        ("Jane@ACME.example ", "jane@acme.example", "email"),
        ("  Acme", "Acme", "string"),
        ("", None, "string"),
        ("a\r\nb", "a\nb", "textarea"),
        ("Customer - Direct", "customer - direct", "picklist"),
        ("b;A", "a;B", "multipicklist"),
        (12, 12.0, "double"),
        ("12.50", 12.5, "currency"),
        ("2026-05-01T10:00:00.000+0000", "2026-05-01T12:00:00+02:00", "datetime"),
        (None, False, "boolean"),
        ("0015500001QdZPK", "0015500001QdZPKAA3", "reference"),
    ],
)
def test_two_spellings_of_one_value_compare_as_equal(one, other, type_):
    assert canonical(one, type_) == canonical(other, type_)


@pytest.mark.parametrize(
    ("one", "other", "type_"),
    [
        ("Acme", "acme", "string"),
        ("2026-05-01T10:00:00Z", "2026-05-01T10:00:00+02:00", "datetime"),
        (0, None, "double"),
        (False, None, "string"),
        ("12", "12.0", "string"),
    ],
)
def test_two_values_stay_two(one, other, type_):
    assert canonical(one, type_) != canonical(other, type_)


@pytest.mark.parametrize("text", ["nan", "inf", "abc", "1_000"])
def test_what_is_no_number_stays_as_written(text):
    assert canonical(text, "double") in (text, 1000)


def test_an_id_gets_the_checksum_of_its_capitals():
    # Recorded from a real org: the answer of a create.
    assert long_id("0015500001QdZPK") == "0015500001QdZPKAA3"
    assert long_id("0015500001QdZPKAA3") == "0015500001QdZPKAA3"
    assert long_id("not an id at all") == "not an id at all"
