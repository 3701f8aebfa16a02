"""What AWS refuses, as what to do about it. No value of the function's environment is ever in here."""

from botocore.exceptions import BotoCoreError, ClientError, ConnectionError, HTTPClientError, NoRegionError

RIGHTS = (
    "lambda:GetFunctionConfiguration",
    "lambda:ListTags",
    "tag:GetResources",
    "lambda:GetLayerVersion",
    "iam:PassRole",
    "lambda:CreateFunction",
    "lambda:TagResource",
    "lambda:InvokeFunction",
    "lambda:DeleteFunction",
    "logs:DeleteLogGroup",
)
"""What the caller needs for any function."""

MORE_RIGHTS = {
    "in a VPC": ("ec2:DescribeVpcs", "ec2:DescribeSubnets", "ec2:DescribeSecurityGroups"),
    "with a KMS key of its own": ("kms:Decrypt", "kms:Encrypt", "kms:CreateGrant"),
    "with files of its package in its settings": ("lambda:GetFunction",),
}
"""What the caller needs besides, for a function that is so."""

DENIED = ("AccessDenied", "AccessDeniedException", "UnauthorizedOperation", "KMSAccessDeniedException")
GONE = ("ResourceNotFoundException",)
_NOT_ASSUMED = "cannot be assumed by Lambda"


class NotExaminedError(RuntimeError):
    """There is nothing that could be examined, or no way to; the message says what to do."""


class ExaminationError(RuntimeError):
    """The examination itself went wrong; the message says where."""


def code_of(error: ClientError) -> str:
    """AWS's code for an error."""
    return str(error.response["Error"]["Code"])


def explain(error: ClientError) -> str:
    """AWS's words, and what to do."""
    words = error.response["Error"].get("Message") or code_of(error)
    told = f"AWS refuses {error.operation_name}: {words}"
    if code_of(error) in DENIED:
        return f"{told}\n{needed()}"
    if _NOT_ASSUMED in words:
        return (
            f"{told}\nThe clone is another function: look whether the role's trust policy is bound to the function's "
            "own ARN (aws:SourceArn). Then examine it from within: docs/runbook.md, `Without a clone`."
        )
    if code_of(error) == "TooManyRequestsException":
        return f"{told}\nThe account has no execution free that is not reserved for some function."
    if error.operation_name == "CreateFunction" and "layer" in words.lower():
        return f"{told}\nThe function goes on with a layer that is gone, but nothing new can be made of it: deploy it."
    return told


def unasked(error: BotoCoreError) -> str:
    """Why AWS could not even be asked, and what to do."""
    words = f"AWS: {str(error).rstrip('.')}."
    if isinstance(error, NoRegionError):
        return f"{words} Export AWS_DEFAULT_REGION, or name the function by its ARN."
    if isinstance(error, ConnectionError | HTTPClientError):
        return f"{words} Look at the region, the network and the proxy."
    return f"{words} Log in first: `aws sts get-caller-identity` must work."


def needed() -> str:
    """The rights that the caller needs, as text."""
    more = "; ".join(f"{which}: {', '.join(rights)}" for which, rights in MORE_RIGHTS.items())
    return f"Whoever runs this needs {', '.join(RIGHTS)}. For a function {more}. (docs/runbook.md has the policy.)"
