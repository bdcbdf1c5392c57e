"""Fits one network to the pictures of some subjects."""
import numpy as np
import torch
from torch.nn import functional

from augment import EXACT, disturb, halve, level, move
from made_up import draw_picture
from network import VIEWS, ChestQc

OPTIONS = {
    "steps": 500,
    "chests": 10,
    "others": 6,
    "pieces": 6,
    "madeUp": 4,
    "learningRate": 0.003,
    "weightDecay": 0.02,
    "smoothing": 0.02,
}
UPRIGHT, MIRRORED, INVERTED = 0, 4, 8
TURNED = [index for index in range(VIEWS) if index not in (UPRIGHT, MIRRORED, INVERTED)]


def fit(pictures, chests, others, options, seed):
    """Chests and others are indices into the pictures. The same arguments give the same network, bit by bit."""
    torch.manual_seed(seed)
    draw = np.random.default_rng(seed)
    network = ChestQc().train()
    steps = options["steps"]
    optimiser = torch.optim.AdamW(
        network.parameters(), lr=options["learningRate"], weight_decay=options["weightDecay"]
    )
    schedule = torch.optim.lr_scheduler.OneCycleLR(optimiser, options["learningRate"], total_steps=steps, pct_start=0.1)
    subjects = by_subject(pictures, others)
    for _ in range(steps):
        positive = torch.stack([chest(pictures.large[index], draw) for index in draw.choice(chests, options["chests"])])
        negative = torch.stack(negatives(pictures, chests, subjects, options, draw))
        loss = loss_of(network, positive[:, None], negative[:, None], options["smoothing"], draw)
        optimiser.zero_grad()
        loss.backward()
        optimiser.step()
        schedule.step()
    return network.eval()


def by_subject(pictures, indices):
    """One list of pictures for each subject, so that one in ten codings does not count ten times."""
    groups = {}
    for index in indices:
        groups.setdefault(pictures.subject[index], []).append(index)
    return list(groups.values())


def chest(large, draw):
    return disturb(level(move(large, draw)), draw)


def negatives(pictures, chests, subjects, options, draw):
    """Pictures of other things, pieces of chests that are no chest any more, and made-up ones."""
    drawn = []
    for _ in range(options["others"] if subjects else 0):
        group = subjects[draw.integers(len(subjects))]
        drawn.append(move(pictures.large[group[draw.integers(len(group))]], draw, 25.0, (0.7, 2.5), 0.2))
    drawn += [piece(pictures.large[draw.choice(chests)], draw) for _ in range(options["pieces"])]
    drawn += [draw_picture(draw) for _ in range(options["madeUp"])]
    return [disturb(level(each), draw) for each in drawn]


def piece(large, draw):
    """A corner of a chest enlarged, its upper or lower end stretched, or its tiles in another order."""
    form = draw.integers(4)
    size = large.shape[0]
    if form == 0:
        side = int(size * draw.uniform(0.2, 0.4))
        row, column = draw.integers(0, size - side, 2)
        return resized(large[row : row + side, column : column + side])
    if form == 1:
        height = int(size * draw.uniform(0.15, 0.3))
        return resized(large[:height] if draw.random() < 0.5 else large[size - height :])
    if form == 2:
        width = int(size * draw.uniform(0.2, 0.35))
        return resized(large[:, :width] if draw.random() < 0.5 else large[:, size - width :])
    count = int(draw.choice([2, 4]))
    small = halve(large[None, None])[0, 0]
    tiles = small.reshape(count, EXACT // count, count, EXACT // count).permute(0, 2, 1, 3)
    order = draw.permutation(count * count)
    if count == 2:
        order = np.array([3, 2, 1, 0]) if draw.random() < 0.5 else np.array([2, 3, 1, 0])
    mixed = tiles.reshape(count * count, EXACT // count, EXACT // count)[torch.from_numpy(order)]
    return mixed.reshape(count, count, EXACT // count, EXACT // count).permute(0, 2, 1, 3).reshape(EXACT, EXACT)


def resized(part):
    return functional.interpolate(part[None, None], (EXACT, EXACT), mode="bilinear", antialias=True)[0, 0]


def loss_of(network, positive, negative, smoothing, draw):
    """
    Orientation: among the upright view, its mirror image, its negative and some others, the upright one should look most
    upright. Frontal: binary cross-entropy of chests upright and mirrored, and of other pictures in any view. Only some views
    each time: all sixteen would say little more.
    """
    views = [UPRIGHT, MIRRORED, INVERTED, *draw.choice(TURNED, 2, replace=False)]
    others = [int(draw.integers(VIEWS))]
    # One batch, or its normalisation would take away what sets chests apart.
    seen = torch.cat([network.views(positive, views), network.views(negative, others)])
    features, upright = network.trunk(seen)
    count = len(positive)
    shown = count * len(views)
    scores = upright[:shown].reshape(len(views), -1).transpose(0, 1)
    order = functional.cross_entropy(scores, torch.zeros(count, dtype=torch.long), label_smoothing=smoothing)
    right = network.frontal_logit(features[: 2 * count])
    wrong = network.frontal_logit(features[shown:])
    frontal = functional.binary_cross_entropy_with_logits(right, torch.full_like(right, 1 - smoothing))
    frontal = frontal + functional.binary_cross_entropy_with_logits(wrong, torch.full_like(wrong, smoothing))
    return frontal + order
