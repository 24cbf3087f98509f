"""Rules of the house that a compiler does not know. Each rule is one test; output is TAP.

    lint.py [TREE]

The rooms, who may include whom, and which files are pure stand in docs/architecture.md and are read
from there. First of all the rules are tried on a deliberately bad tree: a rule that cannot fail is a
failed test.
"""

import fnmatch
import pathlib
import re
import shutil
import subprocess
import sys

sys.path.insert(0, str(pathlib.Path(__file__).parent))

CLANG_FORMAT = "clang-format-19"  # another version would format otherwise
TABLE = "docs/architecture.md"
SOURCES = (".c", ".h")
# Bytes as they were seen on the wire, or as a fuzzer made them.
VERBATIM = ("tests/data/transcripts/*.req", "tests/data/transcripts/*.stream", "tests/fuzz/corpus/*")


class Skip(Exception):
    """The rule cannot be tried here."""


class Tree:
    def __init__(self, root):
        self.root = pathlib.Path(root)
        self.files = sorted(self._list())

    def _list(self):
        """What git would commit; all but the build where git does not help."""
        try:
            shown = subprocess.run(
                ["git", "ls-files", "-z", "-co", "--exclude-standard"],
                cwd=self.root, capture_output=True, check=True,
            ).stdout.decode().split("\0")
            top = subprocess.run(
                ["git", "rev-parse", "--show-toplevel"], cwd=self.root, capture_output=True, text=True
            ).stdout.strip()
            if pathlib.Path(top).resolve() == self.root.resolve():
                return [f for f in shown if f and (self.root / f).is_file()]
        except (OSError, subprocess.CalledProcessError):
            pass
        found = (p.relative_to(self.root) for p in self.root.rglob("*") if p.is_file())
        return [str(p) for p in found if p.parts[0] not in ("build", ".git", "dist")]

    def sources(self, *folders):
        return [
            f for f in self.files if f.endswith(SOURCES) and f.startswith(tuple(x + "/" for x in folders))
        ]

    def texts(self):
        """(name, text) of every file that people wrote."""
        for name in self.files:
            if not any(fnmatch.fnmatch(name, pattern) for pattern in VERBATIM):
                try:
                    yield name, (self.root / name).read_bytes().decode("utf-8")
                except UnicodeDecodeError:
                    yield name, None

    def text(self, name):
        return (self.root / name).read_text(encoding="utf-8")

    def includes(self, name):
        """[(line, header, is_own)]"""
        found = []
        for number, line in enumerate(self.text(name).splitlines(), 1):
            match = re.match(r'\s*#\s*include\s*([<"])([^>"]+)[>"]', line)
            if match:
                found.append((number, match.group(2), match.group(1) == '"'))
        return found

    def block(self, label):
        """Lines of the fenced block ```label of the table."""
        match = re.search(rf"^```{label}\n(.*?)^```$", self.text(TABLE), re.MULTILINE | re.DOTALL)
        if not match:
            raise AssertionError(f"{TABLE} has no block ```{label}")
        lines = (line.split("#")[0].strip() for line in match.group(1).splitlines())
        return [line for line in lines if line]

    def arrows(self):
        table = {}
        for line in self.block("arrows"):
            room, colon, others = line.partition(":")
            assert colon, f"{TABLE}: {line!r} is not `room: other ...`"
            table[room.strip()] = others.split()
        return table


def room_of_source(name):
    """src/feeds/formats/aper.c: feeds"""
    return name.split("/")[1] if name.startswith("src/") and name.count("/") > 1 else None


def room_of_door(header):
    """rcptguard/base/view.h: base; rcptguard/feeds.h: feeds"""
    match = re.fullmatch(r"rcptguard/(?:(\w+)/\w+|(\w+))\.h", header)
    return (match.group(1) or match.group(2)) if match else None


def including_rooms(tree):
    """(file, room, includes) of every source, and of every door, which belongs to its room."""
    for name in tree.sources("src"):
        yield name, room_of_source(name), tree.includes(name)
    for name in tree.sources("include"):
        yield name, room_of_door(name[len("include/"):]), tree.includes(name)


def rule_arrows(tree):
    """every include of another room's door is an allowed arrow"""
    table = tree.arrows()
    for name, room, includes in including_rooms(tree):
        if room not in table:
            yield f"{name}: room {room} is not in the table"
            continue
        for line, header, is_own in includes:
            other = room_of_door(header)
            if not header.startswith("rcptguard/"):
                continue
            if not is_own:
                yield f"{name}:{line}: <{header}> is ours: use quotes"
            if other not in table:
                yield f"{name}:{line}: {header} is the door of no room in the table"
            elif other != room and other not in table[room]:
                yield f"{name}:{line}: {room} may not know {other} ({header})"


