"""The environment's AWS credentials, and what is said when they are not there."""

import pytest
from keyless import AwsCredentialsError, EnvironmentSupplier

ENVIRON = {"AWS_ACCESS_KEY_ID": "id", "AWS_SECRET_ACCESS_KEY": "secret", "AWS_REGION": "eu-central-1"}


def test_the_environment_is_read_anew_at_each_call() -> None:
    environ = dict(ENVIRON)
    supplier = EnvironmentSupplier(environ)
    assert supplier.get_aws_security_credentials(None, None).session_token is None
    environ["AWS_SESSION_TOKEN"] = "token"
    assert supplier.get_aws_security_credentials(None, None).session_token == "token"


def test_missing_keys_are_all_named() -> None:
    with pytest.raises(AwsCredentialsError, match="AWS_ACCESS_KEY_ID and AWS_SECRET_ACCESS_KEY") as caught:
        EnvironmentSupplier({}).get_aws_security_credentials(None, None)
    assert caught.value.link == "aws-credentials"
    assert not caught.value.retryable


def test_container_credentials_are_said_to_be_the_reason() -> None:
    environ = {"AWS_CONTAINER_CREDENTIALS_RELATIVE_URI": "/v2/credentials/secret-path"}
    with pytest.raises(AwsCredentialsError, match="behind the container endpoint") as caught:
        EnvironmentSupplier(environ).get_aws_security_credentials(None, None)
    assert "secret-path" not in str(caught.value)


def test_on_lambda_missing_keys_are_said_to_be_nobodys_doing_but_the_functions() -> None:
    with pytest.raises(AwsCredentialsError, match="although this is Lambda") as caught:
        EnvironmentSupplier({"AWS_EXECUTION_ENV": "AWS_Lambda_python3.13"}).get_aws_security_credentials(None, None)
    assert not caught.value.retryable


def test_the_region_comes_from_either_variable() -> None:
    assert EnvironmentSupplier(ENVIRON).get_aws_region(None, None) == "eu-central-1"
    assert EnvironmentSupplier({"AWS_DEFAULT_REGION": "us-west-1"}).get_aws_region(None, None) == "us-west-1"


@pytest.mark.parametrize(
    ("region", "said"),
    [
        ("", "Set AWS_REGION"),
        ("cn-north-1", "aws-cn"),
        ("us-gov-west-1", "aws-us-gov"),
        ("us-isob-east-1", "other partitions"),
        ("eusc-de-east-1", "other partitions"),
        ("eu-central-1.evil.example/", "not the name of a region"),
    ],
)
def test_a_region_that_cannot_vouch_is_refused(region: str, said: str) -> None:
    with pytest.raises(AwsCredentialsError, match=said):
        EnvironmentSupplier({"AWS_REGION": region}).get_aws_region(None, None)


@pytest.mark.parametrize(
    ("variable", "failure"),
    [
        ("AWS_WEB_IDENTITY_TOKEN_FILE", "aws-keys-of-web-identity"),
        ("AWS_PROFILE", "aws-keys-of-profile"),
        ("AWS_DEFAULT_PROFILE", "aws-keys-of-profile"),
    ],
)
def test_credentials_that_have_no_supplier_are_named(variable: str, failure: str) -> None:
    with pytest.raises(AwsCredentialsError) as caught:
        EnvironmentSupplier({variable: "x"}).get_aws_security_credentials(None, None)
    assert caught.value.failure == failure
