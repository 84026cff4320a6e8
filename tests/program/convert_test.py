"""zeroshot convert: any readable checkpoint into one file that needs nothing beside it."""

import json

from harness import GOLDEN, ProgramTest, read_safetensors, run, write_safetensors


class Convert(ProgramTest):
    def said(self, *words):
        lines = self.answer(self.call("convert", *words, "--json"))
        self.assertEqual(len(lines), 1)
        return json.loads(lines[0])

    def test_the_new_file_says_all_that_stood_beside_the_old_one(self):
        said = self.said(GOLDEN / "hugging_face_mixed", "new.safetensors", "--verify")
        self.assertEqual((said["image_drift"], said["text_drift"], said["verified"]), (0, 0, True))
        self.assertEqual(said["bytes"], (self.folder / "new.safetensors").stat().st_size)
        before, after = (json.loads(self.answer(self.call("inspect", name, "--json"))[0])
                         for name in (GOLDEN / "hugging_face_mixed", "new.safetensors"))
        for key in ("image_encoder", "image_size", "activation", "text_activation", "vision_heads", "text_heads", "order", "mean", "std",
                    "context", "vocabulary", "logit_scale"):
            self.assertEqual(before[key], after[key], key)
        self.assertEqual(after["layout"], "openai")
        metadata = read_safetensors(self.folder / "new.safetensors")[0]["__metadata__"]
        origin = json.loads(metadata["zeroshot.origin"])
        self.assertEqual((origin["layout"], origin["sha256"]), ("hugging_face", said["sha256"]))
        self.assertNotIn("/", origin["file"])  # no folder of the machine it was made on

    def test_the_type_is_chosen_and_the_drift_told(self):
        said = self.said(GOLDEN / "open_clip_gelu", "half.safetensors", "--dtype", "f16")
        header, _ = read_safetensors(self.folder / "half.safetensors")
        types = {entry["dtype"] for name, entry in header.items() if name != "__metadata__" and len(entry["shape"]) > 1}
        self.assertEqual(types, {"F16"})
        self.assertTrue(0 < said["image_drift"] < 0.01)
        self.assertFalse(said["verified"])
        self.refused(self.call("convert", GOLDEN / "open_clip_gelu", "x.safetensors", "--dtype", "int8"), 2, "'int8' is none of f32, f16, bf16")

    def test_converting_twice_gives_the_same_bytes(self):
        for name in ("a.safetensors", "b.safetensors"):
            self.said(GOLDEN / "openai_resnet" / "model.safetensors", name)
        self.assertEqual((self.folder / "a.safetensors").read_bytes(), (self.folder / "b.safetensors").read_bytes())

    def test_nothing_is_lost_when_it_fails(self):
        (self.folder / "old.safetensors").write_bytes(b"what was there before")
        (self.folder / "broken.safetensors").write_bytes(b"abc")
        self.refused(self.call("convert", "broken.safetensors", "old.safetensors"), 1, "broken.safetensors: 3 bytes, at least 8 needed")
        self.assertEqual((self.folder / "old.safetensors").read_bytes(), b"what was there before")
        self.refused(self.call("convert", "model.safetensors", "model.safetensors"), 1, "this is the file to convert")
        self.refused(self.call("convert", "model.safetensors"), 2, "output")

    def test_a_record_that_does_not_fit_is_told(self):
        self.said("model.safetensors", "new.safetensors")
        header, data = read_safetensors(self.folder / "new.safetensors")
        record = json.loads(header["__metadata__"]["zeroshot.self_check"])
        record["image"][0] += 1
        header["__metadata__"]["zeroshot.self_check"] = json.dumps(record)
        write_safetensors(self.folder / "moved.safetensors", header, data)
        picture = self.call("inspect", "moved.safetensors", "--check")
        self.refused(picture, 1, "does not give what it gave when it was converted")
        self.answer(self.call("inspect", "new.safetensors", "--check"))
        self.refused(self.call("classify", "a.png", "--labels", "a", "b", "--model", "model.safetensors", "--verify"), 1,
                     "it carries no record to verify the model by")


if __name__ == "__main__":
    run()
