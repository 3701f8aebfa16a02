"""The deployed build: known to Google by its role, bounded in its rights, leaking nothing."""

from collections.abc import Callable
from functools import partial

import boto3
from botocore.config import Config
from botocore.exceptions import ClientError

from local.clouds import ACCOUNT, PROJECT, REGION
from local.deployment import STAGE
from local.invoke import client
from local.story import audit
from tests.e2e.chain import Chain
from tests.e2e.deployed_builds import BUILDER, LOCK, NAME, ROLE, STATE, Builds, leaks, under_exec
from tests.local.builds import commands, statuses


def test_a_build_is_known_to_google_by_its_role_and_its_id(builds: Builds) -> None:
    since = audit(builds.environment, since=0)["next"]
    build = builds.build(under_exec(("bigquery", f"/bigquery/v2/projects/{PROJECT}/datasets")))
    assert build["buildStatus"] == "SUCCEEDED", builds.log(build)
    assert builds.printed(build)[-1] == f"{PROJECT} 200"
    session = f"AWSCodeBuild-{build['id'].partition(':')[2]}"
    entries = audit(builds.environment, since=since)["entries"]
    asked = [entry for entry in entries if entry["method"].endswith("DatasetService.ListDatasets")]
    exchanged = [entry for entry in entries if entry["method"].endswith("ExchangeToken")]
    assert {entry["principal"] for entry in asked} == {BUILDER}
    assert {entry["aws_arn"] for entry in exchanged} == {f"arn:aws:sts::{ACCOUNT}:assumed-role/{ROLE}/{session}"}


def test_the_build_s_account_may_do_what_its_roles_say_and_no_more(builds: Builds) -> None:
    reads = (
        ("storage", f"/storage/v1/b?project={PROJECT}"),
        ("bigquery", f"/bigquery/v2/projects/{PROJECT}/datasets/shop/tables/events/data"),
        ("iam", f"/v1/projects/{PROJECT}/serviceAccounts"),
    )
    build = builds.build(under_exec(*reads))
    storage, rows, accounts = (line.rpartition(" ")[2] for line in builds.printed(build)[-3:])
    assert storage == "200"
    assert rows in ("403", "404")
    assert accounts == "403"


def test_only_the_build_s_role_becomes_its_account(builds: Builds) -> None:
    (project,) = client("codebuild", builds.environment).batch_get_projects(names=[NAME])["projects"]
    audience = next(
        one["value"] for one in project["environment"]["environmentVariables"] if one["name"] == "KEYLESS_AUDIENCE"
    )
    chain = Chain(builds.environment, audience)
    other = chain.exchange(chain.sign(chain.assume(f"keyless-bigquery-query-{STAGE}-{REGION}", "somebody"))).body
    assert chain.impersonate(other["access_token"], BUILDER).status == 403
    mine = chain.exchange(chain.sign(chain.assume(ROLE, "AWSCodeBuild-x"))).body
    assert chain.impersonate(mine["access_token"], BUILDER).status == 200
    assert chain.impersonate(mine["access_token"], f"aws-bq-reader@{PROJECT}.iam.gserviceaccount.com").status == 403


def test_the_role_reaches_state_lock_and_plans_and_nothing_else(builds: Builds, no_state: None) -> None:
    keys = Chain(builds.environment, "").assume(ROLE, "AWSCodeBuild-x")
    s3 = boto3.client(
        "s3",
        endpoint_url=builds.environment["AWS_ENDPOINT_URL"],
        region_name=REGION,
        aws_access_key_id=keys.access_key_id,
        aws_secret_access_key=keys.secret_access_key,
        aws_session_token=keys.session_token,
        config=Config(retries={"total_max_attempts": 1}),
    )
    bucket = builds.bucket
    for key in (STATE, LOCK, "plans/1/plan"):
        s3.put_object(Bucket=bucket, Key=key, Body=b"x")
        s3.get_object(Bucket=bucket, Key=key)
    s3.delete_object(Bucket=bucket, Key=LOCK)
    s3.list_objects_v2(Bucket=bucket)
    assets = next(one["Name"] for one in builds.s3.list_buckets()["Buckets"] if "-assets-" in one["Name"])
    others = [one["Key"] for one in builds.s3.list_objects_v2(Bucket=assets)["Contents"]]
    readable = [key for key in others if allowed(partial(s3.get_object, Bucket=assets, Key=key))]
    assert len(readable) == 2
    refused = [
        lambda: s3.delete_object(Bucket=bucket, Key=STATE),
        lambda: s3.delete_object(Bucket=bucket, Key="plans/1/plan"),
        lambda: s3.put_object(Bucket=bucket, Key="elsewhere", Body=b"x"),
        lambda: s3.put_object(Bucket=assets, Key=readable[0], Body=b"x"),
        lambda: s3.list_objects_v2(Bucket=assets),
        lambda: s3.put_bucket_versioning(Bucket=bucket, VersioningConfiguration={"Status": "Suspended"}),
        lambda: s3.delete_bucket_policy(Bucket=bucket),
    ]
    assert [allowed(call) for call in refused] == [False] * len(refused)
    builds.s3.delete_object(Bucket=bucket, Key="plans/1/plan")


def test_a_build_that_prints_all_it_has_leaks_nothing_permanent(builds: Builds) -> None:
    """A key of Google's would be one; AWS's keys of the build, which end with it, are in no variable either."""
    spec = under_exec(("storage", f"/storage/v1/b?project={PROJECT}"))
    shown = "python -m keyless exec -- sh -c 'env; cat \"$GOOGLE_APPLICATION_CREDENTIALS\"'"
    spec["phases"]["build"]["commands"] += ["env", shown]
    build = builds.build(spec)
    assert build["buildStatus"] == "SUCCEEDED", builds.log(build)
    told = builds.log(build)
    assert '"type": "external_account"' in told
    assert "GOOGLE_APPLICATION_CREDENTIALS=" in told
    assert told.count("AWS_CONTAINER_CREDENTIALS_FULL_URI=") == 2
    assert leaks({"log": told}, builds.environment) == []


def test_a_failed_build_says_which_phase(builds: Builds) -> None:
    build = builds.build(commands(pre_build=["false"]))
    assert (build["buildStatus"], statuses(build)["PRE_BUILD"]) == ("FAILED", "FAILED")


def allowed(call: Callable[[], object]) -> bool:
    """Whether AWS allows it; any error but AccessDenied is one of the test."""
    try:
        call()
    except ClientError as error:
        if error.response["Error"]["Code"] != "AccessDenied":
            raise
        return False
    return True
