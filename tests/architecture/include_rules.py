#!/usr/bin/env python3
"""The include rules of include/zeroshot: which module may include which, and how a header is made.

Usage: include_rules.py [REPOSITORY]. Prints a line for each violation and exits with 1 when there is one.
"""
import re
import sys
from pathlib import Path

# A header's module is its folder; these stand at the top and are included by everybody.
BASE = {"version.hpp", "utf8_unit.hpp", "error.hpp", "half.hpp", "memory.hpp", "tensor.hpp", "eigen_tensor.hpp", "parallel.hpp"}

# Headers that only include others.
UMBRELLAS = {"zeroshot.hpp"}

# The order of the modules: a module includes itself and what stands before it, but for the exceptions below.
ORDER = ["base", "support", "kernels", "image", "text", "checkpoint", "datasets", "metrics", "nn", "model", "load", "classify", "probe", "testing"]
NEVER = {
    "kernels": {"support"},
    "image": set(),
    "text": {"kernels", "image"},
    "checkpoint": {"image", "text"},
    "datasets": {"kernels", "text"},
    "metrics": {"kernels", "image", "text", "checkpoint", "datasets"},
    "nn": {"image", "text", "datasets", "metrics"},
    "model": {"kernels", "image", "text", "datasets", "metrics"},
    "load": {"kernels", "datasets", "metrics"},
    "classify": {"kernels", "datasets"},
    "probe": {"kernels", "datasets"},
    "testing": {"kernels"},
}

# One header, or module, for each library of others and for each thing that depends on the machine.
ENTRY_POINTS = [
    ("nlohmann/json", r"nlohmann/.*", {"support/json.hpp"}),
    ("zlib", r"zlib\.h", {"datasets/gzip.hpp"}),
    ("stb_image", r"(stb/)?stb_image\.h", {"image/stb_image.hpp"}),
    ("libjpeg-turbo", r"j(peglib|error)\.h", {"image/libjpeg_turbo.hpp"}),
    ("libavif", r"avif/.*", {"image/avif.hpp"}),
    ("giflib", r"gif_lib\.h", {"image/gif.hpp"}),
    ("libheif", r"libheif/.*", {"image/heif.hpp"}),
    ("libtiff", r"tiff\w*\.h", {"image/tiff.hpp"}),
    ("libwebp", r"webp/.*", {"image/webp.hpp"}),
    ("Apache Arrow", r"(arrow|parquet)/.*", {"datasets/parquet.hpp"}),
    ("LBFGSpp", r"LBFGS.*\.h", {"probe/logistic_regression.hpp"}),
    ("intrinsics", r"\w*intrin\.h|arm_neon\.h|cpuid\.h", {"kernels/", "image/stb_image.hpp"}),  # stb_image has its own
    ("the operating system", r"(sys/.*|unistd|fcntl|sched|pthread|[Ww]indows|io)\.h|dlfcn\.h", {"support/", "memory.hpp", "parallel.hpp", "kernels/"}),
]

# A library does not print, exit or look at the locale, and std::regex overflows the stack on long words.
FORBIDDEN = [
    (r"#include <(iostream|regex|locale|clocale)>", "this header has no place in the library"),
    (r"\bstd::(cout|cerr|clog)\b|\b(std::)?f?printf\s*\(|\bputs\s*\(", "the library does not print"),
    (r"(?<!_)\b(std::)?(abort|exit|terminate|_Exit)\s*\(", "the library does not end the program"),
    (r"\bsetlocale\s*\(|\b(std::)?(strtod|strtof|stof|stod|atof|tolower|toupper|isalpha|isspace|isdigit)\s*\(", "this depends on the locale"),
    (r"\b(std::)?is(finite|nan|inf)\s*\(", "under -ffast-math a compiler takes the answer for known; ask the bits: all_finite"),
    (r"^\s*using namespace\b", "names stay in their namespace"),
    (r"std::(min|max)(<[\w:]+>)?\(|std::numeric_limits<[\w:]+>::(min|max)\(\)", "<windows.h> defines min and max: write (std::min)(a, b)"),
    (r"\b(small|near|far)\b(?=\s*[=;({,)])", "<windows.h> defines this name"),
    (r"\b(TODO|FIXME|XXX)\b", "finish it, or write an issue"),
]

LARGEST = 40_000  # bytes: one sitting
NAMESPACE = r"^namespace zeroshot \{ inline namespace ZEROSHOT_ABI \{"

