"""Names in a mapping or a condition that no credential of AWS has."""

from collections.abc import Iterator

from keyless_federation.conditions.boundary import aws_claims
from keyless_federation.conditions.explain import references
from keyless_federation.conditions.trust import (
    GROUPS,
    ConditionWithoutValueError,
    EvaluationFailedError,
    RejectedError,
    Trust,
)

# What Google makes of GetCallerIdentity. https://cloud.google.com/iam/docs/workload-identity-federation-with-other-clouds
CLAIMS = ("arn", "account", "userid")
KNOWN = f"an AWS credential has {', '.join(f'assertion.{claim}' for claim in CLAIMS)}, and no other claim"


def unmapped(trust: Trust, proof: str) -> Iterator[tuple[str, dict[str, str]]]:
    """Return, for each name that nothing has, a remedy and what follows for the caller with the ARN `proof`."""
    for key, program in trust.mapping.items():
        for name in strange_claims(program.source):
            problem = f"{name}, which {key} is mapped to, is nowhere: {_consequence(trust, proof)}"
            yield f"take {name} out of the mapping: {KNOWN}", {problem: proof}
    for name in references(trust.source):
        if remedy := _remedy(trust, name):
            yield remedy, {f"{name} is nowhere: {_consequence(trust, proof)}": proof}


def strange_claims(source: str) -> list[str]:
    """Return the claims that an expression looks at and AWS does not have."""
    known = {f"assertion.{claim}" for claim in CLAIMS}
    return [name for name in references(source) if name.startswith("assertion.") and name not in known]


def _remedy(trust: Trust, name: str) -> str:
    if strange_claims(name):
        return f"replace {name}: {KNOWN}"
    if (name.startswith("attribute.") or name == GROUPS) and name not in trust.mapping:
        return f"map {name}, or use what is mapped: {', '.join(sorted(trust.mapping))}"
    return ""


def _consequence(trust: Trust, arn: str) -> str:
    try:
        trust.admit(aws_claims(arn))
    except ConditionWithoutValueError:
        return "there the condition has no value, so that nobody gets in"
    except EvaluationFailedError as error:
        return f"there {error}, so that nobody gets in"
    except RejectedError:
        return "a clause that looks at it is never true"
    return "a clause that looks at it decides nothing"
