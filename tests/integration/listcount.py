"""Independent counts of lists of domains: written from the contract, one pure function a format,
sharing nothing with the daemon. Each takes the bytes of a copy and gives a Count."""

import ipaddress
import re
from typing import NamedTuple


class Count(NamedTuple):
    entries: set  # unique, as reports print them: ".d" or "d"; exceptions begin with "@@"
    rows: int
    bad: int
    ignored: int
    roots: int


class Tally:
    def __init__(self):
        self.entries, self.rows, self.bad, self.ignored, self.roots = set(), 0, 0, 0, 0

    def count(self):
        return Count(self.entries, self.rows, self.bad, self.ignored, self.roots)

    def add(self, entry):
        self.rows += 1
        self.entries.add(entry)

    def domain(self, name, mark="."):
        """One name as the lists of domains mean it (rules 17 and 19)."""
        bare = re.sub(r"^(\*\.|\.)", "", name)
        if bare.strip("*.@") == "":
            self.roots += 1
        elif is_ip(bare):
            self.ignored += 1
        elif (folded := fold(bare)) is None:
            self.bad += 1
        elif "." not in folded:
            self.ignored += 1
        else:
            self.add(mark + folded)


LINE_MAX = 65536


def lines(data, tally):
    """Those that can be read; the others are bad rows."""
    if data.startswith(b"\xef\xbb\xbf"):
        data = data[3:]
    for line in data.split(b"\n"):
        if len(line) > LINE_MAX or b"\0" in line:
            tally.bad += 1
        else:
            yield line.decode("utf-8", "surrogateescape").strip(" \t\r")


def is_ip(text):
    """An address, with a port, zone or brackets or without."""
    text = text.removesuffix(".")
    match = re.fullmatch(r"\[(?:IPv6:)?(.*)\](?::\d+)?", text, re.IGNORECASE) or re.fullmatch(
        r"([\d.]+):\d+", text
    )
    text = match.group(1) if match else text
    if re.fullmatch(r"\d{1,3}(\.\d{1,3}){3}", text):  # leading zeros are nobody's domain either
        text = ".".join(str(int(part)) for part in text.split("."))
    if "%" in text and not re.search(r"^[^%]*%[A-Za-z0-9._:-]+$", text):
        return False
    try:
        ipaddress.ip_address(text)
    except ValueError:
        return False
    return True


def fold(name):
    """The canonical name, or None for a bad one."""
    name = name.lower()
    if name.endswith("."):
        name = name[:-1]
    if not name.isascii():
        try:
            name = name.encode("idna").decode()
        except UnicodeError:
            return None
    return name if re.fullmatch(r"[a-z0-9_-]+(\.[a-z0-9_-]+)*", name) else None


def count_domains(data):
    t = Tally()
    for line in lines(data, t):
        name = re.split(r"(?:^|[ \t])[#;]|^!", line)[0].strip()
        if name:
            t.domain(name)
    return t.count()


SINKS = re.compile(r"0|0\.0\.0\.0|127\.\d+\.\d+\.\d+|[0:]*:[0:]*1?")


def leads_nowhere(address):
    return SINKS.fullmatch(address) is not None and (address == "0" or is_ip(address))


def count_hosts(data):
    t = Tally()
    for line in lines(data, t):
        words = line.split("#")[0].split()
        if not words:
            continue
        if not leads_nowhere(words[0]) and not is_ip(words[0]) or len(words) == 1:
            t.bad += 1
        elif not leads_nowhere(words[0]):
            t.ignored += 1
        else:
            for name in words[1:]:
                if re.search(r".\.localdomain[46]?$", name, re.IGNORECASE):
                    t.ignored += 1
                else:
                    t.domain(name)
    return t.count()


COSMETIC = re.compile(r"#[@?$%]*#")


def count_adblock(data):
    t = Tally()
    for line in lines(data, t):
        comment = line[:1] == "#" and not COSMETIC.search(line)
        if not line or line[0] == "!" or comment or re.fullmatch(r"\[.*\]", line):
            continue
        rule = line.removeprefix("@@")
        match = re.fullmatch(r"\|\|([^*/:?=&|~,%^$# \t]*|[*.]*)\^", rule)
        if match and not match.group(1).strip("*."):
            if rule == line:
                t.roots += 1
            else:
                t.ignored += 1
        elif match and not re.search(r"[\x00-\x20\x7f]", rule):
            t.domain(match.group(1), "." if rule == line else "@@.")
        elif "$" not in rule and not COSMETIC.search(rule) and re.search(r"[\x00-\x20\x7f]", rule):
            t.bad += 1
        else:
            t.ignored += 1
    return t.count()


