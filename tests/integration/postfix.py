"""A Postfix of our own: the Debian package's programs with directories and ports of the test, and
smtp-sink as the next hop. The system's instance is never looked at."""

import os
import pathlib
import re
import shutil
import signal
import smtplib
import subprocess

from support import (
    end_process,
    free_port,
    make_directory,
    remove_directory,
    run,
    start_process,
    wait_until,
)

# The recipe of docs/postfix.md, on loopback ports and without TLS.
MAIN_CF = """
compatibility_level = 3.6
queue_directory = {dir}/queue
data_directory = {dir}/data
mail_owner = postfix
setgid_group = postdrop
maillog_file = {dir}/maillog
maillog_file_prefixes = {dir}
myhostname = relay.example.net
mydestination =
local_recipient_maps =
alias_maps =
alias_database =
inet_interfaces = 127.0.0.1
inet_protocols = ipv4
mynetworks = 127.0.0.0/8
relayhost = [127.0.0.1]:{sink}
disable_dns_lookups = yes
smtp_host_lookup = native
smtputf8_enable = yes
maximal_queue_lifetime = 1h
minimal_backoff_time = 1s
queue_run_delay = 1s
smtpd_peername_lookup = no

outbound_policy =
    check_policy_service {{ {policy},
        timeout=3s, max_ttl=60s, default_action=DUNNO, policy_context=outbound }}
smtpd_relay_restrictions = permit_mynetworks, permit_sasl_authenticated, reject_unauth_destination
smtpd_recipient_restrictions = reject_non_fqdn_recipient, $outbound_policy
smtpd_delay_reject = yes
smtpd_error_sleep_time = 0
smtpd_soft_error_limit = 1001
smtpd_hard_error_limit = 1000
"""

MASTER_CF = """
127.0.0.1:{smtp} inet n - n - - smtpd
pickup    unix n - n 60 1 pickup
  -o content_filter=polfilter:[127.0.0.1]:{reinject}
polfilter unix - - n - 5 smtp
  -o smtp_send_xforward_command=yes
127.0.0.1:{reinject} inet n - n - - smtpd
  -o syslog_name=postfix/reinject
  -o content_filter=
  -o smtpd_authorized_xforward_hosts=127.0.0.0/8
  -o receive_override_options=no_unknown_recipient_checks,no_header_body_checks,no_milters
  -o smtpd_relay_restrictions=permit_mynetworks,reject
cleanup   unix n - n - 0 cleanup
qmgr      unix n - n 300 1 qmgr
rewrite   unix - - n - - trivial-rewrite
bounce    unix - - n - 0 bounce
defer     unix - - n - 0 bounce
trace     unix - - n - 0 bounce
flush     unix n - n 1000? 0 flush
proxymap  unix - - n - - proxymap
smtp      unix - - n - - smtp
relay     unix - - n - - smtp
showq     unix n - n - - showq
error     unix - - n - - error
retry     unix - - n - - error
discard   unix - - n - - discard
anvil     unix - - n - 1 anvil
scache    unix - - n - 1 scache
tlsmgr    unix - - n 1000? 1 tlsmgr
postlog   unix-dgram n - n - 1 postlogd
"""


