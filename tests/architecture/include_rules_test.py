#!/usr/bin/env python3
"""Violates each of the include rules in a small repository of its own, and checks that it is found."""
import tempfile
import unittest
from pathlib import Path

import include_rules

GOOD = "#pragma once\n/// \\file What it is for.\n{includes}\nnamespace zeroshot {{ inline namespace ZEROSHOT_ABI {{\n{body}\n}}}}\n"


class Violations(unittest.TestCase):
    def setUp(self):
        folder = tempfile.TemporaryDirectory()
        self.addCleanup(folder.cleanup)
        self.repository = Path(folder.name)
        for name in sorted(include_rules.BASE) + ["support/file.hpp", "nn/weights.hpp", "image/image.hpp", "kernels/multiply.hpp", "model/clip_model.hpp"]:
            self.header(name)

    def write(self, name: str, text: str):
        path = self.repository / name
        path.parent.mkdir(parents=True, exist_ok=True)
        path.write_text(text, encoding="utf-8")

    def header(self, name: str, includes: str = "", body: str = "", text: str = ""):
        self.write(f"include/zeroshot/{name}", text or GOOD.format(includes=includes, body=body))
        self.write(f"tests/{include_rules.test_of(name).replace('*', 'base')}", "")

    def assertViolation(self, part: str):
        violations = include_rules.Rules(self.repository).check()
        self.assertEqual(len(violations), 1, violations)
        self.assertIn(part, violations[0])

    def test_a_sound_repository_has_no_violation(self):
        self.header("image/stb_image.hpp", "#include <stb_image.h>\n#include <zeroshot/support/file.hpp>")
        self.header("nn/linear.hpp", "#include <zeroshot/nn/weights.hpp>\n#include <zeroshot/kernels/multiply.hpp>")
        self.header("support/file.hpp", body='// printf("in a comment")\nconst char* text = "printf( TODO";')
        self.header("zeroshot.hpp", text="#pragma once\n/// \\file All.\n#include <zeroshot/tensor.hpp>  // numbers\n")
        self.assertEqual(include_rules.Rules(self.repository).check(), [])

    def test_a_module_that_includes_one_it_may_not(self):
        self.header("model/vision.hpp", "#include <zeroshot/image/image.hpp>")
        self.assertViolation("model may not include image")

    def test_a_module_that_includes_a_later_one(self):
        self.header("image/decode.hpp", "#include <zeroshot/nn/weights.hpp>")
        self.assertViolation("image may not include nn")

    def test_an_unknown_module(self):
        self.header("other/box.hpp", "#include <zeroshot/error.hpp>")
        self.assertViolation("a module that the include rules do not know")

    def test_a_library_outside_of_its_entry_point(self):
        self.header("nn/linear.hpp", "#include <LBFGS.h>")
        self.assertViolation("the entry point to LBFGSpp is probe/logistic_regression.hpp")

    def test_intrinsics_outside_of_the_kernels(self):
        self.header("nn/linear.hpp", "#include <immintrin.h>")
        self.assertViolation("the entry point to intrinsics")

    def test_an_instruction_set_outside_of_the_kernels(self):
        self.header("nn/linear.hpp", body='__attribute__((target("avx2"))) void f();')
        self.assertViolation("names an instruction set")

    def test_an_include_of_nothing(self):
        self.header("checkpoint/zip.hpp", "#include <zeroshot/checkpoint/inflate.hpp>")
        self.assertViolation("which is not there")

    def test_a_header_without_a_test(self):
        self.header("checkpoint/zip.hpp")
        (self.repository / "tests/checkpoint/zip.cpp").unlink()
        self.assertViolation("has no test at tests/checkpoint/zip.cpp")

    def test_a_header_without_a_guard(self):
        self.header("checkpoint/zip.hpp", text=GOOD.format(includes="", body="").replace("#pragma once", "#ifndef ZIP"))
        self.assertViolation("#pragma once")

    def test_a_header_without_its_sentence(self):
        self.header("checkpoint/zip.hpp", text=GOOD.format(includes="", body="").replace("/// \\file", "//"))
        self.assertViolation("'/// \\file' sentence")

    def test_a_header_of_more_than_one_sitting(self):
        self.header("checkpoint/zip.hpp", body="// and so on\n" * 4000)
        self.assertViolation("fit one sitting")

    def test_names_outside_of_the_namespace(self):
        self.header("checkpoint/zip.hpp", text="#pragma once\n/// \\file Zip.\nnamespace zeroshot {\n}\n")
        self.assertViolation("has no 'namespace zeroshot { inline")

    def test_a_macro_that_is_not_ours(self):
        self.header("checkpoint/zip.hpp", "#define ZIP 1")
        self.assertViolation("defines the macro ZIP")

    def test_a_library_that_prints(self):
        self.header("checkpoint/zip.hpp", body='void f() { std::printf("here"); }')
        self.assertViolation("does not print")

    def test_a_library_that_asks_the_locale(self):
        self.header("checkpoint/zip.hpp", body="int f(int c) { return std::tolower(c); }")
        self.assertViolation("depends on the locale")

    def test_a_macro_of_windows(self):
        self.header("checkpoint/zip.hpp", body="int f(int a, int b) { return std::min(a, b); }")
        self.assertViolation("write (std::min)(a, b)")

    def test_unfinished_code(self):
        self.header("checkpoint/zip.hpp", body="#include <string>  // TODO")
        self.header("checkpoint/zip.hpp", body="int TODO;")
        self.assertViolation("finish it")

    def test_a_table_that_nobody_includes(self):
        self.write("include/zeroshot/text/tables/merges.inc", "1, 2")
        self.assertViolation("is included by nobody")

    def test_a_table_of_two_headers(self):
        self.write("include/zeroshot/text/tables/merges.inc", "1, 2")
        self.header("text/bpe.hpp", "#include <zeroshot/text/tables/merges.inc>")
        self.header("text/tokenizer.hpp", "#include <zeroshot/text/tables/merges.inc>")
        self.assertViolation("exactly one header should")

    def test_an_umbrella_that_holds_more_than_includes(self):
        self.header("zeroshot.hpp", text="#pragma once\n/// \\file All.\nint x;\n")
        self.assertViolation("includes only")

    def test_an_umbrella_out_of_order(self):
        self.header("zeroshot.hpp", text="#pragma once\n/// \\file All.\n#include <zeroshot/model/clip_model.hpp>\n#include <zeroshot/tensor.hpp>\n")
        self.assertViolation("the order is")

    def test_a_file_of_another_kind(self):
        self.write("include/zeroshot/checkpoint/notes.txt", "")
        self.assertViolation("neither a header nor a table")


if __name__ == "__main__":
    unittest.main()
