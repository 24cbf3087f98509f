"""
What zone-like lists hold, counted from the contract and not from the C code: one pure function a
format, bytes -> Count. Entries are written as reports print them (user@d, d, .d, *.d), exceptions
with a leading "!"; "." stands for the whole world. Canonical form goes no further than the lists
that are counted need: lower case, one trailing dot off, gmail dots on request.
"""

import ipaddress
import re
from collections import namedtuple

Count = namedtuple("Count", "entries bad ignored rows")

NAME = re.compile(r"[a-z0-9_-]+(\.[a-z0-9_-]+)*\.?\Z")
LOCAL = re.compile(r"[^\x00-\x20\x7f\"(),:;<>@\[\]\\*]+\Z")


class Counter:
    """Collects rows; a row may be an entry, the root, bad or ignored."""

    def __init__(self, aliases):
        self.aliases = aliases
        self.entries, self.bad, self.ignored, self.rows = set(), 0, 0, 0

    def result(self):
        return Count(self.entries, self.bad, self.ignored, self.rows)

    def domain(self, name, prefix, excepts):
        name = name.lower()
        if name.strip("*.") == "":
            return self.root(excepts)
        if re.fullmatch(r"[0-9.]+", name) or is_ip(name):
            self.ignored += 1
            return None
        if not name.isascii():
            try:
                name = name.encode("idna").decode()
            except UnicodeError:
                name = ""
        if not NAME.match(name):
            self.bad += 1
            return None
        name = name[:-1] if name.endswith(".") else name
        return self.add(prefix + name, excepts)

    def address(self, text, excepts):
        local, _, domain = text.lower().rpartition("@")
        if not LOCAL.match(local) or not NAME.match(domain):
            self.bad += 1
            return None
        domain = domain.rstrip(".")
        if self.aliases and domain in ("gmail.com", "googlemail.com"):
            local, domain = local.replace(".", "") or local, "gmail.com"
        return self.add(local + "@" + domain, excepts)

    def add(self, entry, excepts):
        self.rows += 1
        self.entries.add(("!" if excepts else "") + entry)

    def root(self, excepts):
        if excepts:
            self.ignored += 1
        else:
            self.rows += 1
            self.entries.add(".")


def is_ip(text):
    try:
        ipaddress.ip_address(text)
        return True
    except ValueError:
        return False


def lines_of(data):
    text = data.decode("utf-8", "surrogateescape").removeprefix("\ufeff")
    for line in text.split("\n"):
        yield line.removesuffix("\r")


# rpz

def rpz_records(data):
    """(begins with a blank, words) of each record; None for one that cannot be split."""
    words, depth, blank, wanted = [], 0, False, re.compile(
        r'\s+|;.*|(?P<paren>[()])|(?P<word>"(?:\\.|[^"\\])*"|(?:\\.|[^\s;()"\\])+)|(?P<odd>.)')
    for line in lines_of(data):
        if depth == 0:
            words, blank = [], line[:1] in (" ", "\t")
        for match in wanted.finditer(line):
            if match["odd"]:
                words, depth = None, 0
                break
            if match["paren"]:
                depth += 1 if match["paren"] == "(" else -1
            elif match["word"]:
                words.append(match["word"])
            if depth < 0:
                words, depth = None, 0
                break
        if words is None or (depth == 0 and words):
            yield blank, words


TYPES = set("A AAAA AFSDB CAA CDNSKEY CDS CERT CNAME DNAME DNSKEY DS HINFO HTTPS LOC MX NAPTR NS "
            "NSEC NSEC3 NSEC3PARAM OPENPGPKEY PTR RP RRSIG SMIMEA SOA SPF SRV SSHFP SVCB TLSA TXT "
            "URI ZONEMD".split())
SERVERS = {"rpz-ip", "rpz-client-ip", "rpz-nsdname", "rpz-nsip"}
TTL = re.compile(r"([0-9]+[smhdw]?)+\Z", re.I)


def absolute(word, origin):
    """A name with a dot at its end, or without one where the zone's name is not known."""
    word = word.lower()
    if word == "@":
        return origin
    if word.endswith("."):
        return word
    return word if origin == "" else word + ("." if origin != "." else "") + origin


def rpz_trigger(owner, zone):
    if zone and zone != "." and owner == zone:
        return ""
    if zone and zone != "." and owner.endswith("." + zone):
        return owner[: -len(zone) - 1]
    return owner.removesuffix(".")


def count_rpz(data, aliases=False):
    count, origin, zone, owner = Counter(aliases), "", None, None
    for blank, words in rpz_records(data):
        if words is None:
            count.bad, owner = count.bad + 1, None
            continue
        if not blank and words[0].startswith("$"):
            if words[0].upper() == "$ORIGIN" and len(words) == 2:
                origin = absolute(words[1], origin)
            elif words[0].upper() != "$TTL" or len(words) != 2 or not TTL.match(words[1]):
                count.bad += 1
            continue
        rest = words if blank else words[1:]
        if not blank:
            owner = absolute(words[0], origin)
            owner = None if "\\" in owner or len(owner) > 254 else owner
        rest = without_ttl_and_class(rest)
        kind = rest[0].upper() if rest else ""
        if owner is None or len(rest) < 2 or kind not in TYPES or \
                len(rest) != {"CNAME": 2, "SOA": 8}.get(kind, len(rest)):
            count.bad += 1
            continue
        if kind == "SOA" and zone is None:
            zone = owner
            origin = owner if origin == "" and owner.endswith(".") else origin
        if kind != "CNAME":
            count.ignored += 1
            continue
        zone = origin if zone is None and origin.endswith(".") and origin != "." else zone
        count_policy(count, rpz_trigger(owner, zone), owner, absolute(rest[1], origin))
    return count.result()


