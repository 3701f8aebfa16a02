"""What the bootstrap says to whoever runs it with too few rights."""

import pytest

from keyless_cli.bootstrap.administrator import READER, explain
from keyless_federation.errors import GoogleError

NOT_ALLOWED = (
    "Caller does not have required permission to use project home. Grant the caller the "
    "roles/serviceusage.serviceUsageConsumer role"
)
NOT_SET = "The iam.googleapis.com API requires a quota project, which is not set by default."


@pytest.mark.parametrize("words", [NOT_ALLOWED, NOT_SET])
def test_both_refusals_about_the_quota_project_are_recognised(words: str) -> None:
    error = GoogleError(403, "PERMISSION_DENIED", words, attempted="read it", needs=("iam.roles.list",))
    told = explain(error)
    assert "gcloud auth application-default set-quota-project PROJECT" in told
    assert "roles/serviceusage.serviceUsageConsumer" in told
    assert "iam.roles.list" not in told


def test_whoever_only_looks_needs_to_use_the_quota_project() -> None:
    assert "roles/serviceusage.serviceUsageConsumer" in READER
