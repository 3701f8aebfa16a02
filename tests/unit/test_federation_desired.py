"""What properties make of a federation, and which are refused."""

import copy
from typing import Any

import pytest

from keyless_federation.errors import PropertiesError
from keyless_federation.model.federation import Federation, Phase
from keyless_federation.model.grants import Condition, Grant
from keyless_federation.model.ownership import Marker
from keyless_federation.model.targets import Target, bucket, dataset, project, service_account, table

PROPERTIES: dict[str, Any] = {
    "Project": "my-project",
    "ProjectNumber": "472918365047",
    "Owner": "111122223333/eu-west-1/demo",
    "Apis": ["sts.googleapis.com", "iam.googleapis.com"],
    "Pool": {"Id": "keyless-111122223333-dev", "DisplayName": "Keyless", "Retain": "true"},
    "Provider": {
        "Id": "demo",
        "DisplayName": "Demo",
        "AwsAccount": "111122223333",
        "Mapping": {"google.subject": "assertion.arn", "attribute.aws_role": "assertion.arn"},
        "Condition": "attribute.aws_role in ['reader']",
    },
    "ServiceAccounts": [
        {
            "Name": "aws-bq-reader",
            "DisplayName": "Reader",
            "AwsRoles": ["reader"],
            "Impersonation": ["roles/iam.workloadIdentityUser"],
            "Grants": [
                {"Role": "roles/bigquery.jobUser"},
                {"Role": "roles/bigquery.dataViewer", "Project": "data-project", "Dataset": "sales"},
            ],
        }
    ],
}


def with_changes(**changes: Any) -> dict[str, Any]:
    """The properties with some replaced; `Provider__Id="x"` reaches into objects."""
    properties = copy.deepcopy(PROPERTIES)
    for path, value in changes.items():
        *parents, last = path.split("__")
        target = properties
        for parent in parents:
            target = target[parent]
        if value is None:
            del target[last]
        else:
            target[last] = value
    return properties


def problems(**changes: Any) -> tuple[str, ...]:
    """What is wrong with the properties after these changes."""
    with pytest.raises(PropertiesError) as refusal:
        Federation.from_properties(with_changes(**changes))
    return refusal.value.problems


def test_names_follow_from_the_properties() -> None:
    federation = Federation.from_properties(PROPERTIES)
    assert federation.physical_id == "my-project/keyless-111122223333-dev/demo/whole"
    assert federation.audience == (
        "//iam.googleapis.com/projects/472918365047/locations/global"
        "/workloadIdentityPools/keyless-111122223333-dev/providers/demo"
    )
    assert federation.email("aws-bq-reader") == "aws-bq-reader@my-project.iam.gserviceaccount.com"
    assert federation.principal_set("reader") == (
        "principalSet://iam.googleapis.com/projects/472918365047/locations/global"
        "/workloadIdentityPools/keyless-111122223333-dev/attribute.aws_role/reader"
    )
    assert federation.apis == ("iam.googleapis.com", "sts.googleapis.com")


def test_a_grant_is_on_the_project_or_on_a_dataset() -> None:
    [account] = Federation.from_properties(PROPERTIES).accounts
    assert account.grants == (
        Grant(role="roles/bigquery.jobUser", on=project("my-project")),
        Grant(role="roles/bigquery.dataViewer", on=dataset("data-project", "sales")),
    )


def test_the_physical_id_changes_with_names_only() -> None:
    before = Federation.from_properties(PROPERTIES).physical_id
    assert Federation.from_properties(with_changes(Provider__Condition="false")).physical_id == before
    assert Federation.from_properties(with_changes(Provider__Id="other")).physical_id != before


def test_without_a_phase_one_resource_does_all() -> None:
    assert Federation.from_properties(PROPERTIES).phase is Phase.WHOLE
    assert Federation.from_properties(with_changes(Phase="open")).phase is Phase.OPEN


@pytest.mark.parametrize(
    ("phase", "removes", "removes_when_gone"), [("open", False, True), ("settle", True, True), ("whole", True, True)]
)
def test_only_the_open_phase_takes_nothing_away(phase: str, removes: bool, removes_when_gone: bool) -> None:
    federation = Federation.from_properties(with_changes(Phase=phase))
    assert federation.removes is removes
    assert federation.gone().removes is removes_when_gone


def test_what_is_not_spoken_of_is_left_as_it_is() -> None:
    federation = Federation.from_properties(PROPERTIES)
    assert (federation.pool.disabled, federation.provider.disabled, federation.adopt) == (None, None, False)
    assert federation.on_unreachable == "fail"
    said = Federation.from_properties(with_changes(Pool__Disabled="false", Provider__Type="aws", Reconcile="whenever"))
    assert said.pool.disabled is False


