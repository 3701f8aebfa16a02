"""What several environments of a function say at once is all in its log."""

import json
import os
import subprocess
import sys
from pathlib import Path

from tests.local.aws_lab import ACCOUNT, REGION, ROOT

# In a process of its own, as it patches MiniStack: it makes a log group no sooner than two ask for it, if they can.
FIRST_LINES = """
import json, threading
from local.aws.internals import cloudwatch_logs, lambda_svc
from local.aws.functions.logs import LogStream

both, name = threading.Barrier(2, timeout=1), cloudwatch_logs._make_group_arn

def make_group_arn(group):
    try:
        both.wait()
    except threading.BrokenBarrierError:
        pass
    return name(group)

cloudwatch_logs._make_group_arn = make_group_arn
config = {"FunctionName": "busy", "FunctionArn": "ARN"}
writers = [threading.Thread(target=LogStream(config).write, args=(f"line {number}",)) for number in range(2)]
for writer in writers:
    writer.start()
for writer in writers:
    writer.join()
find = lambda: cloudwatch_logs._filter_log_events({"logGroupName": "/aws/lambda/busy"})
_, _, body = lambda_svc._run_with_function_config_scope(config, find)
print(json.dumps([event["message"] for event in json.loads(body)["events"]]))
"""


def test_the_first_lines_of_two_environments_are_both_kept(tmp_path: Path) -> None:
    code = FIRST_LINES.replace("ARN", f"arn:aws:lambda:{REGION}:{ACCOUNT}:function:busy")
    env = {"PYTHONPATH": str(ROOT), "PATH": os.defpath, "HOME": str(tmp_path), "TMPDIR": str(tmp_path)}
    ended = subprocess.run([sys.executable, "-c", code], env=env, capture_output=True, text=True, timeout=120)
    assert ended.returncode == 0, ended.stderr
    assert sorted(json.loads(ended.stdout.splitlines()[-1])) == ["line 0", "line 1"]
