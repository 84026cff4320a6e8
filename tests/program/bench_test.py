"""zeroshot bench: the measurements and both output formats. The times themselves are not tested."""

import json

from harness import CONTEXT, GOLDEN, ProgramTest, run

TIMES = ["image b1", "image b8", "text b1", "text b8", "prompt b1", "prompt b64", "decode+preprocess 640x480", "load"]


class Bench(ProgramTest):
    def measured(self, *words, **environment):
        lines = self.output_lines(
            self.call("bench", "--repeat", "1", "--json", "--threads", "1", *words, **environment)
        )
        self.assertEqual(len(lines), 1)
        return json.loads(lines[0])

    def test_json_has_numbers_at_its_top_level_and_text_under_machine(self):
        result = self.measured("--model", "model.safetensors")
        machine = result.pop("machine")
        self.assertEqual(set(result), {*TIMES, "peak memory"})
        self.assertTrue(all(isinstance(value, (int, float)) and value > 0 for value in result.values()), result)
        self.assertTrue(all(isinstance(value, str) for value in machine.values()), machine)
        self.assertEqual(
            (machine["model"], machine["threads"], machine["precision"]), ("model.safetensors", "1", "f32")
        )

    def test_the_kernels_in_use_are_named(self):
        machine = self.measured("--model", "model.safetensors", ZEROSHOT_KERNELS="portable")["machine"]
        self.assertEqual(machine["kernels"], "portable")

    def test_every_kind_of_tower_is_measured(self):
        for name in ("openai_resnet/model.safetensors", "hugging_face_mixed", "custom_text"):
            with self.subTest(name):
                self.assertGreater(self.measured("--model", GOLDEN / name)["text b8"], 0)

    def test_the_table_lists_all_measurements_and_a_note_tells_of_a_short_context(self):
        done = self.with_model("bench", "--repeat", "1")
        lines = self.output_lines(done)
        self.assertEqual([line.strip().rsplit("  ", 1)[0].strip() for line in lines[2:]], [*TIMES, "peak memory"])
        self.assertIn(f"{CONTEXT} tokens", done.stderr.decode())

    def test_a_missing_model_and_zero_runs_are_errors(self):
        self.assert_message(self.call("bench", "--model", "gone.safetensors"), 1, "gone.safetensors: ")
        self.assert_message(self.with_model("bench", "--repeat", "0"), 2, "--repeat", "'0'")


if __name__ == "__main__":
    run()
