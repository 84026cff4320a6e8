"""Two ways to the same embeddings: the program, and PyTorch with Pillow to check it."""

import json
import math
import subprocess
import tempfile
from pathlib import Path

import numpy as np

CHUNK = 400  # images on one command line


class Program:
    """The C++ program as a user runs it."""

    def __init__(self, program: Path, model: Path, precision: str = "f32"):
        self.program, self.model, self.precision = program, model, precision

    def _run(self, *arguments: str) -> str:
        command = [str(self.program), *arguments]
        return subprocess.run(command, check=True, stdout=subprocess.PIPE, text=True).stdout

    def _embed(self, *arguments: str) -> np.ndarray:
        with tempfile.TemporaryDirectory() as folder:
            output = Path(folder) / "embeddings.npy"
            self._run("embed", *arguments, "--model", str(self.model), "--precision", self.precision, "--output", str(output), "--quiet")
            return np.load(output)

    def images(self, files: list[Path]) -> np.ndarray:
        chunks = [files[start : start + CHUNK] for start in range(0, len(files), CHUNK)]
        return np.concatenate([self._embed(*map(str, chunk)) for chunk in chunks])

    def texts(self, texts: list[str]) -> np.ndarray:
        with tempfile.TemporaryDirectory() as folder:
            lines = Path(folder) / "texts.txt"
            lines.write_text("".join(f"{text}\n" for text in texts))
            return self._embed("--texts-from", str(lines))

    def scale(self) -> float:
        return float(json.loads(self._run("inspect", str(self.model), "--json"))["logit_scale"])

    def classify(self, file: Path, labels: list[str]) -> dict[str, float]:
        """Probabilities by label, by the program's own `classify`."""
        answer = self._run("classify", str(file), "--model", str(self.model), "--labels", *labels, "--json", "--top", str(len(labels)))
        return {entry["label"]: entry["probability"] for entry in json.loads(answer)["labels"]}

    def milliseconds(self) -> float | None:
        """For one image on one core, without decoding; nothing from a program that cannot tell."""
        try:
            return json.loads(self._run("bench", "--model", str(self.model), "--threads", "1", "--json"))["image b1"]
        except subprocess.CalledProcessError:
            return None


class Reference:
    """PyTorch and Pillow, from the same checkpoint."""

    def __init__(self, model: Path):
        import export

        self.clip = export.read(model)

    def images(self, files: list[Path]) -> np.ndarray:
        import pictures

        return np.concatenate([self.clip.image.embed(pictures.read(files[i : i + CHUNK])).numpy() for i in range(0, len(files), CHUNK)])

    def texts(self, texts: list[str]) -> np.ndarray:
        return self.clip.text.embed(texts).numpy()

    def scale(self) -> float:
        return math.exp(self.clip.logit_scale.item())

    def classify(self, file: Path, labels: list[str]) -> dict[str, float]:
        from measures import softmax

        logits = self.scale() * self.images([file]) @ self.texts(labels).T
        return dict(zip(labels, softmax(logits)[0].tolist()))

    def milliseconds(self) -> None:
        return None
