"""The workflows of this repository: right by GitHub's schema, and run step by step in a shell.

Pull request, merge, schedule; the comment and the issue are kept one, and what is applied is
what was reviewed.
"""

import json
import re
import shutil
import subprocess
import sys
import threading
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer
from pathlib import Path
from urllib.parse import parse_qs

import pytest
import yaml

from .runner import GitHub, Runner

ROOT = Path(__file__).parents[2]
WORKFLOWS = ROOT / ".github" / "workflows"
FILES = sorted(WORKFLOWS.glob("*.yml"))
CHECK = Path(sys.executable).with_name("check-jsonschema")
SPEC = "specs/acme"
INPUTS = {"spec": SPEC, "environment": "served", "install": "."}

pytestmark = pytest.mark.skipif(
    not all(map(shutil.which, ("bash", "jq", "git"))), reason="bash, jq or git is not here"
)


def git(folder, *arguments):
    identity = ("-c", "user.name=Dev", "-c", "user.email=dev@acme.example")
    subprocess.run(
        ["git", *identity, *arguments], cwd=folder, check=True, capture_output=True, timeout=60
    )


@pytest.fixture
def repository(work, serve):
    """A repository with the walk-through's spec, and the org that its environment is about."""
    work.copy_acme()
    work.org = serve()
    work.use(work.org)
    work.write(".gitignore", ".provisioner/\nreports/\n*.md\n*.zip\ngithub/\n")
    git(work.folder, "init", "-q", "-b", "main")
    commit(work)
    work.github = GitHub(work.folder / "github")
    return work


def commit(work):
    git(work.folder, "add", "-A")
    git(work.folder, "commit", "-q", "-m", "Change the portal")


def runner(work, name, event=None, **inputs):
    return Runner(
        WORKFLOWS / name,
        work.folder,
        work.github,
        # The org's address and session stand for the secret of a real one.
        work.environ(),
        INPUTS | inputs,
        event or {},
    )


def pull_request(work, *, fork=False):
    event = {"number": 7, "head": {"repo": {"fork": fork}}}
    return runner(
        work, "plan.yml", {"event_name": "pull_request", "event": {"pull_request": event}}
    )


@pytest.mark.parametrize("file", FILES, ids=lambda f: f.name)
def test_a_workflow_is_as_github_wants_it(file):
    check("vendor.github-workflows", file)
    data = yaml.safe_load(file.read_text("utf-8"))
    for job in data["jobs"].values():
        for step in job["steps"]:
            # What others wrote gets into a shell by its environment only, never by its text.
            assert "${{" not in step.get("run", "")
            syntax = subprocess.run(
                ["bash", "-n"],
                input=step.get("run", ""),
                text=True,
                capture_output=True,
                check=False,
            )
            assert syntax.stderr == ""


def test_the_action_is_as_github_wants_it():
    action = ROOT / ".github/actions/setup/action.yml"
    check("vendor.github-actions", action)
    install = yaml.safe_load(action.read_text("utf-8"))["runs"]["steps"][-1]["run"]
    path = re.search(r"\$GITHUB_ACTION_PATH(\S+)\"", install)[1].lstrip("/")
    assert (action.parent / path / "pyproject.toml").is_file()


def check(schema, file):
    done = subprocess.run(
        [CHECK, "--builtin-schema", schema, file], capture_output=True, text=True, check=False
    )
    assert done.returncode == 0, done.stdout + done.stderr


def test_secrets_reach_only_the_steps_that_log_in():
    for file in FILES:
        for job in yaml.safe_load(file.read_text("utf-8"))["jobs"].values():
            assert "secrets." not in json.dumps(job.get("env", {}))
            for step in job["steps"]:
                if "secrets." in json.dumps(step):
                    assert re.search(r"provisioner (plan|apply|drift)", step["run"])


