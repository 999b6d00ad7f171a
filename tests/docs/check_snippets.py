#!/usr/bin/env python3
# SPDX-License-Identifier: Apache-2.0
"""Checks that the C++ code shown in the documentation is compiled, and that links lead somewhere.

A page names its source in a comment before the fence,

    <!-- snippet: examples/01_score_predictions/main.cpp readme -->

and the fence must hold exactly the lines between `// [begin readme]` and `// [end readme]` there
(common indentation removed). With --write the fences are rewritten instead. A fence of C++ without such
a comment is an error, and so is a link to a file or heading that does not exist.
"""
import argparse
import pathlib
import re
import sys
import textwrap

SNIPPET = re.compile(
    r"<!-- snippet: (?P<file>\S+) (?P<name>\S+) -->\n```(?P<language>\w*)\n(?P<body>.*?)```\n", re.S)

UNMARKED = re.compile(r"(?<!-->)\n```(?:cpp|c\+\+)\n")
LINK = re.compile(r"\]\((?!\w+:)(?P<file>[^)#]*)(?:#(?P<anchor>[^)]*))?\)")


def anchors(page: pathlib.Path) -> set[str]:
    """The anchors that a repository's page view makes of the headings."""
    text = re.sub(r"^```.*?^```", "", page.read_text(encoding="utf-8"), flags=re.S | re.M)
    return {re.sub(r"[^\w\- ]", "", heading.lower()).replace(" ", "-")
            for heading in re.findall(r"^#+ (.*)$", text, re.M)}


def faults(page: pathlib.Path, text: str) -> list[str]:
    found = ["C++ code without a snippet comment"] * len(UNMARKED.findall(text))
    for link in LINK.finditer(re.sub(r"^```.*?^```", "", text, flags=re.S | re.M)):
        target = page.parent / link["file"] if link["file"] else page
        if not target.exists() or (
                link["anchor"] and target.suffix == ".md" and link["anchor"] not in anchors(target)):
            found.append(f"the link {link[0][2:-1]} leads nowhere")
    return found


def region(root: pathlib.Path, file: str, name: str) -> str:
    lines = (root / file).read_text(encoding="utf-8").splitlines()
    begin = [i for i, line in enumerate(lines) if line.strip() == f"// [begin {name}]"]
    end = [i for i, line in enumerate(lines) if line.strip() == f"// [end {name}]"]
    if len(begin) != 1 or len(end) != 1 or begin[0] >= end[0]:
        raise SystemExit(f"{file}: expected one region `{name}` between its two markers.")
    return textwrap.dedent("\n".join(lines[begin[0] + 1:end[0]])) + "\n"


def main() -> int:
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("root", type=pathlib.Path)
    parser.add_argument("--write", action="store_true")
    arguments = parser.parse_args()
    pages = [arguments.root / "README.md", arguments.root / "CONTRIBUTING.md",
             *sorted((arguments.root / "docs").rglob("*.md"))]
    checked = wrong = 0
    for page in pages:
        text = page.read_text(encoding="utf-8")

        def replace(match: re.Match) -> str:
            nonlocal checked, wrong
            checked += 1
            expected = region(arguments.root, match["file"], match["name"])
            if match["body"] != expected:
                wrong += 1
                print(f"{page.relative_to(arguments.root)}: `{match['name']}` differs from "
                      f"{match['file']}; run this script with --write.")
            return (f"<!-- snippet: {match['file']} {match['name']} -->\n"
                    f"```{match['language']}\n{expected}```\n")

        renewed = SNIPPET.sub(replace, text)
        for fault in faults(page, text):
            wrong += 1
            print(f"{page.relative_to(arguments.root)}: {fault}")
        if arguments.write and renewed != text:
            page.write_text(renewed, encoding="utf-8")
    print(f"{checked} snippets checked, {wrong} faults")
    return 1 if checked == 0 or (wrong and not arguments.write) else 0


if __name__ == "__main__":
    sys.exit(main())
