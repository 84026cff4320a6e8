"""zeroshot classify: three output formats, sources of labels and templates, caches, and unreadable images."""

import csv
import io
import json
import math
import os
import resource
import shutil
import signal
import struct
import subprocess
import unittest

from harness import CONTEXT, TIMEOUT, PROGRAM, ProgramTest, read_safetensors, run, write_png, write_tiny_model


class Classify(ProgramTest):
    def classify(self, *words, **more):
        return self.with_model("classify", *words, **more)

    def objects(self, done, status=0):
        return [json.loads(line) for line in self.output_lines(done, status)]

    def test_json_is_an_object_per_image_with_the_most_probable_label_first(self):
        objects = self.objects(self.classify("a.png", "b.png", "--labels", "a dog", "a cat", "a", "--json"))
        self.assertEqual([entry["picture"] for entry in objects], ["a.png", "b.png"])
        for entry in objects:
            self.assertEqual(set(entry), {"picture", "labels"})
            self.assertEqual(sorted(each["label"] for each in entry["labels"]), ["a", "a cat", "a dog"])
            probabilities = [each["probability"] for each in entry["labels"]]
            self.assertEqual(probabilities, sorted(probabilities, reverse=True))
            self.assertAlmostEqual(sum(probabilities), 1, places=6)
            highest = max(each["logit"] for each in entry["labels"])
            total = sum(math.exp(each["logit"] - highest) for each in entry["labels"])
            for each in entry["labels"]:  # float32 keeps 7 digits of a logit of about 10
                self.assertAlmostEqual(each["probability"], math.exp(each["logit"] - highest) / total, places=5)

    def test_an_unreadable_image_is_an_error_object_and_the_others_are_classified(self):
        done = self.classify("a.png", "bad.png", "none.png", "b.png", "--labels", "x", "y", "--json")
        objects = self.objects(done, status=1)
        self.assertEqual([entry["picture"] for entry in objects], ["a.png", "bad.png", "none.png", "b.png"])
        self.assertEqual(objects[1]["error"]["code"], "FORMAT")
        self.assertIn("bad.png", objects[1]["error"]["message"])
        self.assertEqual(objects[2]["error"]["code"], "IO")
        self.assertIn("labels", objects[3])
        self.assertEqual(len(done.stderr.decode().splitlines()), 2)
        self.assert_message(done, 1, "zeroshot: bad.png", "zeroshot: none.png", "No such file or directory")

    def test_top_limits_the_labels_and_is_five_by_default(self):
        labels = list("abcdefgh")
        self.assertEqual(len(self.objects(self.classify("a.png", "--json", "--labels", *labels))[0]["labels"]), 5)
        self.assertEqual(
            len(self.objects(self.classify("a.png", "--json", "--top", 3, "--labels", *labels))[0]["labels"]), 3
        )
        self.assertEqual(
            len(self.objects(self.classify("a.png", "--json", "--top", 99, "--labels", *labels))[0]["labels"]), 8
        )
        self.assert_message(self.classify("a.png", "--top", 0, "--labels", "a"), 2, "--top", "'0'")

    def test_csv_is_quoted_as_rfc_4180_has_it(self):
        label = 'a "r,\nb"'
        lines = self.classify("a.png", "bad.png", "--csv", "--labels", label, "plain")
        self.assertEqual(lines.returncode, 1)
        rows = list(csv.reader(io.StringIO(lines.stdout.decode())))
        self.assertEqual(rows[0], ["picture", "rank", "label", "probability", "logit"])
        self.assertEqual({row[2] for row in rows[1:]}, {label, "plain"})
        self.assertEqual([row[1] for row in rows[1:]], ["1", "2"])
        self.assertAlmostEqual(sum(float(row[3]) for row in rows[1:]), 1, places=6)

    def test_the_table_has_bars_and_percentages_and_no_colour_in_a_pipe(self):
        lines = self.output_lines(self.classify("a.png", "b.png", "--labels", "one", "three more"))
        self.assertEqual(lines[0], "a.png")
        self.assertEqual(lines[3], "")
        self.assertTrue(any("█" in line and " %" in line for line in lines))
        self.assertFalse(any("\x1b" in line for line in lines))
        self.assertEqual(lines[1].index("%"), lines[2].index("%"))
        self.assertEqual(
            len(self.output_lines(self.classify("a.png", "b.png", "--top", 1, "--labels", "one", "two"))), 2
        )

    def test_a_labels_file_may_have_any_line_ending_and_a_byte_order_mark(self):
        # byte order mark, CRLF, CR, blank lines, trailing spaces
        (self.folder / "labels.txt").write_bytes("\ufeffa dog\r\n\r\n  \na cat  \t\rcafé\n".encode())
        result = self.objects(self.classify("a.png", "--labels-from", "labels.txt", "--json"))[0]["labels"]
        self.assertEqual(sorted(each["label"] for each in result), ["a cat", "a dog", "café"])

    def test_an_error_in_a_labels_file_names_the_line(self):
        cases = {
            "empty": (b"", "no labels"),
            "blank": (b" \n\r\n", "no labels"),
            "utf16": ("\ufeffa dog\na cat\n".encode("utf-16-le"), "UTF-16"),
            "utf16 unmarked": ("a dog\n".encode("utf-16-be"), "UTF-16"),
            "nul": (b"a dog\na\0cat\n", "line 2: "),
            "latin1": (b"a dog\n\ncaf\xe9\n", "line 3: "),
            "long": (b"a\n" + b"x" * (2 << 20), "line 2: 2097152 bytes"),
        }
        for name, (content, part) in cases.items():
            with self.subTest(name):
                (self.folder / "bad.txt").write_bytes(content)
                self.assert_message(self.classify("a.png", "--labels-from", "bad.txt"), 1, "zeroshot: bad.txt: ", part)
        self.assert_message(self.classify("a.png", "--labels-from", "missing.txt"), 1, "missing.txt", "No such file")
        (self.folder / "folder").mkdir(exist_ok=True)
        self.assert_message(self.classify("a.png", "--labels-from", "folder"), 1, "folder: ")

    def test_a_duplicate_label_is_kept_with_a_warning(self):
        (self.folder / "twice.txt").write_text("a dog\na cat\n\na dog\n")
        done = self.classify("a.png", "--labels-from", "twice.txt", "--json")
        self.assertEqual(len(self.objects(done)[0]["labels"]), 3)
        self.assertIn("twice.txt: line 4: duplicate label 'a dog' of line 1", done.stderr.decode())
        self.assertEqual(self.classify("a.png", "--labels-from", "twice.txt", "--quiet").stderr, b"")

    def test_scores_are_probabilities_cosines_or_logits(self):
        labels = ("--labels", "a dog", "a cat", "a")
        plain = self.objects(self.classify("a.png", *labels, "--json"))[0]["labels"]
        scale = json.loads(self.output_lines(self.call("inspect", "model.safetensors", "--json"))[0])["logit_scale"]
        for scoring in ("softmax", "cosine", "logit"):
            entry = self.objects(self.classify("a.png", *labels, "--scores", scoring, "--json"))[0]
            self.assertEqual((set(entry), entry["scoring"]), ({"picture", "scoring", "labels"}, scoring))
            for one, before in zip(entry["labels"], plain):
                wanted = {"softmax": before["probability"], "cosine": before["logit"] / scale, "logit": before["logit"]}
                self.assertEqual({key: one[key] for key in before}, before)
                self.assertAlmostEqual(one["score"], wanted[scoring], delta=1e-6 * max(1, abs(wanted[scoring])))
        alone, among = (
            self.objects(self.classify("a.png", "--labels", *names, "--scores", "cosine", "--json"))[0]["labels"]
            for names in (["a dog"], ["a dog", "a cat", "b"])
        )
        self.assertEqual(alone[0]["score"], next(each["score"] for each in among if each["label"] == "a dog"))
        lines = self.output_lines(self.classify("a.png", *labels, "--scores", "cosine"))
        self.assertRegex(lines[1], r"^  a[a-z ]* +-?0\.\d{4}")
        rows = list(csv.reader(io.StringIO(self.classify("a.png", *labels, "--csv", "--scores", "logit").stdout.decode())))
        self.assertEqual(rows[0], ["picture", "rank", "label", "probability", "logit", "score"])
        self.assertTrue(all(row[4] == row[5] for row in rows[1:]))
        self.assert_message(self.classify("a.png", *labels, "--scores", "sofmax"), 2, "'softmax'")

    def test_a_threshold_leaves_out_labels_with_lower_scores(self):
        labels = list("abcdefgh")
        every = self.objects(self.classify("a.png", "--labels", *labels, "--scores", "cosine", "-k", 8, "--json"))[0]
        scores = [each["score"] for each in every["labels"]]
        words = ("a.png", "--labels", *labels, "--scores", "cosine", "--threshold")
        above = self.objects(self.classify(*words, scores[6], "--json"))[0]["labels"]
        self.assertEqual([each["score"] for each in above], scores[:7])  # without --top: more than five
        self.assertEqual(len(self.objects(self.classify(*words, -1, "-k", 2, "--json"))[0]["labels"]), 2)
        self.assertEqual(self.objects(self.classify(*words, 1.5, "--json"))[0]["labels"], [])
        self.assertIn("no label above the threshold", self.classify(*words, 1.5).stdout.decode())
        self.assertIn("no label above the threshold", self.classify(*words, 1.5, "-k", 1).stdout.decode())
        softmax = self.objects(self.classify("a.png", "--labels", *labels, "--threshold", 0.2, "--json"))[0]["labels"]
        self.assertTrue(all(each["probability"] >= 0.2 for each in softmax))

    def test_a_single_label_is_warned_of_unless_its_score_depends_on_no_other(self):
        self.assertIn(b"always 100 %", self.classify("a.png", "--labels", "a dog").stderr)
        self.assertNotIn(b"100 %", self.classify("a.png", "--labels", "a dog", "--scores", "cosine").stderr)
        self.assertNotIn(b"100 %", self.classify("a.png", "--labels", "a dog", "a cat").stderr)

    def test_a_file_of_labels_may_be_a_list(self):
        wanted = ["red circle", "blue circle", "a, b"]
        cases = {
            "JSON": json.dumps(wanted),
            "JSON over lines": json.dumps(wanted, indent=2),
            "Python": "['red circle', \"blue circle\", 'a, b',]",
            "a tuple": "[('n1', 'red circle'), ('n2', 'blue circle'), ('n3', 'a, b')]",
            "a dict of Python": "{0: 'red circle',\n 1: 'blue circle',\n 2: 'a, b'}",
            "a class index": json.dumps({str(i): [f"n0000000{i}", name] for i, name in enumerate(wanted)}),
            "out of order": json.dumps({str(i): wanted[i] for i in (2, 0, 1)}),
            "indices by name": json.dumps({name: i for i, name in enumerate(wanted)}),
            "config.json": json.dumps({"model_type": "vit", "id2label": {str(i): name for i, name in enumerate(wanted)}}),
            "objects": json.dumps([{"id": i, "name": name} for i, name in enumerate(wanted)]),
            "one line": 'red circle, blue circle, "a, b"\n',
            "semicolons": "red circle; blue circle; a, b",
            "numbers": "0: red circle\n1: blue circle\n2: a, b\n",
            "numbers from 1": "1. red circle\n2. blue circle\n3. a, b\n",
            "identifiers": "n01440764 red circle\nn01443537 blue circle\nn01484850 a, b\n",
            "quotes": '"red circle",\n"blue circle",\n"a, b"\n',
            "a table": "id\tlabel\n7\tred circle\n9\tblue circle\n4\ta, b\n",
            "commas at the ends": "red circle,\nblue circle,\na, b",
            "an assignment": "labels = ['red circle', 'blue circle', 'a, b']",
            "dashes": "- red circle\n- blue circle\n- a, b\n",
            "an unknown header": "ClassId,SignName\n1,blue circle\n0,red circle\n2,\"a, b\"\n",
            "a series of pandas": ",0\n0,red circle\n1,blue circle\n2,\"a, b\"\n",
            "identifiers with a header": 'wnid,words\nn01440764,red circle\nn01443537,blue circle\nn01484850,"a, b"\n',
            "identifiers and numbers": "n01443537 2 blue circle\nn01440764 1 red circle\nn01484850 3 a, b\n",
            "a header above numbers": "label\n0: red circle\n1: blue circle\n2: a, b\n",
            "categories of COCO": json.dumps(
                {"info": {}, "categories": [{"id": 9 - i, "name": name} for i, name in enumerate(wanted)]}
            ),
            "JSON lines": "".join(json.dumps({"id": i, "name": name}) + "\n" for i, name in enumerate(wanted)),
            "JSON lines with other texts": "".join(json.dumps({"label": name, "wnid": "n1"}) + "\n" for name in wanted),
            "a header": "label\nred circle\nblue circle\na, b\n",
            "lines": "red circle\nblue circle\na, b\n",
        }
        for name, text in cases.items():
            with self.subTest(name):
                (self.folder / "list.txt").write_text(text)
                done = self.classify("a.png", "--labels-from", "list.txt", "--json")
                self.assertEqual(
                    sorted(each["label"] for each in self.objects(done)[0]["labels"]), sorted(wanted), done.stderr
                )
                self.assertEqual(b"list.txt: " in done.stderr, name != "lines", done.stderr)
        for text, part in (
            ('{"a": [1], "b": [2]}', "an object with the keys 'a', 'b'"),
            ('["a", 3]', "/1 is an unsigned integer"),
            ('["a" "b"]', "the text is not JSON"),
            ("[]", "no labels"),
            ('["a", "b"', "a list without its closing bracket"),
            ("{}", "an empty object"),
            ('{"name": "a", "text": "b"}\n{"name": "c", "text": "d"}\n', "line 1: an object with the keys 'name', 'text'"),
            ('{"label": "a"}\n{"label": 3}\n', "line 2: an object with the keys 'label', expected one text"),
            (json.dumps({f"key {i}": [] for i in range(1000)}), "'key 7', ..., expected"),
            ("ClassId,Sign,Shape\n0,red,round\n1,blue,round\n", "a table with the columns 'Sign', 'Shape'"),
            ("0,red,round\n1,blue,round\n", "line 1: a number before a comma"),
            ("red circle\trot\nblue circle\tblau\n", "line 1: cells separated by tabs"),
            ("red,0\nblue,1\n", "line 1: an index after a name"),
            ("tench: 0\ngoldfish: 1\n", "line 1: an index after a name"),
            ("wnid,words\nn01440764,tench, Tinca\nn01443537,goldfish\n", "line 2: an identifier before a label"),
            ("red; rot\nblue; blau\n", "line 1: cells separated by semicolons"),
            ('"red circle, big","rot"\n"blue circle, small","blau"\n', "line 1: several quoted cells"),
            ("names = [\n  'red',  # warm\n  'blue',\n]\nx = 1\n", "line 4: ']' is no label"),
            ('""\na dog\n', "line 1: '\"\"' is no label"),
        ):
            (self.folder / "list.txt").write_text(text)
            self.assert_message(self.classify("a.png", "--labels-from", "list.txt"), 1, "list.txt", part)

    def test_files_of_json_lines_are_lists_of_labels(self):
        for text in ('"a \\"dog\\""\n"cat"\n', '{"text": "a \\"dog\\""}\n\n{"text": "cat"}\n', '["a \\"dog\\"",\n"cat"]'):
            (self.folder / "list.jsonl").write_text(text)
            done = self.classify("a.png", "--labels-from", "list.jsonl", "--json")
            self.assertEqual(sorted(each["label"] for each in self.objects(done)[0]["labels"]), ['a "dog"', "cat"])
            self.assertIn(b"list.jsonl: read as ", done.stderr)
        for text, part in (
            ('{"label": "a"}\nb\n', "list.jsonl: line 2: "),
            ('{"path": "a.png"}\n"b"\n', "line 1: an object with the keys 'path'"),
            ('"a"\n3\n', "line 2"),
        ):
            (self.folder / "list.jsonl").write_text(text)
            self.assert_message(self.classify("a.png", "--labels-from", "list.jsonl"), 1, "list.jsonl", part)

    def test_lines_that_begin_with_numbers_may_be_labels(self):
        for text in (
            "1 circle\n2 circles\n3 circles",
            "0.5 mm\n1.5 mm\n2.5 mm",
            "3 series\n5 series",
            "digit 0\ndigit 1",
            "Airbus 320\nBoeing 737",
        ):
            (self.folder / "list.txt").write_text(text)
            done = self.classify("a.png", "--labels-from", "list.txt", "--json")
            self.assertEqual(sorted(each["label"] for each in self.objects(done)[0]["labels"]), text.split("\n"))
            self.assertEqual(done.stderr, b"")

    def test_labels_of_words_may_end_in_numbers(self):
        for text, warning in (
            ("Formula 1\nChannel 4\nArea 51", ""),
            ("Formula 1\nArea 2\nClass 3", "line 1: label 'Formula 1' ends with a number"),
            ("red circle 2\nblue circle 1", "line 1: label 'red circle 2' ends with a number"),
            ("class 1\nclass 2\nclass 3", "line 1: label 'class 1' is the number of a class and no word"),
            ("LABEL_0\nLABEL_1", "label 'LABEL_0' is the number of a class and no word"),
            ("level 1\nlevel 2", ""),
        ):
            (self.folder / "list.txt").write_text(text)
            done = self.classify("a.png", "--labels-from", "list.txt", "--json")
            self.assertEqual(sorted(each["label"] for each in self.objects(done)[0]["labels"]), sorted(text.split("\n")))
            self.assertIn(warning, done.stderr.decode())
            self.assertEqual(warning == "", done.stderr == b"", done.stderr)

    def test_other_formats_are_no_lists_of_labels(self):
        for name, text in (("a.yaml", "names:\n  0: red\n  1: blue\n"), ("a.pbtxt", "item {\n  id: 1\n}\n")):
            (self.folder / name).write_text(text)
            self.assert_message(
                self.classify("a.png", "--labels-from", name), 1, f"{name}: line 1: labels are not read from .{name[2:]}"
            )

    def test_labels_that_look_like_something_else_are_warned_of(self):
        done = self.classify("a.png", "--labels", "a dog, a cat, b", "--json")
        self.assertEqual(sorted(each["label"] for each in self.objects(done)[0]["labels"]), ["a cat", "a dog", "b"])
        self.assert_message(done, 0, "--labels is read as a list of 3: 'a dog', 'a cat', 'b'")
        for text in ("['a', 'b']", "a; b", "a\nb\n", '["a", "b"]'):
            entry = self.objects(self.classify("a.png", "--labels", text, "--json"))[0]
            self.assertEqual(sorted(each["label"] for each in entry["labels"]), ["a", "b"], text)
        self.assert_message(self.classify("a.png", "--labels", "dog,", "cat"), 0, "'dog,' ends with a comma")
        self.assert_message(self.classify("a.png", "--labels", "a_dog", "cat"), 0, "'a_dog' has underscores")
        self.assert_message(self.classify("a.png", "--labels", "n01440764", "cat"), 0, "'n01440764' is an identifier")
        (self.folder / "tabs.txt").write_text("a\tdog\na cat\n")
        self.assert_message(self.classify("a.png", "--labels-from", "tabs.txt"), 0, "line 1: label 'a\\x09dog' contains a tab")
        (self.folder / "titles.txt").write_text("title\na\nb\n")
        self.assert_message(self.classify("a.png", "--labels-from", "titles.txt"), 0, "'title' may be a header")
        plain = self.classify("a.png", "--labels", "a dog, brown", "a cat, grey", "--json")
        self.assertEqual((len(self.objects(plain)[0]["labels"]), plain.stderr), (2, b""))

    def test_labels_may_come_from_standard_input(self):
        result = self.objects(self.classify("a.png", "--labels-from", "-", "--json", stdin=b"a dog\na cat\n"))
        self.assertEqual(len(result[0]["labels"]), 2)
        self.assert_message(self.classify("-", "--labels-from", "-"), 2, "standard input")

    def test_several_templates_make_an_ensemble(self):
        words = ("a.png", "--labels", "dog", "cat", "--json")
        (self.folder / "templates.txt").write_text("a {}\n\nno {}.\n")
        plain = self.classify(*words).stdout
        self.assertEqual(self.classify(*words, "--template", "{}").stdout, plain)
        both = self.classify(*words, "--template", "a {}", "--template", "no {}.").stdout
        self.assertNotEqual(both, plain)
        self.assertEqual(self.classify(*words, "--templates-from", "templates.txt").stdout, both)

    def test_a_template_needs_exactly_one_placeholder(self):
        # on the command line it is a usage error, in a file an input error
        for sentence in ("a photo", "{", "%n%s", "{0:>999999999}", "{} and {}"):
            with self.subTest(sentence):
                self.assert_message(
                    self.classify("a.png", "--labels", "a", "--template", sentence),
                    2,
                    "{}",
                    "see zeroshot classify --help",
                )
        (self.folder / "templates.txt").write_text("a {}\nnothing\n")
        self.assert_message(
            self.classify("a.png", "--labels", "a", "--templates-from", "templates.txt"), 1, "templates.txt: line 2: "
        )
        result = self.objects(self.classify("a.png", "--labels", "{}", "%n", "--template", "a {}", "--json"))
        self.assertEqual(len(result[0]["labels"]), 2)

    def test_too_many_prompts_are_refused_at_once(self):
        (self.folder / "labels.txt").write_text("".join(f"{i}\n" for i in range(4000)))
        (self.folder / "templates.txt").write_text("".join(f"{{}} {i}\n" for i in range(4000)))
        self.assert_message(
            self.classify("a.png", "--labels-from", "labels.txt", "--templates-from", "templates.txt"), 1, "10000000"
        )

    def test_cached_class_embeddings_give_the_same_output(self):
        words = ("a.png", "b.png", "--labels", "a dog", "a cat", "b", "--json")
        plain = self.classify(*words).stdout
        first, second = (self.classify(*words, "--cache", "cache/labels") for _ in range(2))
        self.assertEqual((first.stdout, second.stdout), (plain, plain))
        self.assertIn("3 labels", first.stderr.decode())
        self.assertIn("cache/labels", second.stderr.decode())
        self.assertEqual(self.classify(*words, "--cache", "cache/labels", "--quiet").stderr, b"")
        (file,) = (self.folder / "cache/labels").iterdir()
        whole = file.read_bytes()
        file.write_bytes(whole[:-1])
        repaired = self.classify(*words, "--cache", "cache/labels")
        self.assert_message(repaired, 0, "warning: ", "cache/labels/")
        self.assertEqual((repaired.stdout, file.read_bytes()), (plain, whole))

    def test_an_unusable_cache_folder_is_only_a_warning(self):
        words = ("a.png", "--labels", "a dog", "a cat", "--json")
        plain = self.classify(*words).stdout
        done = self.classify(*words, "--cache", "a.png")
        self.assert_message(done, 0, "warning: ", "a.png/")
        self.assertEqual(done.stdout, plain)

        def small_disk():
            signal.signal(signal.SIGXFSZ, signal.SIG_IGN)
            resource.setrlimit(resource.RLIMIT_FSIZE, (100, 100))

        full = subprocess.run(
            [PROGRAM, "classify", "--model", "model.safetensors", *words, "--cache", "full"],
            cwd=self.folder,
            env=self.environment(),
            capture_output=True,
            preexec_fn=small_disk,
            timeout=TIMEOUT,
            check=False,
        )
        self.assert_message(full, 0, "warning: ", "full/")
        self.assertEqual(full.stdout, plain)
        self.assertEqual(list((self.folder / "full").iterdir()), [])

    def test_cached_weights_give_the_same_output(self):
        words = ("a.png", "b.png", "--labels", "a dog", "a cat", "b", "--json")
        plain = self.classify(*words).stdout
        first, second = (self.classify(*words, "--weight-cache", "cache/weights") for _ in range(2))
        self.assertEqual((first.stdout, second.stdout), (plain, plain))
        self.assertNotIn("cache/weights", first.stderr.decode())
        self.assertIn("cache/weights", second.stderr.decode())
        self.assertEqual(self.classify(*words, "--weight-cache", "cache/weights", "--quiet").stderr, b"")
        (file,) = (self.folder / "cache/weights").iterdir()
        self.assertEqual((file.name[:6], file.suffix), ("model-", ".weights"))
        whole = file.read_bytes()
        file.write_bytes(whole[:-1])
        repaired = self.classify(*words, "--weight-cache", "cache/weights")
        self.assert_message(repaired, 0, "warning: ", "cache/weights/")
        self.assertEqual((repaired.stdout, file.read_bytes()), (plain, whole))
        self.classify(*words, "--weight-cache", "cache/weights", "--precision", "int8")
        self.assertEqual(len(list((self.folder / "cache/weights").iterdir())), 2)
        unusable = self.classify(*words, "--weight-cache", "a.png")
        self.assert_message(unusable, 0, "warning: ", "a.png/")
        self.assertEqual(unusable.stdout, plain)

    def test_processes_may_share_a_cache_folder(self):
        words = [
            PROGRAM,
            "classify",
            "--model",
            "model.safetensors",
            "a.png",
            "--labels",
            *"abcdef",
            "--json",
            "--cache",
            "shared",
        ]
        many = [
            subprocess.Popen(
                words, cwd=self.folder, env=self.environment(), stdout=subprocess.PIPE, stderr=subprocess.PIPE
            )
            for _ in range(6)
        ]
        ends = [each.communicate(timeout=TIMEOUT) for each in many]
        self.assertEqual([each.returncode for each in many], [0] * 6)
        self.assertEqual(len({entry for entry, _ in ends}), 1)
        self.assertFalse(any(b"warning" in result for _, result in ends), ends)
        self.assertEqual([each.suffix for each in (self.folder / "shared").iterdir()], [".classes"])

    def test_a_prompt_longer_than_the_context_is_refused_or_truncated(self):
        label = "k " * 20
        self.assert_message(
            self.classify("a.png", "--labels", label, "a"), 1, "22 tokens", str(22 - CONTEXT), str(CONTEXT)
        )
        self.assertEqual(
            len(self.objects(self.classify("a.png", "--labels", label, "a", "--truncate", "--json"))[0]["labels"]), 2
        )

    def test_a_special_token_in_a_label_is_refused(self):
        self.assert_message(self.classify("a.png", "--labels", "a dog <|endoftext|> a cat", "b"), 1, "<|endoftext|>")

    def test_no_labels_and_no_images_are_usage_errors(self):
        self.assert_message(self.classify("a.png"), 2, "no labels", "see zeroshot classify --help")
        self.assert_message(self.classify("--labels", "a", "b"), 2, "no images", "--")

    def test_a_double_dash_ends_the_list_of_labels(self):
        result = self.objects(self.classify("--json", "--labels", "inspect", "[a,b]", "--", "a.png"))
        self.assertEqual(result[0]["picture"], "a.png")
        self.assertEqual({each["label"] for each in result[0]["labels"]}, {"inspect", "[a,b]"})
        done = self.classify("a.png", "--labels", "x", "b.png")
        self.assertIn("label 'b.png'", done.stderr.decode())

    def test_folders_are_read_recursively_in_sorted_order(self):
        top = self.folder / "many"
        (top / "below").mkdir(parents=True, exist_ok=True)
        for name in ("z.png", "below/m.PNG", "a.png", ".hidden.png", "below/b.jpeg.png"):
            write_png(top / name, 9, 9)
        (top / "words.txt").write_text("not an image")
        (top / "old.webp").write_bytes(b"RIFF\0\0\0\0WEBPVP8 ")
        done = self.classify("many", "--labels", "x", "y", "--json")
        names = [entry["picture"] for entry in self.objects(done, status=1)]
        self.assertEqual(
            names, ["many/a.png", "many/below/b.jpeg.png", "many/below/m.PNG", "many/old.webp", "many/z.png"]
        )
        self.assert_message(done, 1, "WebP")
        (self.folder / "empty").mkdir(exist_ok=True)
        self.assert_message(self.classify("empty", "a.png", "--labels", "x"), 1, "empty: no images")

    def test_an_image_may_come_from_standard_input(self):
        data = (self.folder / "a.png").read_bytes()
        piped = self.objects(self.classify("-", "--labels", "x", "y", "--json", stdin=data))[0]
        named = self.objects(self.classify("a.png", "--labels", "x", "y", "--json"))[0]
        self.assertEqual(piped["picture"], "-")
        self.assertEqual(piped["labels"], named["labels"])
        self.assert_message(self.classify("-", "--labels", "x", stdin=b"GIF89a"), 1, "standard input: ")
        self.assert_message(self.classify("-", "--labels", "x"), 1, "standard input: ")
        self.assert_message(self.classify("-", "-", "--labels", "x"), 2, "standard input")

    def test_pipes_devices_and_link_loops_are_refused_at_once(self):
        if not (self.folder / "pipe.png").exists():
            os.mkfifo(self.folder / "pipe.png")
            os.symlink("loop.png", self.folder / "loop.png")
        done = self.classify("pipe.png", "/dev/zero", "loop.png", "x" * 5000, "", "--labels", "x")
        self.assert_message(done, 1, "pipe.png: ", "/dev/zero: ", "loop.png: ", "File name too long")
        os.remove(self.folder / "pipe.png")
        os.remove(self.folder / "loop.png")

    def test_the_output_does_not_depend_on_threads_or_batches(self):
        words = ("--labels", "a dog", "a cat", "b", "--json", "--", "a.png", "b.png")
        one = self.classify("--threads", 1, *words).stdout
        self.assertEqual(
            self.classify("--threads", 3, *words, *["a.png"] * 30).stdout.splitlines()[:2], one.splitlines()
        )
        self.assertEqual(
            self.classify("b.png", "--labels", "a dog", "a cat", "b", "--json").stdout.splitlines(),
            one.splitlines()[1:],
        )

    def test_the_output_is_in_the_order_of_the_images(self):
        names = ["bad.png" if i % 7 == 3 else "b.png" if i % 2 else "a.png" for i in range(61)]
        alone = self.classify("--threads", 1, *names, "--labels", "x", "y", "--json")
        many = self.classify("--threads", 4, *names, "--labels", "x", "y", "--json")
        self.assertEqual([entry["picture"] for entry in self.objects(many, status=1)], names)
        self.assertEqual(many.stdout, alone.stdout)
        self.assertEqual(many.stderr, alone.stderr)

    def test_an_embedding_of_length_zero_is_an_error_of_its_image(self):
        # a projection of zeros gives every image an embedding of length 0
        def without_projection(header, data):
            begin, end = header["visual.proj"]["data_offsets"]
            data[begin:end] = bytes(end - begin)

        write_tiny_model(self.folder / "flat.safetensors", without_projection)
        done = self.call("classify", "a.png", "b.png", "--labels", "x", "y", "--json", "--model", "flat.safetensors")
        objects = self.objects(done, status=1)
        self.assertEqual([entry["error"]["code"] for entry in objects], ["NUMERIC", "NUMERIC"])
        self.assert_message(done, 1, "a.png", "b.png")

    def test_options_override_the_settings_of_a_checkpoint(self):
        bare = self.folder / "bare.safetensors"
        header, _ = read_safetensors(self.folder / "model.safetensors")
        self.assertIn("zeroshot.model", header["__metadata__"])
        shutil.copy(self.folder / "model.safetensors", bare)
        words = ("classify", "a.png", "--labels", "x", "y", "--json", "--model", bare)
        plain = self.call(*words).stdout
        for choice in (("--activation", "gelu"), ("--vision-heads", 2), ("--mean", 0, 0, 0), ("--std", "1,1,1")):
            with self.subTest(choice):
                self.assertNotEqual(self.objects(self.call(*words, *choice)), [json.loads(plain)])
        self.assert_message(self.call(*words, "--activation", "gelo"), 2, "did you mean 'gelu'?")
        self.assert_message(self.call(*words, "--order", "pil"), 2, "'pil'", "openai, hf")
        self.assert_message(self.call(*words, "--mean", "a", "b", "c"), 2, "--mean")


if __name__ == "__main__":
    run()