def rule_private(tree):
    """no room includes a private header of another"""
    for name, room, includes in including_rooms(tree):
        for line, header, is_own in includes:
            if not is_own or header.startswith("rcptguard/"):
                continue
            if name.startswith("include/"):
                yield f"{name}:{line}: a door shows the private header {header}"
                continue
            # As the compiler looks: beside the file; a path from src/ is not in its search list.
            beside = (tree.root / name).parent / header
            if not beside.is_file():
                yield f"{name}:{line}: {header} is not beside it"
            elif room_of_source(str(beside.resolve().relative_to(tree.root.resolve()))) != room:
                yield f"{name}:{line}: {header} is private to another room"


def rule_circles(tree):
    """the table of arrows has no circle"""
    table = tree.arrows()
    done = set()

    def walk(room, way):
        if room in way:
            yield " -> ".join(way[way.index(room):] + [room])
        elif room not in done:
            for other in table.get(room, []):
                if other not in table:
                    yield f"{room}: {other} is no room of the table"
                elif other != room:
                    yield from walk(other, way + [room])
            done.add(room)

    for room in table:
        yield from walk(room, [])


def rule_pure(tree):
    """pure files include nothing that does I/O, not by their private headers either"""
    forbidden = tree.block("impure-headers")
    sources = tree.sources("src")
    for pattern in tree.block("pure"):
        for name in (f for f in sources if fnmatch.fnmatch(f, pattern)):
            yield from impure_includes(tree, name, forbidden, set())


def impure_includes(tree, name, forbidden, seen):
    for line, header, is_own in tree.includes(name):
        if any(fnmatch.fnmatch(header, pattern) for pattern in forbidden):
            yield f"{name}:{line}: pure, but includes {header}"
        beside = (tree.root / name).parent / header
        if is_own and beside.is_file():
            private = str(beside.resolve().relative_to(tree.root.resolve()))
            if private not in seen:
                seen.add(private)
                yield from impure_includes(tree, private, forbidden, seen)


def rule_pure_files_exist(tree):
    """every path of the table of pure files is there"""
    sources = tree.sources("src")
    for pattern in tree.block("pure"):
        if not any(fnmatch.fnmatch(f, pattern) for f in sources):
            yield f"{TABLE}: no file is {pattern}"


def rule_headers_of_tests(tree):
    """the program never includes a header of the tests"""
    for name in tree.sources("src", "include"):
        for line, header, _ in tree.includes(name):
            if header == "cmocka.h" or header.startswith("tests/"):
                yield f"{name}:{line}: {header}"


def rule_opening_comment(tree):
    """every source opens with what it is for"""
    for name in tree.sources("src", "include", "tests", "man"):
        if not tree.text(name).startswith("/*"):
            yield f"{name}: no opening comment"


def rule_include_guards(tree):
    """every header has its guard"""
    for name in tree.sources("src", "include", "tests"):
        if name.endswith(".h") and not re.search(r"^#ifndef (\w+)\n#define \1\n", tree.text(name), re.MULTILINE):
            yield f"{name}: no include guard"


def rule_format(tree):
    """clang-format 19 changes nothing"""
    if not shutil.which(CLANG_FORMAT):
        raise Skip(f"{CLANG_FORMAT} is not here")
    sources = tree.sources("src", "include", "tests", "man")
    result = subprocess.run(
        [CLANG_FORMAT, "--dry-run", "-Werror", *sources], cwd=tree.root, capture_output=True, text=True
    )
    if result.returncode != 0:
        bad = sorted(set(re.findall(r"^([^\s:]+):\d+:\d+: error", result.stderr, re.MULTILINE)))
        yield from (f"{name}: `make format`" for name in bad) if bad else [result.stderr]


def rule_white_space(tree):
    """UTF-8, no white space at line ends, one newline at the end, no tabs but where they are needed"""
    for name, text in tree.texts():
        if text is None:
            yield f"{name}: not UTF-8"
            continue
        for number, line in enumerate(text.split("\n"), 1):
            if line != line.rstrip():
                yield f"{name}:{number}: white space at the end of the line"
            if "\t" in line and name.endswith(SOURCES + (".py", ".md")):
                yield f"{name}:{number}: a tab"
        if text and (not text.endswith("\n") or text.endswith("\n\n")):
            yield f"{name}: must end with one newline"


def rule_shell(tree):
    """shell scripts parse"""
    for name, text in tree.texts():
        if text and re.match(r"#!.*\b(ba)?sh\b", text):
            result = subprocess.run(
                ["bash", "-n", tree.root / name], capture_output=True, text=True
            )
            if result.returncode != 0:
                yield f"{name}: {result.stderr.strip()}"
            if not (tree.root / name).stat().st_mode & 0o100:
                yield f"{name}: is not executable"


