"""zeroshot bench: what is measured, for scripts and for people. How long anything takes is nobody's promise here."""

import json

from harness import CONTEXT, GOLDEN, ProgramTest, run

TIMES = ["image b1", "image b8", "text b1", "text b8", "prompt b1", "prompt b64", "decode+preprocess 640x480", "load"]


class Bench(ProgramTest):
    def measured(self, *words, **environment):
        lines = self.answer(self.call("bench", "--repeat", "1", "--json", "--threads", "1", *words, **environment))
        self.assertEqual(len(lines), 1)
        return json.loads(lines[0])

    def test_numbers_stand_at_the_top_and_text_under_machine(self):
        said = self.measured("--model", "model.safetensors")
        machine = said.pop("machine")
        self.assertEqual(set(said), {*TIMES, "peak memory"})
        self.assertTrue(all(isinstance(value, (int, float)) and value > 0 for value in said.values()), said)
        self.assertTrue(all(isinstance(value, str) for value in machine.values()), machine)
        self.assertEqual((machine["model"], machine["threads"], machine["precision"]), ("model.safetensors", "1", "f32"))

    def test_the_kernels_in_use_are_named(self):
        machine = self.measured("--model", "model.safetensors", ZEROSHOT_KERNELS="portable")["machine"]
        self.assertEqual(machine["kernels"], "portable")

    def test_every_kind_of_tower_is_measured(self):
        for name in ("openai_resnet/model.safetensors", "hugging_face_mixed", "custom_text"):
            with self.subTest(name):
                self.assertGreater(self.measured("--model", GOLDEN / name)["text b8"], 0)

    def test_people_get_a_table_and_are_told_of_a_short_context(self):
        done = self.with_model("bench", "--repeat", "1")
        lines = self.answer(done)
        self.assertEqual([line.strip().rsplit("  ", 1)[0].strip() for line in lines[2:]], [*TIMES, "peak memory"])
        self.assertIn(f"the model's context is {CONTEXT} tokens", done.stderr.decode())

    def test_what_cannot_be_measured_is_told(self):
        self.refused(self.call("bench", "--model", "gone.safetensors"), 1, "gone.safetensors: cannot open")
        self.refused(self.with_model("bench", "--repeat", "0"), 2, "'0' is no number of at least 1")


if __name__ == "__main__":
    run()