def without_ttl_and_class(words):
    seen = set()
    while words:
        what = "ttl" if TTL.match(words[0]) else words[0].upper() in ("IN", "CH", "HS", "CS")
        if not what or what in seen:
            break
        seen.add(what)
        words = words[1:]
    return words


def count_policy(count, trigger, owner, target):
    excepts = target in ("rpz-passthru.", trigger + ".", owner) and target.endswith(".") and \
        target not in (".", "*.")
    lists = target in (".", "*.", "rpz-drop.")
    if not (lists or excepts) or SERVERS & set(trigger.split(".")):
        count.ignored += 1
    elif trigger.startswith("*."):
        count.domain(trigger[2:], "*.", excepts)
    else:
        count.domain(trigger, "", excepts)


# dnset

SETTINGS = {"soa", "ns", "nameserver", "ttl", "maxrange4", "timestamp"}
VALUE = re.compile(r":([0-9.]+)[ \t]*(:|\Z)")


def value_is_good(text):
    match = VALUE.match(text)
    octets = match[1].split(".") if match else []
    return 1 <= len(octets) <= 4 and all(o.isdigit() and int(o) < 256 for o in octets) and \
        any(int(o) for o in octets)


def count_dnset(data, aliases=False):
    count, served = Counter(aliases), True
    for line in lines_of(data):
        line = line.strip(" \t\r")
        special = re.match(r"([#;:]?)\$([a-z]+4?|[0-9=])[ \t]+(.+)", line, re.I)
        if special and special[2].lower() == "dataset":
            words = re.sub(r"(^|[ \t])[#;].*", "", special[3]).split()
            served = len(words) > 1 and words[0].split(":")[0] == "dnset"
        elif special and (len(special[2]) == 1 or special[2].lower() in SETTINGS):
            pass
        elif line.startswith(("$", ":$")):
            count.bad += 1
        elif line == "" or line[0] in "#;":
            pass
        elif line[0] == ":":
            count.bad += served and not value_is_good(line)
        elif not served:
            count.ignored += 1
        else:
            count_dnset_row(count, line)
    return count.result()


def count_dnset_row(count, line):
    excepts = line.startswith("!")
    name, _, rest = line.removeprefix("!").strip().replace("\t", " ").partition(" ")
    rest = rest.strip()
    prefix = "." if name.startswith(".") else "*." if name.startswith("*.") else ""
    bare = name[len(prefix):]
    if name == "" or not excepts and rest.startswith(":") and not value_is_good(rest):
        count.bad += 1
    elif "@" in bare and prefix:
        count.bad += 1
    elif "@" in bare:
        count.address(bare, excepts)
    else:
        count.domain(bare, prefix, excepts)


# access

LISTS = {"REJECT", "DEFER", "DEFER_IF_PERMIT"}
PERMITS = {"OK", "DUNNO", "PERMIT", "RELAY"}


def access_rows(data):
    row = None
    for line in lines_of(data):
        if line.strip() == "" or line.lstrip(" \t").startswith("#"):
            continue
        if line[0] in " \t":
            if row is None:
                yield None
            else:
                row += line
            continue
        if row is not None:
            yield row
        row = line
    if row is not None:
        yield row


def count_access(data, aliases=False, parents=False):
    """ValueError: a pcre or regexp table."""
    count = Counter(aliases)
    for row in access_rows(data):
        match = re.match(r'((?:"[^"]*"|[^ \t"])+)[ \t]+(.*\S)', row or "")
        if not match:
            count.bad += 1
            continue
        key, value = match[1], match[2]
        if re.match(r"!?/", value if key.lower() == "if" else key):
            raise ValueError("a table of patterns")
        action = re.split(r"[ \t,]", value)[0].upper()
        permits = value.isdigit() or action in PERMITS
        lists = action in LISTS or re.match(r"[45][0-9][0-9][ \t,]", value) is not None
        if not re.match(r"\w+\Z", action):
            count.bad += 1
        elif permits or lists:
            count_access_key(count, key, permits and not lists, parents)
        else:
            trial = Counter(aliases)
            count_access_key(trial, key, False, parents)
            count.bad += trial.bad
            count.ignored += not trial.bad
    return count.result()


def count_access_key(count, key, excepts, parents):
    network = re.fullmatch(r"!?\[?([0-9.]+|[0-9a-f:.]*:[0-9a-f:.]*)\]?(/[0-9]+)?", key, re.I)
    if key == "<>" or (network and not key.startswith(".")) or key[1:].endswith("@"):
        count.ignored += 1
    elif "@" in key:
        count.address(key, excepts)
    elif key.startswith("."):
        count.domain(key[1:], "*.", excepts)
    else:
        count.domain(key, "." if parents else "", excepts)