# Headers whose test does not carry their name, and why.
TESTED_ELSEWHERE = {
    "zeroshot.hpp": "packaging/two_units.cpp",  # includes only: what there is to test is that it links
    "kernels/neon.hpp": "kernels/portable.cpp",  # every table against the portable one
    "kernels/simd128.hpp": "kernels/portable.cpp",
    "image/decoders.hpp": "image/decode.cpp",  # the definitions of a header
    "classify/classify.hpp": "classify/classifier.cpp",
    "load/build.hpp": "load/load.cpp",
    "load/encode.hpp": "load/clip.cpp",
    "load/load_options.hpp": "load/load.cpp",
    "nn/weight_options.hpp": "nn/weights.cpp",
    "checkpoint/limits.hpp": "checkpoint/checkpoint.cpp",
    "utf8_unit.hpp": "base/error.cpp",
}


def module_of(header: str) -> str:
    """The module of a path below include/zeroshot."""
    if header in UMBRELLAS:
        return "umbrella"
    if "/" in header:
        return header.split("/")[0]
    return "base" if header in BASE else header.removesuffix(".hpp")


def test_of(header: str) -> str:
    """Where the test of a header stands below tests/: in the same module; for those without a module of their own, in any."""
    if header in TESTED_ELSEWHERE:
        return TESTED_ELSEWHERE[header]
    return (header if "/" in header else f"*/{header}").removesuffix(".hpp") + ".cpp"


def without_comments(text: str) -> str:
    """The code alone, line by line: comments and the insides of string literals are blank."""
    pattern = re.compile(r'//[^\n]*|/\*.*?\*/|R"(\w*)\(.*?\)\1"|"(?:\\.|[^"\\\n])*"', re.S)

    def blank(match: re.Match) -> str:
        return "\n" * match.group().count("\n") if match.group().startswith("/") else '""'

    # Included names look like strings to the pattern: keep those lines as they are.
    lines = [line if line.lstrip().startswith("#include") else None for line in text.split("\n")]
    blanked = pattern.sub(blank, text).split("\n")
    return "\n".join(blanked[i] if line is None or i >= len(blanked) else line for i, line in enumerate(lines))


