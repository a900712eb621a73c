"""Only files of the repository are read, secrets only from outside, and outputs are private."""

from __future__ import annotations

import os
import stat
from pathlib import Path

import pytest

from provisioner.spec import files


def mode(path):
    return stat.S_IMODE(path.stat().st_mode)


@pytest.fixture
def checkout(tmp_path):
    """A repository with a spec, and a folder of secrets beside it."""
    (tmp_path / "repository" / ".git").mkdir(parents=True)
    (tmp_path / "repository" / "specs").mkdir()
    (tmp_path / "secrets").mkdir()
    (tmp_path / "secrets" / "key").write_text("key-4711\n")
    return tmp_path / "repository"


def test_the_root_is_the_repository_or_else_the_folder_itself(checkout, tmp_path):
    assert files.root(checkout / "specs") == checkout
    (tmp_path / "alone").mkdir()
    assert files.root(tmp_path / "alone") == tmp_path / "alone"


def test_a_secret_is_read_from_an_allowed_folder_only(checkout, tmp_path):
    key, allowed = str(tmp_path / "secrets" / "key"), str(tmp_path / "secrets")
    assert files.read_secret(key, checkout, allowed) == "key-4711\n"
    assert files.read_secret("key", checkout, f"/nowhere{os.pathsep}{allowed}") == "key-4711\n"
    for path, folders, reason in (
        (key, "", "it is not in a folder that `PROVISIONER_SECRETS_DIR` names"),
        (key, "secrets", "it is not in a folder that `PROVISIONER_SECRETS_DIR` names"),
        (
            "../repository/specs",
            allowed,
            "it is not in a folder that `PROVISIONER_SECRETS_DIR` names",
        ),
        (str(checkout / "specs"), str(tmp_path), "it is inside the repository of the spec"),
        (str(tmp_path / "secrets"), allowed, "it is not a regular file"),
        ("a\0b", allowed, "its name cannot be that of a file"),
    ):
        with pytest.raises(files.RefusedFileError) as caught:
            files.read_secret(path, checkout, folders)
        assert caught.value.strerror == reason


def test_a_secret_that_is_a_link_out_of_its_folder_is_refused(checkout, tmp_path):
    (tmp_path / "other").write_text("other-4711")
    (tmp_path / "secrets" / "link").symlink_to(tmp_path / "other")
    with pytest.raises(files.RefusedFileError):
        files.read_secret("link", checkout, str(tmp_path / "secrets"))


def test_a_file_is_written_whole_and_for_its_owner_only(tmp_path):
    file = tmp_path / "plan.json"
    files.write_private(file, ["one"])
    assert (file.read_text(), mode(file)) == ("one", 0o600)
    file.chmod(0o644)
    files.write_private(file, ["two"])
    assert (file.read_text(), mode(file)) == ("two", 0o600)


def test_an_interrupted_file_leaves_the_former_one_and_nothing_else(tmp_path):
    file = tmp_path / "plan.json"
    files.write_private(file, ["one"])
    seen = []

    def pieces():
        yield "two"
        seen.extend(mode(path) for path in tmp_path.iterdir())
        raise KeyboardInterrupt

    with pytest.raises(KeyboardInterrupt):
        files.write_private(file, pieces())
    assert [path.name for path in tmp_path.iterdir()] == ["plan.json"]
    assert (file.read_text(), seen) == ("one", [0o600, 0o600])


def test_a_link_is_written_through_and_a_device_is_not_replaced(tmp_path):
    (tmp_path / "real").write_text("one")
    (tmp_path / "link").symlink_to("real")
    files.write_private(tmp_path / "link", ["two"])
    assert (tmp_path / "real").read_text() == "two"
    assert (tmp_path / "link").is_symlink()
    files.write_private("/dev/null", ["x"])
    assert Path("/dev/null").is_char_device()
