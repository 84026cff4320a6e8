"""Output of the generators of include/zeroshot/*/tables."""

from pathlib import Path

ROW = 108  # characters that text() writes into a line: a multiple of 3, 4 and 6
HEADERS = Path(__file__).resolve().parents[2] / "include" / "zeroshot"


def array(kind, name, values, about):
    """A C++ array of integers, wrapped at 120 columns, with a comment."""
    lines, line = [], "   "
    for value in values:
        number = f" {value},"
        if len(line) + len(number) > 120:
            lines.append(line)
            line = "   "
        line += number
    lines.append(line)
    return f"// {about}\ninline constexpr {kind} {name}[] = {{\n" + "\n".join(lines) + "\n};\n"


def literal(name, letters, about):
    """A C++ string literal of at most 64 KiB."""
    lines = [f'    "{letters[at:at + ROW]}"' for at in range(0, len(letters), ROW)]
    return f"// {about}\ninline constexpr char {name}[] =\n" + "\n".join(lines) + ";\n"


def text(name, letters, about):
    """A C++ array of lines of letters, for more than fits a literal. Compilers read it much faster than numbers."""
    rows = [f'    "{letters[at:at + ROW]}",' for at in range(0, len(letters), ROW)]
    return f"// {about}\ninline constexpr char {name}[][{ROW + 1}] = {{\n" + "\n".join(rows) + "\n};\n"


def boundaries(belongs):
    """Code points where membership changes. A code point is a member if the number of boundaries <= it is odd."""
    result, inside = [], False
    for code in range(0x110001):
        now = code < 0x110000 and not 0xD800 <= code < 0xE000 and belongs(chr(code))
        if now != inside:
            result.append(code)
            inside = now
    return result


def rows(kind, name, values, about):
    """A C++ array of structs, one per line, with a comment."""
    lines = [f"    {{{', '.join(value)}}}," for value in values]
    return f"// {about}\ninline constexpr {kind} {name}[] = {{\n" + "\n".join(lines) + "\n};\n"


def write(name, source, arrays, module="text"):
    table = HEADERS / module / "tables" / name
    table.parent.mkdir(exist_ok=True)
    table.write_text(f"// Made by tools/tables/{source}; do not edit.\n" + "\n".join(arrays))
    print(name, table.stat().st_size, "bytes")
