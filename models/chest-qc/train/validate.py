"""Cross-validation: every picture is answered by a network that has seen neither its patient nor its kind."""
import numpy as np
import torch

from augment import blocks, blur, cover, frame, halve, level, mark, move, noise, shade
from figures import auroc_interval, log_softmax, logistic_line, rounded, share, sharpest
from learn import fit, piece
from made_up import draw_picture
from network import VIEWS, unview
from pictures import FOLDS, LEARNT

PIECES_OF_A_CHEST = 4
MADE_UP = 40
LIMIT = 0.5


def still(large):
    return halve(large[None, None])[0, 0]


def turned_little(large, draw, degrees):
    """Turned by so many degrees to one side or the other."""
    side = float(draw.choice([-1.0, 1.0]))
    return move(large, Exactly(side * degrees), degrees, (1.0, 1.0001), 0.0)


class Exactly:
    """In place of a generator: the angle is said, everything else is in the middle, the edge is black."""

    def __init__(self, degrees):
        self.said = [degrees]

    def uniform(self, low, high, count=None):
        return np.zeros(count) if count is not None else self.said.pop() if self.said else (low + high) / 2

    def choice(self, among):
        return among[0]


# What is done to a chest before it is asked about again.
DISTURBANCES = {
    "gamma 0.5": lambda large, draw: level(still(large)) ** 0.5,
    "gamma 2": lambda large, draw: level(still(large)) ** 2,
    "window of the middle 70 %": lambda large, draw: windowed(still(large), 0.15),
    "turned by 5 degrees": lambda large, draw: turned_little(large, draw, 5),
    "turned by 10 degrees": lambda large, draw: turned_little(large, draw, 10),
    "cropped to four fifths": lambda large, draw: move(large, draw, 0.0, (1.25, 1.2501), 0.05),
    "shown at four fifths": lambda large, draw: move(large, draw, 0.0, (0.8, 0.8001), 0.05),
    "uneven exposure": lambda large, draw: shade(still(large), draw),
    "blurred": lambda large, draw: blur(still(large), 1.5),
    "noise of a twentieth": lambda large, draw: noise(still(large), draw, 0.05),
    "coarse JPEG blocks": lambda large, draw: blocks(still(large), 0.05),
    "borders": lambda large, draw: frame(frame(still(large), draw), draw),
    "markers burnt in": lambda large, draw: mark(still(large), draw),
    "patches hidden": lambda large, draw: cover(still(large), draw),
}


def windowed(picture, share_cut):
    low, high = torch.quantile(picture, torch.tensor([share_cut, 1 - share_cut]))
    return picture.clamp(low.item(), high.item())


def answers(network, pictures):
    """[N, 128, 128] of 0 to 1 → frontal logits [N] and upright scores [N, 16]."""
    with torch.no_grad():
        parts = [network.logits(part[:, None] * 2 - 1)[:2] for part in torch.split(pictures, 16)]
    return tuple(torch.cat([part[index] for part in parts]).numpy().astype(np.float64) for index in (0, 1))


def validate(pictures, options, seed):
    """Rows of everything that was asked: what, of whom, kind of disturbance, frontal logit, upright scores."""
    rows, spread = [], 0.0
    for fold in range(FOLDS):
        inside = [index for index in pictures.of({LEARNT}) if pictures.fold[index] != fold]
        others = [index for index in pictures.negatives() if pictures.fold[index] != fold]
        network = fit(pictures, inside, others, options, seed + fold)
        chests = [index for index in pictures.of({LEARNT}) if pictures.fold[index] == fold]
        held = [index for index in pictures.negatives() if pictures.fold[index] == fold]
        rows += asked(network, pictures, chests, held, np.random.default_rng([seed, fold]))
        spread = max(spread, equivariance(network, pictures, chests))
        print(f"fold {fold} of {FOLDS}", flush=True)
    return rows, spread


def asked(network, pictures, chests, held, draw):
    exact = (pictures.exact[:, 0] + 1) / 2
    rows = table(network, exact[chests], [("chest", pictures.subject[index], "as it is") for index in chests])
    for name, disturb in DISTURBANCES.items():
        shown = torch.stack([level(disturb(pictures.large[index], draw)) for index in chests])
        rows += table(network, shown, [("chest", pictures.subject[index], name) for index in chests])
    rows += table(network, exact[held], [(pictures.kind[index], pictures.subject[index], "") for index in held])
    pieces = [level(piece(pictures.large[index], draw)) for index in chests for _ in range(PIECES_OF_A_CHEST)]
    names = [("piece", pictures.subject[index], "") for index in chests for _ in range(PIECES_OF_A_CHEST)]
    rows += table(network, torch.stack(pieces), names)
    made_up = torch.stack([draw_picture(draw) for _ in range(MADE_UP)])
    return rows + table(network, made_up, [("made up", f"{chests[0]}-{index}", "") for index in range(MADE_UP)])


def table(network, shown, about):
    logits, upright = answers(network, shown)
    return [(*each, logit, scores) for each, logit, scores in zip(about, logits, upright)]


