"""Proof of an AWS identity: a signed GetCallerIdentity request, checked hard and then replayed to AWS.

This is a door for server-side request forgery: a caller names a URL and headers that the server then uses. Nothing
is connected to before the request is exactly the one that Google documents, and the only host ever connected to is
the local AWS.
https://cloud.google.com/iam/docs/reference/sts/rest/v1/TopLevel/token
"""

import http.client
import json
import re
import urllib.parse
import xml.etree.ElementTree as ET
from collections.abc import Mapping
from dataclasses import dataclass
from typing import Any

from local.google.errors import OAuthError

HOST = re.compile(r"sts(?:\.[a-z]{2}(?:-[a-z]+)+-[0-9]+)?\.amazonaws\.com")
QUERY = {"Action": "GetCallerIdentity", "Version": "2011-06-15"}
TARGET = "x-goog-cloud-target-resource"
REPLAYED = frozenset(
    {
        "accept",
        "authorization",
        "content-type",
        "host",
        "x-amz-content-sha256",
        "x-amz-date",
        "x-amz-security-token",
        TARGET,
    }
)
REQUIRED = ("authorization", "host", "x-amz-date", TARGET)
VALUE = re.compile(r"[\x20-\x7e]{0,8192}")
MAX_TOKEN_CHARS = 32768
MAX_HEADERS = 32
MAX_ANSWER = 65536
TIMEOUT = 10.0


@dataclass(frozen=True, slots=True)
class SignedRequest:
    """A GetCallerIdentity request that may be replayed: its host, its query as signed, and its headers."""

    host: str
    query: str
    headers: Mapping[str, str]

    @classmethod
    def parse(cls, token: str, audience: str) -> "SignedRequest":
        """Read a subject token made for `audience`, or raise `OAuthError`."""
        document = _document(token)
        host, query = _target(document)
        headers = _headers(document.get("headers"))
        if headers["host"] != host:
            raise _refused("the host header differs from the URL's host")
        if headers[TARGET] != audience:
            raise _refused(f"the header {TARGET} differs from the audience")
        return cls(host, query, headers)

    def replay(self, endpoint: str) -> "CallerIdentity":
        """Who signed this request, in the words of the AWS at `endpoint`. Blocks."""
        aws = urllib.parse.urlsplit(endpoint)
        connection = http.client.HTTPConnection(aws.hostname or "", aws.port, timeout=TIMEOUT)
        try:
            # Exactly the signed headers, Host among them, and none of the client's own.
            connection.putrequest("POST", f"/?{self.query}", skip_host=True, skip_accept_encoding=True)
            for name, value in self.headers.items():
                connection.putheader(name, value)
            connection.putheader("content-length", "0")
            connection.endheaders()
            answer = connection.getresponse()
            status, text = answer.status, answer.read(MAX_ANSWER).decode()
        except (OSError, http.client.HTTPException, ValueError) as error:
            raise OAuthError(
                "temporarily_unavailable", "AWS could not be reached.", code=503, reason=f"AWS: {error!r}"
            ) from error
        finally:
            connection.close()
        if status != 200:
            kind, message = _fault(text)
            raise OAuthError(
                "invalid_grant",
                f"Received invalid AWS response of type {kind} with error message: {message}",
                reason=f"AWS refused the signed request: {kind}",
            )
        return CallerIdentity.parse(text)


@dataclass(frozen=True, slots=True)
class CallerIdentity:
    """What GetCallerIdentity answers."""

    arn: str
    account: str
    user_id: str

    @classmethod
    def parse(cls, text: str) -> "CallerIdentity":
        """Read an answer in XML or JSON."""
        fields = _fields(text)
        try:
            identity = cls(fields["Arn"], fields["Account"], fields["UserId"])
        except KeyError as error:
            raise _refused("AWS answered without an identity") from error
        # The local AWS does not verify root keys: any key ID would pass for one.
        if identity.arn.endswith(":root"):
            raise _refused(f"{identity.arn} is a root identity, which is not verified here")
        return identity


def _document(token: str) -> dict[str, Any]:
    if len(token) > MAX_TOKEN_CHARS:
        raise _refused("the subject token is too long")
    if re.search(r'[{}"\s]', token):
        raise _refused("the subject token is not URL-encoded")
    try:
        document = json.loads(urllib.parse.unquote_plus(token, errors="strict"))  # Go writes a space as +
    except ValueError as error:
        raise _refused(f"the subject token is not JSON ({type(error).__name__})") from error
    if not isinstance(document, dict):
        raise _refused("the subject token is not a JSON object")
    return document


def _target(document: Mapping[str, Any]) -> tuple[str, str]:
    if document.get("method") != "POST":
        raise _refused("the method is not POST")
    if document.get("body"):
        raise _refused("the request has a body")
    url = str(document.get("url", ""))
    if not VALUE.fullmatch(url) or "\\" in url:
        raise _refused("the URL is malformed")
    try:
        parts = urllib.parse.urlsplit(url)
    except ValueError as error:
        raise _refused("the URL is malformed") from error
    # The whole netloc is compared: a port, a user or a trailing dot is refused with every other host.
    if parts.scheme != "https" or not HOST.fullmatch(parts.netloc):
        raise _refused("the URL is not https on sts.REGION.amazonaws.com or sts.amazonaws.com")
    if parts.path not in ("", "/") or parts.fragment or "#" in url:
        raise _refused("the URL has a path or a fragment")
    if sorted(urllib.parse.parse_qsl(parts.query, keep_blank_values=True)) != sorted(QUERY.items()):
        raise _refused("the URL's query is not that of GetCallerIdentity 2011-06-15")
    return parts.netloc, parts.query


def _headers(entries: Any) -> dict[str, str]:
    if not isinstance(entries, list) or len(entries) > MAX_HEADERS:
        raise _refused("the headers are not a list, or too many")
    headers: dict[str, str] = {}
    for entry in entries:
        if not isinstance(entry, dict) or not isinstance(entry.get("key"), str):
            raise _refused("a header has no key")
        name, value = entry["key"].lower(), str(entry.get("value", ""))
        if name in headers:
            raise _refused(f"the header {name!r} stands twice")
        if not VALUE.fullmatch(value):
            raise _refused(f"the header {name!r} has a malformed value")
        headers[name] = value
    missing = [name for name in REQUIRED if not headers.get(name)]
    if missing:
        raise _refused(f"these headers are missing: {', '.join(missing)}")
    if not headers["authorization"].startswith("AWS4-HMAC-SHA256 "):
        raise _refused("the authorization header is not AWS4-HMAC-SHA256")
    return {name: value for name, value in headers.items() if name in REPLAYED}


def _fields(text: str) -> dict[str, str]:
    if text.lstrip().startswith("{"):
        found = json.loads(text).get("GetCallerIdentityResponse", {}).get("GetCallerIdentityResult", {})
        return {key: str(value) for key, value in found.items()}
    # The document comes from the local AWS, whose requests are ours.
    return {element.tag.rpartition("}")[2]: element.text or "" for element in ET.fromstring(text).iter()}  # noqa: S314


def _fault(text: str) -> tuple[str, str]:
    try:
        fields = _fields(text)
    except (ET.ParseError, ValueError, AttributeError):
        fields = {}
    return fields.get("Code", "UnknownError"), fields.get("Message", "The request was refused.")


def _refused(reason: str) -> OAuthError:
    return OAuthError("invalid_grant", f"Invalid AWS subject token: {reason}.", reason=reason)
