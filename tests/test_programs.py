"""`.ci/install-programs`: it asks apt for what is missing, where it may, and for nothing else."""

import os
import shutil
import subprocess
from pathlib import Path

import pytest

from tests import skip_reasons

SCRIPT = Path(__file__).parents[1] / ".ci" / "install-programs"
PROGRAMS = ("chromium", "java", "cc", "sqlite3", "systemd-analyze")
NOBODY = 65_534
# It writes down what it is asked for.
APT = '#!/bin/sh\necho "$DEBIAN_FRONTEND: $*" >> "$0.log"\n'
as_root = pytest.mark.skipif(os.geteuid() != 0, reason=f"{skip_reasons.ROOT} to install")
with_postgres = pytest.mark.skipif(
    not [*Path("/usr/lib/postgresql").glob("*/bin/initdb")], reason="PostgreSQL is not here"
)


def machine(folder: Path, *programs: str) -> Path:
    """Make a folder that holds the only programs of a machine."""
    path = folder / "bin"
    path.mkdir()
    for name in programs:
        (path / name).write_text(APT if name == "apt-get" else "#!/bin/sh\n", "utf-8")
        (path / name).chmod(0o755)
    return path


def install(path: Path, user: int | None = None) -> subprocess.CompletedProcess[str]:
    """Run the script with the programs of a folder alone."""
    bash = shutil.which("bash")
    assert bash
    # From its text: another user may not be able to read the file.
    return subprocess.run(
        [bash, "-c", SCRIPT.read_text("utf-8")],
        env={"PATH": str(path)},
        cwd="/",
        user=user,
        capture_output=True,
        text=True,
        check=False,
    )


def asked(path: Path) -> list[str]:
    log = path / "apt-get.log"
    return log.read_text("utf-8").splitlines() if log.exists() else []


@with_postgres
def test_where_all_is_there_nothing_is_asked_for(tmp_path: Path) -> None:
    path = machine(tmp_path, *PROGRAMS, "apt-get")
    assert install(path).returncode == 0
    assert asked(path) == []


@as_root
@with_postgres
@pytest.mark.parametrize(
    ("program", "packages"),
    [
        ("chromium", "chromium"),
        ("java", "default-jre-headless"),
        ("cc", "gcc libc6-dev"),
        ("systemd-analyze", "systemd"),
    ],
)
def test_what_is_missing_is_installed(program: str, packages: str, tmp_path: Path) -> None:
    path = machine(tmp_path, *({*PROGRAMS} - {program}), "apt-get")
    assert install(path).returncode == 0
    update, installation = asked(path)
    assert update == "noninteractive: update"
    assert installation == f"noninteractive: install --yes --no-install-recommends {packages}"


def test_without_apt_it_says_what_is_missing_and_fails(tmp_path: Path) -> None:
    done = install(machine(tmp_path, *({*PROGRAMS} - {"chromium"})))
    assert done.returncode == 1
    assert "as root: apt-get install --no-install-recommends chromium" in done.stderr


@as_root
def test_a_user_without_rights_is_told_what_is_missing(tmp_path: Path) -> None:
    path = machine(tmp_path, "apt-get")
    done = install(path, NOBODY)
    assert done.returncode == 1
    assert "as root: apt-get install --no-install-recommends chromium default-jre-headless gcc" in done.stderr
    assert asked(path) == []