def equivariance(network, pictures, chests):
    """Largest difference between what is said of a chest and of its fifteen other orientations, put back in place."""
    shown = pictures.exact[chests[:4]]
    with torch.no_grad():
        logit, scores, _ = network.logits(shown)
        worst = 0.0
        for index in range(VIEWS):
            other = unview(shown, index % 8) * (-1.0 if index >= 8 else 1.0)
            other_logit, other_scores, _ = network.logits(other)
            order = [orientation_after(index, each) for each in range(VIEWS)]
            worst = max(worst, float((other_logit - logit).abs().max()))
            worst = max(worst, float((other_scores[:, order] - scores).abs().max()))
    return worst


def orientation_after(applied, index):
    """Which orientation a picture of orientation `index` has after `applied`: mirrored first, then turned."""
    turns, mirrored, inverted = applied % 4, applied // 4 % 2, applied // 8
    before, was_mirrored, was_inverted = index % 4, index // 4 % 2, index // 8
    turned = turns - before if mirrored else turns + before
    return 8 * (inverted ^ was_inverted) + 4 * (mirrored ^ was_mirrored) + turned % 4


def calibrate(rows):
    """Each patient, and each subject of another kind, counts once, whatever was shown of it; drawn ones count as a tenth."""
    counted = {}
    for kind, subject, *_ in rows:
        counted[kind, subject] = counted.get((kind, subject), 0) + 1
    weights = np.array([(0.1 if row[0] in ("made up", "piece") else 1.0) / counted[row[:2]] for row in rows])
    truth = np.array([1 if row[0] == "chest" else 0 for row in rows])
    logits = np.array([row[3] for row in rows])
    scale, shift = logistic_line(logits, truth, weights)
    chest = truth == 1
    sharpness = sharpest(np.stack([row[4] for row in rows if row[0] == "chest"]), weights[chest])
    return {"scale": rounded(scale), "shift": rounded(shift), "sharpness": rounded(sharpness)}


def summary(rows, calibration, seed):
    """All that the card says of chests and of other pictures."""
    said = [(*row[:3], probability(row[3], calibration), joint(row[4], calibration)) for row in rows]
    plain = [row for row in said if row[2] == "as it is"]
    kinds = sorted({row[0] for row in said if row[0] != "chest"})
    others = [row for row in said if row[0] not in ("chest", "piece", "made up")]
    return {
        "patients": len(plain),
        "otherSubjects": len({row[1] for row in others}),
        "auroc": auroc_interval(np.array([row[3] for row in plain]), worst_of(others), seed),
        "heads": heads(plain),
        "byDisturbance": {name: heads([row for row in said if row[2] == name]) for name in DISTURBANCES},
        "falseAccepts": {kind: false_accepts([row for row in said if row[0] == kind]) for kind in kinds},
        "falseAcceptsAll": false_accepts(others),
        "confidence": confidence(said),
    }


def probability(logit, calibration):
    return 1 / (1 + np.exp(-(logit * calibration["scale"] + calibration["shift"])))


def joint(scores, calibration):
    return np.exp(log_softmax(scores[None] * calibration["sharpness"]))[0].reshape(2, 2, 4)


def worst_of(rows):
    """Of each subject the picture that looks most like a chest."""
    worst = {}
    for _, subject, _, frontal, _ in rows:
        worst[subject] = max(frontal, worst.get(subject, 0.0))
    return np.array(list(worst.values()))


def heads(rows):
    """Shares of patients answered rightly; as the answer turns with the picture, one orientation stands for all sixteen."""
    count = len(rows)
    told = [row[4] for row in rows]
    return {
        "frontal": share(sum(row[3] >= LIMIT for row in rows), count),
        "rotation": share(sum(int(each.sum((0, 1)).argmax()) == 0 for each in told), count),
        "inverted": share(sum(each[1].sum() < LIMIT for each in told), count),
        "mirrored": share(sum(each[:, 1].sum() < LIMIT for each in told), count),
        "all": share(
            sum(int(each.sum((0, 1)).argmax()) == 0 and each[1].sum() < LIMIT and each[:, 1].sum() < LIMIT for each in told),
            count,
        ),
    }


def false_accepts(rows):
    """Share of subjects of which at least one picture was taken for a chest."""
    worst = worst_of(rows)
    return {**share(int((worst >= LIMIT).sum()), len(worst)), "pictures": len(rows)}


def confidence(rows):
    """How sure the network was of what was so, on average, beside how often it was right; over all disturbances."""
    chests = [row for row in rows if row[0] == "chest"]
    right = heads(chests)
    mean = {
        "rotation": np.mean([row[4].sum((0, 1)).max() for row in chests]),
        "inverted": np.mean([max(row[4][1].sum(), row[4][0].sum()) for row in chests]),
        "mirrored": np.mean([max(row[4][:, 1].sum(), row[4][:, 0].sum()) for row in chests]),
    }
    counted = [(1.0, row[3]) for row in chests] + [(0.0, row[3]) for row in rows if row[0] != "chest"]
    return {
        "brierFrontal": rounded(np.mean([(truth - said) ** 2 for truth, said in counted])),
        "meanConfidence": {head: rounded(each) for head, each in mean.items()},
        "shareRight": {head: right[head]["value"] for head in mean},
    }
