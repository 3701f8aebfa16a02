"""`make up` and `make down`: what is left running between them can be reached from a shell, and then is gone."""

import os
import re
import stat
import subprocess
import sys
from pathlib import Path

import pytest

from local import up
from local.process import group_lives
from local.setup import ROOT

READ_ENVIRONMENT = f'. "$1"; exec {sys.executable} -m local invoke \'{{"word": "wherefore"}}\''


def test_up_leaves_clouds_that_a_shell_can_reach_and_down_ends_them(tmp_path: Path) -> None:
    folder, env_file = tmp_path / "up", tmp_path / "local.env"
    command = f"from pathlib import Path; from local.up import up; up(Path({str(folder)!r}), Path({str(env_file)!r}))"
    subprocess.run([sys.executable, "-c", command], cwd=ROOT, check=True, timeout=300)
    try:
        groups = [int(group) for group in (folder / "process-groups").read_text().split()]
        assert all(map(group_lives, groups))
        assert stat.S_IMODE(env_file.stat().st_mode) == 0o600
        assert set(re.findall(r"^export (\w+)=", env_file.read_text(), re.MULTILINE)) == set(up.SHOWN)
        bare = {"PATH": os.environ["PATH"]}
        shell = ["sh", "-c", READ_ENVIRONMENT, "sh", str(env_file)]
        rows = subprocess.run(shell, cwd=ROOT, env=bare, capture_output=True, text=True, check=True, timeout=300).stdout
        assert "thecomedyoferrors" in rows
        with pytest.raises(SystemExit, match="running already"):
            up.up(folder, env_file)
    finally:
        assert up.down(folder, env_file)
    assert not any(map(group_lives, groups))
    assert list(tmp_path.iterdir()) == []
    assert not up.down(folder, env_file)
