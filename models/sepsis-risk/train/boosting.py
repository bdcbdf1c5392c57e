"""Gradient-boosted trees on hourly features: the members of the model, their cross-validation and their score."""
import numpy as np
from sklearn.ensemble import HistGradientBoostingClassifier
from sklearn.metrics import roc_auc_score

from utility import alarm_gain, best_normalised_utility

# Hours of a stay without sepsis are much alike: one in so many is used, and counts as many.
THINNING = 3


class Member:
    """Trees on some of the columns."""

    def __init__(self, columns, trees):
        self.columns = columns
        self.trees = trees

    def margin(self, features):
        return self.trees.decision_function(features[:, self.columns])


def fit_members(features, stays, hours, options, seed):
    """
    `hours` are the rows to learn from. Members take turns at two targets: the challenge's label, and whether an alarm
    gains utility, weighted by how much. Each reads a random part of the columns.
    """
    gain = alarm_gain(stays.since_onset)
    septic = np.isfinite(stays.onset)[stays.stay]
    used = hours[septic[hours] | ((stays.hour + stays.stay)[hours] % THINNING == 0)]
    weight = np.where(septic[used], 1.0, THINNING)
    label = (stays.since_onset >= -6)[used].astype(int)
    targets = [(label, weight), ((gain > 0)[used].astype(int), weight * np.abs(gain[used]))]
    random = np.random.RandomState(seed)
    members = []
    for index in range(options["members"]):
        share = int(round(options["columnShare"] * features.shape[1]))
        columns = np.sort(random.permutation(features.shape[1])[:share])
        target, weights = targets[index % 2]
        trees = HistGradientBoostingClassifier(
            max_iter=options["rounds"],
            learning_rate=options["learningRate"],
            max_leaf_nodes=options["leaves"],
            min_samples_leaf=options["leafHours"],
            l2_regularization=options["l2"],
            early_stopping=False,
            random_state=seed + index,
        )
        members.append(Member(columns, trees.fit(features[np.ix_(used, columns)], target, weights)))
    return members


def margin(members, features):
    """Mean of the members' log-odds."""
    return sum(member.margin(features) for member in members) / len(members)


def cross_validate(features, answered, stays, options, seed, folds=5):
    """Stays in `folds` parts, each scored by trees that have not seen it; its threshold is the one of the other parts."""
    fold = np.random.RandomState(seed).permutation(len(stays.names)) % folds
    fold = fold[stays.stay]
    scores = np.full(len(answered), -np.inf)
    for part in range(folds):
        members = fit_members(features, stays, np.flatnonzero(answered & (fold != part)), options, seed)
        rows = np.flatnonzero(answered & (fold == part))
        scores[rows] = margin(members, features[rows])
    label = stays.since_onset >= -6
    gain = alarm_gain(stays.since_onset)
    gained = 0.0
    for part in range(folds):
        _, threshold = best_normalised_utility(scores[fold != part], gain[fold != part])
        gained += gain[(fold == part) & (scores >= threshold)].sum()
    return {
        "auroc": round(roc_auc_score(label[answered], scores[answered]), 4),
        "utility": round(gained / np.maximum(gain, 0).sum(), 4),
    }