def test_a_pull_request_is_commented_once_and_its_plan_is_what_is_applied(repository):
    first = pull_request(repository)
    assert first.run(), first.log
    (comment,) = repository.github.read()["comments"]
    assert comment["issue"] == "7"
    assert "5 to create, 2 to update" in comment["body"]
    assert "## Plan: 5 to create" in first.summary
    assert "::notice file=specs/acme/people.yaml,line=4" in first.log

    file = repository.folder / SPEC / "people.yaml"
    file.write_text(file.read_text("utf-8").replace("LastName: Doe", "LastName: Roe"), "utf-8")
    commit(repository)
    second = pull_request(repository)
    assert second.run(), second.log
    (comment,) = repository.github.read()["comments"]
    assert "+ LastName: Roe" in comment["body"]

    merged = runner(repository, "apply.yml")
    assert merged.run("plan"), merged.log
    assert "this one was made now" not in merged.summary
    assert "LastName: Roe" in merged.summary
    assert merged.run("apply"), merged.log
    assert "In sync: a second plan is empty." in merged.log
    assert "## Run: 7 done in" in merged.summary
    assert repository.github.read()["artifacts"][-1]["name"].startswith("run-served-")
    assert repository.org.query("SELECT LastName FROM Contact")[0]["LastName"] == "Roe"
    assert repository.org.token not in first.log + second.log + merged.log


def test_a_merge_without_a_review_shows_its_own_plan_first(repository):
    merged = runner(repository, "apply.yml")
    assert merged.run("plan"), merged.log
    assert "No plan of this spec was reviewed: this one was made now." in merged.summary
    assert "5 to create, 2 to update" in merged.summary
    assert merged.run("apply"), merged.log

    again = runner(repository, "apply.yml")
    assert again.run("plan"), again.log
    assert again.run("apply") is None


def test_a_plan_from_a_fork_is_not_taken_for_a_reviewed_one(repository):
    assert pull_request(repository).run()
    state = repository.github.read()
    state["artifacts"][0]["workflow_run"]["head_repository_id"] = 2
    repository.github.write(state)
    merged = runner(repository, "apply.yml")
    assert merged.run("plan")
    assert "this one was made now" in merged.summary


def test_a_reviewed_plan_is_refused_when_the_org_moved(repository):
    assert pull_request(repository).run()
    repository.org.create("Account", Name="Acme Corporation", AccountNumber="10001")
    merged = runner(repository, "apply.yml")
    assert merged.run("plan")
    assert not merged.run("apply")
    assert "the org moved since the plan was made" in merged.log
    # Whoever looks at it plans again, and has that approved.
    once_more = runner(repository, "apply.yml", replan=True)
    assert once_more.run("plan"), once_more.log
    assert once_more.run("apply"), once_more.log


def test_a_pull_request_from_a_fork_is_validated_and_not_planned(repository):
    fork = pull_request(repository, fork=True)
    assert fork.run(), fork.log
    assert repository.github.read() == {"artifacts": [], "comments": [], "issues": []}
    assert "## Validation: 7 resources" in fork.summary


def test_what_is_wrong_is_annotated_and_commented(repository):
    file = repository.folder / SPEC / "people.yaml"
    file.write_text(file.read_text("utf-8").replace("LastName: Doe", "LastNme: Doe"), "utf-8")
    commit(repository)
    wrong = pull_request(repository)
    assert not wrong.run()
    assert "::error file=specs/acme/people.yaml,line=13" in wrong.log
    (comment,) = repository.github.read()["comments"]
    assert "`LastNme` is not a field" in comment["body"]
    assert repository.github.read()["artifacts"] == []


def test_drift_keeps_one_issue_and_closes_it(repository):
    repository.run("apply", SPEC, "--env", "served", "--auto-approve", status=0)
    assert runner(repository, "drift.yml").run()
    assert repository.github.read()["issues"] == []

    repository.org.change("Contact", "LastName='Doe'", LastName="Smith")
    for _ in range(2):
        compared = runner(repository, "drift.yml")
        assert compared.run(), compared.log
        (issue,) = repository.github.read()["issues"]
        assert issue["title"] == "Drift in served (specs/acme)"
        assert issue["state"] == "open"
        assert "- LastName: Smith  # org" in issue["body"]
    assert "::warning file=specs/acme/people.yaml,line=13" in compared.log

    repository.org.change("Contact", "LastName='Smith'", LastName="Doe")
    assert runner(repository, "drift.yml").run()
    (issue,) = repository.github.read()["issues"]
    assert issue["state"] == "closed"


