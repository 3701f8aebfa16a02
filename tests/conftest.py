"""What must be so before any test module is imported."""

import os
import signal

import boto3
import pytest

from local.deployment import JSII

os.environ |= JSII  # `import aws_cdk` starts Node, and collecting the tests imports it

# Who ends the tests by SIGTERM, as a CI system does, gets what Ctrl-C gets: fixtures stop their servers.
signal.signal(signal.SIGTERM, signal.default_int_handler)
# A shell that starts them in the background has them ignore Ctrl-C, and all that they start and interrupt, too.
signal.signal(signal.SIGINT, signal.default_int_handler)


@pytest.fixture(autouse=True)
def _no_aws_session_of_an_earlier_test(monkeypatch: pytest.MonkeyPatch) -> None:
    """`boto3.client` has one session for the whole process, which keeps the first credentials that it found."""
    monkeypatch.setattr(boto3, "DEFAULT_SESSION", None)
