#!/usr/bin/env python3
"""Writes one C++ unit that holds every code snippet of README.md and of the docstrings, so that a compiler sees them all.

Usage: snippets.py REPOSITORY OUTPUT.cpp
A snippet of a docstring is a run of comment lines indented by five spaces that begins like C++. "..." stands for code.
"""
import re
import sys
from pathlib import Path

PRELUDE = """#include <atomic>
#include <functional>
#include <iostream>
#include <string>
#include <utility>
#include <vector>

#include <zeroshot/zeroshot.hpp>
#include <zeroshot/datasets/open_data_set.hpp>
#include <zeroshot/metrics/evaluation.hpp>
#include <zeroshot/probe/linear_classifier.hpp>
#include <zeroshot/probe/logistic_regression.hpp>
#include <zeroshot/testing.hpp>

/// Stands for a thread pool of the reader's program.
struct submitting_pool {
    std::size_t size() const { return 1; }
    void submit(std::function<void()> job) { job(); }
};
"""
# What a snippet may take for granted.
CONTEXT = {
    "clip": "const zeroshot::clip& clip",
    "images": "const std::vector<zeroshot::image>& images",
    "photos": "const std::vector<zeroshot::image>& photos",
    "sentences": "const std::vector<std::string>& sentences",
    "pool": "submitting_pool& pool",
    "data": "zeroshot::datasets::data_set& data",
    "training": "zeroshot::probe::labelled_features training",
}


def code_of(lines):
    """A snippet as code: "..." is an empty statement, an empty body or an argument left out."""
    text = "\n".join(lines)
    text = re.sub(r"\{ \.\.\. \}", "{}", text)
    return re.sub(r" \.\.\.$", " {}", text, flags=re.M)


def readme_snippets(text):
    for block in re.findall(r"```cpp\n(.*?)```", text, re.S):
        yield block.split("\n")


def docstring_snippets(text):
    block = []
    for line in text.split("\n") + [""]:
        match = re.match(r"\s*///     ( *\S.*)$", line)
        if match:
            block.append(match.group(1))
        elif block:
            if re.match(r"(const |zeroshot::|std::|for |while |auto )", block[0]):
                yield block
            block = []


def function(name, lines):
    """A function around a snippet; a snippet with a main of its own becomes a function under another name."""
    code = code_of(lines)
    includes = "\n".join(re.findall(r"^#include.*$", code, re.M))
    code = re.sub(r"^#include.*\n", "", code, flags=re.M)
    if "int main(" in code:
        return f"{includes}\n" + code.replace("int main(", f"int {name}(")
    declared = set(re.findall(r"(?:auto|>|\w)&* (\w+)(?: =|\(|\{)", code))
    parameters = [parameter for word, parameter in CONTEXT.items() if re.search(rf"\b{word}\b", code) and word not in declared]
    if "&pool" in code:
        parameters = [parameter.replace("submitting_pool", "zeroshot::thread_pool") for parameter in parameters]
    body = "\n".join("    " + line for line in code.strip("\n").split("\n"))
    return f"void {name}({', '.join(parameters)}) {{\n    using namespace zeroshot;\n{body}\n}}"


def main(repository, output):
    parts = [PRELUDE]
    readme = (repository / "README.md").read_text(encoding="utf-8")
    parts += [function(f"readme_{number}", lines) for number, lines in enumerate(readme_snippets(readme), 1)]
    for header in sorted((repository / "include").rglob("*.hpp")):
        name = re.sub(r"\W", "_", header.relative_to(repository / "include" / "zeroshot").with_suffix("").as_posix())
        text = header.read_text(encoding="utf-8")
        for number, lines in enumerate(docstring_snippets(text), 1):
            parts.append(function(f"{name}_{number}", lines))
    Path(output).write_text("\n\n".join(parts) + "\n", encoding="utf-8")


if __name__ == "__main__":
    main(Path(sys.argv[1]), sys.argv[2])
