"""Every rule that the product knows of Google's and AWS's names, limits and addresses: here and nowhere else.

Constructs, commands and the custom resource's handler all read it, so that what synth accepts, the handler accepts.
The layer keeps copies of the few that it needs, since it may import nothing from here; `tests/unit/test_rules.py`
holds both equal over generated values. The local clouds do not read it: they follow the clouds' own documents.
"""

import re
from dataclasses import dataclass
from ipaddress import ip_address
from typing import Literal, get_args
from urllib.parse import urlsplit

from keyless_federation.model.disclosure import described


@dataclass(frozen=True, slots=True)
class Rule:
    """A pattern that a whole value must match, and what that means in words, to follow "must be"."""

    pattern: str
    meaning: str

    def accepts(self, value: object) -> bool:
        """Return whether `value` is a string that follows the rule."""
        return isinstance(value, str) and re.fullmatch(self.pattern, value, re.DOTALL | re.ASCII) is not None

    def refusal(self, value: object) -> str:
        """Return what is wrong with `value`, to follow its name; a value that may be a secret is not repeated."""
        return f"is {described(value)}, but must be {self.meaning}"


# AWS. https://docs.aws.amazon.com/IAM/latest/UserGuide/reference_iam-quotas.html
AWS_ACCOUNT = Rule(r"\d{12}", "an AWS account number, 12 digits")
AWS_REGION = Rule(
    r"(?!cn-|us-gov-|[a-z]{2}-iso)[a-z]{2}(-[a-z]+)+-\d+",
    "an AWS region such as eu-west-1, of the partition aws: Google lets in no callers of GovCloud, China and others",
)
PARTITION = "aws"
_AWS_ROLE, _SESSION, _FUNCTION = r"[\w+=,.@-]{1,64}", r"[\w+=,.@-]{2,64}", r"[\w-]{1,64}"
AWS_ROLE = Rule(_AWS_ROLE, "the name of an AWS role: 1-64 letters, digits and +=,.@_-")
SESSION_NAME = Rule(_SESSION, "the name of a role's session: 2-64 letters, digits and +=,.@_-")
FUNCTION_NAME = Rule(_FUNCTION, "the name of a Lambda function: 1-64 letters, digits, - and _")
WORKLOAD = Rule(f"{_AWS_ROLE}/{_FUNCTION}", '"ROLE/FUNCTION", the names of a function and its role')
RUNTIME = Rule(r"python3\.1[1-4]", "python3.11 to python3.14")
ARCHITECTURE = Rule("arm64|x86_64", "arm64 or x86_64")
LAYER_TARGET = Rule(
    f"{RUNTIME.pattern}/({ARCHITECTURE.pattern})", '"RUNTIME/ARCHITECTURE", such as "python3.12/x86_64"'
)

OWNER = Rule(r"\d{12}(/[^\s#/]+)+", "ACCOUNT/REGION/STACK")
# A stage is ours: it is part of the names of roles, functions, pools and parameters.
STAGE = Rule(r"[a-z][a-z0-9]{0,8}", "1-9 lower-case letters and digits, a letter first")

# Google's subject is the caller's ARN, of which `arn:aws:sts::ACCOUNT:assumed-role/` takes 39 bytes.
# https://cloud.google.com/iam/docs/workload-identity-federation#mapping
MAX_SUBJECT_BYTES = 127
ROLE_AND_SESSION_BYTES = MAX_SUBJECT_BYTES - len("arn:aws:sts::111122223333:assumed-role/")
AWS_PRINCIPAL = Rule(
    rf"(?=[!-~]{{1,{MAX_SUBJECT_BYTES}}}$)arn:aws:sts::\d{{12}}:assumed-role/{_AWS_ROLE}/{_SESSION}",
    "the full ARN of an assumed role, arn:aws:sts::ACCOUNT:assumed-role/ROLE/SESSION, of at most "
    f"{MAX_SUBJECT_BYTES} bytes",
)

