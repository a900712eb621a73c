"""`Stop` ends a command with its status and its messages."""

from provisioner.cli import output
from provisioner.cli.exit_status import DONE, REFUSED, WRONG
from provisioner.cli.stop import Stop, problem
from provisioner.model.diagnostics import Diagnostic, Span


def stopped(stop):
    def command():
        raise stop

    return command


def test_a_command_that_does_not_stop_has_its_own_status(capsys):
    assert output.status_of(lambda: DONE) == DONE
    assert capsys.readouterr() == ("", "")


def test_a_problem_with_the_command_line_is_an_error_with_help_and_details(capsys):
    one = problem("the plan is stale", "plan again", ["user/jane is new"])
    assert output.status_of(stopped(Stop(REFUSED, one))) == REFUSED
    assert capsys.readouterr().err == (
        "error: the plan is stale\n  - user/jane is new\n  = help: plan again\n"
    )


def test_a_problem_with_the_spec_is_shown_at_its_line(capsys):
    one = Diagnostic("unknown-field", "there is no field `X`", Span("a.yaml", 1, 1, 1, 2))
    assert output.status_of(stopped(Stop(WRONG, one, texts={"a.yaml": "X: 1\n"}))) == WRONG
    err = capsys.readouterr().err
    assert "error[unknown-field]: there is no field `X`" in err
    assert "1 | X: 1" in err


def test_a_reason_that_the_user_has_seen_is_not_repeated(capsys):
    assert output.status_of(stopped(Stop(REFUSED))) == REFUSED
    assert capsys.readouterr() == ("", "")
