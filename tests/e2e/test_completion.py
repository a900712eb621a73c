"""Completion in real shells: commands, options, formats, environments, addresses, plans."""

import os
import pty
import re
import select
import shutil
import subprocess
import sys
import time
from pathlib import Path

import pytest

BIN = Path(sys.executable).parent
DEADLINE = 60.0
# What a shell asks of bash's completion when somebody presses Tab at the end of the line.
BASH = """\
source <(provisioner completion bash)
COMP_LINE=$1 COMP_POINT=${#1} COMP_TYPE=9
read -ra COMP_WORDS <<< "$1"
[[ $1 == *' ' ]] && COMP_WORDS+=('')
COMP_CWORD=$((${#COMP_WORDS[@]} - 1))
_python_argcomplete provisioner "${COMP_WORDS[COMP_CWORD]}" "${COMP_WORDS[COMP_CWORD-1]}"
printf '%s\\n' "${COMPREPLY[@]}"
"""


@pytest.fixture(scope="module")
def shop(new_work):
    work = new_work()
    work.copy_acme()
    work.write("specs/acme/broken.yaml", "accounts: {x: [\n")
    work.write("plans/monday.json", "{}")
    return work


def environ(work):
    return work.environ() | {"PATH": f"{BIN}:/usr/bin:/bin", "TERM": "dumb"}


def bash(work, line):
    done = subprocess.run(
        ["bash", "--noprofile", "--norc", "-c", BASH, "bash", line],
        cwd=work.folder,
        env=environ(work),
        capture_output=True,
        text=True,
        timeout=DEADLINE,
        check=True,
    )
    return [re.sub(r"\\(.)", r"\1", word).rstrip() for word in done.stdout.splitlines() if word]


def fish(work, line):
    done = subprocess.run(
        [
            "fish",
            "--no-config",
            "-c",
            'provisioner completion fish | source; complete -C "$argv[1]"',
            line,
        ],
        cwd=work.folder,
        env=environ(work),
        capture_output=True,
        text=True,
        timeout=DEADLINE,
        check=True,
    )
    return [word.partition("\t")[0].rstrip() for word in done.stdout.splitlines() if word]


@pytest.mark.parametrize("shell", [bash, fish], ids=["bash", "fish"])
@pytest.mark.parametrize(
    ("line", "expected"),
    [
        ("provisioner dr", {"drift"}),
        ("provisioner plan --rep", {"--report"}),
        ("provisioner plan --format ma", {"markdown"}),
        ("provisioner graph --format ", {"dot", "mermaid", "svg"}),
        ("provisioner completion ", {"bash", "zsh", "fish"}),
        ("provisioner org re", {"reset"}),
        ("provisioner plan --env ", {"local", "production", "served"}),
        ("provisioner plan specs/acme --env pr", {"production"}),
        ("provisioner plan --target contact/", {"contact/jane", "contact/*"}),
        ("provisioner plan --target user/j", {"user/jane"}),
        ("provisioner explain login ", {"jane"}),
        ("provisioner password reset ", {"jane"}),
        ("provisioner show plans/", {"plans/monday.json"}),
        ("provisioner plan spec", {"specs/acme"}),
    ],
)
def test_a_shell_completes(shell, line, expected, shop):
    if shutil.which(shell.__name__) is None:
        pytest.skip(f"there is no {shell.__name__} here")
    found = set(shell(shop, line)) - {"-h", "--help"}
    assert expected <= found
    assert {word for word in found if not word.startswith(("-", "specs"))} <= expected | {"specs/"}


@pytest.mark.parametrize("shell", [bash, fish], ids=["bash", "fish"])
def test_names_with_spaces_are_completed_whole(shell, shop):
    if shutil.which(shell.__name__) is None:
        pytest.skip(f"there is no {shell.__name__} here")
    assert "profile/Acme Portal User" in shell(shop, "provisioner plan --target profile/A")


@pytest.mark.skipif(not shutil.which("zsh"), reason="there is no zsh here")
def test_zsh_completes(shop):
    terminal, ours = pty.openpty()
    shell = subprocess.Popen(
        ["zsh", "-f", "-i"],
        cwd=shop.folder,
        env=environ(shop),
        stdin=ours,
        stdout=ours,
        stderr=ours,
    )
    try:
        setup = "PS1='ready> '; autoload -U compinit; compinit -u -D; "
        setup += (
            "source <(provisioner completion zsh); unsetopt zle_bracketed_paste; echo set-'up'\n"
        )
        os.write(terminal, setup.encode())
        assert read_until(terminal, "set-up\r")
        os.write(terminal, b"provisioner plan --env prod\t\n")
        # The word is completed on the command line, and the command then runs with it.
        assert read_until(terminal, "--env production")
    finally:
        os.close(ours)
        shell.kill()
        shell.wait()
        os.close(terminal)


def read_until(terminal, text):
    seen, end = "", time.monotonic() + DEADLINE
    while text not in seen and time.monotonic() < end:
        if select.select([terminal], [], [], 0.2)[0]:
            seen += os.read(terminal, 4096).decode(errors="replace")
    return text in seen
