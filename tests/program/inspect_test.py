"""zeroshot inspect: what a checkpoint is, for people and for scripts."""

import json
import math

from harness import GOLDEN, REPOSITORY, ProgramTest, run, write_tiny_model

MEAN, STD = [0.48145466, 0.4578275, 0.40821073], [0.26862954, 0.26130258, 0.27577711]


class Inspect(ProgramTest):
    def said(self, *words):
        lines = self.answer(self.call("inspect", *words, "--json"))
        self.assertEqual(len(lines), 1)
        return json.loads(lines[0])

    def test_every_field_is_there_and_right(self):
        said = self.said("model.safetensors")
        wanted = {"layout": "openai", "image_encoder": "vision_transformer", "image_size": 32, "patch_size": 8, "embedding": 32,
                  "activation": "quick_gelu", "text_activation": "quick_gelu", "vision_heads": 1, "text_heads": 1, "context": 16,
                  "vocabulary": 600, "tokenizer_ids": 600, "order": "openai", "logit_bias": 0, "warnings": [], "dtypes": ["F32", "I64"]}
        self.assertEqual({key: said.get(key) for key in wanted if key != "dtypes"}, {key: wanted[key] for key in wanted if key != "dtypes"})
        for found, right in zip(said["mean"] + said["std"], MEAN + STD):
            self.assertTrue(math.isclose(found, right, rel_tol=1e-7))  # a float32
        self.assertTrue(10 < said["logit_scale"] < 110)  # the factor: reference_models.py draws 20 to 100
        self.assertIsInstance(said["sources"], list)

    def test_the_layouts_and_towers_are_told_apart(self):
        cases = {"openai_resnet": ("openai", "modified_resnet"), "open_clip_gelu": ("openai", "vision_transformer"),
                 "custom_text": ("custom_text", None), "hugging_face_mixed": ("hugging_face", "vision_transformer")}
        for name, (layout, encoder) in cases.items():
            with self.subTest(name):
                place = GOLDEN / name
                said = self.said(place if encoder != "modified_resnet" else place / "model.safetensors")
                self.assertEqual(said["layout"], layout)
                self.assertIn(said["image_encoder"], [encoder] if encoder else ["vision_transformer", "modified_resnet"])
        mixed = self.said(GOLDEN / "hugging_face_mixed")
        self.assertNotEqual(mixed["activation"], mixed["text_activation"])
        self.assertEqual(mixed["order"], "hf")

    def test_a_tower_alone_is_told_as_that(self):
        image, text = self.said(GOLDEN / "hugging_face_image"), self.said(GOLDEN / "hugging_face_text")
        self.assertEqual((image["towers"], text["towers"]), ("image", "text"))
        self.assertTrue({"image_size", "mean"} <= set(image) and {"context", "vocabulary"} <= set(text))
        for key in ("context", "text_width", "logit_scale"):
            self.assertNotIn(key, image)
        for key in ("image_size", "mean", "logit_scale"):
            self.assertNotIn(key, text)
        lines = self.answer(self.call("inspect", GOLDEN / "hugging_face_text"))
        self.assertTrue(any("the file holds the text tower alone" in line for line in lines))

    def test_the_container_and_what_lies_beside_the_tensors_are_told(self):
        containers = REPOSITORY / "tests/golden/containers"
        said = self.said(containers / "training.pt")
        self.assertEqual((said["container"], said["skipped"]), ("pytorch", ["epoch", "name", "optimizer", "scaler"]))
        self.assertEqual(self.said(containers / "model.safetensors.index.json")["container"], "shards")
        self.assertEqual(self.said(containers / "torchscript.pt")["container"], "torchscript")

    def test_a_bare_checkpoint_is_told_with_a_warning(self):
        done = self.call("inspect", GOLDEN / "openai_vit/model.safetensors")
        self.assertIn("zeroshot: warning: ", done.stderr.decode())
        lines = self.answer(done)
        self.assertTrue(any("quick_gelu" in line for line in lines))
        self.assertNotEqual(self.said(GOLDEN / "openai_vit/model.safetensors")["warnings"], [])
        self.assertEqual(self.said(GOLDEN / "openai_vit/model.safetensors", "--activation", "gelu")["activation"], "gelu")

    def test_what_is_no_checkpoint_is_told(self):
        (self.folder / "page.safetensors").write_bytes(b"<!DOCTYPE html><html>not found</html>")
        done = self.call("inspect", "page.safetensors", "--json")
        said = json.loads(self.answer(done, status=1)[0])
        self.assertEqual((said["model"], said["error"]["code"]), ("page.safetensors", "FORMAT"))
        self.refused(done, 1, "page.safetensors")
        (self.folder / "nothing").mkdir(exist_ok=True)
        self.refused(self.call("inspect", "nothing"), 1, "nothing: the folder holds no checkpoint")
        self.refused(self.call("inspect", "gone.safetensors"), 1, "gone.safetensors: cannot open: No such file")

    def test_names_are_looked_up(self):
        write_tiny_model(self.folder / "mine.safetensors")
        self.assertEqual(self.answer(self.call("inspect", "mine", ZEROSHOT_MODELS=str(self.folder)))[0], str(self.folder / "mine.safetensors"))
        self.refused(self.call("inspect", "other", ZEROSHOT_MODELS=str(self.folder)), 1, "there is no model 'other'", "other.safetensors")
        self.refused(self.call("inspect", "other"), 1, "there is no model 'other'", "ZEROSHOT_MODELS")

    def test_repositories_are_looked_up_in_the_cache_of_hugging_face(self):
        snapshots = self.folder / "hub/models--someone--mine/snapshots"
        snapshots.mkdir(parents=True)
        (snapshots / "main").symlink_to(GOLDEN / "hugging_face_mixed")
        words, places = ("inspect", "someone/mine", "--json"), {"HF_HUB_CACHE": str(self.folder / "hub")}
        self.assertEqual(json.loads(self.answer(self.call(*words, **places))[0])["layout"], "hugging_face")
        self.refused(self.call("inspect", "openai/clip-vit-base-patch32", **places), 1, "hf download openai/clip-vit-base-patch32")
        self.refused(self.call("inspect", "ViTB-32", **places), 1, "did you mean 'ViT-B-32'?")

    def test_a_bare_checkpoint_may_be_named(self):
        bare = GOLDEN / "openai_vit/model.safetensors"
        self.refused(self.call("inspect", bare, "--name", "ViT-B/32"), 1, "in the known model ViT-B-32 (openai), expected")
        self.refused(self.call("inspect", bare, "--name", "ViT-X"), 1, "no model is known as 'ViT-X'")

    def test_the_bundled_model_is_used_and_named(self):
        write_tiny_model(self.folder / "pictograms.safetensors")
        done = self.call("inspect", ZEROSHOT_MODELS=str(self.folder))
        self.answer(done)
        self.assertIn("zeroshot: using the bundled model pictograms (pictograms.safetensors)", done.stderr.decode())
        self.assertEqual(self.call("inspect", "--quiet", ZEROSHOT_MODELS=str(self.folder)).stderr, b"")
        if not (REPOSITORY / "models/pictograms.safetensors").exists():
            self.skipTest("models/pictograms.safetensors is not there: the bundled model itself is not inspected")
        self.assertEqual(self.said()["image_encoder"], "modified_resnet")


if __name__ == "__main__":
    run()