@pytest.fixture(scope="module")
def gitlab_file(tmp_path_factory):
    (text,) = re.findall(r"```yml\n(.*?)```", (ROOT / "README.md").read_text("utf-8"), re.DOTALL)
    file = tmp_path_factory.mktemp("gitlab") / ".gitlab-ci.yml"
    file.write_text(text, "utf-8")
    return file


class GitLab(BaseHTTPRequestHandler):
    """Notes and issues of GitLab's API, as far as curl asks for them."""

    def do_GET(self):
        self.answer(self.server.kept.get(self.path.partition("?")[0], []))

    def do_POST(self):
        self.server.kept.setdefault(self.path, []).append({"id": 40, "iid": 4} | self.sent())
        self.answer({}, 201)

    def do_PUT(self):
        where, _, number = self.path.rpartition("/")
        assert number in ("4", "40")
        self.server.kept[where][0].update(self.sent())
        self.answer({})

    def sent(self):
        assert self.headers["PRIVATE-TOKEN"] == "glpat-1"
        body = self.rfile.read(int(self.headers["Content-Length"])).decode()
        return {name: values[0] for name, values in parse_qs(body).items()}

    def answer(self, data, status=200):
        text = json.dumps(data).encode()
        self.send_response(status)
        self.send_header("Content-Length", str(len(text)))
        self.end_headers()
        self.wfile.write(text)

    def log_message(self, *_):
        """Print nothing."""


@pytest.fixture
def gitlab():
    with ThreadingHTTPServer(("127.0.0.1", 0), GitLab) as server:
        server.kept = {}
        server.url = f"http://127.0.0.1:{server.server_port}"
        thread = threading.Thread(target=server.serve_forever, kwargs={"poll_interval": 0.02})
        thread.start()
        yield server
        server.shutdown()
        thread.join()


def gitlab_job(work, file, gitlab, name):
    """Run a job's script as a runner does: all lines in one bash that stops at an error."""
    data = yaml.safe_load(file.read_text("utf-8"))
    (prepare, functions) = data["default"]["before_script"]
    assert prepare.startswith("apt-get")
    variables = {
        **work.environ(),
        **data["variables"],
        "ENVIRONMENT": "served",
        "PATH": f"{Path(sys.executable).parent}:/usr/bin:/bin",
        "CI_API_V4_URL": gitlab.url,
        "CI_PROJECT_ID": "1",
        "CI_MERGE_REQUEST_IID": "7",
        "GITLAB_TOKEN": "glpat-1",
    }
    script = "\n".join([functions, *data[name]["script"]])
    return subprocess.run(
        ["bash", "-e", "-o", "pipefail", "-c", script],
        cwd=work.folder,
        env=variables,
        capture_output=True,
        text=True,
        timeout=120,
        check=False,
    )


def test_the_gitlab_pipeline_is_as_gitlab_wants_it(gitlab_file):
    check("vendor.gitlab-ci", gitlab_file)


@pytest.mark.skipif(not shutil.which("curl"), reason="curl is not here")
def test_the_gitlab_pipeline_keeps_one_note_applies_and_keeps_one_issue(
    repository, gitlab_file, gitlab
):
    def run(name, status=0):
        done = gitlab_job(repository, gitlab_file, gitlab, name)
        assert done.returncode == status, done.stdout + done.stderr
        assert repository.org.token not in done.stdout + done.stderr
        return done

    for _ in range(2):
        run("plan")
        ((note,),) = gitlab.kept.values()
        assert "5 to create" in note["body"]
    run("prepare")
    assert "In sync" in run("apply").stdout
    run("drift")
    gitlab.kept.clear()
    repository.org.change("Contact", "LastName='Doe'", LastName="Smith")
    for _ in range(2):
        run("drift", status=2)
        ((issue,),) = gitlab.kept.values()
        assert issue["title"] == "Drift in served"
        assert "Smith" in issue["description"]


def test_the_pre_commit_hook_names_a_command_that_there_is():
    (hook,) = yaml.safe_load((ROOT / ".pre-commit-hooks.yaml").read_text("utf-8"))
    command, *arguments = hook["entry"].split()
    done = subprocess.run(
        [Path(sys.executable).parent / command, *arguments, SPEC],
        cwd=ROOT,
        capture_output=True,
        text=True,
        check=False,
    )
    assert (done.returncode, done.stderr) == (0, "")
    assert re.search(hook["files"], "specs/acme/people.yaml")
