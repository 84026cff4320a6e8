#!/usr/bin/env python3
"""The floor plan of include/zeroshot: which room may look into which, and how a header is made.

Usage: floor_plan.py [REPOSITORY]. Prints a line for each breach and exits with 1 when there is one.
"""
import re
import sys
from pathlib import Path

# A header's room is its folder. The ground floor is the headers that everybody stands on; clip.hpp and load.hpp, who know
# everybody below, are one room with load/.
GROUND = {"version.hpp", "algorithm.hpp", "cpu_quota.hpp", "error.hpp", "half.hpp", "tensor.hpp", "parallel.hpp"}
LOAD = {"clip.hpp", "load.hpp"}

# Headers that only include others.
UMBRELLAS = {"zeroshot.hpp", "evaluate.hpp"}

# Who may include whom: rooms, or single headers of a room.
MAY_INCLUDE = {
    "ground": {"ground"},
    "kernels": {"kernels", "version.hpp", "half.hpp"},
    "io": {"ground", "io", "kernels/widen.hpp", "kernels/instruction_set.hpp"},
    "image": {"ground", "image", "io/file.hpp", "io/crc32.hpp", "kernels/resample.hpp", "kernels/instruction_set.hpp"},
    "text": {"ground", "text", "io"},
    "nn": {"ground", "nn", "io/weights.hpp", "io/packing.hpp", "io/kept_weights.hpp", "kernels"},
    "model": {"ground", "model", "nn", "io"},
    "load": {"ground", "load", "model", "nn", "text", "image", "io"},
    "classify": {"ground", "classify", "load", "model", "nn", "text", "image", "io"},
    "evaluate": {"ground", "evaluate", "classify", "load", "model", "nn", "text", "image", "io"},
    "convert": {"ground", "load", "model", "nn", "text", "image", "io"},
    "testing": {"ground", "testing", "evaluate", "classify", "load", "model", "nn", "text", "image", "io"},
    "umbrella": {"ground", "io", "image", "text", "nn", "model", "load", "classify", "evaluate"},
}

# One door for each library of others, and for each thing that depends on the machine.
DOORS = [
    ("Eigen", r"Eigen/.*", {"tensor.hpp"}),
    ("zlib", r"zlib\.h", {"evaluate/gzip.hpp"}),
    ("stb_image", r"(stb/)?stb_image\.h", {"image/decode.hpp"}),
    ("Apache Arrow", r"(arrow|parquet)/.*", {"evaluate/parquet.hpp"}),
    ("LBFGSpp", r"LBFGS.*\.h", {"evaluate/logistic_regression.hpp"}),
    ("intrinsics", r"\w*intrin\.h|arm_neon\.h|cpuid\.h", {"kernels/", "image/decode.hpp"}),  # stb_image has its own
    ("the operating system", r"(sys/.*|unistd|fcntl|sched|pthread|[Ww]indows|io)\.h|dlfcn\.h", {"io/file.hpp", "parallel.hpp", "kernels/"}),
]

# A library does not print, exit or look at the locale, and std::regex overflows the stack on long words.
FORBIDDEN = [
    (r"#include <(iostream|regex|locale|clocale)>", "this header has no place in the library"),
    (r"\bstd::(cout|cerr|clog)\b|\b(std::)?f?printf\s*\(|\bputs\s*\(", "the library does not print"),
    (r"(?<!_)\b(std::)?(abort|exit|terminate|_Exit)\s*\(", "the library does not end the program"),
    (r"\bsetlocale\s*\(|\b(std::)?(strtod|strtof|stof|stod|atof|tolower|toupper|isalpha|isspace|isdigit)\s*\(", "this depends on the locale"),
    (r"\b(std::)?is(finite|nan|inf)\s*\(", "under -ffast-math a compiler takes the answer for known; ask the bits: all_finite"),
    (r"^\s*using namespace\b", "names stay in their namespace"),
    (r"\b(TODO|FIXME|XXX)\b", "finish it, or write an issue"),
]

