"""zeroshot convert: a checkpoint into one self-contained file."""

import json

from harness import GOLDEN, ProgramTest, read_safetensors, run, write_safetensors


class Convert(ProgramTest):
    def json_output(self, *words):
        lines = self.output_lines(self.call("convert", *words, "--json"))
        self.assertEqual(len(lines), 1)
        return json.loads(lines[0])

    def test_the_new_file_holds_the_configuration_of_the_old_folder(self):
        result = self.json_output(GOLDEN / "hugging_face_mixed", "new.safetensors", "--verify")
        self.assertEqual((result["image_drift"], result["text_drift"], result["verified"]), (0, 0, True))
        self.assertEqual(result["bytes"], (self.folder / "new.safetensors").stat().st_size)
        before, after = (
            json.loads(self.output_lines(self.call("inspect", name, "--json"))[0])
            for name in (GOLDEN / "hugging_face_mixed", "new.safetensors")
        )
        for key in (
            "image_encoder",
            "image_size",
            "activation",
            "text_activation",
            "vision_heads",
            "text_heads",
            "order",
            "mean",
            "std",
            "context",
            "vocabulary",
            "logit_scale",
        ):
            self.assertEqual(before[key], after[key], key)
        self.assertEqual(after["layout"], "openai")
        metadata = read_safetensors(self.folder / "new.safetensors")[0]["__metadata__"]
        origin = json.loads(metadata["zeroshot.origin"])
        self.assertEqual((origin["layout"], origin["sha256"]), ("hugging_face", result["sha256"]))
        self.assertNotIn("/", origin["file"])  # no folder of the machine it was made on

    def test_dtype_sets_the_type_and_the_drift_is_reported(self):
        result = self.json_output(GOLDEN / "open_clip_gelu", "half.safetensors", "--dtype", "f16")
        header, _ = read_safetensors(self.folder / "half.safetensors")
        types = {entry["dtype"] for name, entry in header.items() if name != "__metadata__" and len(entry["shape"]) > 1}
        self.assertEqual(types, {"F16"})
        self.assertTrue(0 < result["image_drift"] < 0.01)
        self.assertFalse(result["verified"])
        self.assert_message(
            self.call("convert", GOLDEN / "open_clip_gelu", "x.safetensors", "--dtype", "int8"),
            2,
            "'int8'",
            "f32, f16, bf16",
        )

    def test_converting_twice_gives_the_same_bytes(self):
        for name in ("a.safetensors", "b.safetensors"):
            self.json_output(GOLDEN / "openai_resnet" / "model.safetensors", name)
        self.assertEqual((self.folder / "a.safetensors").read_bytes(), (self.folder / "b.safetensors").read_bytes())

    def test_a_failure_leaves_the_existing_file(self):
        (self.folder / "old.safetensors").write_bytes(b"existing content")
        (self.folder / "broken.safetensors").write_bytes(b"abc")
        self.assert_message(
            self.call("convert", "broken.safetensors", "old.safetensors"), 1, "broken.safetensors", "3 bytes"
        )
        self.assertEqual((self.folder / "old.safetensors").read_bytes(), b"existing content")
        self.assert_message(self.call("convert", "model.safetensors", "model.safetensors"), 1, "model.safetensors: ")
        self.assert_message(self.call("convert", "model.safetensors"), 2, "output")

    def test_a_self_check_that_differs_is_an_error(self):
        self.json_output("model.safetensors", "new.safetensors")
        header, data = read_safetensors(self.folder / "new.safetensors")
        record = json.loads(header["__metadata__"]["zeroshot.self_check"])
        record["image"][0] += 1
        header["__metadata__"]["zeroshot.self_check"] = json.dumps(record)
        write_safetensors(self.folder / "moved.safetensors", header, data)
        done = self.call("inspect", "moved.safetensors", "--check")
        self.assert_message(done, 1, "moved.safetensors")
        self.output_lines(self.call("inspect", "new.safetensors", "--check"))
        self.assert_message(
            self.call("classify", "a.png", "--labels", "a", "b", "--model", "model.safetensors", "--verify"),
            1,
            "model.safetensors",
        )


if __name__ == "__main__":
    run()
