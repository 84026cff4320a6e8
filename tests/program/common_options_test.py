"""Rules common to all subcommands: exit statuses, streams, help, suggestions, signals, pipes and terminals."""

import json
import os
import pty
import select
import shutil
import signal
import struct
import subprocess
import time

from harness import TIMEOUT, PROGRAM, REPOSITORY, ProgramTest, npy_bytes, npy_header, run, write_png, write_tiny_model

COMMANDS = ["classify", "tokenize", "preprocess", "embed", "evaluate", "probe", "report", "inspect", "bench"]


def with_long_context(header, data):
    """Repeats the position embeddings of the tiny model up to 77 tokens, the context of published models."""
    entry = header["positional_embedding"]
    begin, end = entry["data_offsets"]
    rows, width = entry["shape"]
    entry["shape"] = [77, width]
    row = (end - begin) // rows
    more = 77 * row - (end - begin)
    data[begin:end] = b"".join(bytes(data[begin + i % rows * row : begin + (i % rows + 1) * row]) for i in range(77))
    for key, other in header.items():
        if key != "__metadata__":
            other["data_offsets"] = [at + more * (at >= end) for at in other["data_offsets"]]


class CommonOptions(ProgramTest):
    @classmethod
    def setUpClass(cls):
        super().setUpClass()
        write_png(cls.folder / "large.png", 1000, 1000)

    def start(self, *words, **streams):
        return subprocess.Popen([str(PROGRAM), *map(str, words)], cwd=self.folder, env=self.environment(), **streams)

    def on_terminal(self, *words, until=None, **environment):
        """Output to a terminal, stdout and stderr together. The program is interrupted once `until` was printed."""
        master, terminal = pty.openpty()
        child = subprocess.Popen(
            [str(PROGRAM), *map(str, words)],
            cwd=self.folder,
            stdin=subprocess.DEVNULL,
            stdout=terminal,
            stderr=terminal,
            env=self.environment(TERM="xterm", **environment),
        )
        os.close(terminal)
        output = b""
        while select.select([master], [], [], TIMEOUT)[0]:
            try:
                part = os.read(master, 65536)
            except OSError:  # the program closed its end of the terminal
                break
            if not part:
                break
            output += part
            if until is not None and until in output:
                child.send_signal(signal.SIGINT)
                until = None
        child.wait(TIMEOUT)
        os.close(master)
        return output.decode()

    def test_a_usage_error_has_status_2_and_suggests_the_nearest_word(self):
        self.assert_message(self.call(), 2, "no command")
        self.assert_message(self.call("clasify"), 2, "'clasify'", "did you mean 'classify'?", "see zeroshot --help")
        self.assert_message(self.call("token"), 2, "did you mean 'tokenize'?")
        self.assert_message(self.call("quite-something-else"), 2, "unknown command 'quite-something-else'; see")
        self.assert_message(
            self.call("classify", "a.png", "--lables", "a"), 2, "unknown option '--lables'; did you mean '--labels'?"
        )
        self.assert_message(
            self.call("embed", "a.png", "--normalise", "--output", "x"), 2, "did you mean '--normalize'?"
        )
        self.assert_message(self.call("--verison"), 2, "did you mean '--version'?")
        self.assert_message(self.call("inspect", "a", "b"), 2, "unexpected argument 'b'")
        self.assert_message(self.call("classify", "a.png", "--labels", "a", "--csv", "--json"), 2, "--csv")
        self.assert_message(self.call("tokenize", "\x1b[31m"), 2, "\\x1b[31m")

    def test_three_number_formats_are_accepted_and_others_refused(self):
        self.assert_message(
            self.call("classify", "a.png", "--labels", "x", "--precision", "f8"), 2, "'f8'", "f32, bf16, int8"
        )
        logits = {}
        for precision in ("f32", "bf16", "int8"):
            lines = self.output_lines(
                self.with_model("classify", "a.png", "--labels", "x", "y", "--json", "--precision", precision)
            )
            logits[precision] = [each["logit"] for each in json.loads(lines[0])["labels"]]
            self.output_lines(self.with_model("tokenize", "--text", "x", "--precision", precision))
        self.assertNotEqual(logits["bf16"], logits["f32"])

    def test_integer_options_refuse_other_values(self):
        for words in (
            ("--threads", "0"),
            ("--threads", "1e3"),
            ("--threads", "-1"),
            ("--threads", "99999"),
            ("--top", "x"),
            ("--vision-heads", "0"),
        ):
            self.assert_message(self.call("classify", "a.png", "--labels", "x", *words), 2, words[0])

    def test_version_names_the_kernels_and_the_compiler(self):
        lines = self.output_lines(self.call("--version"))
        self.assertRegex(lines[0], r"^zeroshot \d+\.\d+\.\d+$")
        self.assertRegex(lines[1], r"^kernels: \w+ \(of .*portable\)$")
        self.assertRegex(lines[2], r"^compiled: .*Eigen 3")
        self.assertIn("kernels: portable", self.output_lines(self.call("--version", ZEROSHOT_KERNELS="portable"))[1])

    def write_example_data(self, here):
        """Data for the examples of evaluate and probe: image folders, a batch of CIFAR-10, recorded features."""
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
        for name, kind, shape, numbers in (
            ("x", "<f4", (20, 4), rows),
            ("u", "<f4", (20, 4), rows),
            ("y", "|u1", (20,), [i % 2 for i in range(20)]),
            ("v", "|u1", (20,), [i % 2 for i in range(20)]),
        ):
            text = "(" + ", ".join(map(str, shape)) + (",)" if len(shape) == 1 else ")")
            packed = struct.pack(f"<{len(numbers)}{'f' if kind == '<f4' else 'B'}", *numbers)
            (here / f"{name}.npy").write_bytes(npy_bytes(npy_header(text, descr=kind), packed))

    def test_the_examples_of_every_help_page_run(self):
        page = "\n".join(self.output_lines(self.call("--help")))
        for command in COMMANDS:
            self.assertIn(command, page)
        here = self.folder / "help"
        here.mkdir()
        models = here / "models"
        models.mkdir()
        write_tiny_model(models / "pictograms.safetensors", with_long_context)
        shutil.copy(models / "pictograms.safetensors", here / "ViT-B-32.safetensors")
        (here / "examples").symlink_to(REPOSITORY / "examples")
        self.write_example_data(here)
        (here / "bin").mkdir()
        (here / "bin/zeroshot").symlink_to(PROGRAM)
        (here / "animals.txt").write_text("a cat\na dog\n")
        (here / "captions.txt").write_text("a cat\na dog\n")
        environment = self.environment(PATH=f"{here / 'bin'}:{os.environ['PATH']}", ZEROSHOT_MODELS=str(models))
        result = subprocess.run(
            ["sh", "-c", "zeroshot evaluate --data photos --json"],
            cwd=here,
            env=environment,
            capture_output=True,
            timeout=TIMEOUT,
            check=True,
        )
        (here / "evaluation.json").write_bytes(result.stdout)
        (here / "suite.json").write_text('{"results": [{"name": "photos", "evaluation": "evaluation.json"}]}')
        for command in COMMANDS:
            page = "\n".join(self.output_lines(self.call(command, "--help")))
            examples = [line.strip() for line in page.split("Example", 1)[1].splitlines()[1:] if line.strip()]
            self.assertTrue(examples)
            for example in examples:
                with self.subTest(example):
                    done = subprocess.run(
                        ["sh", "-c", example],
                        cwd=here,
                        env=environment,
                        capture_output=True,
                        timeout=TIMEOUT,
                        check=False,
                    )
                    self.assertEqual((done.returncode, b"rror" in done.stderr), (0, False), done.stderr.decode())

    def test_results_go_to_stdout_and_messages_to_stderr(self):
        write_tiny_model(self.folder / "pictograms.safetensors")
        done = self.call(
            "classify", "a.png", "bad.png", "--labels", "x", "x", "--json", ZEROSHOT_MODELS=str(self.folder)
        )
        for line in done.stdout.decode().splitlines():
            json.loads(line)
        message = done.stderr.decode()
        for part in ("using the bundled model", "duplicate label 'x'", "bad.png"):
            self.assertIn(part, message)
        quiet = self.call(
            "classify", "a.png", "bad.png", "--labels", "x", "x", "--json", "--quiet", ZEROSHOT_MODELS=str(self.folder)
        )
        self.assertEqual(quiet.stdout, done.stdout)
        self.assertEqual(len(quiet.stderr.decode().splitlines()), 1)  # the error is printed all the same

    def test_a_missing_bundled_model_is_reported_with_the_searched_paths(self):
        if (REPOSITORY / "models/pictograms.safetensors").exists():
            self.skipTest("models/pictograms.safetensors exists")
        self.assert_message(
            self.call("classify", "a.png", "--labels", "x"),
            1,
            "bundled model pictograms",
            "models/pictograms.safetensors",
        )

    def test_an_interrupt_ends_a_program_that_waits_for_input(self):
        child = self.start("tokenize", stdin=subprocess.PIPE, stdout=subprocess.PIPE, stderr=subprocess.PIPE)
        child.stdin.write(b'"a"\n')
        child.stdin.flush()
        self.assertEqual(child.stdout.readline(), b"[49406,320,49407]\n")  # the signal handling is set up by now
        child.send_signal(signal.SIGINT)
        self.assertEqual(child.wait(TIMEOUT), 130)
        self.assertEqual(child.stderr.read(), b"")
        for stream in (child.stdin, child.stdout, child.stderr):
            stream.close()

    def test_an_interrupt_leaves_no_partial_file(self):
        folder = self.folder / "interrupted"
        folder.mkdir()
        child = self.start(
            "preprocess",
            "--model",
            "model.safetensors",
            "--output",
            folder / "x.npy",
            "--threads",
            "1",
            *["large.png"] * 2000,
            stdout=subprocess.PIPE,
            stderr=subprocess.PIPE,
        )
        deadline = time.time() + TIMEOUT
        while not list(folder.iterdir()) and child.poll() is None and time.time() < deadline:
            time.sleep(0.02)
        self.assertEqual([each.name.startswith(".x.npy.tmp-") for each in folder.iterdir()], [True])
        child.send_signal(signal.SIGINT)
        self.assertEqual(child.wait(TIMEOUT), 130)
        self.assertEqual(list(folder.iterdir()), [])
        for stream in (child.stdout, child.stderr):
            stream.close()

    def test_a_closed_pipe_on_stdout_is_no_error(self):
        child = self.start("tokenize", stdin=subprocess.PIPE, stdout=subprocess.PIPE, stderr=subprocess.PIPE)
        child.stdout.close()
        try:
            child.stdin.write(b'"a"\n' * 100)
            child.stdin.close()
        except BrokenPipeError:
            pass
        self.assertEqual(child.wait(TIMEOUT), 0)
        self.assertEqual(child.stderr.read(), b"")
        child.stderr.close()

    def test_a_full_disk_behind_stdout_is_an_error(self):
        if not os.path.exists("/dev/full"):
            self.skipTest("no /dev/full")
        with open("/dev/full", "wb") as full:
            child = self.start("--version", stdout=full, stderr=subprocess.PIPE)
            self.assertEqual(child.wait(TIMEOUT), 1)
        self.assertEqual(child.stderr.read(), b"zeroshot: standard output: No space left on device\n")
        child.stderr.close()

    def test_colours_are_for_terminals_without_no_color(self):
        words = ("classify", "a.png", "--labels", "one", "two", "--model", "model.safetensors")
        self.assertIn("\x1b[1m", self.on_terminal(*words))
        self.assertNotIn("\x1b", self.on_terminal(*words, NO_COLOR="1"))
        self.assertIn("\x1b[1m", self.on_terminal(*words, NO_COLOR=""))
        self.assertNotIn("\x1b", self.output_lines(self.call(*words))[0])

    def test_control_characters_are_escaped_on_a_terminal(self):
        output = self.on_terminal(
            "classify", "a.png", "--labels", "\x1b[2J", "\u202eevil", "--model", "model.safetensors", NO_COLOR="1"
        )
        self.assertIn("\\x1b[2J", output)
        self.assertNotIn("\x1b", output)
        self.assertNotIn("\u202e", output)

    def test_long_work_shows_a_progress_bar_on_a_terminal_and_erases_it(self):
        words = (
            "preprocess",
            "--model",
            "model.safetensors",
            "--output",
            "x.npy",
            "--threads",
            "1",
            *["large.png"] * 2000,
        )
        output = self.on_terminal(*words, until=b" left")
        self.assertRegex(output, r" \d+ of 2000 images, [0-9.]+ per second, .* left")
        self.assertTrue(output.endswith("\r\x1b[K"))
        self.assert_not_written("x.npy")

    def test_short_work_and_quiet_calls_show_no_progress_bar(self):
        for words in (("a.png",), ("--quiet", *["large.png"] * 20)):
            output = self.on_terminal("preprocess", "--model", "model.safetensors", "--output", "x.npy", *words)
            self.assertNotIn("\x1b", output)


if __name__ == "__main__":
    run()
