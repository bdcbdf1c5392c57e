"""Shares and areas with their 95 % intervals, and the two calibrations."""
import numpy as np

Z = 1.959964
RESAMPLES = 1000


def share(right, of):
    """Wilson's interval: it stays honest where nothing went wrong (Wilson 1927)."""
    if of == 0:
        return {"value": None, "low": None, "high": None, "of": 0}
    rate = right / of
    middle = (rate + Z * Z / (2 * of)) / (1 + Z * Z / of)
    reach = Z / (1 + Z * Z / of) * np.sqrt(rate * (1 - rate) / of + Z * Z / (4 * of * of))
    return {
        "value": rounded(rate),
        "low": rounded(max(0.0, middle - reach)),
        "high": rounded(min(1.0, middle + reach)),
        "of": int(of),
    }


def auroc(positive, negative):
    wins = (positive[:, None] > negative[None, :]).mean() + 0.5 * (positive[:, None] == negative[None, :]).mean()
    return float(wins)


def auroc_interval(positive, negative, seed):
    """The middle 95 % of resamples of patients and of other subjects."""
    draw = np.random.default_rng(seed)
    found = [
        auroc(draw.choice(positive, len(positive)), draw.choice(negative, len(negative))) for _ in range(RESAMPLES)
    ]
    low, high = np.quantile(found, [0.025, 0.975])
    return {
        "value": rounded(auroc(positive, negative)),
        "low": rounded(low),
        "high": rounded(high),
        "of": int(len(positive) + len(negative)),
    }


def logistic_line(logits, truth, weights):
    """Platt's slope and intercept with his cautious targets (Platt 1999), by Newton's method."""
    count = [weights[truth == each].sum() for each in (0, 1)]
    target = np.where(truth == 1, (count[1] + 1) / (count[1] + 2), 1 / (count[0] + 2))
    design = np.stack([logits, np.ones_like(logits)], 1)
    line = np.array([1.0, 0.0])
    for _ in range(100):
        said = 1 / (1 + np.exp(-design @ line))
        slope = design.T @ (weights * (said - target))
        bend = (design * (weights * said * (1 - said))[:, None]).T @ design + 1e-9 * np.eye(2)
        line = line - np.linalg.solve(bend, slope)
    return float(line[0]), float(line[1])


def sharpest(scores, weights):
    """By what the upright scores are multiplied so that the first of sixteen is most likely (Guo et al. 2017)."""
    tried = np.exp(np.linspace(np.log(0.2), np.log(5), 200))
    losses = [-(weights * log_softmax(scores * each)[:, 0]).sum() for each in tried]
    return float(tried[int(np.argmin(losses))])


def log_softmax(scores):
    level = scores - scores.max(1, keepdims=True)
    return level - np.log(np.exp(level).sum(1, keepdims=True))


def rounded(value):
    return round(float(value), 4)
