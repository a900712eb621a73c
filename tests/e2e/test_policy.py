"""The environment's policy: a plan that goes beyond it is shown, and not applied."""

import pytest

POLICY = """\
org: {login: local}
vars: {domain: acme.example, suffix: portal}
policy: {max_changes: 6, max_emails: 0, max_changes_percent: 100, max_removals: 0}
"""


@pytest.fixture
def acme(work):
    """The walk-through, in an environment where it may change six things and mail nobody."""
    work.copy_acme()
    work.write("specs/acme/environments/careful.yaml", POLICY)
    return work


def test_a_plan_beyond_the_policy_is_refused_with_every_bound_it_breaks(acme):
    for command in (["plan"], ["apply", "--auto-approve"]):
        refused = acme.run(*command, "--env", "careful", status=4)
        assert "user/jane" in refused.out
        assert "the plan has 7 changes, and the policy's `max_changes` is 6" in refused.err
        assert "the plan has 1 e-mails, and the policy's `max_emails` is 0" in refused.err
        assert refused.err.count("error") == 2
        assert "environments/careful.yaml" in refused.err
    assert len(acme.run("plan", "--format", "json", status=0).json["steps"]) == 7
