"""An independent model of what matches: written from the contract, sharing nothing with the daemon.
ASCII only; it says so of the rest."""

import re

FREEMAIL_ALIAS = {"googlemail.com": "gmail.com"}
QUOTES_NEEDED = re.compile(r'[\x00-\x20\x7f",:;<>()\[\]@\\]')


def fold_address(text):
    """(local, domain) folded as lists and recipients are, or None."""
    local, at, domain = text.rpartition("@")
    if not at:
        return None
    if len(local) > 1 and local.startswith('"') and local.endswith('"'):
        local = re.sub(r"\\(.)", r"\1", local[1:-1])
    local = local.lower()
    domain = fold_domain(domain)
    if domain is None:
        return None
    if FREEMAIL_ALIAS.get(domain, domain) == "gmail.com":
        domain = "gmail.com"
        tag = local.find("+", 1)
        head, tail = (local, "") if tag < 0 else (local[:tag], local[tag:])
        local = head.replace(".", "") + tail
    return local, domain


def fold_domain(domain):
    domain = domain.lower()
    if domain.endswith("."):
        domain = domain[:-1]
    return domain if domain and all(domain.split(".")) else None


class Model:
    def __init__(self):
        self.addresses, self.exact, self.tree, self.below = {}, {}, {}, {}

    def add(self, entry, name):
        """One entry as the `entries` format means it."""
        if entry.startswith("*@"):
            entry = entry[2:]
        elif entry.startswith("@"):
            entry = entry[1:]
        if "@" in entry:
            self.addresses[fold_address(entry)] = name
        elif entry.startswith("*."):
            self.below[fold_domain(entry[2:])] = name
        elif entry.startswith("."):
            self.tree[fold_domain(entry[1:])] = name
        else:
            self.exact[fold_domain(entry)] = name

    def blocks(self, recipient):
        """Name of the list that decides, or None."""
        folded = fold_address(recipient)
        if folded is None:
            return None
        local, domain = folded
        tag = local.find("+", 1)
        variants = [local] if tag < 0 else [local, local[:tag]]
        for variant in variants:
            if (variant, domain) in self.addresses:
                return self.addresses[(variant, domain)]
        raw = fold_domain(recipient.rpartition("@")[2])
        for host in dict.fromkeys([raw, domain]):
            if host.startswith("["):
                continue
            if host in self.exact:
                return self.exact[host]
            if host in self.tree:
                return self.tree[host]
            labels = host.split(".")
            for i in range(1, len(labels)):
                parent = ".".join(labels[i:])
                if parent in self.tree:
                    return self.tree[parent]
                if parent in self.below:
                    return self.below[parent]
        return None


def aper_active(rows, cleared_rows, types="ABCD"):
    """Addresses of an APER list that block: rows of these types that are not cleared on or after
    their date. Addresses as written; rows that do not parse are left out."""
    cleared = {}
    for row in cleared_rows:
        match = re.fullmatch(r"\s*([^,\s]+),(?:[A-E]+,)?(\d{8})\s*", row)
        if match:
            key = fold_address(match.group(1))
            if key and match.group(2) > cleared.get(key, ""):
                cleared[key] = match.group(2)
    active, inactive = set(), set()
    for row in rows:
        match = re.fullmatch(r"\s*([^,\s#][^,]*?)\s*,\s*([A-E]+)\s*,\s*(\d{8})\s*", row)
        if not match:
            continue
        address, letters, date = match.groups()
        key = fold_address(address)
        if key is None or address.count("@") > 1 and not address.startswith('"'):
            continue  # a second @ needs quotes
        good = set(letters) & set(types) and cleared.get(key, "") < date
        (active if good else inactive).add(address)
    return active, inactive
