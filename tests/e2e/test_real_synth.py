"""`cdk synth` for the real clouds, by the real CLI, with the network cut off."""

import json
import os
import subprocess
from pathlib import Path

from local.deployment import CDK
from local.setup import ROOT
from tests.infra.context import CONTEXT

DEAD = "http://127.0.0.1:9"


def test_synth_for_the_real_clouds_needs_no_network(tmp_path: Path) -> None:
    from keyless_cdk.layer import build  # only now: aws_cdk starts Node

    build("python3.13", "arm64")  # the first build for a target fetches its wheels; synth reuses it
    environment = {
        "PATH": f"{ROOT / '.venv' / 'bin'}{os.pathsep}{os.defpath}",
        "HOME": str(tmp_path),
        "CDK_DISABLE_CLI_TELEMETRY": "true",
        "UV_OFFLINE": "1",
        **{name: DEAD for name in ("HTTP_PROXY", "HTTPS_PROXY", "http_proxy", "https_proxy", "AWS_ENDPOINT_URL")},
    }
    command = [str(CDK), "synth", "--quiet", "--output", str(tmp_path / "out"), "-c", f"keyless={json.dumps(CONTEXT)}"]
    subprocess.run(command, cwd=ROOT, env=environment, check=True, timeout=300)
    template = json.loads((tmp_path / "out" / "keyless-bigquery-dev.template.json").read_text())
    functions = [r["Properties"] for r in template["Resources"].values() if r["Type"] == "AWS::Lambda::Function"]
    assert {(f["Runtime"], *f["Architectures"]) for f in functions} == {("python3.13", "arm64")}
    assert DEAD not in json.dumps(template)


def test_synth_without_settings_says_which_command_makes_them(tmp_path: Path) -> None:
    environment = {"PATH": f"{ROOT / '.venv' / 'bin'}{os.pathsep}{os.defpath}", "HOME": str(tmp_path)}
    command = [str(CDK), "synth", "--output", str(tmp_path / "out")]
    result = subprocess.run(command, cwd=ROOT, env=environment, capture_output=True, text=True, timeout=300)
    assert result.returncode == 1
    assert "Run `keyless bootstrap`" in result.stderr
    assert "Traceback" not in result.stderr
