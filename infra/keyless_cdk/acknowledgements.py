"""Why a finding of cdk-nag stands: said beside the construct that it concerns; tests/infra/test_checks.py reads it."""

from collections.abc import Mapping

from aws_cdk import Acknowledgment, Validations
from constructs import Construct


def acknowledge(construct: Construct, reasons: Mapping[str, str]) -> None:
    """Let findings under `construct` stand; `reasons` has for each rule, such as `AwsSolutions-L1`, why.

    A finding about one action or resource is named in full: `AwsSolutions-IAM5[Action::s3:*]`.
    """
    found = [Acknowledgment(id=f"{rule.partition('-')[0]}::{rule}", reason=why) for rule, why in reasons.items()]
    Validations.of(construct).acknowledge(*found)
