"""The two towers, with OpenAI's names for every parameter."""

import math

import torch
import torch.nn.functional as F
from torch import nn

import tokenizer
from modified_resnet import ModifiedResNet

EMBEDDING = 256
IMAGE_SIZE = 64
IMAGE_WIDTH = 32
IMAGE_LAYERS = (2, 2, 2, 2)
IMAGE_HEADS = IMAGE_WIDTH * 32 // 64
TEXT_WIDTH = 192
TEXT_LAYERS = 6
TEXT_HEADS = 3


class Attention(nn.Module):
    """Causal self-attention with the parameter names of torch.nn.MultiheadAttention."""

    def __init__(self, width: int, heads: int):
        super().__init__()
        self.heads = heads
        self.in_proj_weight = nn.Parameter(torch.empty(3 * width, width))
        self.in_proj_bias = nn.Parameter(torch.zeros(3 * width))
        self.out_proj = nn.Linear(width, width)

    def forward(self, x):
        batch, tokens, width = x.shape
        qkv = F.linear(x, self.in_proj_weight, self.in_proj_bias)
        q, k, v = qkv.view(batch, tokens, 3, self.heads, width // self.heads).permute(2, 0, 3, 1, 4)
        scores = q @ k.transpose(-1, -2) * (width // self.heads) ** -0.5
        future = torch.ones(tokens, tokens, dtype=torch.bool).triu(1)
        heads = scores.masked_fill(future, float("-inf")).softmax(-1).to(v.dtype) @ v
        return self.out_proj(heads.transpose(1, 2).reshape(batch, tokens, width))


class Perceptron(nn.Module):
    def __init__(self, width: int):
        super().__init__()
        self.c_fc = nn.Linear(width, 4 * width)
        self.c_proj = nn.Linear(4 * width, width)

    def forward(self, x):
        x = self.c_fc(x)
        return self.c_proj(x * torch.sigmoid(1.702 * x))


class Block(nn.Module):
    def __init__(self, width: int, heads: int):
        super().__init__()
        self.ln_1 = nn.LayerNorm(width)
        self.attn = Attention(width, heads)
        self.ln_2 = nn.LayerNorm(width)
        self.mlp = Perceptron(width)

    def forward(self, x):
        x = x + self.attn(self.ln_1(x))
        return x + self.mlp(self.ln_2(x))


class Transformer(nn.Module):
    def __init__(self, width: int, layers: int, heads: int):
        super().__init__()
        self.resblocks = nn.ModuleList(Block(width, heads) for _ in range(layers))

    def forward(self, x):
        for block in self.resblocks:
            x = block(x)
        return x


class TextTower(nn.Module):
    """CLIP's text encoder; texts in, unit vectors out."""

    def __init__(self):
        super().__init__()
        self.token_embedding = nn.Embedding(tokenizer.VOCABULARY, TEXT_WIDTH)
        self.positional_embedding = nn.Parameter(torch.empty(tokenizer.CONTEXT, TEXT_WIDTH))
        self.transformer = Transformer(TEXT_WIDTH, TEXT_LAYERS, TEXT_HEADS)
        self.ln_final = nn.LayerNorm(TEXT_WIDTH)
        self.text_projection = nn.Parameter(torch.empty(TEXT_WIDTH, EMBEDDING))
        self._initialise()

    def _initialise(self):
        nn.init.normal_(self.token_embedding.weight, std=0.02)
        nn.init.normal_(self.positional_embedding, std=0.01)
        nn.init.normal_(self.text_projection, std=TEXT_WIDTH**-0.5)
        for block in self.transformer.resblocks:
            nn.init.normal_(block.attn.in_proj_weight, std=TEXT_WIDTH**-0.5)
            nn.init.normal_(block.attn.out_proj.weight, std=(2 * TEXT_LAYERS * TEXT_WIDTH) ** -0.5)
            nn.init.normal_(block.mlp.c_fc.weight, std=(2 * TEXT_WIDTH) ** -0.5)
            nn.init.normal_(block.mlp.c_proj.weight, std=(2 * TEXT_LAYERS * TEXT_WIDTH) ** -0.5)
            for linear in (block.attn.out_proj, block.mlp.c_fc, block.mlp.c_proj):
                nn.init.zeros_(linear.bias)

    def forward(self, texts: list[str]):
        """Short and long texts run apart, which saves half of the padding."""
        lengths = torch.tensor([len(tokenizer.encode(text)) for text in texts])
        order = lengths.argsort(stable=True)
        cuts = [order[: len(order) * 2 // 3], order[len(order) * 2 // 3 :]]
        parts = [self._run([texts[index] for index in cut]) for cut in cuts if len(cut)]
        return torch.cat(parts)[order.argsort()]

    def _run(self, texts: list[str]):
        ids, ends = (torch.from_numpy(array) for array in tokenizer.batch(texts))
        x = self.token_embedding(ids) + self.positional_embedding[: ids.shape[1]]
        x = self.ln_final(self.transformer(x)[torch.arange(len(ends)), ends])
        return F.normalize((x @ self.text_projection).float(), dim=-1)

    @torch.inference_mode()
    def embed(self, texts: list[str], chunk: int = 256):
        return torch.cat([self(texts[start : start + chunk]) for start in range(0, len(texts), chunk)])


class ImageTower(nn.Module):
    """CLIP's ModifiedResNet with attention pooling; normalised images in, unit vectors out."""

    def __init__(self):
        super().__init__()
        self.visual = ModifiedResNet(IMAGE_LAYERS, IMAGE_WIDTH, IMAGE_SIZE, IMAGE_HEADS, EMBEDDING)
        self.to(memory_format=torch.channels_last)

    def forward(self, pixels):
        return F.normalize(self.visual(pixels.contiguous(memory_format=torch.channels_last)).float(), dim=-1)

    @torch.inference_mode()
    def embed(self, pixels, chunk: int = 256):
        return torch.cat([self(pixels[start : start + chunk]) for start in range(0, len(pixels), chunk)])


class Clip(nn.Module):
    """Both towers and the logarithm of the scale of their similarities."""

    def __init__(self, scale: float = 20.0):
        super().__init__()
        self.image = ImageTower()
        self.text = TextTower()
        self.logit_scale = nn.Parameter(torch.tensor(math.log(scale)))

    def state_as_openai(self) -> dict[str, torch.Tensor]:
        state = {**self.image.state_dict(), **self.text.state_dict(), "logit_scale": self.logit_scale.detach()}
        return {name: value for name, value in state.items() if not name.endswith("num_batches_tracked")}
