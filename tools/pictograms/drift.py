"""How far bf16 and int8 drift from f32 on the evaluation set: cosines of embeddings, and whether the answers stay the same."""

import argparse
from pathlib import Path

import numpy as np

import embedders
import measures
from dataset import Dataset
from evaluate import CLEAN_STYLE, REPOSITORY, STYLES


def cosines(found: np.ndarray, exact: np.ndarray) -> str:
    each = (found * exact).sum(axis=1)
    return f"cosine {each.mean():.6f} mean {each.min():.6f} worst"


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("--work", type=Path, default=Path("build/pictograms"), help="folder of the drawings")
    parser.add_argument("--model", type=Path, default=REPOSITORY / "models" / "pictograms.safetensors")
    parser.add_argument("--program", type=Path, default=REPOSITORY / "build" / "zeroshot")
    arguments = parser.parse_args()
    dataset = Dataset(arguments.work)
    entries = dataset.pictures({*STYLES, CLEAN_STYLE})
    files, truth = [file for _, _, file in entries], np.array([concept for _, concept, _ in entries])
    exact = None
    for precision in ("f32", "bf16", "int8"):
        embedder = embedders.Program(arguments.program, arguments.model, precision)
        images, texts = measures.unit(embedder.images(files)), measures.unit(embedder.texts(dataset.labels))
        answers = (images @ texts.T).argmax(axis=1)
        exact = exact or (images, texts, answers)
        print(f"{precision}: {len(files)} pictures, {cosines(images, exact[0])}; {len(texts)} names, {cosines(texts, exact[1])}; "
              f"top-1 {(answers == truth).mean():.2%}, the answer of f32 in {(answers == exact[2]).mean():.2%}")


if __name__ == "__main__":
    main()