def count_dnsmasq(data):
    t = Tally()
    for line in lines(data, t):
        text = re.split(r"(?:^|[ \t])#", line)[0].strip()
        if not text:
            continue
        option = re.fullmatch(r"([a-z0-9-]+)\s*(?:=\s*(.*))?", text)
        key, value = option.groups() if option else (None, None)
        of_domains = re.fullmatch(r"/(.*)/\s*([^/]*)", value or "")
        if key not in ("address", "server", "local"):
            t.ignored += bool(option)
            t.bad += not option
        elif not of_domains:
            if key == "address" or (value or "").startswith("/"):
                t.bad += 1
            else:
                t.ignored += 1
        else:
            names, target = of_domains.groups()
            if target in ("", "#") or (key == "address" and leads_nowhere(target)):
                for name in names.split("/"):
                    if name.strip() == "#":
                        t.roots += 1
                    elif not name.strip():
                        t.ignored += 1
                    else:
                        t.domain(name.strip())
            elif key == "address" and not is_ip(target):
                t.bad += 1
            else:
                t.ignored += 1
    return t.count()


UNBOUND_TYPES = set(
    "always_null always_nxdomain always_nodata always_refuse always_deny static deny refuse"
    " redirect".split()
)


def count_unbound(data):
    t = Tally()
    for line in lines(data, t):
        text = re.split(r"(?:^|[ \t])#", line)[0].strip()
        if not text:
            continue
        zone = re.fullmatch(
            r"""local-zone:\s*(?:"([^"]+)"\s*|'([^']+)'\s*|([^\s"']\S*)\s+)("?|'?)(\w+)\4""", text
        )
        if zone and zone.group(5) in UNBOUND_TYPES:
            t.domain((zone.group(1) or zone.group(2) or zone.group(3)).strip())
        elif zone or (re.match(r"[A-Za-z0-9-]+:", text) and not text.startswith("local-zone:")):
            t.ignored += 1
        else:
            t.bad += 1
    return t.count()


def count_urls(data, is_left_out=lambda host: False):
    """IS_LEFT_OUT(host) tells protected domains, public suffixes and hosts that strangers share."""
    t = Tally()
    for line in lines(data, t):
        text = re.split(r"(?:^|[ \t])#", line)[0].strip()
        if not text:
            continue
        url = re.match(r"(?!hxx)[a-z][a-z0-9+.-]*://([^/?#\\\s]+)(?=[/?#]|$)", text, re.IGNORECASE)
        authority = url.group(1).rpartition("@")[2] if url else ""
        host = re.fullmatch(r"(\[.*\]|[^:\[\]]+)(?::(\d*))?", authority)
        if not host or int(host.group(2) or 0) > 65535:
            t.bad += 1
        elif not host.group(1).strip("*."):
            t.roots += 1
        elif is_ip(host.group(1)):
            t.ignored += 1
        elif (name := fold(host.group(1))) is None:
            t.bad += 1
        elif "." not in name or re.search(r"(?:^|\.)(?:\d+|0x[0-9a-f]*)$", name) or is_left_out(name):
            t.ignored += 1
        else:
            t.add(name)
    return t.count()


def left_out_by(suffix_list, protected):
    """What count_urls leaves out, by the text of a public suffix list and names of protected domains.
    Every daemon's list is of another day: where it matters, compare with one as old."""
    sections = suffix_list.split("===BEGIN PRIVATE DOMAINS===")
    public, private = (
        {rule.split()[0] for rule in text.splitlines() if rule.strip() and not rule.startswith("//")}
        for text in sections
    )

    def is_suffix(name, rules):
        if "!" + name in rules:
            return False
        return name in rules or "*." + name.partition(".")[2] in rules

    def left_out(host):
        labels = host.split(".")
        parents = [".".join(labels[i:]) for i in range(len(labels))]
        shared = any(is_suffix(parent, private) for parent in parents)
        return shared or host in protected or is_suffix(host, public)

    return left_out
