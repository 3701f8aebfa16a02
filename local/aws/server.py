"""`python -m local aws`: the local AWS in the foreground, and nothing of it left when it ends."""

import argparse
import os
import sys
import tempfile
from collections.abc import Mapping
from pathlib import Path

from local.aws.functions.runtime import DEFAULT_PYTHON, Runtime, RuntimeMissing
from local.aws.functions.variables import CERTIFICATES
from local.aws.supervisor import supervise

ROOT = Path(__file__).parents[2]


def main(argv: list[str]) -> None:
    """Serve on 127.0.0.1 until SIGTERM or Ctrl-C; exit with 1 when the server ends by itself."""
    options = _options(argv)
    try:
        runtime = Runtime.find(options.runtime_python.absolute())
    except RuntimeMissing as error:
        raise SystemExit(f"local aws: {error}") from error
    print(f"local aws: {runtime.notice}", flush=True)
    command = [sys.executable, "-m", "local.aws.emulator"]
    command += [os.fspath(runtime.python), runtime.version, runtime.isolation]
    with tempfile.TemporaryDirectory(prefix="keyless-aws-", ignore_cleanup_errors=True) as temporary:
        environment = _environment(options, temporary, os.environ)
        ended = supervise(command, environment, ROOT, with_parent=options.die_with_parent)
    raise SystemExit(ended)


def _options(argv: list[str]) -> argparse.Namespace:
    parser = argparse.ArgumentParser(prog="python -m local aws", description=__doc__)
    parser.add_argument("--port", type=int, required=True)
    parser.add_argument("--account", default="111122223333", help="the account's 12 digits (%(default)s)")
    parser.add_argument("--region", default="eu-west-1", help="the default region (%(default)s)")
    parser.add_argument(
        "--runtime-python",
        type=Path,
        default=DEFAULT_PYTHON,
        help="an interpreter with awslambdaric, which runs the functions (build/runtime/bin/python)",
    )
    parser.add_argument(
        "--die-with-parent", action="store_true", help="end when the process that started this one has ended"
    )
    return parser.parse_args(argv)


def _environment(options: argparse.Namespace, temporary: str, host: Mapping[str, str]) -> dict[str, str]:
    """All that MiniStack sees: its settings, and of the host what a program needs to run at all.

    The root pair is whatever the caller's own clients use. MiniStack does not check a root key's secret.
    """
    passed = {name: host[name] for name in ("PATH", "KEYLESS_CACHE", *CERTIFICATES) if name in host}
    return passed | {
        "AUTH": "true",
        "AWS_ACCESS_KEY_ID": host.get("AWS_ACCESS_KEY_ID", "test"),
        "AWS_SECRET_ACCESS_KEY": host.get("AWS_SECRET_ACCESS_KEY", "test"),
        "BIND_HOST": "127.0.0.1",  # MiniStack's default is every interface
        "GATEWAY_PORT": str(options.port),
        "HOME": temporary,
        "IOT_MTLS_ENABLED": "0",
        "LAMBDA_EXECUTOR": "local",
        "LAMBDA_WARM_TTL_SECONDS": "86400",  # provisioned environments are not surplus
        "MINISTACK_ACCOUNT_ID": options.account,
        "MINISTACK_HOST": "127.0.0.1",
        "MINISTACK_REGION": options.region,
        "PYTHONUNBUFFERED": "1",
        "SFTP_ENABLED": "0",
        "TMPDIR": temporary,
    }
