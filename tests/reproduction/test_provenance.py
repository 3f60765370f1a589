"""What a result says of the code that made it."""

import subprocess

from pyro_factor.reproduction import provenance


def test_a_package_within_somebodys_project_has_no_commit_of_it(tmp_path, monkeypatch):
    package = tmp_path / "project" / ".venv" / "pyro_factor"
    package.mkdir(parents=True)
    (package / "__init__.py").write_text("")
    monkeypatch.setattr(provenance, "PACKAGE", package)

    def git(*words):
        identity = ("-c", "user.name=A", "-c", "user.email=a@b.c")
        subprocess.run(["git", *identity, *words], cwd=tmp_path / "project", check=True)

    git("init", "--quiet")
    git("commit", "--quiet", "--allow-empty", "-m", "Begin")
    assert provenance.commit() is None
    git("add", "--force", ".")
    git("commit", "--quiet", "-m", "Vendor it")
    assert len(provenance.commit()) == 40
    (package / "__init__.py").write_text("changed")
    assert provenance.commit().endswith("-dirty")