class Postfix:
    def __init__(self, policy):
        """POLICY as in main.cf: inet:127.0.0.1:10040 or unix:/path."""
        self.directory = make_directory()
        self.config = self.directory / "etc"
        self.mail = self.directory / "mail"
        for name in ("etc", "queue", "data", "mail"):
            (self.directory / name).mkdir()
        shutil.chown(self.directory / "data", "postfix", "postfix")
        shutil.chown(self.mail, "postfix", "postfix")
        self.smtp, self.reinject, self.sink_port = free_port(), free_port(), free_port()
        values = {
            "dir": self.directory,
            "policy": policy,
            "smtp": self.smtp,
            "reinject": self.reinject,
            "sink": self.sink_port,
        }
        (self.config / "main.cf").write_text(MAIN_CF.format(**values))
        (self.config / "master.cf").write_text(MASTER_CF.format(**values))
        self.log_file = self.directory / "maillog"
        self.sink = self.master = None

    def start(self):
        self.sink = start_process(
            # A file a session, so that the test can read who got what.
            ["smtp-sink", "-u", "postfix", "-d", f"{self.mail}/%s.",
             f"127.0.0.1:{self.sink_port}", "100"],
            stdout=subprocess.DEVNULL,
            stderr=subprocess.DEVNULL,
        )
        # `postfix start` would let the master out of our hands: check makes the queue directories,
        # and the master itself stays our child.
        checked = run("postfix", "-c", self.config, "check", timeout=60)
        assert checked.returncode == 0, checked.stdout + checked.stderr
        programs = run("postconf", "-c", self.config, "-h", "daemon_directory").stdout.strip()
        with open(self.directory / "start", "wb") as output:
            self.master = start_process(
                [f"{programs}/master", "-c", self.config, "-d"], stdout=output, stderr=output
            )
        wait_until("Postfix greets", self._greets, 30)
        return self

    def _greets(self):
        assert self.master.poll() is None, (self.directory / "start").read_text() + self.log()
        try:
            self.session().quit()
        except (OSError, smtplib.SMTPException):
            return False
        return True

    def stop(self):
        for process in (self.master, self.sink):
            if process is not None:
                process.terminate()
                end_process(process, 10)
        self.master = self.sink = None
        wait_until("Postfix has gone", lambda: not self._kill_children(), 20)

    def _kill_children(self):
        """Postfix's daemons have the queue directory as their working directory; an smtpd whose
        client is still there does not go with the master."""
        found = []
        for entry in pathlib.Path("/proc").glob("[0-9]*"):
            try:
                if os.readlink(entry / "cwd").startswith(str(self.directory)):
                    os.kill(int(entry.name), signal.SIGKILL)
                    found.append(entry.name)
            except OSError:
                pass
        return found

    def close(self):
        self.stop()
        remove_directory(self.directory)

    def session(self, timeout=30):
        return smtplib.SMTP("127.0.0.1", self.smtp, "client.example.net", timeout)

    def log(self):
        return self.log_file.read_text(errors="replace") if self.log_file.exists() else ""

    def send(self, recipients, sender="sender@example.net", subject="test", session=None):
        """One message over SMTP. Returns {recipient: (code, text)} of RCPT TO."""
        own = session is None
        session = session or self.session()
        try:
            session.ehlo_or_helo_if_needed()
            assert session.mail(sender)[0] == 250
            answers = {}
            for recipient in recipients:
                code, text = session.rcpt(recipient)
                answers[recipient] = (code, text.decode())
            if any(code == 250 for code, _ in answers.values()):
                code, text = session.data(f"Subject: {subject}\r\n\r\nHello.\r\n")
                assert code == 250, text
            else:
                session.rset()
            return answers
        finally:
            if own:
                session.quit()

    def sendmail(self, recipients, subject, sender="sender@example.net"):
        """By sendmail(1), as cron and PHP do: through postdrop into the maildrop queue."""
        return run(
            "sendmail", "-C", self.config, "-f", sender, "--", *recipients,
            input=f"Subject: {subject}\n\nHello.\n",
        )

    def delivered(self, subject):
        """Envelope recipients of the message with that subject, as the next hop saw them. A bounce
        quotes the subject; it has no sender."""
        found = set()
        for path in self.mail.iterdir():
            text = path.read_text(errors="replace")
            if f"Subject: {subject}\n" in text and "\nX-Mail-Args: <>" not in text:
                found |= set(re.findall(r"^X-Rcpt-Args: <([^>]*)>", text, re.MULTILINE))
        return found

    def wait_delivered(self, subject, recipients):
        try:
            wait_until(
                f"{subject}: {recipients}",
                lambda: self.delivered(subject) == set(recipients),
                20,
            )
        except AssertionError as late:
            raise AssertionError(
                f"{late}; delivered to {self.delivered(subject)}\n{self.log()[-3000:]}"
            ) from None


def installed():
    return os.path.exists("/usr/sbin/postfix") and shutil.which("smtp-sink") is not None
