"""Makes many drawings out of one: turned, moved, recoloured, outlined, on any background.

Pixels are [images, 4, height, width], 0..1, premultiplied by their alpha, until they meet a background.
"""

import math

import torch
import torch.nn.functional as F

from model import IMAGE_SIZE


def _uniform(count: int, low: float, high: float, channels: int = 1) -> torch.Tensor:
    return low + (high - low) * torch.rand(count, channels, 1, 1)


def _happens(count: int, probability: float) -> torch.Tensor:
    return torch.rand(count) < probability


def _bends(count: int, amount: float) -> torch.Tensor:
    """Smooth random shifts of every pixel, [count, height, width, 2] in halves of the image: other hands draw other shapes."""
    knots = amount * torch.randn(count, 2, 4, 4)
    return F.interpolate(knots, size=(IMAGE_SIZE, IMAGE_SIZE), mode="bicubic", align_corners=True).permute(0, 2, 3, 1)


def warp(pixels: torch.Tensor, may_mirror: torch.Tensor, bending: float = 0.0) -> torch.Tensor:
    """Rotation, scale, shear, shift, bends and, where it changes no meaning, a mirror; to the size of the tower."""
    count = len(pixels)
    angle = (torch.rand(count) - 0.5) * math.radians(30)
    scale_x = 1 / (0.7 + torch.rand(count) * 0.45)
    scale_y = scale_x * (0.93 + torch.rand(count) * 0.14)
    shear = (torch.rand(count) - 0.5) * 0.16
    mirror = torch.where(may_mirror & _happens(count, 0.4), -1.0, 1.0)
    grid = torch.zeros(count, 2, 3)
    grid[:, 0, 0] = torch.cos(angle) * scale_x * mirror
    grid[:, 0, 1] = -torch.sin(angle) * scale_y + shear
    grid[:, 1, 0] = torch.sin(angle) * scale_x * mirror
    grid[:, 1, 1] = torch.cos(angle) * scale_y
    grid[:, :, 2] = (torch.rand(count, 2) - 0.5) * 0.2
    points = F.affine_grid(grid, [count, 4, IMAGE_SIZE, IMAGE_SIZE], align_corners=False)
    if bending:
        points = points + _bends(count, bending)
    return F.grid_sample(pixels, points, align_corners=False)


def outline(pixels: torch.Tensor) -> torch.Tensor:
    """Dark lines where colours meet, about two pixels wide; sometimes the colours between them become flat or pale."""
    count = len(pixels)
    largest, smallest = F.max_pool2d(pixels, 3, 1, 1), -F.max_pool2d(-pixels, 3, 1, 1)
    contrast = (largest - smallest).amax(1, keepdim=True)
    line = ((contrast - _uniform(count, 0.2, 0.45)) * _uniform(count, 3, 8)).clamp(0, 1)
    colour, alpha = pixels[:, :3], pixels[:, 3:]
    steps = _uniform(count, 2, 5).round()
    flat = torch.where(_happens(count, 0.4).view(-1, 1, 1, 1), (colour * steps).round() / steps, colour)
    flat = torch.lerp(flat, alpha.expand_as(flat), _uniform(count, 0, 1) * _happens(count, 0.3).view(-1, 1, 1, 1))
    ink = _uniform(count, 0, 0.15)
    return torch.cat([flat * (1 - line) + ink * line, torch.maximum(alpha, line)], dim=1)


