"""Pictures of nothing in particular, drawn from a seed: what is certainly no frontal chest radiograph."""
import numpy as np
import torch

from augment import EXACT, blur, level


def draw_picture(draw):
    """[128, 128], 0 to 1: one of the kinds below."""
    kinds = (flat, white_noise, soft_noise, gradient, stripes, bars, rings, shapes, letters, limbs, limbs, solids, tiles)
    return level(kinds[draw.integers(len(kinds))](draw))


def flat(draw):
    return torch.full((EXACT, EXACT), float(draw.random()))


def white_noise(draw):
    return torch.from_numpy(draw.standard_normal((EXACT, EXACT)).astype(np.float32))


def soft_noise(draw):
    """Clouds: noise of several sizes on top of each other."""
    picture = torch.zeros(EXACT, EXACT)
    for size in (1.0, 3.0, 8.0, 20.0):
        picture += blur(white_noise(draw), size) * size * float(draw.random())
    return picture


def axes():
    at = np.linspace(-1, 1, EXACT, dtype=np.float32)
    return np.meshgrid(at, at)


def gradient(draw):
    x, y = axes()
    slope = draw.uniform(-1, 1, 3)
    return torch.from_numpy((slope[0] * x + slope[1] * y + slope[2] * (x * x + y * y)).astype(np.float32))


def stripes(draw):
    x, y = axes()
    angle, pitch = draw.uniform(0, np.pi), draw.uniform(3, 60)
    wave = np.sin(pitch * (np.cos(angle) * x + np.sin(angle) * y) + draw.uniform(0, 6))
    return torch.from_numpy((wave if draw.random() < 0.5 else np.sign(wave)).astype(np.float32))


def bars(draw):
    """Bars of a few greys across the picture."""
    count = int(draw.integers(2, 24))
    greys = draw.random(count)
    steps = np.sort(greys) if draw.random() < 0.3 else greys
    picture = np.repeat(steps, -(-EXACT // count))[:EXACT, None] * np.ones((1, EXACT))
    return torch.from_numpy((picture if draw.random() < 0.5 else picture.T).astype(np.float32).copy())


def rings(draw):
    x, y = axes()
    centre = draw.uniform(-0.6, 0.6, 2)
    return torch.from_numpy(np.sin(draw.uniform(5, 60) * np.hypot(x - centre[0], y - centre[1])).astype(np.float32))


def ellipse(draw, size=(0.05, 0.7)):
    """How far inside an ellipse each place is: above 0 inside."""
    x, y = axes()
    centre, radii, angle = draw.uniform(-0.8, 0.8, 2), draw.uniform(*size, 2), draw.uniform(0, np.pi)
    across = (x - centre[0]) * np.cos(angle) + (y - centre[1]) * np.sin(angle)
    down = (y - centre[1]) * np.cos(angle) - (x - centre[0]) * np.sin(angle)
    return 1 - (across / radii[0]) ** 2 - (down / radii[1]) ** 2


def shapes(draw):
    picture = np.full((EXACT, EXACT), draw.random(), dtype=np.float32)
    for _ in range(draw.integers(1, 9)):
        if draw.random() < 0.5:
            picture[ellipse(draw) > 0] = draw.random()
        else:
            rows, columns = np.sort(draw.integers(0, EXACT, 2)), np.sort(draw.integers(0, EXACT, 2))
            picture[rows[0] : rows[1], columns[0] : columns[1]] = draw.random()
    return torch.from_numpy(picture)


def letters(draw):
    """Lines of small marks, as a document has them."""
    picture = np.ones((EXACT, EXACT), dtype=np.float32)
    height = int(draw.integers(3, 12))
    for row in range(int(draw.integers(2, 10)), EXACT - height, height + int(draw.integers(2, 8))):
        column = int(draw.integers(2, 12))
        while column < EXACT - height - int(draw.integers(1, 50)):
            glyph = np.kron(draw.random((5, 3)) < 0.55, np.ones((max(1, height // 5), max(1, height // 5))))
            patch = picture[row : row + glyph.shape[0], column : column + glyph.shape[1]]
            patch[glyph[: patch.shape[0], : patch.shape[1]] > 0] = 0
            column += glyph.shape[1] + int(draw.integers(1, 6))
    return torch.from_numpy(picture if draw.random() < 0.5 else 1 - picture)


def limbs(draw):
    """Soft cylinders with a dense pipe inside: something like the radiograph of an arm, a leg or some fingers."""
    x, y = axes()
    picture = np.zeros((EXACT, EXACT), dtype=np.float32)
    lean = draw.uniform(0, np.pi)
    for _ in range(draw.integers(1, 6)):
        angle, offset = lean + draw.uniform(-0.25, 0.25), draw.uniform(-0.7, 0.7)
        taper = 1 + draw.uniform(-0.4, 0.4) * (np.cos(angle) * y - np.sin(angle) * x)
        across = (np.cos(angle) * x + np.sin(angle) * y - offset) / taper
        width = draw.uniform(0.08, 0.35)
        for radius, density in ((width, 0.6), (width * draw.uniform(0.3, 0.6), 1.5), (width * 0.2, -0.9)):
            picture += density * np.sqrt(np.clip(radius**2 - across**2, 0, None)).astype(np.float32) / width
    return torch.from_numpy(1 - np.exp(-picture * draw.uniform(0.5, 2)))


def solids(draw):
    """What shadows a few ellipsoids would throw, some hollow."""
    picture = np.zeros((EXACT, EXACT), dtype=np.float32)
    for _ in range(draw.integers(2, 12)):
        depth = np.sqrt(np.clip(ellipse(draw), 0, None))
        picture += depth * draw.uniform(-0.4, 1.0)
    return torch.from_numpy((1 - np.exp(-np.clip(picture, 0, None))).astype(np.float32))


def tiles(draw):
    count = int(draw.choice([2, 4, 8, 16]))
    return torch.from_numpy(np.kron(draw.random((count, count)), np.ones((EXACT // count,) * 2)).astype(np.float32))
