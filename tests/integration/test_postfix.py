"""The whole story with a real Postfix: SMTP client, smtpd, rcptguardd, the next hop."""

import re
import time

import pytest

from policyclient import REF
from postfix import Postfix, installed
from support import DROP_GROUP, IS_ROOT, run, wait_until, write_by_rename

pytestmark = pytest.mark.skipif(not installed(), reason="no postfix and smtp-sink here")

LISTED = "listed@example.org"
FREE = "free@example.org"


@pytest.fixture(params=["unix", "tcp"])
def story(request, daemon):
    """(daemon that lists LISTED, Postfix that asks it)"""
    daemon.list_file("main", f"{LISTED}\nexample.com\n.example.edu\n")
    daemon.start()
    daemon.wait_blocked(LISTED)
    postfix = Postfix(daemon.unix if request.param == "unix" else daemon.inet)
    try:
        yield daemon, postfix.start()
    finally:
        postfix.close()


def refused(answer, recipient=LISTED, feed="main"):
    code, text = answer
    return code == 550 and re.fullmatch(
        rf"5\.7\.1 <{re.escape(recipient)}>: Recipient address rejected: on blocklist {feed}; if this"
        rf" is a mistake ask helpdesk@example\.org and quote ({REF})",
        text,
    )


def test_the_story(story):
    daemon, postfix = story

    # The listed recipient is refused with text and reference; the others of the message get it.
    answers = postfix.send([LISTED, FREE, "second@example.org"], subject="one")
    match = refused(answers[LISTED])
    assert match, answers
    assert answers[FREE][0] == 250
    postfix.wait_delivered("one", [FREE, "second@example.org"])
    daemon.wait_log(rf"reject: ref={match.group(1)} to=<{LISTED}> from=<sender@example\.net> ")
    line = re.search(rf"reject: ref={match.group(1)} .*", daemon.log()).group()
    instance = re.search(r" instance=(\S+)", line).group(1)
    assert re.fullmatch(r"[0-9a-f]+(\.[0-9a-f]+){2,3}", instance)
    assert " client=<127.0.0.1> " in line

    # Domains, and addresses with a tag.
    answers = postfix.send(
        ["any@example.com", "any@sub.example.com", "any@deep.example.edu", "listed+tag@example.org"],
        subject="two",
    )
    codes = [answer[0] for answer in answers.values()]
    assert codes == [550, 250, 550, 550], answers

    # An exclusion is saved: delivered.
    write_by_rename(daemon.exclusions, f"{LISTED}  ticket=INC1 by=ann  # phoned\n")
    daemon.wait_free(LISTED, 4)
    answers = postfix.send([LISTED], subject="three")
    assert answers[LISTED][0] == 250
    postfix.wait_delivered("three", [LISTED])

    # The daemon is killed: mail flows by default_action.
    write_by_rename(daemon.exclusions, "# none\n")
    daemon.wait_blocked(LISTED, 4)
    daemon.kill()
    answers = postfix.send([LISTED, FREE], subject="four")
    assert [a[0] for a in answers.values()] == [250, 250]
    postfix.wait_delivered("four", [LISTED, FREE])

    # It is started again: refused again, at once.
    daemon.start()
    assert daemon.blocks(LISTED)
    answers = postfix.send([LISTED, FREE], subject="five")
    assert refused(answers[LISTED]), answers
    postfix.wait_delivered("five", [FREE])


def test_one_session_over_a_restart(story):
    """smtpd keeps its connection to the daemon; a restart costs a second and no mail."""
    daemon, postfix = story
    session = postfix.session()
    assert refused(postfix.send([LISTED], session=session)[LISTED])
    assert daemon.stop() == 0
    daemon.start()
    begin = time.monotonic()
    assert refused(postfix.send([LISTED], session=session)[LISTED])
    assert time.monotonic() - begin < 5
    session.quit()


def test_hung_daemon_costs_seconds_not_mail(story):
    import signal

    daemon, postfix = story
    assert refused(postfix.send([LISTED])[LISTED])
    daemon.signal(signal.SIGSTOP)
    try:
        begin = time.monotonic()
        answers = postfix.send([LISTED], subject="hung")
        assert answers[LISTED][0] == 250
        assert time.monotonic() - begin < 15
    finally:
        daemon.signal(signal.SIGCONT)
    postfix.wait_delivered("hung", [LISTED])
    wait_until("refused again", lambda: refused(postfix.send([LISTED])[LISTED]), 20)