def shade(pixels: torch.Tensor) -> torch.Tensor:
    """Flat drawings as glossy ones: lit from above, darker towards their edge, with a soft highlight."""
    count, size = len(pixels), pixels.shape[-1]
    y, x = torch.meshgrid(torch.linspace(-1, 1, size), torch.linspace(-1, 1, size), indexing="ij")
    colour, alpha = pixels[:, :3], pixels[:, 3:]
    slope = _uniform(count, -0.1, 0.45) * y + _uniform(count, -0.2, 0.2) * x
    radius = 2 * size // 16 + 1
    depth = F.avg_pool2d(F.pad(alpha, (radius // 2,) * 4), radius, 1)  # 1 well inside, about a half at the edge
    edge = _uniform(count, 0, 0.7) * (1 - depth).clamp(0, 0.5)
    distance = (x - _uniform(count, -0.4, 0.4)) ** 2 + ((y - _uniform(count, -0.7, 0)) / _uniform(count, 0.4, 1)) ** 2
    highlight = _uniform(count, 0, 0.5) * torch.exp(-distance / _uniform(count, 0.05, 0.4))
    lit = colour * (1 - slope - edge)
    return torch.cat([(lit + (alpha - lit) * highlight).clamp(min=0).minimum(alpha), alpha], dim=1)


def tint(pixels: torch.Tensor) -> torch.Tensor:
    """Mixes the colour channels a little."""
    mix = torch.eye(3) + 0.13 * torch.randn(len(pixels), 3, 3)
    mix = mix / mix.sum(2, keepdim=True)
    colour = torch.einsum("noc,nchw->nohw", mix, pixels[:, :3])
    return torch.cat([colour, pixels[:, 3:]], dim=1)


def dye(ink: torch.Tensor, regions: torch.Tensor) -> torch.Tensor:
    """One-coloured icons [images, height, width] in a random ink, their enclosed regions filled with random colours.

    Regions are small numbers per pixel; 0 is outside. Filled line icons look like emoji that are drawn with outlines.
    """
    count = len(ink)
    palette = torch.rand(count, 3, 16) ** 0.6
    pale = _happens(count, 0.35).view(-1, 1, 1)
    palette = torch.where(pale, 1 - 0.25 * (1 - palette), palette)
    alike = _happens(count, 0.5).view(-1, 1, 1)  # the same colour everywhere, or one for each region
    palette = torch.where(alike, palette[:, :, :1], palette)
    is_filled = _happens(count, 0.65)
    regions = regions * is_filled.view(-1, 1, 1)
    fill = palette.gather(2, regions.flatten(1)[:, None].expand(-1, 3, -1)).view(count, 3, *ink.shape[1:])
    inside = (regions > 0)[:, None].float()
    is_dark = is_filled & (regions.flatten(1).amax(1) > 0)
    colour = torch.where(is_dark.view(-1, 1, 1, 1), 0.25, 0.65) * torch.rand(count, 3, 1, 1)
    ink = ink[:, None]
    return torch.cat([colour * ink + fill * inside * (1 - ink), ink + inside * (1 - ink)], dim=1)


def on_background(pixels: torch.Tensor, may_be_dark: torch.Tensor) -> torch.Tensor:
    """Mostly white, else light, and for images with colours of their own sometimes dark; [images, 3, ...]."""
    count = len(pixels)
    kind = torch.rand(count).view(-1, 1, 1, 1)
    light = _uniform(count, 0.4, 1, 3)
    dark = _uniform(count, 0, 0.4, 1) * _uniform(count, 0.6, 1, 3)
    background = torch.where(kind < 0.6, torch.ones_like(light), light)
    background = torch.where((kind > 0.9) & may_be_dark.view(-1, 1, 1, 1), dark, background)
    return pixels[:, :3] + background * (1 - pixels[:, 3:])


def photograph(pixels: torch.Tensor, needs_colour: torch.Tensor) -> torch.Tensor:
    """Grey, brightness, colour cast, contrast, and a little sharper or softer."""
    count = len(pixels)
    grey = (_happens(count, 0.25) & ~needs_colour).view(-1, 1, 1, 1)
    pixels = torch.where(grey, pixels.mean(1, keepdim=True), pixels)
    cast = (torch.rand(count, 3, 1, 1) - 0.5) * torch.where(needs_colour, 0.08, 0.2).view(-1, 1, 1, 1)
    pixels = pixels * _uniform(count, 0.78, 1.2) + cast
    pixels = (pixels - 0.5) * _uniform(count, 0.65, 1.35) + 0.5
    soft = F.avg_pool2d(F.pad(pixels, (1, 1, 1, 1), mode="replicate"), 3, 1)
    amount = _uniform(count, -0.6, 0.9) * _happens(count, 0.4).view(-1, 1, 1, 1)
    return (pixels + amount * (pixels - soft)).clamp(0, 1)
