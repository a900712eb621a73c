"""A small runner of GitHub workflows: every `run:` in a real shell, and a stand-in for `gh`.

It knows the few actions and expressions that our workflows use, and fails on any other.
"""

from __future__ import annotations

import json
import re
import shutil
import subprocess
import sys
import zipfile
from dataclasses import dataclass, field
from pathlib import Path

import yaml

GH = '''#!{python}
"""`gh api` on a file instead of GitHub: artifacts, comments and issues."""
import json, pathlib, re, sys
from urllib.parse import parse_qs, urlsplit

state_file = pathlib.Path({state!r})
state = json.loads(state_file.read_text())
command, *rest = sys.argv[1:]
assert command == "api", sys.argv
method, path, fields = None, None, {{}}
while rest:
    word = rest.pop(0)
    if word == "--method":
        method = rest.pop(0)
    elif word in ("-F", "-f"):
        name, _, value = rest.pop(0).partition("=")
        fields[name] = pathlib.Path(value[1:]).read_text() if value.startswith("@") else value
    elif word in ("--paginate", "--silent"):
        pass
    else:
        assert not word.startswith("-") and path is None, word
        path = word
method = method or ("POST" if fields else "GET")
url = urlsplit(path)
where, query = url.path.removeprefix("repos/acme/portal/"), parse_qs(url.query)
bot = {{"type": "Bot"}}

def answer():
    if method == "GET" and where == "actions/artifacts":
        return {{"artifacts": [a for a in state["artifacts"] if a["name"] == query["name"][0]]}}
    if method == "GET" and (m := re.fullmatch(r"actions/artifacts/(\\d+)/zip", where)):
        sys.stdout.buffer.write(pathlib.Path(state["artifacts"][int(m[1])]["file"]).read_bytes())
        sys.exit()
    if m := re.fullmatch(r"issues/(\\d+)/comments", where):
        comments = state["comments"]
        if method == "GET":
            return [c for c in comments if c["issue"] == m[1]]
        comments.append({{"id": len(comments), "issue": m[1], "user": bot, **fields}})
        return comments[-1]
    if method == "PATCH" and (m := re.fullmatch(r"issues/comments/(\\d+)", where)):
        state["comments"][int(m[1])].update(fields)
        return state["comments"][int(m[1])]
    if where == "issues" and method == "GET":
        return [i for i in state["issues"] if i["state"] == query["state"][0]]
    if where == "issues" and method == "POST":
        new = {{"number": len(state["issues"]), "state": "open", "user": bot, **fields}}
        state["issues"].append(new)
        return new
    if method == "PATCH" and (m := re.fullmatch(r"issues/(\\d+)", where)):
        state["issues"][int(m[1])].update(fields)
        return state["issues"][int(m[1])]
    raise SystemExit(f"gh: Not Found (HTTP 404): {{method}} {{where}}")

said = answer()
state_file.write_text(json.dumps(state))
print(json.dumps(said))
'''


@dataclass
class GitHub:
    """What a repository on GitHub keeps, and a folder of programs for its jobs."""

    folder: Path
    state: Path = field(init=False)

    def __post_init__(self):
        self.state = self.folder / "github.json"
        (self.folder / "bin").mkdir(parents=True)
        self.write({"artifacts": [], "comments": [], "issues": []})
        gh = self.folder / "bin" / "gh"
        gh.write_text(GH.format(python=sys.executable, state=str(self.state)), "utf-8")
        gh.chmod(0o755)

    def read(self):
        return json.loads(self.state.read_text("utf-8"))

    def write(self, state):
        self.state.write_text(json.dumps(state), "utf-8")

    def keep(self, name, files, root):
        """Keep files as an artifact, as `actions/upload-artifact` does."""
        state = self.read()
        number = len(state["artifacts"])
        archive = self.folder / f"artifact-{number}.zip"
        with zipfile.ZipFile(archive, "w") as zipped:
            for file in files:
                zipped.write(file, file.relative_to(root))
        run = {"repository_id": 1, "head_repository_id": 1}
        artifact = {"id": number, "name": name, "expired": False, "workflow_run": run}
        state["artifacts"].append(
            artifact | {"created_at": f"2026-01-{number + 1:02}", "file": str(archive)}
        )
        self.write(state)


