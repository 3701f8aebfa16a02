"""Look up what a failure means; the catalogue is imported when something has failed, and not before."""

from typing import TYPE_CHECKING

if TYPE_CHECKING:
    from keyless.failures.failure import Failure, Link


def find(id: str) -> "Failure":
    """Return the entry of this ID; KeyError when there is none."""
    from keyless.failures.catalogue import BY_ID

    return BY_ID[id]


def diagnose(link: "Link", status: int | None, words: str) -> "Failure":
    """Return the entry for an answer other than 200, by its words; `status` is None when there was no HTTP answer."""
    from keyless.failures.catalogue import ALL

    if status == 429:
        return find("quota-exceeded")
    if status is not None and (status >= 500 or status == 408):
        return find("google-unavailable")
    said = words.casefold()
    return next((failure for failure in ALL if failure.means(link, status, said)), find("unknown"))


def unreachable(why: BaseException | None) -> "Failure":
    """Return the entry for a missing answer, by the error of the connection."""
    import socket
    import ssl

    if isinstance(why, ssl.SSLCertVerificationError):
        return find("tls-untrusted")
    if isinstance(why, socket.gaierror):
        return find("dns-failure")
    if isinstance(why, OSError) and "Tunnel connection failed" in str(why):  # http.client's words
        return find("proxy-refused")
    return find("host-unreachable")
