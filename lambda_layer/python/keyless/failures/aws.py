"""Failures on AWS's side: no credentials, credentials that AWS does not take, and identities that Google will not."""

from keyless.failures.commands import PROVIDER
from keyless.failures.failure import Failure

AS_THE_PLATFORM = "Leave the AWS_CONTAINER_* variables as the platform sets them"
HAS_A_ROLE = "Check that the function, task or build has a role, and nothing changes the AWS_CONTAINER_* variables"
WHICH = "Run `env | grep -o -E '^AWS_[A-Z_]*'` there, which prints names and no values"
WHO = "Run `aws sts get-caller-identity` in the same place"

CREDENTIALS = (
    Failure(
        id="aws-keys-missing",
        links=("aws-credentials",),
        symptom="`aws-credentials failed for AWS_ACCESS_KEY_ID and AWS_SECRET_ACCESS_KEY`; other libraries hang on "
        "EC2's metadata service, or say `Unable to retrieve AWS credentials`",
        cause="not set, so there is no AWS identity to start from",
        confirm=WHICH,
        remedy="Lambda sets them from the function's role; elsewhere export a role's: "
        '`eval "$(aws configure export-credentials --profile PROFILE --format env)"`',
    ),
    Failure(
        id="aws-keys-missing-on-lambda",
        links=("aws-credentials",),
        symptom="the same on Lambda",
        cause="not set, although this is Lambda, which sets them from the function's role before it starts",
        confirm=WHICH,
        remedy="Look for what unsets them: a wrapper script, an extension, or the handler's own code",
    ),
    Failure(
        id="aws-keys-in-container",
        links=("aws-credentials",),
        symptom="the same with `EnvironmentSupplier` under SnapStart, on ECS, in CodeBuild or EKS Pod Identity",
        cause="not set; this environment has its credentials behind the container endpoint "
        "(AWS_CONTAINER_CREDENTIALS_*), which this supplier does not read",
        confirm=WHICH,
        remedy="Name no supplier, or ContainerSupplier",
    ),
    Failure(
        id="aws-keys-of-web-identity",
        links=("aws-credentials",),
        symptom="the same on EKS with IAM roles for service accounts (AWS_WEB_IDENTITY_TOKEN_FILE)",
        cause="not set; AWS_WEB_IDENTITY_TOKEN_FILE is, a web identity (IAM roles for service accounts), which Keyless "
        "does not read",
        confirm=WHICH,
        remedy="Use EKS Pod Identity, which Keyless reads, or export the role's keys before the start: "
        '`eval "$(aws configure export-credentials --format env)"`; they last an hour',
    ),
    Failure(
        id="aws-keys-of-profile",
        links=("aws-credentials",),
        symptom="the same with AWS_PROFILE",
        cause="not set; AWS_PROFILE is, and Keyless reads no profiles",
        confirm=WHICH,
        remedy='Export the profile\'s keys: `eval "$(aws configure export-credentials --format env)"`',
    ),
    Failure(
        id="aws-keys-malformed",
        links=("aws-credentials",),
        symptom="`aws-credentials failed for AWS_SECRET_ACCESS_KEY: it holds a character that no key has`",
        cause="it holds a character that no key has: a space, a new line, or a letter with an accent",
        confirm="Run `printenv AWS_ACCESS_KEY_ID AWS_SECRET_ACCESS_KEY AWS_SESSION_TOKEN | wc -l` there: more than 3 "
        "is wrong",
        remedy="Set the variables anew; look for what was pasted besides the key",
    ),
    Failure(
        id="aws-region-missing",
        links=("aws-credentials",),
        symptom="`aws-credentials failed for AWS_REGION`",
        cause="the variable is not set",
        confirm=WHICH,
        remedy="Set AWS_REGION, e.g. to eu-central-1",
    ),
    Failure(
        id="aws-region-of-another-partition",
        links=("aws-credentials",),
        symptom="`aws-credentials failed for cn-north-1`",
        cause="regions of aws-cn, aws-us-gov and AWS's other partitions have an STS of their own, "
        "which Google does not ask",
        confirm=WHO,
        remedy="Run the function in a region of the partition aws",
    ),
    Failure(
        id="aws-region-malformed",
        links=("aws-credentials",),
        symptom="`aws-credentials failed for AWS_REGION, a text of 10 characters`",
        cause="this is not the name of a region",
        confirm=WHICH,
        remedy="Set AWS_REGION to one",
    ),
    Failure(
        id="container-unreachable",
        links=("aws-credentials",),
        symptom="`the container endpoint could not be reached in time`",
        cause="the container endpoint could not be reached in time",
        confirm='Run `curl -sv --max-time 2 "${AWS_CONTAINER_CREDENTIALS_FULL_URI:-http://169.254.170.2}" '
        "-o /dev/null` there",
        remedy=AS_THE_PLATFORM,
        retryable=True,
    ),
    Failure(
        id="container-address-not-allowed",
        links=("aws-credentials",),
        symptom="`aws-credentials failed for AWS_CONTAINER_CREDENTIALS_FULL_URI`",
        cause="its address is neither https nor on this machine (loopback, ECS's 169.254.170.2, EKS's 169.254.170.23 "
        "and fd00:ec2::23)",
        confirm=WHICH,
        remedy=AS_THE_PLATFORM,
    ),
    Failure(
        id="container-token-file-unreadable",
        links=("aws-credentials",),
        symptom="`aws-credentials failed for AWS_CONTAINER_AUTHORIZATION_TOKEN_FILE`",
        cause="the file cannot be read (REASON)",
        confirm='Run `test -r "$AWS_CONTAINER_AUTHORIZATION_TOKEN_FILE" && echo readable` there',
        remedy=AS_THE_PLATFORM,
    ),
    Failure(
        id="container-token-malformed",
        links=("aws-credentials",),
        symptom="`aws-credentials failed for AWS_CONTAINER_AUTHORIZATION_TOKEN`",
        cause="a token of more than one line cannot be sent",
        confirm="Run `printenv AWS_CONTAINER_AUTHORIZATION_TOKEN | wc -l` there: more than 1 is wrong",
        remedy=AS_THE_PLATFORM,
    ),
    Failure(
        id="container-response-malformed",
        links=("aws-credentials",),
        symptom="`the answer of the container endpoint holds no credentials`",
        cause="the answer of the container endpoint holds no credentials",
        confirm=WHO,
        remedy=AS_THE_PLATFORM,
    ),
    Failure(
        id="container-refused",
        links=("aws-credentials",),
        symptom="`the container endpoint gives no credentials`",
        cause="the container endpoint gives no credentials",
        confirm=WHO,
        remedy=HAS_A_ROLE,
    ),
    Failure(
        id="container-endpoint-error",
        links=("aws-credentials",),
        symptom="the same with 429 or 5xx",
        cause="the container endpoint gives no credentials for the moment",
        confirm=WHO,
        remedy=HAS_A_ROLE,
        retryable=True,
    ),
    Failure(
        id="snapstart-restore",
        links=("aws-credentials",),
        symptom="after a SnapStart restore AWS says `ExpiredToken`, Google `invalid_grant`",
        cause="the credentials in the environment are older than the snapshot that this process was restored from",
        confirm="Run `aws lambda get-function-configuration --function-name FUNCTION --query SnapStart`",
        remedy="Leave AWS_ACCESS_KEY_ID and its like unset (SnapStart has its credentials behind the container "
        "endpoint, which Keyless reads), and make no copy of them before the snapshot",
    ),
    Failure(
        id="aws-credentials-expired",
        links=("aws-credentials", "sts-exchange"),
        words="ExpiredToken",
        symptom="AWS says `ExpiredToken`; Google 400 `invalid_grant: Received invalid AWS response of type "
        "ExpiredToken`",
        cause="the AWS credentials have expired",
        confirm=WHO,
        remedy="Get new ones; `python -m keyless exec -- COMMAND` renews them where AWS gives them to a container",
    ),
    Failure(
        id="aws-region-disabled",
        links=("aws-credentials", "sts-exchange"),
        words="RegionDisabledException",
        symptom="AWS says `RegionDisabledException`; Google 400 `invalid_grant: Received invalid AWS response of type "
        "RegionDisabledException`",
        cause="STS is not activated for this AWS account in the region of AWS_REGION",
        confirm="Run `aws account get-region-opt-status --region-name REGION`",
        remedy="Activate it in the account's settings, or run in another region",
    ),
    Failure(
        id="aws-credentials-refused",
        links=("aws-credentials",),
        status=403,
        words="",
        also=(("sts-exchange", "InvalidClientTokenId"), ("sts-exchange", "SignatureDoesNotMatch")),
        symptom="AWS says `InvalidClientTokenId` or `SignatureDoesNotMatch`; Google 400 `invalid_grant: Received "
        "invalid AWS response of type ...` with one of these",
        cause="AWS does not know the key, or secret and session token are not those of the key",
        confirm=WHO,
        remedy="Look for what mixes credentials of several sources: an old AWS_SESSION_TOKEN, a key pasted in part; "
        "unset all three and get new ones",
    ),
)

