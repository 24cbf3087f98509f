"""A small good tree, on which no rule may object, and for every rule changes that it must object to."""

import pathlib
import shutil
import tempfile

GOOD = {
    ".clang-format": "BasedOnStyle: LLVM\n",
    "docs/architecture.md": """# House
[read me](../README.md), [its house](../README.md#the-house-its-rooms), [here](#house)
```arrows
base:
low: base
high: base low
```
```pure
src/low/pure*.c
```
```impure-headers
event2/*
rcptguard/base/log.h
```
""",
    "README.md": "# House\n## The `house`: its rooms\n",
    "include/rcptguard/base/log.h": "/* Log. */\n#ifndef LOG_H\n#define LOG_H\n#endif\n",
    "include/rcptguard/base/view.h": "/* Views. */\n#ifndef VIEW_H\n#define VIEW_H\n#endif\n",
    "include/rcptguard/low.h": '/* Low. */\n#ifndef LOW_H\n#define LOW_H\n#include "rcptguard/base/view.h"\n#endif\n',
    "include/rcptguard/high.h": "/* High. */\n#ifndef HIGH_H\n#define HIGH_H\n#endif\n",
    "src/low/pure.c": '/* Pure. */\n#include "rcptguard/base/view.h"\n\n#include "inner.h"\n',
    "src/low/inner.h": "/* Inner. */\n#ifndef INNER_H\n#define INNER_H\n#endif\n",
    "src/low/loud.c": '/* Loud. */\n#include "rcptguard/base/log.h"\n#include <event2/event.h>\n',
    "src/high/high.c": '/* High. */\n#include "rcptguard/high.h"\n#include "rcptguard/low.h"\n',
    "scripts/go": "#!/bin/sh\necho go\n",
    "tests/a.py": "print(1)\n",
}

C = "/* C. */\n"

# rule: (file, its new text) each; None removes the file
BAD = {
    "rule_arrows": [
        ("src/low/bad.c", C + '#include "rcptguard/high.h"\n'),
        ("src/low/bad.c", C + '#  include "rcptguard/high.h"\n'),
        ("src/low/deep/bad.c", C + '#include "rcptguard/high.h"\n'),
        ("src/low/bad.h", C + '#ifndef A\n#define A\n#include "rcptguard/high.h"\n#endif\n'),
        ("include/rcptguard/low.h", C + '#ifndef A\n#define A\n#include "rcptguard/high.h"\n#endif\n'),
        ("src/base/bad.c", C + '#include "rcptguard/low.h"\n'),
        ("src/stranger/a.c", C),
        ("src/high/bad.c", C + '#include "rcptguard/nowhere.h"\n'),
        ("src/high/bad.c", C + "#include <rcptguard/low.h>\n"),
    ],
    "rule_private": [
        ("src/high/bad.c", C + '#include "../low/inner.h"\n'),
        ("src/high/bad.c", C + '#include "low/inner.h"\n'),
        ("include/rcptguard/high.h", C + '#include "../../src/low/inner.h"\n'),
    ],
    "rule_circles": [
        ("docs/architecture.md", "```arrows\nbase: low\nlow: base\n```\n"),
        ("docs/architecture.md", "```arrows\na: b\nb: c\nc: a\n```\n"),
        ("docs/architecture.md", "```arrows\na: nowhere\n```\n"),
    ],
    "rule_pure": [
        ("src/low/pure.c", C + "#include <event2/event.h>\n"),
        ("src/low/pure2.c", C + '#include "rcptguard/base/log.h"\n'),
        ("src/low/inner.h", C + "#include <event2/event.h>\n"),  # by its private header
    ],
    "rule_pure_files_exist": [("src/low/pure.c", None)],
    "rule_headers_of_tests": [("src/low/bad.c", C + "#include <cmocka.h>\n")],
    "rule_opening_comment": [("src/low/bad.c", "int a;\n")],
    "rule_include_guards": [("src/low/inner.h", C)],
    "rule_format": [("src/low/bad.c", C + "int  a ( void ) ;\n")],
    "rule_white_space": [
        ("README.md", "# House \n"),
        ("README.md", "# House"),
        ("README.md", "# House\n\n"),
        ("README.md", "# House\r\n"),
        ("src/low/bad.c", C + "\tint a;\n"),
        ("README.md", b"\xff\n"),
    ],
    "rule_shell": [("scripts/go", "#!/bin/bash\nif then\n"), ("scripts/stop", "#!/bin/sh\n")],
    "rule_python": [("tests/a.py", "print(\n")],
    "rule_unfinished": [("src/low/bad.c", "/* TO" + "DO: more */\n")],
    "rule_places": [
        ("README.md", "see /ho" + "me/ann/house\n"),
        ("README.md", "see https://packages.somewhere.io/simple\n"),
        ("README.md", "see https://joewein.net/\n"),
        ("docs/feeds.md", "see https://packages.somewhere.io/simple\n"),
        ("scripts/go", "#!/bin/sh\ncd /wor" + "k/house\n"),
    ],
    "rule_links": [
        ("README.md", "[gone](docs/gone.md)\n"),
        ("README.md", "[gone](docs/gone.md#house)\n"),
        ("README.md", "[no room](docs/architecture.md#rooms)\n"),
        ("README.md", "# House\n[no room](#rooms)\n"),
    ],
}


def write(root, name, text):
    path = pathlib.Path(root) / name
    if text is None:
        path.unlink()
        return
    path.parent.mkdir(parents=True, exist_ok=True)
    path.write_bytes(text if isinstance(text, bytes) else text.encode())
    if name == "scripts/go":
        path.chmod(0o755)


def objections(rule, tree_class, changes):
    root = tempfile.mkdtemp(prefix="rcptguard-lint.")
    try:
        for name, text in GOOD.items():
            write(root, name, text)
        for name, text in changes:
            write(root, name, text)
        return list(rule(tree_class(root)))
    finally:
        shutil.rmtree(root)


def self_tests(rules, tree_class):
    """(name, problem or None) of every rule."""
    for rule in rules:
        name = rule.__name__
        problem = None
        try:
            found = objections(rule, tree_class, [])
            if found:
                problem = f"objects to a good tree: {found}"
            for change in BAD.get(name, []):
                if not objections(rule, tree_class, [change]):
                    problem = f"says nothing to {change}"
            if not BAD.get(name):
                problem = "nothing is known that it would object to"
        except Exception as fault:
            if type(fault).__name__ != "Skip":
                problem = f"{type(fault).__name__}: {fault}"
        yield name, problem
