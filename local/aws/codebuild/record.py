"""What is known of a build while it runs: its phases, as BatchGetBuilds answers them and as its log tells them."""

import time
from collections.abc import Iterator
from contextlib import contextmanager
from typing import Any

from local.aws.codebuild.cloud import Log
from local.aws.codebuild.shell import Interrupted

IN_PROGRESS = "IN_PROGRESS"


class Failed(Exception):
    """A phase failed: the code and the words of its context."""

    def __init__(self, code: str, message: str) -> None:
        super().__init__(message)
        self.code = code


class Record:
    """Times are seconds since the epoch. Written by the build's thread, read by any."""

    def __init__(self, log: Log) -> None:
        self._log = log
        self.began = time.time()
        self.failed = False
        self.status = IN_PROGRESS
        self._phases: tuple[dict[str, Any], ...] = ()

    @contextmanager
    def phase(self, name: str) -> Iterator[None]:
        """Record a phase, and in the log its beginning and its end."""
        began, before = time.time(), self._phases
        self._phases = (*before, {"phaseType": name, "startTime": began})
        self.say(f"Entering phase {name}")
        end: dict[str, Any] = {"phaseStatus": "FAULT"}
        try:
            yield
            end = {"phaseStatus": "SUCCEEDED"}
        except Failed as failure:
            end = {"phaseStatus": "FAILED", "contexts": [{"statusCode": failure.code, "message": str(failure)}]}
            self.failed = True
            raise
        except Interrupted as interrupted:
            end = {"phaseStatus": interrupted.status}
            raise
        finally:
            now = time.time()
            times = {"phaseType": name, "startTime": began, "endTime": now, "durationInSeconds": int(now - began)}
            self._phases = (*before, {**times, **end})
            self.say(f"Phase complete: {name} State: {end['phaseStatus']}")
            for context in end.get("contexts", ()):
                self.say(f"Phase context status code: {context['statusCode']} Message: {context['message']}")

    def say(self, words: str) -> None:
        """A line of CodeBuild's own in the log."""
        stamp = time.strftime("%Y/%m/%d %H:%M:%S", time.gmtime())
        self._log.write([f"[Container] {stamp} {line}" for line in words.splitlines()])

    def end(self, status: str) -> None:
        """Nothing comes after this."""
        self._phases = (*self._phases, {"phaseType": "COMPLETED", "startTime": time.time()})
        self.status = status

    def shown(self) -> dict[str, Any]:
        """As BatchGetBuilds answers it."""
        status, phases = self.status, self._phases
        return {
            "startTime": self.began,
            "currentPhase": phases[-1]["phaseType"] if phases else "SUBMITTED",
            "buildStatus": status,
            "buildComplete": status != IN_PROGRESS,
            "phases": list(phases),
            "logs": {"groupName": self._log.group, "streamName": self._log.stream},
            **({} if status == IN_PROGRESS else {"endTime": phases[-1]["startTime"]}),
        }