IDENTITY = (
    Failure(
        id="aws-unreachable",
        links=("identity",),
        symptom="a warning of the doctor: AWS's STS could not be asked",
        cause="this place has no way to AWS's STS, or a proxy or a VPC endpoint's policy stands on it; that breaks "
        "nothing, since it is Google who asks AWS",
        confirm="Run `curl -sv --max-time 5 https://HOST -o /dev/null` there",
        remedy="Nothing, as long as the exchange works; else run the doctor where AWS can be reached",
    ),
    Failure(
        id="caller-not-a-role",
        links=("identity",),
        symptom="a warning of the doctor: an ARN of another kind than `assumed-role`",
        cause="these are the credentials of SESSION_ARN, which is no session of a role: it has no attribute.aws_role",
        confirm=WHO,
        remedy="Assume a role that the provider lets in",
    ),
    Failure(
        id="subject-may-be-too-long",
        links=("identity",),
        symptom="a warning of the doctor: google.subject would be over 127 bytes",
        cause="the ARN has BYTES bytes, and google.subject may have 127; a provider made by Keyless maps the whole ARN",
        confirm=f"Run `{PROVIDER} --format='value(attributeMapping)'`",
        remedy='Shorten the names: role name + "/" + function name must fit in 88 bytes',
        seen_as="subject-too-long",
    ),
)
