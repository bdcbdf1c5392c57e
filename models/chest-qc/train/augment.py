"""What happens to radiographs between patient and file, drawn at random: pictures [256, 256] in, [128, 128] out, 0 to 1."""
import math

import numpy as np
import torch
from torch.nn import functional

LARGE = 256
EXACT = 128
# Halving by Pillow's rule for bilinear with antialiasing: a triangle four pixels wide.
HALVE = torch.tensor([1.0, 3.0, 3.0, 1.0]) / 8


def halve(pictures):
    """[N, 1, 256, 256] → [N, 1, 128, 128]."""
    padded = functional.pad(pictures, (1, 1, 1, 1), mode="replicate")
    wide = functional.conv2d(padded, HALVE.view(1, 1, 1, 4), stride=(1, 2))
    return functional.conv2d(wide, HALVE.view(1, 1, 4, 1), stride=(2, 1))


def move(picture, draw, degrees=12.0, zoom=(0.8, 1.3), shift=0.08):
    """Turned a little, cropped or shown smaller, stretched, sheared, shifted; beyond the edge black, white or the edge."""
    angle = math.radians(draw.uniform(-degrees, degrees))
    scale = math.exp(draw.uniform(math.log(zoom[0]), math.log(zoom[1])))
    stretch = math.exp(draw.uniform(-0.12, 0.12))
    shear = draw.uniform(-0.06, 0.06)
    turn = np.array([[math.cos(angle), -math.sin(angle)], [math.sin(angle), math.cos(angle)]])
    form = turn @ np.array([[1 / scale * stretch, shear], [0.0, 1 / scale / stretch]])
    offset = draw.uniform(-shift, shift, 2)[:, None] * 2
    theta = torch.from_numpy(np.hstack([form, offset]).astype(np.float32))[None]
    edge = draw.choice(["zeros", "zeros", "border", "white"])
    grid = functional.affine_grid(theta, (1, 1, LARGE, LARGE), align_corners=False)
    source = 1 - picture if edge == "white" else picture
    padding = "zeros" if edge == "white" else str(edge)
    moved = functional.grid_sample(source[None, None], grid, padding_mode=padding, align_corners=False)
    return halve(1 - moved if edge == "white" else moved)[0, 0]


def level(picture):
    """Least to greatest as 0 to 1, as the package does it."""
    low, high = picture.min(), picture.max()
    return (picture - low) / (high - low) if high > low else torch.zeros_like(picture)


def tone(picture, draw):
    """Gamma, a window that cuts both ends, an S-curve."""
    power = math.exp(draw.uniform(-0.7, 0.7))
    shaped = level(picture).clamp(0, 1) ** power
    if draw.random() < 0.5:
        low, high = torch.quantile(shaped, torch.tensor([draw.uniform(0, 0.15), draw.uniform(0.8, 1.0)]))
        shaped = shaped.clamp(low.item(), max(high.item(), low.item() + 0.05))
    if draw.random() < 0.3:
        steep = draw.uniform(3, 9)
        shaped = torch.sigmoid(steep * (level(shaped) - draw.uniform(0.35, 0.65)))
    return level(shaped)


def shade(picture, draw):
    """Brighter towards one side, as with a grid that is off centre."""
    across = torch.linspace(-1, 1, EXACT)
    slope = draw.uniform(-0.25, 0.25, 2)
    return picture * (1 + float(slope[0]) * across[None, :] + float(slope[1]) * across[:, None])


def blur(picture, sigma):
    reach = int(math.ceil(3 * sigma))
    steps = torch.arange(-reach, reach + 1, dtype=torch.float32)
    weights = torch.exp(-0.5 * (steps / sigma) ** 2)
    weights = weights / weights.sum()
    padded = functional.pad(picture[None, None], (reach, reach, reach, reach), mode="replicate")
    wide = functional.conv2d(padded, weights.view(1, 1, 1, -1))
    return functional.conv2d(wide, weights.view(1, 1, -1, 1))[0, 0]


def sharpen(picture, amount):
    return picture + amount * (picture - blur(picture, 2.0))


def noise(picture, draw, spread):
    return picture + torch.from_numpy(draw.standard_normal((EXACT, EXACT)).astype(np.float32)) * spread


