#!/usr/bin/env python3
"""Breaks the floor plan in every way it forbids, in a small house of its own, and sees that it is noticed."""
import tempfile
import unittest
from pathlib import Path

import floor_plan

GOOD = "#pragma once\n/// \\file What it is for.\n{includes}\nnamespace zeroshot::inline ZEROSHOT_ABI {{\n{body}\n}}\n"


class Breaches(unittest.TestCase):
    def setUp(self):
        folder = tempfile.TemporaryDirectory()
        self.addCleanup(folder.cleanup)
        self.house = Path(folder.name)
        for name in sorted(floor_plan.GROUND) + ["io/file.hpp", "io/weights.hpp", "image/image.hpp", "kernels/multiply.hpp", "model/clip.hpp"]:
            self.header(name)

    def write(self, name: str, text: str):
        path = self.house / name
        path.parent.mkdir(parents=True, exist_ok=True)
        path.write_text(text, encoding="utf-8")

    def header(self, name: str, includes: str = "", body: str = "", text: str = ""):
        self.write(f"include/zeroshot/{name}", text or GOOD.format(includes=includes, body=body))
        self.write(f"tests/{floor_plan.test_of(name).replace('*', 'ground')}", "")

    def assertBreach(self, part: str):
        breaches = floor_plan.Plan(self.house).check()
        self.assertEqual(len(breaches), 1, breaches)
        self.assertIn(part, breaches[0])

    def test_a_sound_house_has_no_breach(self):
        self.header("image/decode.hpp", "#include <stb_image.h>\n#include <zeroshot/io/file.hpp>")
        self.header("nn/linear.hpp", "#include <zeroshot/io/weights.hpp>\n#include <zeroshot/kernels/multiply.hpp>")
        self.header("io/file.hpp", body='// printf("in a comment")\nconst char* text = "printf( TODO";')
        self.header("zeroshot.hpp", text="#pragma once\n/// \\file All.\n#include <zeroshot/tensor.hpp>  // numbers\n")
        self.assertEqual(floor_plan.Plan(self.house).check(), [])

    def test_a_room_that_looks_where_it_may_not(self):
        self.header("model/vision.hpp", "#include <zeroshot/image/image.hpp>")
        self.assertBreach("model may see")

    def test_only_one_header_of_a_room_may_be_open(self):
        self.header("image/decode.hpp", "#include <zeroshot/io/weights.hpp>")
        self.assertBreach("image may see")

    def test_an_unknown_room(self):
        self.header("attic/box.hpp", "#include <zeroshot/error.hpp>")
        self.assertBreach("a room that the floor plan does not know")

    def test_another_door_to_a_library(self):
        self.header("nn/linear.hpp", "#include <Eigen/Core>")
        self.assertBreach("the door to Eigen is tensor.hpp")

    def test_intrinsics_outside_of_the_kernels(self):
        self.header("nn/linear.hpp", "#include <immintrin.h>")
        self.assertBreach("the door to intrinsics")

    def test_an_instruction_set_outside_of_the_kernels(self):
        self.header("nn/linear.hpp", body='__attribute__((target("avx2"))) void f();')
        self.assertBreach("names an instruction set")

    def test_an_include_of_nothing(self):
        self.header("io/zip.hpp", "#include <zeroshot/io/inflate.hpp>")
        self.assertBreach("which is not there")

    def test_a_header_without_a_test(self):
        self.header("io/zip.hpp")
        (self.house / "tests/io/zip.cpp").unlink()
        self.assertBreach("has no test at tests/io/zip.cpp")

    def test_a_header_without_a_guard(self):
        self.header("io/zip.hpp", text=GOOD.format(includes="", body="").replace("#pragma once", "#ifndef ZIP"))
        self.assertBreach("#pragma once")

    def test_a_header_without_its_sentence(self):
        self.header("io/zip.hpp", text=GOOD.format(includes="", body="").replace("/// \\file", "//"))
        self.assertBreach("'/// \\file' sentence")

    def test_a_header_of_more_than_one_sitting(self):
        self.header("io/zip.hpp", body="// and so on\n" * 4000)
        self.assertBreach("fit one sitting")

    def test_names_outside_of_the_namespace(self):
        self.header("io/zip.hpp", text="#pragma once\n/// \\file Zip.\nnamespace zeroshot {\n}\n")
        self.assertBreach("has no 'namespace zeroshot::inline")

    def test_a_macro_that_is_not_ours(self):
        self.header("io/zip.hpp", "#define ZIP 1")
        self.assertBreach("defines the macro ZIP")

    def test_a_library_that_prints(self):
        self.header("io/zip.hpp", body='void f() { std::printf("here"); }')
        self.assertBreach("does not print")

    def test_a_library_that_asks_the_locale(self):
        self.header("io/zip.hpp", body="int f(int c) { return std::tolower(c); }")
        self.assertBreach("depends on the locale")

    def test_unfinished_business(self):
        self.header("io/zip.hpp", body="#include <string>  // TODO")
        self.header("io/zip.hpp", body="int TODO;")
        self.assertBreach("finish it")

    def test_a_table_that_nobody_includes(self):
        self.write("include/zeroshot/text/tables/merges.inc", "1, 2")
        self.assertBreach("is included by nobody")

    def test_a_table_of_two_headers(self):
        self.write("include/zeroshot/text/tables/merges.inc", "1, 2")
        self.header("text/bpe.hpp", "#include <zeroshot/text/tables/merges.inc>")
        self.header("text/tokenizer.hpp", "#include <zeroshot/text/tables/merges.inc>")
        self.assertBreach("exactly one header should")

    def test_an_umbrella_that_holds_more_than_includes(self):
        self.header("zeroshot.hpp", text="#pragma once\n/// \\file All.\nint x;\n")
        self.assertBreach("includes only")

    def test_an_umbrella_out_of_order(self):
        self.header("zeroshot.hpp", text="#pragma once\n/// \\file All.\n#include <zeroshot/model/clip.hpp>\n#include <zeroshot/tensor.hpp>\n")
        self.assertBreach("the order is")

    def test_a_stranger(self):
        self.write("include/zeroshot/io/notes.txt", "")
        self.assertBreach("neither a header nor a table")


if __name__ == "__main__":
    unittest.main()
