"""Starts a function's process as Lambda does, where Google's names mean this machine.

Run as a script by the runtime's interpreter, the same for every variant. BENCH_PLAN in the environment is a JSON
object: `ports` of Google's hosts on loopback, `opt`, `bootstrap`, `stray` (a file that every other name which is
looked up is written to) and `clock` (a file with the seconds by which `time.time` is ahead; absent: it is not).
"""

import _socket
import json
import os
import runpy
import sys
import time
from typing import Any

_real_lookup, _real_time = _socket.getaddrinfo, time.time


def main(plan: dict[str, Any]) -> None:
    """Point Google's names at loopback, then become the bootstrap."""
    ports: dict[str, int] = plan["ports"]

    def look_up(host: Any, port: Any, *rest: Any, **options: Any) -> Any:
        name = host.decode() if isinstance(host, bytes) else host
        if name in ports:
            return _real_lookup("127.0.0.1", ports[name], *rest, **options)
        if name not in ("127.0.0.1", "localhost"):
            with open(plan["stray"], "a") as file:
                file.write(f"{name}\n")
            raise _socket.gaierror(_socket.EAI_NONAME, "the bench lets nothing leave this machine")
        return _real_lookup(host, port, *rest, **options)

    def shifted() -> float:
        try:
            with open(plan["clock"]) as file:
                return _real_time() + float(file.read())
        except FileNotFoundError:
            return _real_time()

    # Below `socket`, which calls it: importing that here would give it to some variants for nothing.
    _socket.getaddrinfo = look_up
    if plan["clock"]:
        time.time = shifted
    sys.argv = [plan["bootstrap"], plan["opt"]]
    runpy.run_path(plan["bootstrap"], run_name="__main__")


if __name__ == "__main__":
    main(json.loads(os.environ.pop("BENCH_PLAN")))
