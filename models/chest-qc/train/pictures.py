"""The exported pictures, which of them are one subject, and how they are divided."""
import json
from pathlib import Path

import numpy as np
import torch

FOLDS = 5
LEARNT, MEASURED_ALONE = "chest", ("chest-child", "chest-outside")
# A kind of negative is held out whole: what a fold rejects, it has seen nothing like.
FOLD_OF_KIND = {"ct": 0, "mr": 1, "mr-brain": 1, "us": 2, "nm": 3, "seg": 3, "limb": 3, "other": 4}
SAME = 0.9


class Pictures:
    def __init__(self, folder, seed):
        folder = Path(folder)
        self.listed = json.loads((folder / "pictures.json").read_text())
        count = len(self.listed)
        large = np.fromfile(folder / "large.u16", dtype=np.uint16).reshape(count, 256, 256)
        exact = np.fromfile(folder / "exact.f32", dtype=np.float32).reshape(count, 1, 128, 128)
        self.large = [torch.from_numpy(each.astype(np.float32) / 65535) for each in large]
        self.exact = torch.from_numpy(exact)
        self.kind = [each["kind"] for each in self.listed]
        self.subject = one_subject([each["subject"] for each in self.listed], self.kind, exact)
        self.fold = folds(self.subject, self.kind, seed)

    def of(self, kinds):
        return [index for index, kind in enumerate(self.kind) if kind in kinds]

    def negatives(self):
        return self.of(set(FOLD_OF_KIND))


def one_subject(subjects, kinds, exact):
    """Other pictures that are nearly equal are one subject: the same one in several files and codings."""
    flat = exact.reshape(len(exact), -1).astype(np.float64)
    flat = flat - flat.mean(1, keepdims=True)
    flat /= np.linalg.norm(flat, axis=1, keepdims=True) + 1e-9
    alike = flat @ flat.T > SAME
    merged = list(subjects)
    for first in range(len(merged)):
        for second in range(first):
            both_negative = kinds[first] in FOLD_OF_KIND and kinds[second] in FOLD_OF_KIND
            if both_negative and alike[first, second] and merged[first] != merged[second]:
                old, new = merged[first], merged[second]
                merged = [new if each == old else each for each in merged]
    return merged


def folds(subjects, kinds, seed):
    """Patients in shuffled turn; negatives by their kind, a subject by the first of its kinds; the rest belongs to none."""
    patients = sorted({subject for subject, kind in zip(subjects, kinds) if kind == LEARNT})
    order = np.random.default_rng(seed).permutation(len(patients))
    place = {patients[index]: turn % FOLDS for turn, index in enumerate(order)}
    for subject, kind in zip(subjects, kinds):
        if kind in FOLD_OF_KIND:
            place.setdefault(subject, FOLD_OF_KIND[kind])
    return [None if kind in MEASURED_ALONE else place[subject] for subject, kind in zip(subjects, kinds)]