@dataclass
class Runner:
    """Runs the jobs of a workflow file in the folder of a repository."""

    workflow: Path
    repository: Path
    github: GitHub
    variables: dict
    inputs: dict
    event: dict
    secrets: dict = field(default_factory=dict)
    log: str = ""
    summary: str = ""
    needs: dict = field(default_factory=dict)

    def run(self, job=None):
        """Run a job, or the only one; whether it succeeded."""
        data = yaml.safe_load(self.workflow.read_text("utf-8"))
        jobs = data["jobs"]
        name = job or next(iter(jobs))
        scope = {"steps": {}, "failed": False}
        environment = self.filled({**data.get("env", {}), **jobs[name].get("env", {})}, scope)
        if "if" in jobs[name] and not self.evaluate(jobs[name]["if"], scope):
            return None
        for step in jobs[name]["steps"]:
            wanted = step.get("if", "${{ success() }}")
            if "cancelled()" not in wanted and scope["failed"]:
                continue
            if not self.evaluate(wanted, scope):
                continue
            done = self.step(step, environment, scope)
            scope["failed"] |= not done
        outputs = jobs[name].get("outputs", {})
        self.needs[name] = {"outputs": self.filled(outputs, scope)}
        return not scope["failed"]

    def step(self, step, environment, scope):
        if "uses" in step:
            return self.action(step, scope)
        if step.get("name") == "Install":
            # What is installed here is what is tested.
            assert step["run"] == 'python3 -m pip install --quiet "$INSTALL"'
            return True
        output, summary = self.github.folder / "output", self.github.folder / "summary"
        output.write_text("", "utf-8")
        summary.write_text("", "utf-8")
        variables = self.variables | environment | self.filled(step.get("env", {}), scope)
        variables |= {
            "PATH": f"{self.github.folder / 'bin'}:{Path(sys.executable).parent}:/usr/bin:/bin",
            "GITHUB_REPOSITORY": "acme/portal",
            "GITHUB_OUTPUT": str(output),
            "GITHUB_STEP_SUMMARY": str(summary),
        }
        # As GitHub runs a `run:` on Linux without `shell:`. (GitHub Docs, "Workflow syntax", shell)
        done = subprocess.run(
            ["bash", "-e", "-c", step["run"]],
            cwd=self.repository,
            env={k: str(v) for k, v in variables.items()},
            capture_output=True,
            text=True,
            timeout=120,
            check=False,
        )
        self.log += done.stdout + done.stderr
        self.summary += summary.read_text("utf-8")
        outputs = dict(line.split("=", 1) for line in output.read_text("utf-8").splitlines())
        outcome = "success" if done.returncode == 0 else "failure"
        if "id" in step:
            scope["steps"][step["id"]] = {"outputs": outputs, "outcome": outcome}
        return done.returncode == 0

    def action(self, step, scope):
        given = self.filled(step.get("with", {}), scope)
        match step["uses"].partition("@")[0]:
            case "actions/checkout" | "actions/setup-python":
                # A job begins in a clean folder.
                if "checkout" in step["uses"]:
                    for left in ("reports", "reviewed.zip", "comment.md", "issue.md"):
                        path = self.repository / left
                        shutil.rmtree(path) if path.is_dir() else path.unlink(missing_ok=True)
            case "actions/upload-artifact":
                path = self.repository / given["path"]
                files = (
                    [path] if path.is_file() else sorted(p for p in path.rglob("*") if p.is_file())
                )
                root = path.parent if path.is_file() else path
                self.github.keep(given["name"], files, root)
            case "actions/download-artifact":
                artifacts = self.github.read()["artifacts"]
                (*_, newest) = [a for a in artifacts if a["name"] == given["name"]]
                with zipfile.ZipFile(newest["file"]) as zipped:
                    zipped.extractall(self.repository / given["path"])
            case other:
                raise AssertionError(f"the runner knows no action {other}")
        return True

    def filled(self, values, scope):
        return {
            name: re.sub(r"\$\{\{(.*?)\}\}", lambda m: self.text(m[1], scope), str(value))
            for name, value in values.items()
        }

    def text(self, expression, scope):
        found = self.evaluate(expression, scope)
        return "" if found is None else str(found)

    def evaluate(self, expression, scope):
        """The value of an expression of our workflows: `||`, `&&`, `==`, `!=`, names, literals."""
        words = expression.strip().removeprefix("${{").removesuffix("}}").strip()
        for operator in ("||", "&&"):
            if operator in words:
                left, right = (self.evaluate(w, scope) for w in words.split(operator, 1))
                return (left or right) if operator == "||" else (left and right)
        for operator in ("==", "!="):
            if operator in words:
                left, right = (self.evaluate(w, scope) for w in words.split(operator, 1))
                return (left == right) is (operator == "==")
        if words.startswith("'"):
            return words.strip("'")
        known = {
            "true": True,
            "success()": not scope["failed"],
            "!cancelled()": True,
            "github.token": "ghs_token",
        }
        return known[words] if words in known else self.named(words, scope)

    def named(self, words, scope):
        root, *path = words.split(".")
        roots = {
            "inputs": self.inputs,
            "vars": {},
            "secrets": self.secrets,
            "github": self.event,
            "steps": scope["steps"],
            "needs": self.needs,
        }
        found = roots[root]
        for part in path:
            found = (found or {}).get(part)
        return found
