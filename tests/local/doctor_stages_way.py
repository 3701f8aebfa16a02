"""What breaks on this machine and on the way to Google: the clock, names, connections, proxies, certificates."""

from collections.abc import Iterator

from tests.bench.certificates import Certificates
from tests.local.doctor_servers import answering, silent
from tests.local.doctor_staging import staged
from tests.local.doctor_world import NOWHERE, Environ, World
from tests.unit.google_server import Fault, GoogleServer

BEYOND = "https://{service}.keyless.invalid"
"""A name that resolves nowhere (RFC 2606)."""


@staged("a clock an hour ahead", failure="clock-skew", link="clock", says="ahead of", ahead=3600, how="machine")
def clock_ahead(world: World) -> Iterator[Environ]:
    yield world.chain()


@staged("a clock an hour behind", failure="clock-skew", link="clock", says="behind", ahead=-3600, how="machine")
def clock_behind(world: World) -> Iterator[Environ]:
    yield world.chain()


@staged(
    "the same without a way to AWS", failure="clock-skew", link="clock", says="127.0.0.1", ahead=3600, how="machine"
)
def clock_ahead_without_aws(world: World) -> Iterator[Environ]:
    yield world.chain({"AWS_ENDPOINT_URL": NOWHERE})


@staged("a clock two minutes off", failure="clock-skew", link="clock", verdict="warning", ahead=120, how="machine")
def clock_nearly_right(world: World) -> Iterator[Environ]:
    yield world.chain()


@staged(
    "a name that does not resolve",
    failure="dns-failure",
    link="network",
    says="sts.keyless.invalid: dns",
    how="machine",
)
def no_dns(world: World) -> Iterator[Environ]:
    yield world.chain({"KEYLESS_GOOGLE_ENDPOINT": BEYOND, "no_proxy": "*"})


@staged("no way out: refused", failure="host-unreachable", link="network", says=": tcp", how="machine")
def no_way_out(world: World) -> Iterator[Environ]:
    yield world.chain({"KEYLESS_GOOGLE_ENDPOINT": "https://127.0.0.1:9/{service}"})


@staged("no way out: silence", failure="host-unreachable", link="network", says=": tls", how="machine")
def silence(world: World) -> Iterator[Environ]:
    with silent() as port:
        yield world.chain({"KEYLESS_GOOGLE_ENDPOINT": f"https://127.0.0.1:{port}/{{service}}"})


@staged("a proxy that nobody is at", failure="proxy-unreachable", link="network", says="HTTPS_PROXY", how="machine")
def proxy_away(world: World) -> Iterator[Environ]:
    yield world.chain({"KEYLESS_GOOGLE_ENDPOINT": BEYOND, "HTTPS_PROXY": "http://user:password-of-it@127.0.0.1:9"})


@staged("a proxy whose name does not resolve", failure="proxy-unreachable", link="network", says=": dns", how="machine")
def proxy_unknown(world: World) -> Iterator[Environ]:
    yield world.chain({"KEYLESS_GOOGLE_ENDPOINT": BEYOND, "HTTPS_PROXY": "http://proxy.keyless.invalid:3128"})


@staged(
    "a proxy without its scheme", failure="proxy-unreachable", link="network", says="through 127.0.0.1", how="machine"
)
def proxy_without_scheme(world: World) -> Iterator[Environ]:
    yield world.chain({"KEYLESS_GOOGLE_ENDPOINT": BEYOND, "HTTPS_PROXY": "127.0.0.1:9"})


@staged(
    "a proxy that is no address", failure="settings-invalid", link="configuration", says="HTTPS_PROXY", how="machine"
)
def proxy_malformed(world: World) -> Iterator[Environ]:
    yield world.chain({"HTTPS_PROXY": "http://user:password-of-it@proxy:99999"})


@staged("a proxy that wants a password", failure="proxy-refused", link="network", says="407", how="machine")
def proxy_refuses(world: World) -> Iterator[Environ]:
    with answering(407, b"who are you?") as at:
        yield world.chain({"KEYLESS_GOOGLE_ENDPOINT": BEYOND, "HTTPS_PROXY": at})


@staged(
    "TLS opened on the way", failure="tls-untrusted", link="network", says="Keyless bench, for one run", how="machine"
)
def intercepted(world: World) -> Iterator[Environ]:
    made = Certificates.make(world.folder, ["localhost"])
    with GoogleServer(tls=made.server_context()) as google:
        yield world.chain({"KEYLESS_GOOGLE_ENDPOINT": google.endpoint})


@staged("a captive portal", failure="response-not-from-google", link="network", how="words")
def portal(world: World) -> Iterator[Environ]:
    with GoogleServer() as google:
        google.fail("sts", Fault(200, b"<html>Please log in</html>"), times=None)
        yield google.environ(AWS_ENDPOINT_URL=NOWHERE)
