"""DNS zones with a real Postfix in front: SMTP client, smtpd, rcptguardd, the zone's server."""

import re
import time

import pytest

from dnsservers import BAD, DBL, DROP, GOOD, Rbldnsd, Unbound
from policyclient import REF
from postfix import Postfix, installed

pytestmark = pytest.mark.skipif(not installed(), reason="no postfix and smtp-sink here")


@pytest.fixture
def smtp(daemon):
    """Postfix that asks the daemon, which the test starts."""
    postfix = Postfix(daemon.unix)
    try:
        yield postfix.start()
    finally:
        postfix.close()


def test_bounce_names_the_zone_and_why_explains_it(daemon, smtp):
    rbldnsd = Rbldnsd({DBL: ("dnset", ":127.0.1.2:spam: $\nbad.example.org\n")}).start()
    unbound = None
    try:
        unbound = Unbound({DBL: rbldnsd.port}).start()
        daemon.resolvers(unbound.port)
        daemon.zone("dbl", DBL, codes="127.0.[0;1].2")
        daemon.start_zones()
        answers = smtp.send([BAD, GOOD], subject="one")
        code, text = answers[BAD]
        match = re.fullmatch(
            rf"5\.7\.1 <{re.escape(BAD)}>: Recipient address rejected: on blocklist dbl; if this is a"
            rf" mistake ask helpdesk@example\.org and quote ({REF})",
            text,
        )
        assert code == 550 and match, answers
        assert answers[GOOD][0] == 250
        smtp.wait_delivered("one", [GOOD])
        why = daemon.command("why", match.group(1))
        assert why.returncode == 0
        for word in (BAD, "dbl", "127.0.1.2", "sender@example.net"):
            assert word in why.stdout, why.stdout
        assert daemon.command("exclude", BAD, "--ticket", "INC1").returncode == 0
        assert smtp.send([BAD], subject="two")[BAD][0] == 250
        smtp.wait_delivered("two", [BAD])
    finally:
        if unbound:
            unbound.close()
        rbldnsd.close()


def test_mail_flows_while_zones_misbehave(daemon, dbl, smtp):
    daemon.config["policy"]["deadline"] = "500ms"
    daemon.config["dnsbl dbl"]["timeout"] = "500ms"
    daemon.start_zones()
    assert smtp.send([BAD])[BAD][0] == 550
    dbl.lists_the_world()
    recipients = [f"any@mad{i}.example.org" for i in range(20)]
    answers = smtp.send(recipients, subject="mad")
    assert {code for code, _ in answers.values()} == {250}
    smtp.wait_delivered("mad", recipients)
    dbl.all = None
    daemon.refresh("dbl")
    daemon.wait_feed("dbl", state="on")
    dbl.all = DROP
    recipients = [f"any@dead{i}.example.org" for i in range(20)]
    begin = time.monotonic()
    answers = smtp.send(recipients, subject="dead")
    assert {code for code, _ in answers.values()} == {250}
    assert time.monotonic() - begin < 5 * 0.5 + 3
    smtp.wait_delivered("dead", recipients)