def cosines(size=8):
    at = np.arange(size)
    table = np.cos(np.pi * (2 * at[None, :] + 1) * at[:, None] / (2 * size)) * np.sqrt(2 / size)
    table[0] /= np.sqrt(2)
    return torch.from_numpy(table.astype(np.float32))


COSINES = cosines()
FREQUENCY = torch.arange(8, dtype=torch.float32)[:, None] + torch.arange(8, dtype=torch.float32)[None, :]


def blocks(picture, coarseness):
    """Rounds the cosines of 8 × 8 blocks, the high ones more, as JPEG does."""
    tiles = picture.reshape(16, 8, 16, 8).permute(0, 2, 1, 3)
    steps = coarseness * (1 + FREQUENCY)
    coded = torch.round(COSINES @ tiles @ COSINES.T / steps) * steps
    return (COSINES.T @ coded @ COSINES).permute(0, 2, 1, 3).reshape(EXACT, EXACT)


def frame(picture, draw, widest=0.14):
    """A border on some sides, black, white or grey: what a scanner or a collimator leaves."""
    framed = picture.clone()
    value = float(draw.choice([0.0, 0.0, 1.0, draw.random()]))
    for side in range(4):
        width = int(draw.uniform(0, widest) * EXACT) if draw.random() < 0.5 else 0
        if width == 0:
            continue
        rows = [slice(0, width), slice(EXACT - width, None), slice(None), slice(None)][side]
        columns = [slice(None), slice(None), slice(0, width), slice(EXACT - width, None)][side]
        framed[rows, columns] = value
    return framed


# Strokes of made-up letters on a grid of three by five.
GLYPHS = ("110101110101101", "100100100100111", "111101101101111", "010010010010010", "111100110100111", "010101111101101")


def mark(picture, draw):
    """Letters and strips burnt in where markers stand: near an edge."""
    marked = picture.clone()
    for _ in range(draw.integers(1, 4)):
        glyph = np.array([int(each) for each in draw.choice(GLYPHS)], dtype=bool).reshape(5, 3)
        if draw.random() < 0.5:
            glyph = glyph[:, ::-1]
        shape = np.kron(glyph, np.ones((draw.integers(1, 4), draw.integers(1, 4)), dtype=bool))
        if draw.random() < 0.25:
            shape = np.ones((draw.integers(2, 8), draw.integers(6, 24)), dtype=bool)
        row, column = places(shape.shape, draw)
        patch = marked[row : row + shape.shape[0], column : column + shape.shape[1]]
        patch[torch.from_numpy(shape.copy())] = float(draw.choice([1.0, 1.0, 0.9, 0.0]))
    return marked


def cover(picture, draw):
    """Hides the corners or a patch, so that neither a marker nor one organ is all that is looked at."""
    covered = picture.clone()
    for _ in range(draw.integers(1, 4)):
        size = (int(draw.integers(8, 30)), int(draw.integers(8, 30)))
        inside = draw.random() < 0.4
        row, column = (int(draw.integers(0, EXACT - side)) for side in size) if inside else places(size, draw)
        patch = covered[row : row + size[0], column : column + size[1]]
        patch[:] = float(draw.random()) if draw.random() < 0.5 else patch.mean()
    return covered


def places(size, draw):
    """A place near the left or right edge, more often above."""
    row = int(draw.beta(1, 2) * (EXACT - size[0]))
    near = int(draw.uniform(0, 0.15) * EXACT)
    column = near if draw.random() < 0.5 else EXACT - size[1] - near
    return row, max(0, column)


def disturb(picture, draw):
    """Everything after the picture was moved, each with its own chance, in a fixed order."""
    chances = draw.random(9)
    steps = (
        (0.8, lambda each: tone(each, draw)),
        (0.3, lambda each: shade(each, draw)),
        (0.3, lambda each: cover(each, draw)),
        (0.4, lambda each: mark(each, draw)),
        (0.3, lambda each: frame(each, draw)),
        (0.3, lambda each: blur(each, draw.uniform(0.4, 1.6))),
        (0.2, lambda each: sharpen(each, draw.uniform(0.3, 1.5))),
        (0.4, lambda each: noise(each, draw, draw.uniform(0.005, 0.06))),
        (0.3, lambda each: blocks(each, draw.uniform(0.01, 0.06))),
    )
    for chance, (share, step) in zip(chances, steps):
        picture = step(picture) if chance < share else picture
    return level(picture)