LARGEST = 40_000  # bytes: one sitting
NAMESPACE = r"^namespace zeroshot::inline ZEROSHOT_ABI(::\w+)* \{$"

# Headers whose test does not carry their name, and why.
TESTED_ELSEWHERE = {
    "zeroshot.hpp": "house/two_units.cpp",  # includes only: what there is to test is that it links
    "evaluate.hpp": "evaluate/evaluation.cpp",  # includes only, too
}


def room_of(header: str) -> str:
    """The room of a path below include/zeroshot."""
    if header in UMBRELLAS:
        return "umbrella"
    if "/" in header:
        return header.split("/")[0]
    if header in GROUND:
        return "ground"
    return "load" if header in LOAD else header.removesuffix(".hpp")


def test_of(header: str) -> str:
    """Where the test of a header stands below tests/: in the same room; for those without a room of their own, in any."""
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


class Plan:
    def __init__(self, repository: Path):
        self.include = repository / "include"
        self.tests = repository / "tests"
        self.home = self.include / "zeroshot"
        self.breaches: list[str] = []

    def breach(self, header: str, what: str, line: int = 0) -> None:
        place = f"include/zeroshot/{header}" + (f":{line}" if line else "")
        self.breaches.append(f"{place}: {what}")

    def check(self) -> list[str]:
        tables: dict[str, list[str]] = {}
        headers = sorted(path.relative_to(self.home).as_posix() for path in self.home.rglob("*.hpp"))
        for header in headers:
            text = (self.home / header).read_text(encoding="utf-8")
            self.check_shape(header, text)
            self.check_includes(header, text, tables)
            self.check_words(header, text)
            if not list(self.tests.glob(test_of(header))):
                self.breach(header, f"has no test at tests/{test_of(header)}")
        self.check_tables(tables)
        self.check_umbrella(headers)
        self.check_strangers()
        return self.breaches

    def check_shape(self, header: str, text: str) -> None:
        """Begins with a guard and a sentence that says why to open it, fits one sitting, keeps its names at home."""
        first, second = (text.split("\n") + ["", ""])[:2]
        if first != "#pragma once":
            self.breach(header, "the first line is not #pragma once", 1)
        if not re.match(r"/// \\file \S.*", second):
            self.breach(header, "the second line is not a '/// \\file' sentence", 2)
        if len(text.encode()) > LARGEST:
            self.breach(header, f"is {len(text.encode())} bytes long, at most {LARGEST} fit one sitting")
        if room_of(header) == "umbrella":
            return
        if not re.search(NAMESPACE, text, re.M):
            self.breach(header, "has no 'namespace zeroshot::inline ZEROSHOT_ABI {'")
        for number, line in enumerate(without_comments(text).split("\n"), 1):
            opened = re.match(r"(inline )?namespace\s+([\w:]*)", line)
            if opened and "zeroshot" not in line and not re.match(r"namespace (detail|\w+) *(=|\{)", line):
                self.breach(header, f"opens '{line.strip()}'", number)
            defined = re.match(r"\s*#\s*define\s+(\w+)", line)
            if defined and not defined.group(1).startswith(("ZEROSHOT_", "STB", "stbi_")):
                self.breach(header, f"defines the macro {defined.group(1)}, ours begin with ZEROSHOT_", number)

    def check_includes(self, header: str, text: str, tables: dict[str, list[str]]) -> None:
        """Looks only into the rooms it may, and at other people's libraries only through their door."""
        for number, line in enumerate(text.split("\n"), 1):
            match = re.match(r'\s*#\s*include\s*([<"])([^>"]+)[>"]', line)
            if not match:
                continue
            quote, name = match.groups()
            if quote == '"':
                self.breach(header, f"includes \"{name}\", headers are included as <...>", number)
            if name.startswith("zeroshot/"):
                self.check_neighbour(header, name.removeprefix("zeroshot/"), number, tables)
            for library, pattern, doors in DOORS:
                if re.fullmatch(pattern, name) and not any(
                        header == door or (door.endswith("/") and header.startswith(door)) for door in doors):
                    self.breach(header, f"includes <{name}>, the door to {library} is {' or '.join(sorted(doors))}", number)

    def check_neighbour(self, header: str, included: str, number: int, tables: dict[str, list[str]]) -> None:
        if not (self.home / included).exists():
            self.breach(header, f"includes <zeroshot/{included}>, which is not there", number)
        if included.endswith(".inc"):
            tables.setdefault(included, []).append(header)
            if room_of(included) != room_of(header):
                self.breach(header, f"includes a table of another room, <zeroshot/{included}>", number)
            return
        room = room_of(header)
        allowed = MAY_INCLUDE.get(room)
        if allowed is None:
            self.breach(header, f"stands in a room that the floor plan does not know, '{room}'")
        elif room_of(included) not in allowed and included not in allowed:
            self.breach(header, f"includes <zeroshot/{included}>; {room} may see {', '.join(sorted(allowed))}", number)

    def check_words(self, header: str, text: str) -> None:
        code = without_comments(text).split("\n")
        for number, line in enumerate(code, 1):
            for pattern, why in FORBIDDEN:
                found = re.search(pattern, line)
                if found:
                    self.breach(header, f"'{found.group().strip()}': {why}", number)
        if room_of(header) != "kernels" and re.search(r"__attribute__\s*\(\(\s*target\b|\[\[gnu::target\b", text):
            self.breach(header, "names an instruction set; only kernels/ does")

    def check_tables(self, tables: dict[str, list[str]]) -> None:
        """Generated tables stand in */tables/ and each is included by exactly one header, within namespaces of ours."""
        for path in sorted(self.home.rglob("*.inc")):
            table = path.relative_to(self.home).as_posix()
            if path.parent.name not in {"tables", "stb"}:
                self.breach(table, "generated tables stand in a folder tables/, the wrapping of stb_image in stb/")
            users = tables.get(table, [])
            if len(users) != 1:
                self.breach(table, f"is included by {', '.join(users) or 'nobody'}, exactly one header should")

    def check_umbrella(self, headers: list[str]) -> None:
        """An umbrella includes the front of every room in pipeline order, and holds nothing else."""
        for umbrella in sorted(UMBRELLAS & set(headers)):
            text = (self.home / umbrella).read_text(encoding="utf-8")
            for number, line in enumerate(without_comments(text).split("\n"), 1):
                if line.strip() and not re.match(r"#(pragma once|include |if|endif|else)", line):
                    self.breach(umbrella, f"'{line.strip()}': the umbrella holds includes only", number)
            order = ["ground", "io", "image", "text", "nn", "model", "load", "classify", "evaluate"]
            seen = [room_of(name) for name in re.findall(r"#include <zeroshot/([^>]+)>", text)]
            places = [order.index(room) for room in seen if room in order]
            if places != sorted(places):
                self.breach(umbrella, f"includes {', '.join(seen)}; the order is {', '.join(order)}")

    def check_strangers(self) -> None:
        """Nothing but headers and tables lies in include/."""
        for path in sorted(self.include.rglob("*")):
            if path.is_file() and path.suffix not in {".hpp", ".inc"}:
                self.breach(path.relative_to(self.home).as_posix(), "is neither a header nor a table")


def main() -> int:
    repository = Path(sys.argv[1]) if len(sys.argv) > 1 else Path(__file__).resolve().parents[2]
    breaches = Plan(repository).check()
    for breach in breaches:
        print(breach)
    print(f"floor plan: {len(breaches)} breach{'' if len(breaches) == 1 else 'es'}")
    return 1 if breaches else 0


if __name__ == "__main__":
    sys.exit(main())
