"""What every subcommand has in common: statuses, streams, help, suggestions, interrupts, pipes, terminals."""

import json
import os
import pty
import select
import shutil
import signal
import struct
import subprocess
import time

from harness import PATIENCE, PROGRAM, REPOSITORY, ProgramTest, npy_bytes, npy_header, run, write_png, write_tiny_model

COMMANDS = ["classify", "tokenize", "preprocess", "embed", "evaluate", "probe", "report", "inspect", "bench"]


def with_long_context(header, data):
    """Positions for 77 tokens, as real models have them: those of the tiny one, again and again."""
    entry = header["positional_embedding"]
    begin, end = entry["data_offsets"]
    rows, width = entry["shape"]
    entry["shape"] = [77, width]
    row = (end - begin) // rows
    more = 77 * row - (end - begin)
    data[begin:end] = b"".join(bytes(data[begin + i % rows * row:begin + (i % rows + 1) * row]) for i in range(77))
    for key, other in header.items():
        if key != "__metadata__":
            other["data_offsets"] = [at + more * (at >= end) for at in other["data_offsets"]]


class Manners(ProgramTest):
    @classmethod
    def setUpClass(cls):
        super().setUpClass()
        write_png(cls.folder / "large.png", 1000, 1000)

    def start(self, *words, **streams):
        return subprocess.Popen([str(PROGRAM), *map(str, words)], cwd=self.folder, env=self.environment(), **streams)

    def on_terminal(self, *words, until=None, **environment):
        """What a terminal gets to see: stdout and stderr are one. The program is interrupted once it was shown `until`."""
        ours, theirs = pty.openpty()
        child = subprocess.Popen([str(PROGRAM), *map(str, words)], cwd=self.folder, stdin=subprocess.DEVNULL, stdout=theirs, stderr=theirs,
                                 env=self.environment(TERM="xterm", **environment))
        os.close(theirs)
        seen = b""
        while select.select([ours], [], [], PATIENCE)[0]:
            try:
                part = os.read(ours, 65536)
            except OSError:  # the terminal has no other end any more
                break
            if not part:
                break
            seen += part
            if until is not None and until in seen:
                child.send_signal(signal.SIGINT)
                until = None
        child.wait(PATIENCE)
        os.close(ours)
        return seen.decode()

    def test_wrong_calls_are_refused_with_the_nearest_word(self):
        self.refused(self.call(), 2, "no command")
        self.refused(self.call("clasify"), 2, "there is no command 'clasify'; did you mean 'classify'?", "see zeroshot --help")
        self.refused(self.call("token"), 2, "did you mean 'tokenize'?")
        self.refused(self.call("quite-something-else"), 2, "there is no command 'quite-something-else'; see")
        self.refused(self.call("classify", "a.png", "--lables", "a"), 2, "there is no option '--lables'; did you mean '--labels'?")
        self.refused(self.call("embed", "a.png", "--normalise", "--output", "x"), 2, "did you mean '--normalize'?")
        self.refused(self.call("--verison"), 2, "did you mean '--version'?")
        self.refused(self.call("inspect", "a", "b"), 2, "'b' is one too many")
        self.refused(self.call("classify", "a.png", "--labels", "a", "--csv", "--json"), 2, "--csv")
        self.refused(self.call("tokenize", "\x1b[31m"), 2, "\\x1b[31m")

    def test_every_precision_is_taken_and_others_are_told(self):
        self.refused(self.call("classify", "a.png", "--labels", "x", "--precision", "f8"), 2, "none of f32, bf16, int8")
        logits = {}
        for precision in ("f32", "bf16", "int8"):
            lines = self.answer(self.with_model("classify", "a.png", "--labels", "x", "y", "--json", "--precision", precision))
            logits[precision] = [each["logit"] for each in json.loads(lines[0])["labels"]]
            self.answer(self.with_model("tokenize", "--text", "x", "--precision", precision))
        self.assertNotEqual(logits["bf16"], logits["f32"])

    def test_numbers_are_checked(self):
        for words in (("--threads", "0"), ("--threads", "1e3"), ("--threads", "-1"), ("--threads", "99999"), ("--top", "x"), ("--vision-heads", "0")):
            self.refused(self.call("classify", "a.png", "--labels", "x", *words), 2, words[0])

    def test_version_says_what_a_bug_report_needs(self):
        lines = self.answer(self.call("--version"))
        self.assertRegex(lines[0], r"^zeroshot \d+\.\d+\.\d+$")
        self.assertRegex(lines[1], r"^kernels: \w+ \(of .*portable\)$")
        self.assertRegex(lines[2], r"^compiled: .*Eigen 3")
        self.assertIn("kernels: portable", self.answer(self.call("--version", ZEROSHOT_KERNELS="portable"))[1])

    def put_data(self, here):
        """What the examples of evaluate and probe are about: pictures in folders, a batch of CIFAR-10, recorded features."""
        for part in ("train", "test"):
            for i, name in enumerate(("cat", "dog")):
                (here / "photos" / part / name).mkdir(parents=True)
                for j in range(5):
                    write_png(here / "photos" / part / name / f"{j}.png", 20 + i, 20, seed=10 * i + j)
        cifar = here / "cifar-10-batches-bin"
        cifar.mkdir()
        (cifar / "batches.meta.txt").write_text("\n".join("abcdefghij") + "\n")
        (cifar / "test_batch.bin").write_bytes(b"".join(bytes([label]) + bytes(3072) for label in (1, 2)))
        rows = [float(i * (3 * i + 1) % 7) for i in range(80)]
        for name, kind, shape, numbers in (("x", "<f4", (20, 4), rows), ("u", "<f4", (20, 4), rows), ("y", "|u1", (20,), [i % 2 for i in range(20)]), ("v", "|u1", (20,), [i % 2 for i in range(20)])):
            text = "(" + ", ".join(map(str, shape)) + (",)" if len(shape) == 1 else ")")
            packed = struct.pack(f"<{len(numbers)}{'f' if kind == '<f4' else 'B'}", *numbers)
            (here / f"{name}.npy").write_bytes(npy_bytes(npy_header(text, descr=kind), packed))

    def test_help_names_every_command_and_shows_examples_that_work(self):
        page = "\n".join(self.answer(self.call("--help")))
        for command in COMMANDS:
            self.assertIn(command, page)
        here = self.folder / "help"
        here.mkdir()
        models = here / "models"
        models.mkdir()
        write_tiny_model(models / "pictograms.safetensors", with_long_context)
        shutil.copy(models / "pictograms.safetensors", here / "ViT-B-32.safetensors")
        (here / "examples").symlink_to(REPOSITORY / "examples")
        self.put_data(here)
        (here / "bin").mkdir()
        (here / "bin/zeroshot").symlink_to(PROGRAM)
        (here / "animals.txt").write_text("a cat\na dog\n")
        (here / "captions.txt").write_text("a cat\na dog\n")
        environment = self.environment(PATH=f"{here / 'bin'}:{os.environ['PATH']}", ZEROSHOT_MODELS=str(models))
        said = subprocess.run(["sh", "-c", "zeroshot evaluate --data photos --json"], cwd=here, env=environment, capture_output=True, timeout=PATIENCE, check=True)
        (here / "evaluation.json").write_bytes(said.stdout)
        (here / "suite.json").write_text('{"results": [{"name": "photos", "evaluation": "evaluation.json"}]}')
        for command in COMMANDS:
            page = "\n".join(self.answer(self.call(command, "--help")))
            examples = [line.strip() for line in page.split("Example", 1)[1].splitlines()[1:] if line.strip()]
            self.assertTrue(examples)
            for example in examples:
                with self.subTest(example):
                    done = subprocess.run(["sh", "-c", example], cwd=here, env=environment, capture_output=True, timeout=PATIENCE, check=False)
                    self.assertEqual((done.returncode, b"rror" in done.stderr), (0, False), done.stderr.decode())

    def test_results_and_the_rest_go_to_different_streams(self):
        write_tiny_model(self.folder / "pictograms.safetensors")
        done = self.call("classify", "a.png", "bad.png", "--labels", "x", "x", "--json", ZEROSHOT_MODELS=str(self.folder))
        for line in done.stdout.decode().splitlines():
            json.loads(line)
        message = done.stderr.decode()
        for part in ("using the bundled model", "warning: label 'x' is given twice", "bad.png"):
            self.assertIn(part, message)
        quiet = self.call("classify", "a.png", "bad.png", "--labels", "x", "x", "--json", "--quiet", ZEROSHOT_MODELS=str(self.folder))
        self.assertEqual(quiet.stdout, done.stdout)
        self.assertEqual(len(quiet.stderr.decode().splitlines()), 1)  # the failure is told all the same

    def test_without_the_bundled_model_the_program_says_where_it_looked(self):
        if (REPOSITORY / "models/pictograms.safetensors").exists():
            self.skipTest("models/pictograms.safetensors is there: its absence cannot be seen")
        self.refused(self.call("classify", "a.png", "--labels", "x"), 1, "the bundled model pictograms is not there", "models/pictograms.safetensors")

    def test_an_interrupt_ends_a_waiting_program(self):
        child = self.start("tokenize", stdin=subprocess.PIPE, stdout=subprocess.PIPE, stderr=subprocess.PIPE)
        child.stdin.write(b'"a"\n')
        child.stdin.flush()
        self.assertEqual(child.stdout.readline(), b"[49406,320,49407]\n")  # the signals are watched by now
        child.send_signal(signal.SIGINT)
        self.assertEqual(child.wait(PATIENCE), 130)
        self.assertEqual(child.stderr.read(), b"")
        for stream in (child.stdin, child.stdout, child.stderr):
            stream.close()

    def test_an_interrupt_leaves_nothing_half_written(self):
        # K8, K19
        place = self.folder / "interrupted"
        place.mkdir()
        child = self.start("preprocess", "--model", "model.safetensors", "--output", place / "x.npy", "--threads", "1", *["large.png"] * 2000,
                           stdout=subprocess.PIPE, stderr=subprocess.PIPE)
        deadline = time.time() + PATIENCE
        while not list(place.iterdir()) and child.poll() is None and time.time() < deadline:
            time.sleep(0.02)
        self.assertEqual([each.name.startswith(".x.npy.tmp-") for each in place.iterdir()], [True])
        child.send_signal(signal.SIGINT)
        self.assertEqual(child.wait(PATIENCE), 130)
        self.assertEqual(list(place.iterdir()), [])
        for stream in (child.stdout, child.stderr):
            stream.close()

    def test_a_reader_that_has_seen_enough_is_no_fault(self):
        # K20
        child = self.start("tokenize", stdin=subprocess.PIPE, stdout=subprocess.PIPE, stderr=subprocess.PIPE)
        child.stdout.close()
        try:
            child.stdin.write(b'"a"\n' * 100)
            child.stdin.close()
        except BrokenPipeError:
            pass
        self.assertEqual(child.wait(PATIENCE), 0)
        self.assertEqual(child.stderr.read(), b"")
        child.stderr.close()

    def test_a_full_disk_under_standard_output_is_told(self):
        if not os.path.exists("/dev/full"):
            self.skipTest("there is no /dev/full here: a full standard output is not tested")
        with open("/dev/full", "wb") as full:
            child = self.start("--version", stdout=full, stderr=subprocess.PIPE)
            self.assertEqual(child.wait(PATIENCE), 1)
        self.assertEqual(child.stderr.read(), b"zeroshot: standard output: No space left on device\n")
        child.stderr.close()

    def test_colour_is_for_terminals_that_want_it(self):
        words = ("classify", "a.png", "--labels", "one", "two", "--model", "model.safetensors")
        self.assertIn("\x1b[1m", self.on_terminal(*words))
        self.assertNotIn("\x1b", self.on_terminal(*words, NO_COLOR="1"))
        self.assertIn("\x1b[1m", self.on_terminal(*words, NO_COLOR=""))
        self.assertNotIn("\x1b", self.answer(self.call(*words))[0])

    def test_a_terminal_is_not_steered_by_what_it_is_shown(self):
        seen = self.on_terminal("classify", "a.png", "--labels", "\x1b[2J", "\u202eevil", "--model", "model.safetensors", NO_COLOR="1")
        self.assertIn("\\x1b[2J", seen)
        self.assertNotIn("\x1b", seen)
        self.assertNotIn("\u202e", seen)

    def test_long_work_shows_a_bar_on_a_terminal_and_cleans_up_after_itself(self):
        words = ("preprocess", "--model", "model.safetensors", "--output", "x.npy", "--threads", "1", *["large.png"] * 2000)
        seen = self.on_terminal(*words, until=b" left")
        self.assertRegex(seen, r" \d+ of 2000 pictures, [0-9.]+ a second, .* left")
        self.assertTrue(seen.endswith("\r\x1b[K"))
        self.nothing_left("x.npy")

    def test_short_work_and_quiet_calls_show_no_bar(self):
        for words in (("a.png",), ("--quiet", *["large.png"] * 20)):
            seen = self.on_terminal("preprocess", "--model", "model.safetensors", "--output", "x.npy", *words)
            self.assertNotIn("\x1b", seen)


if __name__ == "__main__":
    run()
