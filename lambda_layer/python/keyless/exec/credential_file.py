"""The file that tells a Google client library how to get its token: no secret of Google's or AWS's is in it."""

import json
import os
from pathlib import Path

from keyless.chain.links import VERIFICATION_URL
from keyless.config import Config
from keyless.exec.metadata import Metadata
from keyless.external_account import AWS_SUBJECT_TOKEN_TYPE


def write(folder: Path, config: Config, server: Metadata) -> Path:
    """Write a file of type external_account (google.aip.dev/auth/4117) into `folder`; only its owner can read it."""
    content = {
        "type": "external_account",
        "audience": config.audience,
        "subject_token_type": AWS_SUBJECT_TOKEN_TYPE,
        "token_url": config.token_url,
        "credential_source": {
            "environment_id": "aws1",
            "region_url": server.region_url,
            "url": server.credentials_url,
            "imdsv2_session_token_url": server.session_token_url,
            "regional_cred_verification_url": VERIFICATION_URL.replace("{region}", config.sts_region or "{region}"),
        },
    }
    if config.impersonation_url:
        content["service_account_impersonation_url"] = config.impersonation_url
        content["service_account_impersonation"] = {"token_lifetime_seconds": config.token_lifetime}
    if config.quota_project:
        content["quota_project_id"] = config.quota_project
    path = folder / "credentials.json"
    with os.fdopen(os.open(path, os.O_WRONLY | os.O_CREAT | os.O_EXCL, 0o600), "w") as file:
        json.dump(content, file, indent=2)
    return path