def rule_python(tree):
    """Python files compile"""
    for name, text in tree.texts():
        if text and name.endswith(".py"):
            try:
                compile(text, name, "exec", dont_inherit=True)
            except SyntaxError as fault:
                yield f"{name}:{fault.lineno}: {fault.msg}"


# Written so that this file does not break its own rules.
UNFINISHED = re.compile(r"\b(TO" r"DO|FIX" r"ME|X" r"XX)\b")
PLACES = re.compile(r"(?<![\w.*}])/(wor" r"k|hom" r"e/\w+)/")
HOSTS = re.compile(r"\bhttps?://([^\s/:'\"`>)\\]+)")
# Names that nobody owns, this machine, and those whose documents are cited.
FINE_HOSTS = re.compile(
    r"(.*\.)?example(\.(org|net|com|edu))?|.*\.invalid|127\.0\.0\.1|\[?::1\]?|localhost"
    r"|(www\.)?(debian\.org|postfix\.org|json-schema\.org|rfc-editor\.org|publicsuffix\.org|spdx\.org)"
    r"|(www\.)?(unicode\.org|w3\.org)"
    r"|.*[{$<%@].*|[^.]*|[\d.]+"
)
# The cookbook is there to name lists: their own hosts, and no others.
COOKBOOK = "docs/feeds.md"
LIST_HOSTS = re.compile(
    r"(raw\.githubusercontent|github|dnsbl\.invaluement|www\.stopforumspam|nordspam|uribl)\.com"
    r"|(disposable|blocklistproject)\.github\.io|joewein\.(de|net)|urlhaus\.abuse\.ch|phish\.co\.za"
    r"|(msbl|surbl|www\.spamhaus)\.org"
)


def rule_unfinished(tree):
    """nothing is left for later in the code"""
    for name, text in tree.texts():
        for match in UNFINISHED.finditer(text or ""):
            yield f"{name}: {match.group()}"


def rule_places(tree):
    """no path of the machine that it was written on, no host but example names and, in the cookbook, lists'"""
    for name, text in tree.texts():
        for match in PLACES.finditer(text or ""):
            yield f"{name}: {match.group()}"
        if name.startswith("tests/"):
            continue  # tests are full of hosts that must not work
        for match in HOSTS.finditer(text or ""):
            is_list = name == COOKBOOK and LIST_HOSTS.fullmatch(match.group(1))
            if not is_list and not FINE_HOSTS.fullmatch(match.group(1)):
                yield f"{name}: {match.group()}"


FENCED = re.compile(r"^( *)```.*?^\1```$", re.MULTILINE | re.DOTALL)


def anchors(text):
    """What `#...` may name: the headings, in the form that forges give them."""
    found = set()
    for heading in re.findall(r"^#+ (.*)$", FENCED.sub("", text), re.MULTILINE):
        plain = re.sub(r"\[([^\]]*)\]\([^)]*\)", r"\1", heading)
        found.add(re.sub(r"[^\w\- ]", "", plain.lower()).replace(" ", "-"))
    return found


def rule_links(tree):
    """links between the documents lead somewhere, to the heading too"""
    for name, text in tree.texts():
        if not name.endswith(".md") or not text:
            continue
        for target, anchor in re.findall(r"\]\(([^)#\s]*)#?([^)\s]*)\)", FENCED.sub("", text)):
            file = (tree.root / name).parent.joinpath(target) if target else tree.root / name
            if "://" in target:
                continue
            if not file.exists():
                yield f"{name}: {target} is not there"
            elif anchor and file.suffix == ".md" and anchor not in anchors(file.read_text(encoding="utf-8")):
                yield f"{name}: {target}#{anchor}: no such heading"


RULES = [value for name, value in list(globals().items()) if name.startswith("rule_")]


def main():
    from self_test import self_tests

    root = sys.argv[1] if len(sys.argv) > 1 else pathlib.Path(__file__).resolve().parents[2]
    tree = Tree(root)
    failed = number = 0

    def tell(good, name, problems=()):
        nonlocal failed, number
        number += 1
        failed += not good
        print(f"{'ok' if good else 'not ok'} {number} - {name}")
        for problem in list(problems)[:40]:
            print(f"#   {problem}")

    for name, problem in self_tests(RULES, Tree):
        tell(problem is None, f"lint can fail: {name}", [problem] if problem else [])
    for rule in RULES:
        try:
            problems = list(rule(tree))
        except Skip as why:
            tell(True, f"{rule.__doc__} # SKIP {why}")
        except AssertionError as why:
            tell(False, rule.__doc__, [why])
        else:
            tell(not problems, rule.__doc__, problems)
    print(f"1..{number}")
    return 1 if failed else 0


if __name__ == "__main__":
    sys.exit(main())
