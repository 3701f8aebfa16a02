"""The trust boundary: an AWS provider's condition, made, checked and explained (`python -m infra.conditions`)."""

from infra.conditions.boundary import MAPPING, attribute_condition, aws_claims, check, hostile_arns, quoted
from infra.trust import ConditionError, Trust

__all__ = ["MAPPING", "ConditionError", "Trust", "attribute_condition", "aws_claims", "check", "hostile_arns", "quoted"]
