"""In this process, without threads and sockets: a schedule goes the same way every time, and quickly."""

from collections.abc import Callable
from concurrent.futures import Executor, Future
from typing import Any

import requests

from tests.local.invocation import CloudFormation


class Inline(Executor):
    """Does each task as it comes; of many workers, all are the caller."""

    def __init__(self, max_workers: int) -> None:
        self.max_workers = max_workers

    def submit(self, fn: Callable[..., Any], /, *args: Any, **kwargs: Any) -> Future[Any]:
        """The task, done."""
        future: Future[Any] = Future()
        try:
            future.set_result(fn(*args, **kwargs))
        except BaseException as error:
            future.set_exception(error)
        return future


def answering(cloudformation: CloudFormation) -> Callable[..., requests.Response]:
    """In the place of `requests.put`: what takes an answer without a connection."""

    def put(url: str, *, data: bytes, headers: Any, timeout: Any) -> requests.Response:
        assert url == cloudformation.url
        response = requests.Response()
        response.status_code = cloudformation.take(data, headers["Content-Type"])
        return response

    return put
