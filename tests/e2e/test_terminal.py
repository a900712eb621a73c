"""Text on a terminal: it fits, it has colours where they are wanted, and no word is lost."""

import fcntl
import os
import pty
import re
import struct
import subprocess
import termios

import pytest

from .test_completion import BIN

COLOUR = re.compile(r"\x1b\[[0-9;]*3[0-9][0-9;]*m")
STYLE = re.compile(r"\x1b\[[0-9;]*m")


def on_terminal(work, columns, *arguments, status=0, **variables):
    """What a command prints on a terminal that is so wide; `status` is what it must exit with."""
    terminal, ours = pty.openpty()
    fcntl.ioctl(ours, termios.TIOCSWINSZ, struct.pack("HHHH", 40, columns, 0, 0))
    process = subprocess.Popen(
        [BIN / "provisioner", *arguments],
        cwd=work.folder,
        env={**work.environ(TERM="xterm-256color"), **variables},
        stdin=subprocess.DEVNULL,
        stdout=ours,
        stderr=ours,
    )
    os.close(ours)
    seen = b""
    while True:
        try:
            more = os.read(terminal, 4096)
        except OSError:
            break
        if not more:
            break
        seen += more
    os.close(terminal)
    ended = process.wait(timeout=60)
    assert status is None or ended == status
    return seen.decode().replace("\r\n", "\n")


@pytest.fixture(scope="module")
def acme(new_work):
    work = new_work()
    work.copy_acme()
    return work


@pytest.mark.parametrize("columns", [40, 60, 200])
def test_a_plan_fits_and_loses_no_word(columns, acme):
    plain = acme.run("plan", status=0).out
    shown = on_terminal(acme, columns, "plan")
    assert COLOUR.search(shown)
    shown = STYLE.sub("", shown)
    assert max(map(len, shown.splitlines())) <= columns
    assert "".join(shown.split()) == "".join(plain.split())
    # A name that fits in a line is not broken.
    assert "enableCustomerSuccessPortal" in shown


COMMANDS = {"a plan": ["plan"], "help": ["plan", "--help"], "problems": ["validate", "wrong"]}
NO_COLOURS = {
    "NO_COLOR": {"NO_COLOR": "1"},
    "NO_COLOR and FORCE_COLOR": {"NO_COLOR": "1", "FORCE_COLOR": "1"},
    "a dumb terminal": {"TERM": "dumb"},
}


@pytest.mark.parametrize("variables", NO_COLOURS.values(), ids=NO_COLOURS)
@pytest.mark.parametrize("command", COMMANDS.values(), ids=COMMANDS)
def test_nothing_is_styled_where_it_is_not_wanted(acme, command, variables):
    acme.write("wrong/portal.yaml", "accounts: {a: {Name: []}}\n")
    shown = on_terminal(acme, 80, *command, status=None, **variables)
    assert shown
    assert "\x1b" not in shown


def test_a_pipe_has_colours_only_where_they_are_forced(acme):
    plain = acme.run("plan", status=0, TERM="xterm-256color").out
    assert "\x1b" not in plain
    for term in ("xterm-256color", "dumb"):
        forced = acme.run("plan", status=0, TERM=term, FORCE_COLOR="1").out
        assert COLOUR.search(forced)
        assert STYLE.sub("", forced) == plain
    assert "\x1b" not in acme.run("plan", status=0, FORCE_COLOR="1", NO_COLOR="1").out
    assert "\x1b" not in acme.run("plan", status=0, FORCE_COLOR="").out
    acme.write("wrong/portal.yaml", "accounts: {a: {Name: []}}\n")
    assert COLOUR.search(acme.run("plan", "wrong", status=1, FORCE_COLOR="1").err)


def test_progress_has_colours_only_where_they_are_wanted(acme):
    forced = acme.run("apply", "--auto-approve", status=0, FORCE_COLOR="1", ACME_JANE_PASSWORD="")
    assert COLOUR.search(forced.err)
    acme.run("org", "reset", status=0)
    plain = acme.run("apply", "--auto-approve", status=0, NO_COLOR="1", FORCE_COLOR="1")
    assert "\x1b" not in plain.said
    acme.run("org", "reset", status=0)
