"""The schema that checks SOAP answers: it covers what is served, and it can refuse."""

import pytest
from lxml import etree

from provisioner.emulator.partner import endpoint, queries, records
from tests.recorded import partner_wsdl

from ..partner_client import PARTNER, schema

VALID = "<result><password>secret</password></result>"


def answer(inner):
    return etree.fromstring(
        f'<resetPasswordResponse xmlns="{PARTNER}">{inner}</resetPasswordResponse>'
    )


def test_every_operation_that_is_served_is_in_the_wsdl():
    served = {"login", *endpoint._USERS, *queries.OPERATIONS, *records.OPERATIONS}
    assert partner_wsdl.document()["operations"].keys() == served


def test_a_valid_answer_is_accepted():
    schema().check(answer(VALID))


@pytest.mark.parametrize(
    "inner",
    [
        "",
        "<result/>",
        VALID * 2,
        VALID.replace("password", "Password"),
        VALID.replace("</result>", "<more/></result>"),
    ],
)
def test_an_answer_of_another_shape_is_refused(inner):
    with pytest.raises(etree.DocumentInvalid):
        schema().check(answer(inner))
