"""One cause is one problem, at its first place, with the others beside it."""

from provisioner.model.diagnostics import Diagnostic, Severity, Span, by_cause


def at(line, file="a.yaml"):
    return Span(file, line, 1, line, 2)


def problem(line, message="m", **more):
    return Diagnostic("c", message, at(line), **more)


def test_the_same_message_in_many_places_is_one_problem():
    (found,) = by_cause([problem(9), problem(2), problem(5)])
    assert found == problem(2, also=(at(5), at(9)))
    assert found.places == (at(2), at(5), at(9))


def test_messages_of_one_cause_are_one_problem_that_says_the_first():
    (found,) = by_cause([problem(3, "y is wrong", cause="x"), problem(2, "x is wrong", cause="x")])
    assert (found.message, found.places) == ("x is wrong", (at(2), at(3)))


def test_what_differs_stays_apart():
    apart = [
        problem(1),
        problem(2, "n"),
        problem(3, help="h"),
        problem(4, notes=("n",)),
        problem(5, severity=Severity.WARNING),
        problem(6, secret=True),
        problem(7, cause="x"),
        Diagnostic("d", "m", at(8)),
    ]
    assert by_cause(reversed(apart)) == tuple(apart)


def test_what_is_grouped_can_be_grouped_again():
    once = by_cause([problem(n) for n in range(1, 6)])
    assert by_cause(once) == once
    (found,) = by_cause([*once, problem(9)])
    assert found.places == tuple(at(n) for n in (1, 2, 3, 4, 5, 9))


def test_one_place_is_counted_once():
    (found,) = by_cause([problem(1), problem(1)])
    assert found.also == ()


def test_problems_without_a_place_come_last():
    nowhere = Diagnostic("c", "nowhere")
    assert by_cause([nowhere, nowhere, problem(1)]) == (problem(1), nowhere)
