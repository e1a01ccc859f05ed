"""A wheel works as well as a checkout: `declaim` runs from any directory and finds its profiles."""

import subprocess
import sys
import zipfile
from pathlib import Path

from .conftest import SAMPLE, TOP


def test_a_wheel_runs_from_any_directory(tmp_path: Path, environment: dict[str, str]) -> None:
    build = [sys.executable, "-m", "pip", "wheel", "--quiet", "--no-deps", "--wheel-dir", str(tmp_path), str(TOP)]
    subprocess.run(build, check=True, cwd=tmp_path, capture_output=True)
    (wheel,) = tmp_path.glob("declaim-*.whl")
    installed, elsewhere = tmp_path / "installed", tmp_path / "elsewhere"
    elsewhere.mkdir()
    with zipfile.ZipFile(wheel) as archive:
        archive.extractall(installed)
    # The checkout may be installed in this environment too; what comes first on the path is what runs.
    run = environment | {"PYTHONPATH": str(installed)}
    for arguments, expected in (
        (["voices", "--profile", "piper"], "en_US-joe-medium"),
        (["plan", str(SAMPLE), "--set", f"store.url={tmp_path}/store"], "3 chapters"),
    ):
        done = subprocess.run(
            [
                sys.executable,
                "-c",
                "import sys, flows.cli; print(flows.cli.__file__); sys.exit(flows.cli.main())",
                *arguments,
            ],
            cwd=elsewhere,
            env=run,
            capture_output=True,
            text=True,
            check=False,
        )
        assert done.returncode == 0, done.stderr
        assert str(installed) in done.stdout
        assert expected in done.stdout
