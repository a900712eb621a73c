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


def on_terminal(work, columns, *arguments, **variables):
    """What a command prints on a terminal that is so wide."""
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
    assert process.wait(timeout=60) == 0
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


def test_colours_are_left_out_where_they_are_not_wanted(acme):
    assert not COLOUR.search(on_terminal(acme, 80, "plan", NO_COLOR="1"))
    assert "\x1b" not in on_terminal(acme, 80, "plan", TERM="dumb")
    assert "\x1b" not in acme.run("plan", status=0, TERM="xterm-256color").out