class Rules:
    def __init__(self, repository: Path):
        self.include = repository / "include"
        self.tests = repository / "tests"
        self.root = self.include / "zeroshot"
        self.violations: list[str] = []

    def violation(self, header: str, what: str, line: int = 0) -> None:
        place = f"include/zeroshot/{header}" + (f":{line}" if line else "")
        self.violations.append(f"{place}: {what}")

    def check(self) -> list[str]:
        tables: dict[str, list[str]] = {}
        headers = sorted(path.relative_to(self.root).as_posix() for path in self.root.rglob("*.hpp"))
        for header in headers:
            text = (self.root / header).read_text(encoding="utf-8")
            self.check_shape(header, text)
            self.check_includes(header, text, tables)
            self.check_words(header, text)
            if not list(self.tests.glob(test_of(header))):
                self.violation(header, f"has no test at tests/{test_of(header)}")
        self.check_tables(tables)
        self.check_umbrella(headers)
        self.check_other_files()
        return self.violations

    def check_shape(self, header: str, text: str) -> None:
        """Begins with a guard and a sentence that says why to open it, fits one sitting, keeps its names at home."""
        first, second = (text.split("\n") + ["", ""])[:2]
        if first != "#pragma once":
            self.violation(header, "the first line is not #pragma once", 1)
        if not re.match(r"/// \\file \S.*", second):
            self.violation(header, "the second line is not a '/// \\file' sentence", 2)
        if len(text.encode()) > LARGEST:
            self.violation(header, f"is {len(text.encode())} bytes long, at most {LARGEST} fit one sitting")
        if module_of(header) == "umbrella":
            return
        if not re.search(NAMESPACE, text, re.M):
            self.violation(header, "has no 'namespace zeroshot { inline namespace ZEROSHOT_ABI {'")
        for number, line in enumerate(without_comments(text).split("\n"), 1):
            opened = re.match(r"(inline )?namespace\s+([\w:]*)", line)
            if opened and "zeroshot" not in line and not re.match(r"namespace (detail|\w+) *(=|\{)", line):
                self.violation(header, f"opens '{line.strip()}'", number)
            defined = re.match(r"\s*#\s*define\s+(\w+)", line)
            if defined and not defined.group(1).startswith(("ZEROSHOT_", "STB", "stbi_")):
                self.violation(header, f"defines the macro {defined.group(1)}, ours begin with ZEROSHOT_", number)

    def check_includes(self, header: str, text: str, tables: dict[str, list[str]]) -> None:
        """Looks only into the modules it may, and at other people's libraries only through their entry_point."""
        for number, line in enumerate(text.split("\n"), 1):
            match = re.match(r'\s*#\s*include\s*([<"])([^>"]+)[>"]', line)
            if not match:
                continue
            quote, name = match.groups()
            if quote == '"':
                self.violation(header, f"includes \"{name}\", headers are included as <...>", number)
            if name.startswith("zeroshot/"):
                self.check_neighbour(header, name.removeprefix("zeroshot/"), number, tables)
            for library, pattern, entry_points in ENTRY_POINTS:
                if re.fullmatch(pattern, name) and not any(
                        header == entry_point or (entry_point.endswith("/") and header.startswith(entry_point)) for entry_point in entry_points):
                    self.violation(header, f"includes <{name}>, the entry point to {library} is {' or '.join(sorted(entry_points))}", number)

    def check_neighbour(self, header: str, included: str, number: int, tables: dict[str, list[str]]) -> None:
        if not (self.root / included).exists():
            self.violation(header, f"includes <zeroshot/{included}>, which is not there", number)
        if included.endswith(".inc"):
            tables.setdefault(included, []).append(header)
            if module_of(included) != module_of(header):
                self.violation(header, f"includes a table of another module, <zeroshot/{included}>", number)
            return
        module, other = module_of(header), module_of(included)
        if module == "umbrella":
            return
        if module not in ORDER:
            self.violation(header, f"stands in a module that the include rules do not know, '{module}'")
        elif other not in ORDER or ORDER.index(other) > ORDER.index(module) or other in NEVER.get(module, set()):
            self.violation(header, f"includes <zeroshot/{included}>; {module} may not include {other}", number)

    def check_words(self, header: str, text: str) -> None:
        code = without_comments(text).split("\n")
        for number, line in enumerate(code, 1):
            for pattern, why in FORBIDDEN:
                found = re.search(pattern, line)
                if found:
                    self.violation(header, f"'{found.group().strip()}': {why}", number)
        if module_of(header) != "kernels" and re.search(r"__attribute__\s*\(\(\s*target\b|\[\[gnu::target\b", text):
            self.violation(header, "names an instruction set; only kernels/ does")

    def check_tables(self, tables: dict[str, list[str]]) -> None:
        """Generated tables stand in */tables/ and each is included by exactly one header, within namespaces of ours."""
        for path in sorted(self.root.rglob("*.inc")):
            table = path.relative_to(self.root).as_posix()
            if path.parent.name != "tables":
                self.violation(table, "generated tables stand in a folder tables/")
            users = tables.get(table, [])
            if len(users) != 1:
                self.violation(table, f"is included by {', '.join(users) or 'nobody'}, exactly one header should")

    def check_umbrella(self, headers: list[str]) -> None:
        """An umbrella includes the front of every module in pipeline order, and holds nothing else."""
        for umbrella in sorted(UMBRELLAS & set(headers)):
            text = (self.root / umbrella).read_text(encoding="utf-8")
            for number, line in enumerate(without_comments(text).split("\n"), 1):
                if line.strip() and not re.match(r"#(pragma once|include |if|endif|else)", line):
                    self.violation(umbrella, f"'{line.strip()}': the umbrella holds includes only", number)
            seen = [module_of(name) for name in re.findall(r"#include <zeroshot/([^>]+)>", text)]
            places = [ORDER.index(module) for module in seen if module in ORDER]
            if places != sorted(places):
                self.violation(umbrella, f"includes {', '.join(seen)}; the order is {', '.join(ORDER)}")

    def check_other_files(self) -> None:
        """Nothing but headers and tables lies in include/."""
        for path in sorted(self.include.rglob("*")):
            if path.is_file() and path.suffix not in {".hpp", ".inc"}:
                self.violation(path.relative_to(self.root).as_posix(), "is neither a header nor a table")


def main() -> int:
    repository = Path(sys.argv[1]) if len(sys.argv) > 1 else Path(__file__).resolve().parents[2]
    violations = Rules(repository).check()
    for violation in violations:
        print(violation)
    print(f"include rules: {len(violations)} violation{'' if len(violations) == 1 else 's'}")
    return 1 if violations else 0


if __name__ == "__main__":
    sys.exit(main())
