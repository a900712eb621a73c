"""What Salesforce says becomes the error that says what to do."""

from __future__ import annotations

import subprocess
import sys

import pytest

from provisioner.org.errors import (
    AuthenticationFailed,
    Conflict,
    NoAnswer,
    NotAllowed,
    NotSent,
    OrgError,
    Refused,
    Unreachable,
    refusal,
    tidied,
)


@pytest.mark.parametrize(
    ("code", "message", "status", "kind", "transient"),
    [
        ("REQUIRED_FIELD_MISSING", "Required fields are missing: [Email]", 400, Refused, False),
        ("REQUEST_LIMIT_EXCEEDED", "TotalRequests Limit exceeded.", 403, NotAllowed, False),
        (
            "REQUEST_LIMIT_EXCEEDED",
            "ConcurrentRequests (Concurrent API Requests) Limit exceeded.",
            403,
            NotAllowed,
            True,
        ),
        ("INSUFFICIENT_ACCESS_OR_READONLY", "insufficient access rights", 400, NotAllowed, False),
        ("API_DISABLED_FOR_ORG", "API is disabled for this User", 403, NotAllowed, False),
        ("SOMETHING_NEW", "no", 403, NotAllowed, False),
        ("UNABLE_TO_LOCK_ROW", "unable to obtain exclusive access", 400, Conflict, True),
        (
            "UNKNOWN_EXCEPTION",
            "group membership operation already in progress",
            400,
            Conflict,
            True,
        ),
        ("UNKNOWN_EXCEPTION", "portal account owner must have a role", 400, Refused, False),
        ("SERVER_UNAVAILABLE", "Server Unavailable", 503, Refused, True),
        ("INVALID_SESSION_ID", "Session expired or invalid", 401, AuthenticationFailed, False),
        ("INVALID_AUTH_HEADER", "INVALID_HEADER_TYPE", 401, AuthenticationFailed, False),
    ],
)
def test_a_code_decides_the_kind_of_error(code, message, status, kind, transient):
    error = refusal(code, message, status=status)
    assert type(error) is kind
    assert (error.code, error.message, error.transient) == (code, message, transient)


def test_the_tree_is_as_drawn():
    assert [issubclass(c, Refused) for c in (NotAllowed, Conflict)] == [True, True]
    assert [issubclass(c, Unreachable) for c in (NotSent, NoAnswer)] == [True, True]
    assert all(issubclass(c, OrgError) for c in (Refused, AuthenticationFailed, Unreachable))


def test_a_refusal_reads_as_code_and_message():
    error = refusal("INVALID_EMAIL_ADDRESS", "Email: invalid email address: x", ["Email"])
    assert str(error) == "INVALID_EMAIL_ADDRESS: Email: invalid email address: x"
    assert error.fields == ("Email",)


@pytest.mark.parametrize(
    ("message", "read"),
    [
        (
            "Duplicate Username.<br>The username already exists in this org. ",
            "Duplicate Username. The username already exists in this org.",
        ),
        (
            "\nSELECT Foo FROM User\n  ^\nERROR at Row:1:Column:8\nNo such column 'Foo'",
            "No such column 'Foo'",
        ),
        ("unexpected token: 'invalid'", "unexpected token: 'invalid'"),
    ],
)
def test_a_message_is_one_line_without_tags_or_query(message, read):
    assert tidied(message) == read


@pytest.mark.parametrize(
    ("code", "message", "part"),
    [
        ("INVALID_SESSION_ID", "Session expired or invalid", "log in again"),
        (
            "INVALID_SESSION_ID",
            "This session is not valid for use with the REST API",
            "a new login will not help",
        ),
        ("REQUEST_LIMIT_EXCEEDED", "TotalRequests Limit exceeded.", "24 hours"),
        ("INVALID_OPERATION_WITH_EXPIRED_PASSWORD", "The users password has expired", "password"),
    ],
)
def test_a_known_failure_has_a_remedy(code, message, part):
    assert part in (refusal(code, message, status=401).remedy or "")


def test_the_errors_load_no_http_client():
    code = (
        "import sys; from provisioner.org.errors import OrgError;"
        "print([m for m in ('requests', 'simple_salesforce', 'lxml') if m in sys.modules])"
    )
    done = subprocess.run([sys.executable, "-c", code], capture_output=True, text=True, check=True)
    assert done.stdout == "[]\n"
