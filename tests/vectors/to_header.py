#!/usr/bin/python3
# SPDX-License-Identifier: MIT
"""Turns a file of vectors (JSON) into a C header, so that no test parses JSON or copies digests.

    to_header.py FILE.json NAME > FILE.h

Every value becomes a struct vector (vector.h): objects and arrays have children, everything else
is text as it stands in the file; null has neither."""
import json
import sys


def quoted(text):
    return "NULL" if text is None else json.dumps(text)


def node(key, value, depth):
    indent = "\t" * depth
    if isinstance(value, dict):
        children = list(value.items())
    elif isinstance(value, list):
        children = [(None, v) for v in value]
    else:
        text = value if value is None or isinstance(value, str) else str(value)
        return f"{indent}{{{quoted(key)}, {quoted(text)}, NULL, 0}},\n"
    if not children:
        return f'{indent}{{{quoted(key)}, "", NULL, 0}},\n'
    inner = "".join(node(k, v, depth + 1) for k, v in children)
    return (f"{indent}{{{quoted(key)}, NULL, (const struct vector[]){{\n{inner}"
            f"{indent}}}, {len(children)}}},\n")


def main():
    path, name = sys.argv[1:]
    with open(path, encoding="ascii") as file:
        value = json.load(file)
    print(f"/* Made from {path.rpartition('/')[2]} by to_header.py. */")
    print('#include "tests/vectors/vector.h"\n')
    print('#pragma GCC diagnostic ignored "-Woverlength-strings"')
    print(f"static const struct vector {name}[] = {{\n{node(None, value, 1)}}};")


main()
