"""The command line: options, examples and errors, without running a command."""

import argparse
import shlex
from datetime import timedelta

import pytest

from provisioner.cli import options, parser
from provisioner.cli.options import ApplyOptions, PlanOptions


def commands(parser, path=()):
    """Every command with its parser, subcommands included."""
    for action in parser._actions:
        if isinstance(action, argparse._SubParsersAction):
            for name, command in action.choices.items():
                yield (*path, name), command
                yield from commands(command, (*path, name))


COMMANDS = dict(commands(parser.build()))


def error_of(capsys, *arguments):
    with pytest.raises(SystemExit) as stopped:
        parser.build().parse_args(arguments)
    assert stopped.value.code == 1
    return capsys.readouterr().err


def test_options_are_frozen_and_have_the_values_of_the_arguments():
    line = "apply plan.json --spec s --approval a --approval b --lease-wait 5 --no-email --pin"
    read = options.read(ApplyOptions, parser.build().parse_args(shlex.split(line)))
    assert read == ApplyOptions(
        spec="plan.json",
        expected_spec="s",
        approval=("a", "b"),
        lease_wait=5.0,
        no_email=True,
        pin=True,
    )
    with pytest.raises(AttributeError):
        read.spec = "other"


def test_the_defaults_of_arguments_are_those_of_the_options():
    assert options.read(PlanOptions, parser.build().parse_args(["plan"])) == PlanOptions()
    assert options.read(ApplyOptions, parser.build().parse_args(["apply"])) == ApplyOptions()


def test_several_environments_are_kept_in_order():
    parsed = parser.build().parse_args(["plan", "--env", "b", "--env", "a", "--valid-for", "2h"])
    read = options.read(PlanOptions, parsed)
    assert (read.envs, read.valid_for) == (("b", "a"), timedelta(hours=2))


@pytest.mark.parametrize("path", COMMANDS, ids=" ".join)
@pytest.mark.parametrize("columns", ["80", "40"])
def test_each_help_has_examples_that_can_be_parsed(path, columns, monkeypatch):
    monkeypatch.setenv("COLUMNS", columns)
    command = COMMANDS[path]
    assert command.examples
    shown = command.format_help()
    for line, description in command.examples:
        assert f"\n  {line}" in shown
        assert description.split()[0] in shown
        words = shlex.split(line.partition(" >")[0])
        assert words[: len(path) + 1] == ["provisioner", *path]
        assert parser.build().parse_args(words[1:]).command_path == " ".join(
            words[1 : 1 + depth(words)]
        )


def depth(words):
    """How many words of an example name its command."""
    return 2 if tuple(words[1:3]) in COMMANDS else 1


def test_help_fits_a_narrow_terminal(monkeypatch):
    monkeypatch.setenv("COLUMNS", "40")
    shown = parser.build().format_help()
    assert max(map(len, shown.splitlines())) <= 40
    monkeypatch.setenv("COLUMNS", "80")
    for command in COMMANDS.values():
        examples = [line for line, _ in command.examples]
        wide = [line for line in command.format_help().splitlines() if len(line) > 80]
        assert all(line.strip() in examples for line in wide)


def test_help_shows_every_command_in_a_group():
    build = parser.build()
    listed = [name for rows in build.groups.values() for name, _ in rows]
    assert listed == [path[0] for path in COMMANDS if len(path) == 1]
    assert len(build.groups) > 3


def test_a_mistyped_command_is_suggested(capsys):
    assert error_of(capsys, "aply") == (
        "error: there is no command `aply`, did you mean `apply`?\n  = help: provisioner --help\n"
    )
    assert "there is no command `swerve`, did you mean `serve`?" in error_of(
        capsys, "org", "swerve"
    )
    assert "there is no command `'),(`\n" in error_of(capsys, "'),(")


def test_other_choices_are_listed(capsys):
    assert "invalid choice: 'yaml'" in error_of(capsys, "plan", "--format", "yaml")
