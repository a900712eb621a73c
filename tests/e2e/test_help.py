"""`provisioner help`: its topics, whose every example runs, and the explanations of codes."""

import fcntl
import os
import pty
import re
import shutil
import signal
import struct
import subprocess
import sys
import termios
from pathlib import Path

import pytest

from provisioner.cli.help import CODES, ORDER

ROOT = Path(__file__).parents[2]
TOPICS = ROOT / "provisioner" / "cli" / "topics"
BIN = Path(sys.executable).parent
LOCAL = "org: {login: local}\nvars: {domain: acme.example, suffix: portal}\n"
BLOCK = re.compile(r"```(\w+)(?: (\S+))?\n(.*?)```", re.DOTALL)


def blocks(name, *languages):
    """(language, file name, text) of the examples of a topic."""
    found = BLOCK.findall((TOPICS / f"{name}.md").read_text("utf-8"))
    return [block for block in found if block[0] in languages]


def without_ids(text):
    text = re.sub(r"(?<=http://127\.0\.0\.1:)\d+", "port", text)
    return re.sub(r"(?<=Report of the run: )\S+", "report", re.sub(r"\b00DLo\w+", "00D", text))


class Shell:
    """Runs the lines of examples in a copy of the repository's example spec."""

    def __init__(self, folder):
        self.folder = folder
        shutil.copytree(ROOT / "specs" / "acme", folder / "specs" / "acme")
        # The examples name a real org: here it is the local one, with the same policy.
        production = folder / "specs" / "acme" / "environments" / "production.yaml"
        policy = "policy:" + production.read_text("utf-8").partition("policy:")[2]
        production.write_text(LOCAL + policy, "utf-8")
        self.environ = {
            "PATH": f"{BIN}:/usr/bin:/bin",
            "HOME": str(folder / "home"),
            "PROVISIONER_HOME": str(folder / "home"),
        }
        self.servers = []

    def run(self, line):
        """The output of one line, which must end with its status; a server runs until `close`."""
        command, _, comment = line.partition(" # ")
        if command == "provisioner org serve":
            return self._serve()
        master, slave = pty.openpty()
        os.write(master, b"yes\n")
        done = subprocess.run(
            ["bash", "-c", command],
            cwd=self.folder,
            env=self.environ,
            stdin=slave,
            stdout=subprocess.PIPE,
            stderr=subprocess.STDOUT,
            text=True,
            timeout=120,
            check=False,
        )
        os.close(master)
        os.close(slave)
        expected = int(comment.removeprefix("exit status ") or 0)
        assert done.returncode == expected, f"{command}\n{done.stdout}"
        return done.stdout

    def _serve(self):
        server = subprocess.Popen(
            [BIN / "provisioner", "org", "serve", "--port", "0"],
            cwd=self.folder,
            env=self.environ,
            stdout=subprocess.PIPE,
            stderr=subprocess.STDOUT,
            text=True,
        )
        self.servers.append(server)
        first = server.stdout.readline()
        assert "http://127.0.0.1:" in first, first
        return first

    def close(self):
        for server in self.servers:
            server.send_signal(signal.SIGINT)
            server.communicate(timeout=30)
            assert server.returncode == 0


@pytest.fixture
def shell(tmp_path):
    shell = Shell(tmp_path)
    yield shell
    shell.close()


def help_(*arguments, environ=(), status=0):
    done = subprocess.run(
        [BIN / "provisioner", "help", *arguments],
        capture_output=True,
        check=False,
        timeout=60,
        env={"PATH": "/usr/bin:/bin", **dict(environ)},
    )
    assert done.returncode == status, done.stderr
    return done.stdout.decode(dict(environ).get("PYTHONIOENCODING", "utf-8")), done.stderr.decode()


def in_terminal(columns, *arguments, term="xterm-256color", encoding="utf-8"):
    """What the command prints in a terminal of so many columns."""
    master, slave = pty.openpty()
    fcntl.ioctl(slave, termios.TIOCSWINSZ, struct.pack("HHHH", 25, columns, 0, 0))
    process = subprocess.Popen(
        [BIN / "provisioner", "help", *arguments],
        stdin=slave,
        stdout=slave,
        stderr=slave,
        env={"PATH": "/usr/bin:/bin", "TERM": term, "PYTHONIOENCODING": encoding},
    )
    os.close(slave)
    parts = []
    while True:
        try:
            part = os.read(master, 65536)
        except OSError:
            break
        if not part:
            break
        parts.append(part)
    os.close(master)
    assert process.wait(60) == 0
    return b"".join(parts).decode(encoding).replace("\r\n", "\n")


