"""The architectures of TinyCLIP, which are not part of open_clip."""

# TinyCLIP/src/open_clip/model_configs and pretrained.py in microsoft/Cream (MIT); the activation is specified
# only by their config.json. Embedding, patch, vision width and layers, text width and layers, tag, repository.
TINY = {
    "ViT-8M-16-Text-3M": (512, 16, 256, 10, 256, 3, "YFCC15M", True),
    "ViT-39M-16-Text-19M": (512, 16, 512, 12, 512, 6, "YFCC15M", True),
    "ViT-40M-32-Text-19M": (512, 32, 512, 12, 512, 6, "LAION400M", True),
    "ViT-61M-32-Text-29M": (512, 32, 640, 12, 512, 9, "LAION400M", True),
    "ResNet-30M-Text-29M": (1024, None, 56, [3, 4, 6, 3], 512, 9, "LAION400M", False),
    "ResNet-19M-Text-19M": (1024, None, 44, [3, 4, 6, 3], 512, 6, "LAION400M", False),
}


def tiny_config(embedding, patch, width, layers, text_width, text_layers):
    return {
        "embed_dim": embedding,
        "vision_cfg": {"image_size": 224, "layers": layers, "width": width, "patch_size": patch},
        "text_cfg": {
            "context_length": 77,
            "vocab_size": 49408,
            "width": text_width,
            "heads": text_width // 64,
            "layers": text_layers,
        },
    }
