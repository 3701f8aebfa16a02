"""One record for each exchange, as CloudWatch reads it from the log, and none where nobody asked."""

import json
from collections.abc import Callable
from typing import Any

import pytest
from aws_lambda_powertools.metrics import EphemeralMetrics, MetricUnit
from keyless.chain.exchange_log import emit

from tests.unit.conftest import Ran
from tests.unit.google_server import DENIED, KEYS, Fault, GoogleServer

READY = "import keyless; print(keyless.ready())\n"
REFRESH = READY + "keyless.credentials().refresh(None)\n"
MILLISECONDS = {"connect", "aws-credentials", "sts-exchange", "impersonation", "total"}


def records(ran: Ran) -> list[dict[str, Any]]:
    """The records in what a process printed, checked against the specification's rules."""
    lines = [json.loads(line) for line in ran.out.splitlines() if line.startswith("{")]
    found = [line for line in lines if "_aws" in line]
    for record in found:
        assert isinstance(record["_aws"]["Timestamp"], int)
        (directive,) = record["_aws"]["CloudWatchMetrics"]
        assert set(directive) == {"Namespace", "Dimensions", "Metrics"}
        for dimension in [name for names in directive["Dimensions"] for name in names]:
            assert isinstance(record[dimension], str)
            assert record[dimension]
        for metric in directive["Metrics"]:
            assert isinstance(record[metric["Name"]], int | float)
            assert metric["Unit"] in {"Milliseconds", "Count"}
    return found


def dimensions(record: dict[str, Any]) -> dict[str, str]:
    ((names,),) = [directive["Dimensions"] for directive in record["_aws"]["CloudWatchMetrics"]]
    return {name: record[name] for name in names}


def test_an_exchange_is_one_record_with_the_time_of_each_link(google: GoogleServer, run: Callable[..., Ran]) -> None:
    ran = run(READY, google.environ(POWERTOOLS_SERVICE_NAME="orders", AWS_LAMBDA_FUNCTION_NAME="orders-dev"))
    (record,) = records(ran)
    ((directive,),) = [record["_aws"]["CloudWatchMetrics"]]
    assert directive["Namespace"] == "Keyless"
    assert {metric["Name"] for metric in directive["Metrics"]} == MILLISECONDS | {"retries"}
    assert dimensions(record) == {
        "service": "orders",
        "init": "on-demand",
        "exchange": "cold",
        "outcome": "success",
    }
    assert record["retries"] == 0
    assert [line["keyless"] for line in ran.events] == ["token-ready"]  # and the line for people beside it
    for secret in (*google.tokens, KEYS.secret_key, KEYS.access_key):
        assert secret not in ran.out


def test_the_record_is_the_one_that_powertools_would_write(capsys: pytest.CaptureFixture[str]) -> None:
    milliseconds, dimensions = {"connect": 1.5, "total": 20.0}, {"service": "orders", "outcome": "failure"}
    emit("Keyless", dimensions, milliseconds, 2, link="impersonation", status=403)
    theirs = EphemeralMetrics(namespace="Keyless", service="orders")
    for name, value in milliseconds.items():
        theirs.add_metric(name, MetricUnit.Milliseconds, value)
    theirs.add_metric("retries", MetricUnit.Count, 2)
    theirs.add_dimension("outcome", "failure")
    theirs.add_metadata("link", "impersonation")
    theirs.add_metadata("status", 403)
    theirs.flush_metrics()
    ours, expected = map(json.loads, capsys.readouterr().out.splitlines())
    for record in (ours, expected):
        assert record["_aws"].pop("Timestamp") > 1_600_000_000_000
        record["_aws"]["CloudWatchMetrics"][0]["Dimensions"][0].sort()
    for name in (*milliseconds, "retries"):
        (expected[name],) = expected[name]  # it writes lists, of one value here
    assert ours == expected


def test_a_refresh_is_told_from_a_cold_start(google: GoogleServer, run: Callable[..., Ran]) -> None:
    ran = run(REFRESH, google.environ(AWS_LAMBDA_FUNCTION_NAME="orders-dev"), init="provisioned-concurrency")
    assert [(record["exchange"], record["init"]) for record in records(ran)] == [
        ("cold", "provisioned-concurrency"),
        ("refresh", "provisioned-concurrency"),
    ]
    assert {record["service"] for record in records(ran)} == {"orders-dev"}


def test_a_failure_is_a_record_too_and_names_the_link(google: GoogleServer, run: Callable[..., Ran]) -> None:
    google.fail("iamcredentials", Fault(403, DENIED), times=3)
    (record,) = records(run(READY, google.environ()))
    assert dimensions(record)["outcome"] == "failure"
    assert (record["link"], record["status"], record["retries"]) == ("impersonation", 403, 2)
    assert record["sts-exchange"] > 0


def test_without_an_answer_there_is_no_status(google: GoogleServer, run: Callable[..., Ran]) -> None:
    google.fail("sts", Fault(cut=True), times=None)
    (record,) = records(run(READY, google.environ(KEYLESS_DEADLINE="1")))
    assert (record["link"], record["status"]) == ("sts-exchange", None)
    assert "impersonation" not in record


def test_the_namespace_can_be_set(google: GoogleServer, run: Callable[..., Ran]) -> None:
    (record,) = records(run(READY, google.environ(KEYLESS_METRICS="Shop/Keyless")))
    assert record["_aws"]["CloudWatchMetrics"][0]["Namespace"] == "Shop/Keyless"


@pytest.mark.parametrize(("value", "init"), [("off", "on-demand"), ("OFF", "on-demand"), ("Keyless", None)])
def test_metrics_can_be_left_out_and_are_where_nobody_reads_them(
    google: GoogleServer, run: Callable[..., Ran], value: str, init: str | None
) -> None:
    ran = run(REFRESH, google.environ(KEYLESS_METRICS=value), init=init)
    assert ran.code == 0, ran.err
    assert google.count("sts") > 0
    assert records(ran) == []


def test_a_log_level_for_people_leaves_the_metrics_in(google: GoogleServer, run: Callable[..., Ran]) -> None:
    quiet = "import logging; logging.getLogger('keyless').setLevel('WARNING')\n"
    ran = run(
        quiet + "import keyless\n" + quiet + "keyless.ready()\nkeyless.credentials().refresh(None)", google.environ()
    )
    assert len(records(ran)) == 2


def test_a_closed_standard_output_fails_no_request(google: GoogleServer, run: Callable[..., Ran]) -> None:
    code = "import logging, sys; logging.raiseExceptions = False\n" + READY + "sys.stdout.close()\n"
    code += "keyless.credentials().refresh(None)\nsys.stdout = None\nprint('made', file=sys.stderr)"
    ran = run(code, google.environ())
    assert (ran.code, ran.err) == (0, "made\n")


def test_no_library_is_imported_for_it(google: GoogleServer, run: Callable[..., Ran]) -> None:
    ran = run(READY + "import sys; print('aws_lambda_powertools' in sys.modules)", google.environ())
    assert ran.said == ["True", "False"]