# Projects, services and roles of Google.
# https://cloud.google.com/resource-manager/docs/creating-managing-projects; old ones follow a domain and a colon.
PROJECT = Rule(r"([a-z0-9][a-z0-9-]*(\.[a-z0-9][a-z0-9-]*)+:)?[a-z][a-z0-9-]{4,28}[a-z0-9]", "a Google project ID")
PROJECT_NUMBER = Rule(r"\d+", "a project number, digits only; `gcloud projects describe` prints it")
API = Rule(r"[a-z][a-z0-9-]*\.googleapis\.com", "an API such as bigquery.googleapis.com")
ROLE = Rule(r"(projects/[^/\s]+/|organizations/\d+/)?roles/[\w.]+", "an IAM role such as roles/bigquery.jobUser")
CHAIN_APIS = (
    "cloudresourcemanager.googleapis.com",
    "iam.googleapis.com",
    "iamcredentials.googleapis.com",
    "sts.googleapis.com",
)
"""The APIs of every federation: those that the exchange uses, and those that its parts are managed with."""

# Pools and providers.
# https://cloud.google.com/iam/docs/reference/rest/v1/projects.locations.workloadIdentityPools.providers
POOL_ID = Rule(r"(?!gcp-)[a-z0-9-]{4,32}", "4-32 of a-z, 0-9 and '-', not starting with 'gcp-'")
PROVIDER_TYPE = Rule("aws", "aws: the only type that is made so far")
DISPLAY_NAME = Rule(r".{0,32}", "at most 32 characters")
MAX_DESCRIPTION = 256
"""Bytes of a description: Google counts characters of pools and bytes of accounts, and bytes are right for both."""
MAX_CONDITION = 4096
"""Characters of an attribute condition."""
CONDITION = Rule(
    f".{{1,{MAX_CONDITION}}}", f"1-{MAX_CONDITION} characters: without one, all of the AWS account is let in"
)
MAX_EXPRESSION = 2048
"""Characters of one mapping expression."""
MAX_ATTRIBUTES = 50
MAX_MAPPED_BYTES = 8192
ATTRIBUTE_KEY = Rule(r"attribute\.[a-z0-9_]{1,100}", "attribute.NAME, NAME being 1-100 of a-z, 0-9 and _")
PROVIDER_NAME = re.compile(
    r"projects/(?P<project>[^/]+)/locations/global/workloadIdentityPools/(?P<pool>[^/]+)/providers/(?P<provider>[^/]+)"
)
"""A provider's resource name, with the project's ID or its number."""
AUDIENCE = Rule(
    rf"//iam\.googleapis\.com/projects/{PROJECT_NUMBER.pattern}/locations/global"
    rf"/workloadIdentityPools/{POOL_ID.pattern}/providers/{POOL_ID.pattern}",
    "the full name of a provider, //iam.googleapis.com/projects/NUMBER/locations/global/workloadIdentityPools/POOL"
    "/providers/PROVIDER",
)

# Service accounts. https://cloud.google.com/iam/docs/reference/rest/v1/projects.serviceAccounts
ACCOUNT_NAME = Rule(r"[a-z][a-z0-9-]{4,28}[a-z0-9]", "6-30 of a-z, 0-9 and '-', a letter first, no '-' last")
ACCOUNT_DISPLAY_NAME = Rule(r".{0,100}", "at most 100 characters")
EMAIL = Rule(
    r"[a-z0-9][a-z0-9.-]*@([a-z0-9][a-z0-9-]*\.)+gserviceaccount\.com", "the e-mail address of a service account"
)
"""Google's own service agents and the accounts of old projects included, hence the dots on the left."""

# What roles are granted on, and under which condition.
DATASET = Rule(r"\w{1,1024}", "a dataset's ID: letters, digits and underscores")
TABLE_REFERENCE = Rule(r"[a-z][a-z0-9.:-]+\.\w+\.[\w-]+", "PROJECT.DATASET.TABLE")
TABLE = Rule(r"(?u:[\w -]{1,1024})", "the ID of a BigQuery table")
BUCKET = Rule(r"[a-z0-9][a-z0-9._-]{1,220}[a-z0-9]", "the name of a Cloud Storage bucket, without gs://")
RESOURCE = Rule(r"\S+", "a full resource name")
TITLE = Rule(r"[^\n]{1,100}", "1-100 characters on one line")
CONDITION_DESCRIPTION = Rule(r".{0,256}", "at most 256 characters")
EXPRESSION = Rule(r"\s*\S.*", "a condition in CEL")

