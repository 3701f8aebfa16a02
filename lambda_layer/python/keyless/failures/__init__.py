"""Look up what a failure means. The catalogue is imported when something has failed, and not before."""

from typing import TYPE_CHECKING

if TYPE_CHECKING:
    from keyless.failures.failure import Failure, Link


def find(id: str) -> "Failure":
    """The entry of this name; KeyError when there is none."""
    from keyless.failures.catalogue import BY_ID

    return BY_ID[id]


def diagnose(link: "Link", status: int | None, words: str) -> "Failure":
    """What an answer other than 200 means, from what it says itself; for no answer of HTTP's, status is None."""
    from keyless.failures.catalogue import ALL

    if status == 429:
        return find("quota")
    if status is not None and (status >= 500 or status == 408):
        return find("google-ails")
    for failure in ALL:
        known = failure.words is not None and failure.words.casefold() in words.casefold()
        if known and link in failure.links and failure.status in (None, status):
            return failure
    return find("unknown")


def unreachable(why: BaseException | None) -> "Failure":
    """What it means that there was no answer, from what the connection failed with."""
    import socket
    import ssl

    if isinstance(why, ssl.SSLCertVerificationError):
        return find("tls-untrusted")
    if isinstance(why, socket.gaierror):
        return find("dns")
    if isinstance(why, OSError) and "Tunnel connection failed" in str(why):  # http.client's words
        return find("proxy-refused")
    return find("unreachable")
