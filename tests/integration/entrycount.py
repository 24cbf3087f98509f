"""
What lists of addresses and mixed entries hold, counted from the contract and not from the C code:
one pure function a format, bytes -> Count of listcount. Entries are written as reports print them
(user@d, d, .d, *.d).
"""

import csv
import datetime
import functools
import io
import json
import re

from listcount import Tally, fold, is_ip, lines
from model import fold_address

ODD_LOCAL = re.compile(r"[\x00-\x20\x7f\"<>@*,;:()\[\]\\]|^mailto:", re.IGNORECASE)


def without_comment(line):
    return re.split(r"(?:^|[ \t])#", line, maxsplit=1)[0].strip(" \t\r")


@functools.cache
def address_of(text):
    """The canonical address, or None for a bad one."""
    local, _, domain = text.rpartition("@")
    quoted = re.fullmatch(r'"((?:[^"\\]|\\.)*)"', local)
    if not local or (ODD_LOCAL.search(local) and not quoted):
        return None
    if not re.fullmatch(r"\[[A-Za-z0-9:.-]+\]", domain):
        domain = fold(domain)
    folded = domain and fold_address(f"{local}@{domain}")
    return folded and folded[0] + "@" + folded[1]


def count_entry(tally, text):
    """One entry as the `entries` format means it."""
    if not text.strip("*.@"):
        tally.roots += 1
        return
    name = text.removeprefix("*") if text.startswith("*@") else text
    local, at, domain = name.rpartition("@")
    if at and local:
        address = address_of(name)
        if address is None:
            tally.bad += 1
        else:
            tally.add(address)
        return
    mark, name = "", domain if at else name
    if name.startswith("*."):
        mark, name = "*.", name[2:]
    elif name.startswith(".") and not at:
        mark, name = ".", name[1:]
    if is_ip(name):
        tally.ignored += 1
    elif (folded := fold(name)) is None:
        tally.bad += 1
    else:
        tally.add(mark + folded)


def count_value(tally, text, as_domains):
    (tally.domain if as_domains else lambda t: count_entry(tally, t))(text)


def count_entries(data):
    t = Tally()
    for line in lines(data, t):
        text = without_comment(line)
        if text:
            count_entry(t, text)
    return t.count()


def day(text):
    """A day of the calendar after 1970, or None."""
    try:
        found = datetime.date(int(text[:4]), int(text[4:6]), int(text[6:]))
    except ValueError:
        return None
    return text if re.fullmatch(r"\d{8}", text) and found.year >= 1970 else None


def aper_rows(data, tally):
    """(canonical address, types, date) of each row that parses."""
    for line in lines(data, tally):
        text = without_comment(line)
        if not text:
            continue
        fields = [field.strip(" \t") for field in text.split(",")]
        good = len(fields) == 3 and re.fullmatch("[A-E]+", fields[1]) and day(fields[2])
        address = address_of(fields[0]) if good and "@" in fields[0].lstrip("*@") else None
        if address is None:
            tally.bad += 1
        else:
            tally.add(address)
            yield address, fields[1], fields[2]


def count_aper(data):
    t = Tally()
    for _ in aper_rows(data, t):
        pass
    return t.count()


def aper_active(data, cleared=b"", types="ABCD"):
    """{address: newest active date} of those that block."""
    days, active = {}, {}
    for line in lines(cleared, Tally()):
        match = re.fullmatch(r"([^,]+?)\s*,\s*(?:[A-E]+\s*,\s*)?(\d{8})", without_comment(line))
        address = match and day(match[2]) and address_of(match[1])
        if address:
            days[address] = max(match[2], days.get(address, ""))
    for address, letters, date in aper_rows(data, Tally()):
        if set(letters) & set(types) and days.get(address, "") < date:
            active[address] = max(date, active.get(address, ""))
    return active


def count_csv(data, column=None, as_domains=False):
    """COLUMN by its header, or None for the first of a file without one."""
    t = Tally()
    text = data.decode("utf-8", "surrogateescape").removeprefix("\ufeff")
    header = None
    for row in csv.reader(io.StringIO(text, newline=""), skipinitialspace=True):
        if not row or row[0].startswith("#"):
            continue
        if column is not None and header is None:
            header = row
            continue
        if row == header:
            continue
        index = 0 if column is None else [h.lower() for h in header].index(column.lower())
        value = row[index].strip(" \t") if index < len(row) else ""
        if value:
            count_value(t, value, as_domains)
        else:
            t.bad += 1
    return t.count()


def count_values(values, field, as_domains):
    t = Tally()
    for value in values:
        if isinstance(value, dict):
            if value.get("type") == "metadata":
                continue
            value = value.get(field)
        value = value.strip(" \t") if isinstance(value, str) else ""
        if value:
            count_value(t, value, as_domains)
        else:
            t.bad += 1
    return t.count()


def count_json(data, field=None, as_domains=False):
    return count_values(json.loads(data), field, as_domains)


def count_ndjson(data, field=None, as_domains=False):
    return count_values(map(json.loads, data.splitlines()), field, as_domains)


DIGEST = re.compile(r"[0-9a-f]{32}|[0-9a-f]{40}|[0-9a-f]{64}|[a-z2-7]{51}[aq](?:====)?")


def count_hashes(data):
    t = Tally()
    for line in lines(data, t):
        text = without_comment(line).lower()
        if not text or text[0] == ";":
            continue
        if DIGEST.fullmatch(text):
            t.add(text)
        elif re.fullmatch(r"(?:[0-9a-f]{8})+", text):
            t.ignored += 1
        else:
            t.bad += 1
    return t.count()
