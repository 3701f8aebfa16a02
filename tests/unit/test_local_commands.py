"""`python -m local COMMAND --help` loads no server: whoever asks for the arguments has the answer at once."""

import json
import os
import subprocess
import sys

import pytest

from local.setup import ROOT

SERVERS = {"bqemulator", "duckdb", "ministack", "starlette", "uvicorn"}
ASK = """
import json, sys
from local.__main__ import main
try:
    main([sys.argv[1], "--help"])
except SystemExit as ended:
    print(json.dumps([ended.code, sorted({name.partition(".")[0] for name in sys.modules})]))
"""


@pytest.mark.parametrize("command", ["aws", "google", "terraform"])
def test_help_loads_no_server(command: str) -> None:
    asked = [sys.executable, "-c", ASK, command]
    done = subprocess.run(
        asked, env={**os.environ, "PYTHONPATH": str(ROOT)}, capture_output=True, text=True, check=True
    )
    *printed, last = done.stdout.splitlines()
    code, modules = json.loads(last)
    assert code == 0
    assert printed[0].startswith(f"usage: python -m local {command}")
    assert SERVERS & set(modules) == set()