def test_all_problems_are_told_at_once() -> None:
    found = problems(Project="X", Pool__Id="gcp-mine", Pool__Retain="yes", Provider__Condition="", Owner=None)
    assert found == (
        "Project is 'X', but must be a Google project ID",
        "Owner is missing",
        "Pool.Id is 'gcp-mine', but must be 4-32 of a-z, 0-9 and '-', not starting with 'gcp-'",
        "Pool.Retain is 'yes', but must be 'true' or 'false'",
        "Provider.Condition is '', but must be 1-4096 characters: without one, all of the AWS account is let in",
    )


@pytest.mark.parametrize(
    ("changes", "problem"),
    [
        ({"Provider__Condition": "x" * 4097}, "Provider.Condition"),
        ({"Provider__Mapping": {"google.subject": "assertion.arn"}}, "Provider.Mapping lacks attribute.aws_role"),
        ({"Provider__AwsAccount": "444455556666"}, "is not the account of the owner"),
        ({"Pool": None}, "Pool is missing"),
        ({"Pool": "text"}, "Pool must be an object"),
        ({"ServiceAccounts": "text"}, "ServiceAccounts must be a list"),
        ({"ServiceAccounts": [{"Name": "no"}]}, "ServiceAccounts[0].Name is 'no'"),
        ({"ServiceAccounts": [{"Name": "twice-there"}] * 2}, "ServiceAccounts names twice-there more than once"),
        ({"Phase": "wide"}, "Phase is 'wide'"),
        ({"Provider__Type": "oidc"}, "Provider.Type is 'oidc', but must be aws: the only type that is made so far"),
        ({"Provider__Disabled": "yes"}, "Provider.Disabled is 'yes', but must be 'true' or 'false'"),
        ({"Pool__Description": "of keyless:me"}, "Pool.Description is 'of keyless:me', but must be a text in which no"),
        (
            {"Provider__Description": "x" * 230},
            "Provider.Description takes 230 bytes, and beside the marker 212 are left",
        ),
        ({"Adopt": "yes"}, "Adopt is 'yes', but must be 'true' or 'false'"),
        ({"OnUnreachable": "ignore"}, "OnUnreachable is 'ignore', but must be fail or leave"),
        ({"AuditLogs": ["sts"]}, "AuditLogs[0] is 'sts', but must be an API such as"),
        ({"Apis": ["bigquery"]}, "Apis[0] is 'bigquery'"),
        ({"Owner": "111122223333/eu-west-1/" + "s" * 200}, "the marker must fit Google's 256 bytes"),
    ],
)
def test_a_mistake_is_named_with_its_place(changes: dict[str, Any], problem: str) -> None:
    assert any(problem in found for found in problems(**changes))


def test_an_account_without_an_allowed_grant_is_refused() -> None:
    account = {"Name": "aws-bq-reader", "Grants": [{"Role": "jobUser"}, {"Role": "roles/x.y", "Dataset": "a-b"}]}
    found = problems(ServiceAccounts=[account])
    assert [problem.partition(" is ")[0] for problem in found] == [
        "ServiceAccounts[0].Grants[0].Role",
        "ServiceAccounts[0].Grants[1].Dataset",
    ]


PLACES: list[tuple[dict[str, str], Target]] = [
    ({}, project("my-project")),
    ({"Project": "data-project"}, project("data-project")),
    ({"Dataset": "sales"}, dataset("my-project", "sales")),
    ({"Dataset": "sales", "Table": "orders 2026"}, table("my-project", "sales", "orders 2026")),
    ({"Bucket": "my-bucket"}, bucket("my-bucket")),
    ({"ServiceAccount": "a-b@c-d-e-f.iam.gserviceaccount.com"}, service_account("a-b@c-d-e-f.iam.gserviceaccount.com")),
    ({"Resource": "//storage.googleapis.com/projects/_/buckets/my-bucket"}, bucket("my-bucket")),
    ({"Resource": "//bigquery.googleapis.com/projects/p/datasets/d/tables/t"}, table("p", "d", "t")),
]


@pytest.mark.parametrize(("place", "target"), PLACES)
def test_a_grant_is_on_one_place_however_it_is_named(place: dict[str, str], target: Target) -> None:
    account = {"Name": "aws-bq-reader", "Grants": [{"Role": "roles/x.y", **place}]}
    [read] = Federation.from_properties(with_changes(ServiceAccounts=[account])).accounts
    assert read.grants == (Grant(role="roles/x.y", on=target),)


