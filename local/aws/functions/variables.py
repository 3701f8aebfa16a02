"""The environment variables of a function: Lambda's own, the function's, and nothing of the host's."""

from collections.abc import Mapping
from dataclasses import dataclass
from pathlib import Path
from typing import Any

# What MiniStack keeps of a function or a version: the members of GetFunctionConfiguration's answer.
FunctionConfig = dict[str, Any]

# The only variables of the host that a function sees: a machine may trust its proxy's certificates.
CERTIFICATES = ("SSL_CERT_FILE", "SSL_CERT_DIR", "REQUESTS_CA_BUNDLE", "AWS_CA_BUNDLE")


@dataclass(frozen=True, slots=True, kw_only=True)
class Place:
    """Where an execution environment is: what it does not take from the function's configuration."""

    region: str
    endpoint: str
    python: Path
    initialization: str
    log_group: str
    log_stream: str


def lambda_variables(
    config: FunctionConfig,
    place: Place,
    *,
    own: Mapping[str, str],
    credentials: Mapping[str, str],
    host: Mapping[str, str],
) -> dict[str, str]:
    """The whole environment, as in docs.aws.amazon.com/lambda/latest/dg/configuration-envvars.html.

    `own` are the function's variables: they win over the defaults and lose against what Lambda reserves.
    AWS_ENDPOINT_URL counts as reserved, so that no function reaches the real AWS by its configuration.
    """
    defaults = {
        "LANG": "en_US.UTF-8",
        "PATH": f"{place.python.parent}:/usr/local/bin:/usr/bin:/bin:/opt/bin",
        "TZ": ":UTC",
    }
    return {
        **{name: host[name] for name in CERTIFICATES if name in host},
        **defaults,
        **own,
        **credentials,
        **_log_format(config),
        "AWS_DEFAULT_REGION": place.region,
        "AWS_ENDPOINT_URL": place.endpoint,
        "AWS_EXECUTION_ENV": f"AWS_Lambda_{config['Runtime']}",
        "AWS_LAMBDA_FUNCTION_MEMORY_SIZE": str(config.get("MemorySize", 128)),
        "AWS_LAMBDA_FUNCTION_NAME": config["FunctionName"],
        "AWS_LAMBDA_FUNCTION_VERSION": config.get("Version", "$LATEST"),
        "AWS_LAMBDA_INITIALIZATION_TYPE": place.initialization,
        "AWS_LAMBDA_LOG_GROUP_NAME": place.log_group,
        "AWS_LAMBDA_LOG_STREAM_NAME": place.log_stream,
        "AWS_REGION": place.region,
        "LAMBDA_RUNTIME_DIR": "/var/runtime",
        "_HANDLER": config["Handler"],
    }


def _log_format(config: FunctionConfig) -> dict[str, str]:
    logging = config.get("LoggingConfig") or {}
    names = {"AWS_LAMBDA_LOG_FORMAT": "LogFormat", "AWS_LAMBDA_LOG_LEVEL": "ApplicationLogLevel"}
    return {variable: logging[member] for variable, member in names.items() if logging.get(member)}
