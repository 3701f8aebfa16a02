"""The settings that the tests synthesize with; in a module without aws_cdk, which starts Node when it is imported."""

from typing import Any

# No docstring of a fixture repeats it: the Google project is 472918365047, the AWS account 111122223333.
CONTEXT: dict[str, Any] = {
    "account": "111122223333",
    "region": "eu-west-1",
    "stage": "dev",
    "project": "my-project",
    "project_number": "472918365047",
    "deployer_audience": (
        "//iam.googleapis.com/projects/472918365047/locations/global"
        "/workloadIdentityPools/keyless-bootstrap/providers/aws-111122223333"
    ),
    "deployer_service_account": "keyless-deployer@my-project.iam.gserviceaccount.com",
}
