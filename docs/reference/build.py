#!/usr/bin/env python3
# SPDX-License-Identifier: Apache-2.0
"""Builds the reference: makes Markdown of the doc blocks' plain text, then calls Doxygen.

The headers write what a symbol takes and gives in columns, and formulas indented:

    /// Area under the ROC curve.
    ///   U / (n1 n0)
    /// scores   [n], finite
    ///          or nothing
    /// throws ShapeError

Doxygen would run these lines together. Here a name followed by two spaces, or one of WORDS, starts a
list item, whose further lines are indented; indented lines elsewhere are set as they are; and the
SPDX line says that the file is documented, so that its macros and C functions appear. Blocks become
/** */, where Doxygen takes verbatim text as it is. Every line stays where it is: warnings name the
right one.
"""
import argparse
import pathlib
import re
import shutil
import subprocess
import sys

COMMENT = re.compile(r"^(?P<indent>\s*)///(?!<) ?(?P<text>.*)$")
# "name  text", "two words   text": the name holds no punctuation that ends a sentence.
FIELD = re.compile(r"^(?P<name>[A-Za-z_][^\s.:;]*(?: [^\s.:;]+){0,2})(?P<gap> {2,})(?P<text>\S.*)$")
WORDS = ("throws", "returns", "cost", "source:", "ties", "thread rule:", "thread safe", "errors:")
WORD = re.compile(rf"^(?P<name>{'|'.join(WORDS)})(?:$|:? (?P<text>\S.*)$)", re.I)
ITEM = re.compile(r"^(?:[-*+]|\d+\.) ")


def escaped(text: str) -> str:
    """`a <b>` outside of code is no tag."""
    parts = text.split("`")
    return "`".join(part if i % 2 else re.sub(r"<(?=[A-Za-z/])", r"\\<", part)
                    for i, part in enumerate(parts))


def block(lines: list[str]) -> list[str]:
    """The text of one doc block."""
    result: list[str] = []
    state = "text"  # or "item", "verbatim"
    fenced = False
    for line in lines:
        bare = line.strip()
        indented = line.startswith("  ")
        if state == "verbatim" and not (indented and bare):
            result[-1] += " @endverbatim"
            state = "text"
        if bare.startswith("```"):
            fenced = not fenced
        elif fenced or not bare:
            state = "text"
        elif not indented and (match := FIELD.match(line) or WORD.match(line)):
            state = "item"
            line = f"- **{match['name'].rstrip(':')}** {match['text'] or ''}"
        elif not indented:
            state = "item" if ITEM.match(line) else "text"
        elif state == "item":
            line = "  " + bare
        elif state == "text":
            state = "verbatim"
            line = "@verbatim " + line[2:]
        else:
            line = line[2:]
        result.append(line if fenced or state == "verbatim" else escaped(line))
    if state == "verbatim":
        result[-1] += " @endverbatim"
    return result


def convert(source: str) -> str:
    result: list[str] = []
    pending: list[tuple[str, str]] = []

    def flush() -> None:
        indents = [indent for indent, _ in pending]
        texts = block([text for _, text in pending])
        verbatim = False
        for i, (indent, text) in enumerate(zip(indents, texts)):
            opening = "/** " if i == 0 else "" if verbatim else " * "
            closing = " */" if i + 1 == len(texts) else ""
            result.append((indent + opening + text).rstrip() + closing)
            verbatim = (verbatim or "@verbatim" in text) and "@endverbatim" not in text
        pending.clear()

    for line in source.split("\n"):
        if match := COMMENT.match(line):
            pending.append((match["indent"], match["text"]))
            continue
        flush()
        result.append("/// @file" if line.startswith("// SPDX-License-Identifier:") else line)
    flush()
    return "\n".join(result)


def main() -> int:
    parser = argparse.ArgumentParser(description=__doc__.splitlines()[0])
    parser.add_argument("--doxygen", required=True, help="the program")
    parser.add_argument("--doxyfile", required=True, type=pathlib.Path)
    parser.add_argument("--headers", required=True, type=pathlib.Path, help="folder of the headers")
    parser.add_argument("--out", required=True, type=pathlib.Path,
                        help="folder for what Doxygen reads: the converted headers")
    arguments = parser.parse_args()
    shutil.rmtree(arguments.out, ignore_errors=True)
    for header in sorted(arguments.headers.rglob("*.h*")):
        copy = arguments.out / header.relative_to(arguments.headers)
        copy.parent.mkdir(parents=True, exist_ok=True)
        copy.write_text(convert(header.read_text(encoding="utf-8")), encoding="utf-8")
    run = subprocess.run([arguments.doxygen, arguments.doxyfile], text=True,
                         stdout=subprocess.PIPE, stderr=subprocess.STDOUT)
    lines = dict.fromkeys(run.stdout.splitlines())  # a member is named once per class it is in
    if lines:
        print("\n".join(lines).replace(str(arguments.out), str(arguments.headers)))
    elif run.returncode == 0:
        print(f"reference: {sum(1 for _ in arguments.out.rglob('*.h*'))} headers, no fault")
    return run.returncode


if __name__ == "__main__":
    sys.exit(main())