# Addresses of Google's APIs.
GOOGLE_ENDPOINT = "https://{service}.googleapis.com"
"""The public endpoints, as a template; Private Service Connect and the local Google have others."""


def is_safe(url: str) -> bool:
    """Return whether a token may be sent to `url`: https, or plain http on a loopback address; no user, no spaces."""
    try:
        parts = urlsplit(url)
        host, port = parts.hostname or "", parts.port  # raises for a port that is no number
        if not host or port == 0 or parts.username is not None or not re.fullmatch("[!-~]+", url):
            return False
        local = parts.scheme == "http" and (host == "localhost" or ip_address(host).is_loopback)
        return local or parts.scheme == "https"
    except ValueError:
        return False


def endpoint_problem(template: str) -> str:
    """Return what is wrong with a template of endpoints, to follow its name; empty when it can be used."""
    if "{service}" not in template:
        return "must contain {service}"
    if not is_safe(template.replace("{service}", "x")):
        return "must be https without a user, since tokens are sent there (plain http is for loopback addresses only)"
    return ""


def is_regional(template: str) -> bool:
    """Return whether a template of endpoints names one region of Google's.

    https://cloud.google.com/vpc/docs/regional-service-endpoints; IAM Credentials has no such endpoints.
    """
    region = r"[a-z]+-[a-z]+\d+"
    form = rf"https://(\{{service\}}\.{region}\.rep|{region}-\{{service\}})\.googleapis\.com/?"
    return re.fullmatch(form, template) is not None


def pools_parent(project: str) -> str:
    """Return the resource name below which a project's pools are."""
    return f"projects/{project}/locations/global"


def pool_name(project: str, pool: str) -> str:
    """Return a pool's resource name; `project` is the project's ID in requests, its number in members and audiences."""
    return f"{pools_parent(project)}/workloadIdentityPools/{pool}"


def audience(project_number: str, pool: str, provider: str) -> str:
    """Return a provider's name as the audience of the token exchange."""
    return f"//iam.googleapis.com/{pool_name(project_number, pool)}/providers/{provider}"


def service_account_email(account: str, project: str) -> str:
    """Return an account's address; a project of a domain, `example.com:data`, is turned around in it."""
    return f"{account}@{'.'.join(reversed(project.split(':')))}.iam.gserviceaccount.com"


def project_of_email(email: str) -> str:
    """Return the project in a service account's address, empty where there is none."""
    name, _, domain = email.partition("@")
    owner, found, _ = domain.partition(".iam.gserviceaccount.com")
    if domain == "appspot.gserviceaccount.com":
        owner, found = name, domain
    project, _, organization = owner.partition(".")
    return (f"{organization}:{project}" if organization else project) if found else ""


def sessions_of(account: str) -> str:
    """Return what the ARNs of all role sessions of an account begin with, and those of nothing else."""
    return f"arn:aws:sts::{account}:assumed-role/"


def session_arn(account: str, role: str, session: str) -> str:
    """Return the ARN by which AWS and Google know a role's session."""
    return f"{sessions_of(account)}{role}/{session}"


def service_name(api: str) -> str:
    """Return the full name of an API that may be given by its first word alone: `bigquery`."""
    return api if "." in api else f"{api}.googleapis.com"


# Names and words of ours that several places must agree on.
CONTEXT_KEY = "keyless"
"""The CDK context object that holds the settings; the bootstrap prints it."""
OnUnreachable = Literal["fail", "leave"]
"""What a deletion does where Google cannot be reached: fail, or leave everything there and let the stack go."""
Reconcile = Literal["on-change", "always"]
"""Whether a deployment that changes nothing looks for drift all the same."""
ON_UNREACHABLE, RECONCILE = (
    Rule("|".join(words), " or ".join(words)) for words in (get_args(OnUnreachable), get_args(Reconcile))
)
HANDLER_NAME = re.compile(rf"keyless-federation-(?P<stage>{STAGE.pattern})-(?P<region>{AWS_REGION.pattern})")


def handler_name(stage: str, region: str) -> str:
    """Return the name of the custom resource's function, and of its role, which the bootstrap trusts."""
    return f"keyless-federation-{stage}-{region}"