def test_observe(story):
    daemon, postfix = story
    daemon.config["policy"]["mode"] = "observe"
    daemon.reload()
    daemon.wait_free(LISTED)
    mark = daemon.mark()
    assert postfix.send([LISTED], subject="observed")[LISTED][0] == 250
    postfix.wait_delivered("observed", [LISTED])
    daemon.wait_log(rf"observe: ref=\S+ to=<{LISTED}> ", since=mark)


def test_defer(story):
    daemon, postfix = story
    daemon.config["feed main"]["action"] = "defer"
    daemon.reload()
    wait_until("deferred", lambda: daemon.ask(LISTED).startswith("450 4.7.1 "))
    code, text = postfix.send([LISTED])[LISTED]
    assert code == 450 and text.startswith("4.7.1 ")


def test_sendmail_command(story):
    """sendmail(1) passes no smtpd; the recipe sends it through one that asks."""
    _, postfix = story
    result = postfix.sendmail([LISTED, FREE], "dropped")
    if result.returncode != 0 and "alternate_config_directories" in result.stderr + postfix.log():
        pytest.skip("postdrop does not take a configuration that the system's main.cf does not name")
    assert result.returncode == 0, result.stderr
    postfix.wait_delivered("dropped", [FREE])
    wait_until(
        "the listed one bounces", lambda: f"to=<{LISTED}>" in postfix.log()
        and "status=bounced" in postfix.log(), 20
    )


def test_many_recipients(story):
    """More refusals than Postfix takes for an abuser by default: the recipe's limits hold."""
    _, postfix = story
    bad = [f"r{i}@example.com" for i in range(40)]
    good = [f"good{i}@example.org" for i in range(10)]
    answers = postfix.send(bad + good, subject="many")
    assert [a[0] for a in answers.values()] == [550] * 40 + [250] * 10
    postfix.wait_delivered("many", good)


def test_awkward_addresses(story):
    daemon, postfix = story
    write_by_rename(
        daemon.directory / "main.list",
        f'{LISTED}\n"a b"@example.org\nuser@bücher.example.org\n',
    )
    daemon.wait_blocked("a b@example.org")
    session = postfix.session()
    session.ehlo()
    assert session.docmd("MAIL FROM:<> SMTPUTF8")[0] == 250
    for address, code in (
        ('"a b"@example.org', 550),
        ('"listed"@EXAMPLE.ORG.', 550),
        ("user@xn--bcher-kva.example.org", 550),
        ("user@b\u00fccher.example.org", 550),
        ("USER@B\u00dcCHER.example.org", 550),
        ("other@b\u00fccher.example.org", 250),
        ("listed@[192.0.2.1]", 250),
        ('"a@b"@example.org', 250),
    ):
        session.send(f"RCPT TO:<{address}>\r\n".encode())
        assert session.getreply()[0] == code, address
    session.docmd("RSET")
    session.quit()


@pytest.mark.as_root
@pytest.mark.skipif(not IS_ROOT, reason="needs root")
def test_socket_under_the_queue_directory(daemon):
    """As the recipe puts it: a directory of its own, group postfix, socket 0660, the path relative
    to the queue directory."""
    postfix = Postfix("unix:rcptguard/policy")
    try:
        where = postfix.directory / "queue" / "rcptguard"
        made = run("install", "-d", "-o", "nobody", "-g", "postfix", "-m", "2750", where)
        assert made.returncode == 0, made.stderr
        daemon.config["policy"].update(
            listen=f"unix:{where}/policy", socket_mode="0660", socket_group="postfix"
        )
        daemon.unix = f"unix:{where}/policy"
        daemon.list_file("main", f"{LISTED}\n")
        daemon.start()
        daemon.wait_blocked(LISTED)
        postfix.start()
        assert refused(postfix.send([LISTED])[LISTED])
        assert (where / "policy").stat().st_mode & 0o777 == 0o660
        assert (where / "policy").group() == "postfix" != DROP_GROUP
    finally:
        postfix.close()
