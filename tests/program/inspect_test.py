"""zeroshot inspect: the description of a checkpoint as text and as JSON."""

import json
import math

from harness import GOLDEN, REPOSITORY, ProgramTest, run, write_tiny_model

MEAN, STD = [0.48145466, 0.4578275, 0.40821073], [0.26862954, 0.26130258, 0.27577711]


class Inspect(ProgramTest):
    def json_output(self, *words):
        lines = self.output_lines(self.call("inspect", *words, "--json"))
        self.assertEqual(len(lines), 1)
        return json.loads(lines[0])

    def test_json_has_every_field(self):
        result = self.json_output("model.safetensors")
        wanted = {
            "layout": "openai",
            "image_encoder": "vision_transformer",
            "image_size": 32,
            "patch_size": 8,
            "embedding": 32,
            "activation": "quick_gelu",
            "text_activation": "quick_gelu",
            "vision_heads": 1,
            "text_heads": 1,
            "context": 16,
            "vocabulary": 600,
            "tokenizer_ids": 600,
            "order": "openai",
            "logit_bias": 0,
            "warnings": [],
            "dtypes": ["F32", "I64"],
        }
        self.assertEqual(
            {key: result.get(key) for key in wanted if key != "dtypes"},
            {key: wanted[key] for key in wanted if key != "dtypes"},
        )
        for value, expected in zip(result["mean"] + result["std"], MEAN + STD):
            self.assertTrue(math.isclose(value, expected, rel_tol=1e-7))  # a float32
        self.assertTrue(10 < result["logit_scale"] < 110)  # the factor: reference_models.py draws 20 to 100
        self.assertIsInstance(result["sources"], list)

    def test_layouts_and_image_encoders_are_recognised(self):
        cases = {
            "openai_resnet": ("openai", "modified_resnet"),
            "open_clip_gelu": ("openai", "vision_transformer"),
            "custom_text": ("custom_text", None),
            "hugging_face_mixed": ("hugging_face", "vision_transformer"),
            "hugging_face_siglip": ("hugging_face_siglip", "vision_transformer"),
        }
        for name, (layout, encoder) in cases.items():
            with self.subTest(name):
                place = GOLDEN / name
                result = self.json_output(place if encoder != "modified_resnet" else place / "model.safetensors")
                self.assertEqual(result["layout"], layout)
                self.assertIn(
                    result["image_encoder"], [encoder] if encoder else ["vision_transformer", "modified_resnet"]
                )
        mixed = self.json_output(GOLDEN / "hugging_face_mixed")
        self.assertNotEqual(mixed["activation"], mixed["text_activation"])
        self.assertEqual(mixed["order"], "hf")

    def test_a_checkpoint_may_hold_a_single_tower(self):
        image, text = self.json_output(GOLDEN / "hugging_face_image"), self.json_output(GOLDEN / "hugging_face_text")
        self.assertEqual((image["towers"], text["towers"]), ("image", "text"))
        self.assertTrue({"image_size", "mean"} <= set(image) and {"context", "vocabulary"} <= set(text))
        for key in ("context", "text_width", "logit_scale"):
            self.assertNotIn(key, image)
        for key in ("image_size", "mean", "logit_scale"):
            self.assertNotIn(key, text)
        lines = self.output_lines(self.call("inspect", GOLDEN / "hugging_face_text"))
        self.assertTrue(any("image encoder" in line and "none" in line for line in lines))

    def test_the_container_and_skipped_entries_are_reported(self):
        containers = REPOSITORY / "tests/golden/containers"
        result = self.json_output(containers / "training.pt")
        self.assertEqual(
            (result["container"], result["skipped"]), ("pytorch", ["epoch", "name", "optimizer", "scaler"])
        )
        self.assertEqual(self.json_output(containers / "model.safetensors.index.json")["container"], "shards")
        self.assertEqual(self.json_output(containers / "torchscript.pt")["container"], "torchscript")

    def test_a_bare_checkpoint_is_read_with_a_warning(self):
        done = self.call("inspect", GOLDEN / "openai_vit/model.safetensors")
        self.assertIn("zeroshot: warning: ", done.stderr.decode())
        lines = self.output_lines(done)
        self.assertTrue(any("quick_gelu" in line for line in lines))
        self.assertNotEqual(self.json_output(GOLDEN / "openai_vit/model.safetensors")["warnings"], [])
        self.assertEqual(
            self.json_output(GOLDEN / "openai_vit/model.safetensors", "--activation", "gelu")["activation"], "gelu"
        )

    def test_a_file_that_is_no_checkpoint_is_an_error(self):
        (self.folder / "page.safetensors").write_bytes(b"<!DOCTYPE html><html>not found</html>")
        done = self.call("inspect", "page.safetensors", "--json")
        result = json.loads(self.output_lines(done, status=1)[0])
        self.assertEqual((result["model"], result["error"]["code"]), ("page.safetensors", "FORMAT"))
        self.assert_message(done, 1, "page.safetensors")
        (self.folder / "nothing").mkdir(exist_ok=True)
        self.assert_message(self.call("inspect", "nothing"), 1, "nothing: ")
        self.assert_message(self.call("inspect", "gone.safetensors"), 1, "gone.safetensors: ", "No such file")

    def test_names_are_looked_up_in_zeroshot_models(self):
        write_tiny_model(self.folder / "mine.safetensors")
        self.assertEqual(
            self.output_lines(self.call("inspect", "mine", ZEROSHOT_MODELS=str(self.folder)))[0],
            str(self.folder / "mine.safetensors"),
        )
        self.assert_message(
            self.call("inspect", "other", ZEROSHOT_MODELS=str(self.folder)), 1, "'other'", "other.safetensors"
        )
        self.assert_message(self.call("inspect", "other"), 1, "'other'", "ZEROSHOT_MODELS")

    def test_repositories_are_looked_up_in_the_hugging_face_cache(self):
        snapshots = self.folder / "hub/models--someone--mine/snapshots"
        snapshots.mkdir(parents=True)
        (snapshots / "main").symlink_to(GOLDEN / "hugging_face_mixed")
        words, places = ("inspect", "someone/mine", "--json"), {"HF_HUB_CACHE": str(self.folder / "hub")}
        self.assertEqual(json.loads(self.output_lines(self.call(*words, **places))[0])["layout"], "hugging_face")
        self.assert_message(
            self.call("inspect", "openai/clip-vit-base-patch32", **places),
            1,
            "hf download openai/clip-vit-base-patch32",
        )
        self.assert_message(self.call("inspect", "ViTB-32", **places), 1, "did you mean 'ViT-B-32'?")

    def test_the_name_of_a_bare_checkpoint_must_match_its_shapes(self):
        bare = GOLDEN / "openai_vit/model.safetensors"
        self.assert_message(self.call("inspect", bare, "--name", "ViT-B/32"), 1, "ViT-B-32")
        self.assert_message(self.call("inspect", bare, "--name", "ViT-X"), 1, "'ViT-X'")

    def test_the_bundled_model_is_the_default_and_named_in_a_note(self):
        write_tiny_model(self.folder / "pictograms.safetensors")
        done = self.call("inspect", ZEROSHOT_MODELS=str(self.folder))
        self.output_lines(done)
        self.assertIn("bundled model pictograms (pictograms.safetensors)", done.stderr.decode())
        self.assertEqual(self.call("inspect", "--quiet", ZEROSHOT_MODELS=str(self.folder)).stderr, b"")
        if not (REPOSITORY / "models/pictograms.safetensors").exists():
            self.skipTest("no models/pictograms.safetensors")
        self.assertEqual(self.json_output()["image_encoder"], "modified_resnet")


if __name__ == "__main__":
    run()
