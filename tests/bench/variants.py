"""What is compared: Keyless as it is copied, and the usual ways with stock packages."""

import hashlib
import json
import os
import shutil
import subprocess
import sys
from collections.abc import Mapping
from dataclasses import dataclass, field
from pathlib import Path

from lambda_layer.build import build
from local.setup import caches, machine, runtime

HERE = Path(__file__).parent
ROOT = HERE.parents[1]
BUILD = ROOT / "build"
RUNTIME = BUILD / "runtime" / "bin" / "python"
STOCK_LOCK = HERE / "requirements.lock"

AUDIENCE = "//iam.googleapis.com/projects/123456789012/locations/global/workloadIdentityPools/pool/providers/lambda"
ACCOUNT = "reader@example-project.iam.gserviceaccount.com"
BUNDLES = ("certifi/cacert.pem", "keyless/net/google_roots.pem")
"""The roots that a variant trusts unless told otherwise."""


@dataclass(frozen=True, slots=True, kw_only=True)
class Variant:
    """A function: its code, what lies at /opt, its handler and its own variables."""

    name: str
    task: Path
    opt: Path
    handler: str = "handler.handler"
    variables: Mapping[str, str] = field(default_factory=dict)

    def environ(self) -> dict[str, str]:
        """The whole environment of its process, as on Lambda."""
        return {
            "AWS_ACCESS_KEY_ID": "ASIAEXAMPLEEXAMPLE00",
            "AWS_DEFAULT_REGION": "eu-central-1",
            "AWS_EXECUTION_ENV": f"AWS_Lambda_{runtime()}",
            "AWS_LAMBDA_FUNCTION_MEMORY_SIZE": "256",
            "AWS_LAMBDA_FUNCTION_NAME": "bench",
            "AWS_LAMBDA_FUNCTION_VERSION": "$LATEST",
            "AWS_LAMBDA_INITIALIZATION_TYPE": "on-demand",
            "AWS_REGION": "eu-central-1",
            "AWS_SECRET_ACCESS_KEY": "secret-of-the-role",
            "AWS_SESSION_TOKEN": "session-token-of-the-role" * 30,
            "GOOGLE_CLOUD_PROJECT": "example-project",
            "LAMBDA_RUNTIME_DIR": "/var/runtime",
            "LAMBDA_TASK_ROOT": str(self.task),
            "LANG": "en_US.UTF-8",
            "PATH": "/usr/local/bin:/usr/bin:/bin",
            "POWERTOOLS_SERVICE_NAME": "bench",
            "TZ": ":UTC",
            "_HANDLER": self.handler,
            **self.variables,
        }


def prepare(scratch: Path, authority: Path) -> dict[str, Variant]:
    """All variants by name, trusting `authority` as well."""
    stock = _with_root(_stock(), scratch / "stock", authority)
    layer = _with_root(_layer() / "python", scratch / "layer", authority)
    file = {"GOOGLE_APPLICATION_CREDENTIALS": str(_credential_file(scratch))}
    ours = {"KEYLESS_AUDIENCE": AUDIENCE, "KEYLESS_SERVICE_ACCOUNT": ACCOUNT, "KEYLESS_APIS": "bigquery"}
    once = {"BENCH_ONE_REQUEST": "1"}
    naive, top = HERE / "functions" / "naive", HERE / "functions" / "naive_top"
    variants = (
        Variant(name="naive", task=naive, opt=stock, variables=file),
        Variant(name="naive, one request", task=naive, opt=stock, variables=file | once),
        Variant(name="naive, import at the top", task=top, opt=stock, variables=file | once),
        Variant(name="Keyless", task=ROOT / "functions" / "bigquery_query", opt=layer, variables=ours),
        Variant(name="Keyless, herd", task=HERE / "functions" / "herd", opt=layer, variables=ours),
        Variant(name="naive, herd", task=HERE / "functions" / "naive_herd", opt=stock, variables=file),
    )
    return {variant.name: variant for variant in variants}


def _layer() -> Path:
    """The layer for this machine, built if it has to be; KEYLESS_BENCH_LAYER names another one."""
    chosen = os.environ.get("KEYLESS_BENCH_LAYER")
    return Path(chosen) if chosen else build(runtime(), machine()).with_suffix("")


def _stock() -> Path:
    """The same versions as in the layer, and gRPC with them, as pip installs them: bytecode and all."""
    wanted = hashlib.sha256(STOCK_LOCK.read_bytes() + sys.version.encode()).hexdigest()
    folder = BUILD / f"bench-stock-{wanted[:16]}"
    if not folder.exists():
        new = folder.with_suffix(".new")
        shutil.rmtree(new, ignore_errors=True)
        uv = Path(sys.executable).with_name("uv")
        where = ("--python", RUNTIME, "--target", new, "--link-mode", "copy")
        what = ("--no-deps", "--require-hashes", "--requirements", STOCK_LOCK)
        command: list[str | Path] = [uv, "pip", "install", "--quiet", "--compile-bytecode", *where, *what]
        subprocess.run(command, env={**os.environ, **caches()}, check=True)
        new.rename(folder)
    return folder


def _with_root(packages: Path, opt: Path, authority: Path) -> Path:
    """A folder for /opt that holds `packages`, in whose own bundles of roots there is one more.

    A variable that names a small bundle would spare everybody the cost of reading the real one.
    """
    python = opt / "python"
    python.mkdir(parents=True)
    changed = {bundle.split("/")[0] for bundle in BUNDLES}
    for entry in packages.iterdir():
        if entry.name in changed:
            shutil.copytree(entry, python / entry.name)
        else:
            (python / entry.name).symlink_to(entry)
    for bundle in (python / name for name in BUNDLES):
        if bundle.exists():
            bundle.write_text(bundle.read_text() + authority.read_text())
    return opt


def _credential_file(scratch: Path) -> Path:
    """What `gcloud iam workload-identity-pools create-cred-config --aws` writes."""
    content = {
        "universe_domain": "googleapis.com",
        "type": "external_account",
        "audience": AUDIENCE,
        "subject_token_type": "urn:ietf:params:aws:token-type:aws4_request",
        "token_url": "https://sts.googleapis.com/v1/token",
        "credential_source": {
            "environment_id": "aws1",
            "region_url": "http://169.254.169.254/latest/meta-data/placement/availability-zone",
            "url": "http://169.254.169.254/latest/meta-data/iam/security-credentials",
            "regional_cred_verification_url": (
                "https://sts.{region}.amazonaws.com?Action=GetCallerIdentity&Version=2011-06-15"
            ),
        },
        "service_account_impersonation_url": (
            f"https://iamcredentials.googleapis.com/v1/projects/-/serviceAccounts/{ACCOUNT}:generateAccessToken"
        ),
    }
    file = scratch / "credentials.json"
    file.write_text(json.dumps(content))
    return file
