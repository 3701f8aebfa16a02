"""The trusted roots: Google's own first; the public bundle and the system's when a certificate needs others.

Reading a bundle of 150 roots costs 30 ms of CPU, and the few that Google's APIs are served under 2 ms.
"""

import os
import threading
from typing import TYPE_CHECKING

if TYPE_CHECKING:
    import ssl

GOOGLE_ROOTS = os.path.join(os.path.dirname(__file__), "google_roots.pem")


class Roots:
    """The TLS context for all connections. With `ca_file` (a file or a folder) nothing else is trusted."""

    def __init__(self, ca_file: str | None) -> None:
        self._ca_file = ca_file
        self._context: ssl.SSLContext | None = None
        self._widened = ca_file is not None
        self._lock = threading.Lock()

    def context(self) -> "ssl.SSLContext":
        """Return the context to use now; it verifies certificate and host name."""
        with self._lock:
            if self._context is None:
                self._context = _trusting(self._ca_file or GOOGLE_ROOTS)
            return self._context

    def widen(self, refused: "ssl.SSLContext") -> bool:
        """Trust more roots after `refused` did not trust a host; return whether there is another context to try."""
        with self._lock:
            if self._context is refused and not self._widened:
                import certifi  # few need it

                self._context, self._widened = _trusting(certifi.where()), True
                self._context.load_default_certs()  # a company's image may have roots of its own
            return self._context is not refused


def _trusting(roots: str) -> "ssl.SSLContext":
    import ssl  # see `keyless.net.sockets`

    place = "capath" if os.path.isdir(roots) else "cafile"
    context = ssl.create_default_context(**{place: roots})  # type: ignore[arg-type]
    context.set_alpn_protocols(["http/1.1"])
    return context