@pytest.mark.parametrize(
    ("grant", "problem"),
    [
        ({"Table": "t"}, "Grants[0].Table make no one place"),
        ({"Bucket": "b-b", "Dataset": "d"}, "Grants[0].Dataset, Bucket make no one place"),
        ({"Bucket": "gs://b"}, "Grants[0].Bucket is 'gs://b', but must be the name of a Cloud Storage bucket"),
        ({"ServiceAccount": "alice@example.com"}, "Grants[0].ServiceAccount is 'alice@example.com'"),
        ({"Resource": "//dns.googleapis.com/x"}, "Grants[0].Resource is '//dns.googleapis.com/x', but must be //SERV"),
        ({"Condition": {"Title": "t"}}, "Grants[0].Condition.Expression is missing"),
        ({"Condition": {"Title": "", "Expression": "true"}}, "Grants[0].Condition.Title is ''"),
        (
            {
                "Resource": "//pubsub.googleapis.com/projects/p/topics/t",
                "Condition": {"Title": "t", "Expression": "true"},
            },
            "Grants[0].Condition cannot be: Google takes none in the policy of the topic projects/p/topics/t",
        ),
        (
            {"Dataset": "d", "Table": "t", "Condition": {"Title": "t", "Expression": "true"}},
            "Grants[0].Condition cannot be: Google takes none in the policy of the table",
        ),
    ],
)
def test_a_grant_that_google_would_refuse_is_refused_before(grant: dict[str, Any], problem: str) -> None:
    account = {"Name": "aws-bq-reader", "Grants": [{"Role": "roles/x.y", **grant}]}
    [found] = problems(ServiceAccounts=[account])
    assert found.startswith(f"ServiceAccounts[0].{problem}")
    [found] = problems(Direct=[{"AwsRoles": ["web"], "Grants": account["Grants"]}])
    assert found.startswith(f"Direct[0].{problem}")


def test_a_condition_is_read_to_the_letter() -> None:
    condition = {"Title": "nights", "Expression": " request.time.getHours() < 6", "Description": "only\nthen"}
    account = {"Name": "aws-bq-reader", "Grants": [{"Role": "roles/x.y", "Condition": condition}]}
    [read] = Federation.from_properties(with_changes(ServiceAccounts=[account])).accounts
    assert read.grants[0].condition == Condition("nights", " request.time.getHours() < 6", "only\nthen")


ARN = "arn:aws:sts::111122223333:assumed-role/web/fn"


def test_roles_and_principals_become_members_of_the_pool() -> None:
    federation = Federation.from_properties(with_changes(Direct=[{"AwsRoles": ["web"], "AwsPrincipals": [ARN]}]))
    [direct] = federation.direct
    pool = "iam.googleapis.com/projects/472918365047/locations/global/workloadIdentityPools/keyless-111122223333-dev"
    assert federation.members(direct) == (
        f"principalSet://{pool}/attribute.aws_role/web",
        f"principal://{pool}/subject/{ARN}",
    )
    assert federation.gone().direct == ()


@pytest.mark.parametrize(
    ("arn", "problem"),
    [
        ("arn:aws:iam::111122223333:role/web", "must be the full ARN of an assumed role"),
        (ARN.replace("fn", "f" * 90), "must be the full ARN of an assumed role"),
        (f"{ARN}/more", "must be the full ARN of an assumed role"),
        (ARN.replace("111122223333", "444455556666"), "of another AWS account"),
    ],
)
def test_a_principal_is_an_assumed_role_of_the_account_within_googles_bytes(arn: str, problem: str) -> None:
    [found] = problems(ServiceAccounts=[{"Name": "aws-bq-reader", "AwsPrincipals": [arn]}])
    assert problem in found


def test_an_arn_of_all_the_bytes_that_a_subject_may_have_is_taken() -> None:
    arn = f"arn:aws:sts::111122223333:assumed-role/{'r' * 64}/{'s' * 23}"
    assert len(arn) == 127
    Federation.from_properties(with_changes(Direct=[{"AwsPrincipals": [arn]}]))
    assert problems(Direct=[{"AwsPrincipals": [arn + "s"]}])


def test_a_marker_survives_the_way_through_a_description() -> None:
    marker = Federation.from_properties(PROPERTIES).account_marker
    assert Marker.find(f"Someone added this. {marker.description()}") == marker
    assert Marker.find("made by hand") is None
    assert Marker.find(None) is None
    assert marker.aws_account == "111122223333"


def test_the_longest_names_leave_room_for_the_marker() -> None:
    owner = "111122223333/ap-southeast-99/" + "s" * 128
    federation = Federation.from_properties(with_changes(Owner=owner, Pool__Id="p" * 32, Provider__Id="q" * 32))
    assert len(federation.account_marker.description()) <= 256