def test_the_list_names_every_topic_with_what_it_is_about():
    out, _ = help_()
    assert {path.stem for path in TOPICS.glob("*.md")} == {*ORDER, CODES}
    listed = dict(re.findall(r"^  (\S+) +(\S.*)$", out, re.MULTILINE))
    assert list(listed) == list(ORDER)
    assert all(len(summary) < 100 and summary.endswith(".") for summary in listed.values())


@pytest.mark.parametrize("name", ORDER)
def test_a_topic_in_a_pipe_is_its_markdown(name):
    out, _ = help_(name)
    assert out == (TOPICS / f"{name}.md").read_text("utf-8")


def test_a_misspelled_topic_or_code_suggests_the_closest():
    _, err = help_("roster", status=1)
    assert err == (
        "error: there is no help topic or code `roster`\n  = help: did you mean `rosters`?\n"
    )
    _, err = help_("unknown-feld", status=1)
    assert "did you mean `unknown-field`?" in err
    _, err = help_("quantum", status=1)
    assert "`provisioner help` lists the topics" in err


@pytest.mark.parametrize("name", ORDER)
def test_a_topic_fits_in_a_narrow_terminal(name):
    out = re.sub(r"\x1b\[[\d;]*m", "", in_terminal(60, name))
    assert max(map(len, out.splitlines())) <= 60
    heading = (TOPICS / f"{name}.md").read_text("utf-8").partition("\n")[0].removeprefix("# ")
    assert out.splitlines()[0].strip() == heading
    assert "```" not in out
    assert "\n##" not in out


def test_a_topic_has_no_colours_where_nobody_wants_them():
    assert "\x1b[" in in_terminal(80, "specs")
    assert "\x1b[" not in in_terminal(80, "specs", term="dumb")


def test_topics_and_codes_can_be_printed_in_every_encoding():
    for name in (*ORDER, CODES, "unknown-field"):
        out, _ = help_(name, environ={"PYTHONIOENCODING": "cp1252"})
        assert out
        assert in_terminal(80, name, encoding="cp1252")


@pytest.mark.parametrize("name", ORDER)
def test_the_commands_of_a_topic_work_and_print_what_it_shows(name, shell):
    ran = ""
    for language, _, text in blocks(name, "sh", "text"):
        if language == "sh":
            ran = "".join(map(shell.run, text.splitlines()))
        else:
            shown = without_ids(text).splitlines()
            assert [line for line in without_ids(ran).splitlines() if line in shown] == shown
    assert ran or not blocks(name, "sh")


EXAMPLES = [
    pytest.param(name, file or "portal.yaml", text, id=f"{name}-{number}")
    for name in ORDER
    for number, (_, file, text) in enumerate(blocks(name, "yaml"), 1)
]


@pytest.mark.parametrize(("name", "file", "text"), EXAMPLES)
def test_the_yaml_of_a_topic_is_valid(name, file, text, tmp_path):
    folder = tmp_path / "acme"
    (folder / "environments").mkdir(parents=True)
    files = {
        "environments/local.yaml": LOCAL,
        "base.yaml": "accounts: {base: {Name: Base}}\n",
        file: text,
    }
    if file == "drift-ignore.yaml":
        files["base.yaml"] = (
            "contacts: {jane: {LastName: Doe, Email: jane@acme.example, Phone: '1'}}\n"
        )
    files |= {csv: rows for _, csv, rows in blocks(name, "csv")}
    for path, content in files.items():
        (folder / path).write_text(content, "utf-8")
    environment = Path(file).stem if file.startswith("environments/") else "local"
    done = subprocess.run(
        [BIN / "provisioner", "validate", folder, "--env", environment],
        capture_output=True,
        text=True,
        check=False,
        env={
            "PATH": "/usr/bin:/bin",
            "SALESFORCE_CONSUMER_KEY": "key",
            "SALESFORCE_USERNAME": "deploy@acme.example",
            "CI_REGION": "eu-west",
            "DOMAIN": "acme.example",
        },
    )
    assert (done.returncode, done.stderr) == (0, ""), done.stdout + done.stderr
