#!/usr/bin/python3
"""
Trains the sepsis score: train.py --data ../shared/data/sepsis. Writes model.onnx, training.json and agreement.json beside
this folder; `--choose` compares options by cross-validation inside the training part and writes choices.json instead.
Of the stays only the training part is read. The same stays, seed and library versions give the same files.
"""
import argparse
import hashlib
import json
import os
import sys
from pathlib import Path

# More threads would add the same numbers in another order.
os.environ["OMP_NUM_THREADS"] = "1"
# The source folder keeps no compiled files.
sys.dont_write_bytecode = True

import numpy as np  # noqa: E402
import sklearn  # noqa: E402

from boosting import cross_validate, fit_members, margin  # noqa: E402
from features import feature_table  # noqa: E402
from onnx_writer import tree_model  # noqa: E402
from stays import SPLIT_SEED, part_of, read_stays  # noqa: E402

HERE = Path(__file__).resolve().parent
SEED = 20190119
OPTIONS = {
    "members": 8,
    "columnShare": 0.25,
    "rounds": 120,
    "learningRate": 0.06,
    "leaves": 15,
    "leafHours": 50,
    "l2": 10,
}
# What OPTIONS was compared with.
CHOICES = [
    {"members": 12, "leafHours": 200, "l2": 50},
    {},
    {"members": 12, "leafHours": 200, "l2": 50, "leaves": 8, "rounds": 150},
    {"columnShare": 0.4, "leafHours": 200, "l2": 50},
]


def main():
    parser = argparse.ArgumentParser()
    parser.add_argument("--data", required=True)
    parser.add_argument("--out", default=str(HERE.parent))
    parser.add_argument("--choose", action="store_true")
    arguments = parser.parse_args()
    spec = json.loads((HERE / "spec.json").read_text())
    stays = read_stays(arguments.data, spec["inputs"], spec["minimumAge"], lambda name: part_of(name) == "training")
    features, answered = feature_table(stays, spec)
    if arguments.choose:
        found = []
        for choice in CHOICES:
            options = OPTIONS | choice
            found.append({"options": options, **cross_validate(features, answered, stays, options, SEED)})
            print(found[-1], flush=True)
        write(arguments.out, "choices.json", found)
        return
    hours = np.flatnonzero(answered)
    members = fit_members(features, stays, hours, OPTIONS, SEED)
    model = tree_model(members, len(spec["columns"]), spec["version"])
    (Path(arguments.out) / "model.onnx").write_bytes(model)
    write(arguments.out, "training.json", training_record(stays, features, hours, model, spec))
    write(arguments.out, "agreement.json", agreement(members, spec))


def training_record(stays, features, hours, model, spec):
    return {
        "seed": SEED,
        "splitSeed": SPLIT_SEED,
        "options": OPTIONS,
        "scikitLearn": sklearn.__version__,
        "numpy": np.__version__,
        "stays": len(stays.names),
        "septic": int(np.isfinite(stays.onset).sum()),
        "hours": len(stays.hour),
        "answered": len(hours),
        "modelSha256": hashlib.sha256(model).hexdigest(),
        # What an ordinary hour looks like: the explanation's baseline.
        "baseline": dict(zip(spec["columns"], np.median(features[hours], 0).astype(float).tolist())),
    }


def agreement(members, spec):
    """Features and scores of made-up stays, to which the runtime's own path is held by a test."""
    stays = read_stays(HERE / "made-up", spec["inputs"], spec["minimumAge"])
    features, answered = feature_table(stays, spec)
    scores = 1 / (1 + np.exp(-margin(members, features)))
    return {
        name: {
            "answered": answered[stays.stay == index].astype(int).tolist(),
            "featuresSha256": hashlib.sha256(features[(stays.stay == index) & answered].tobytes()).hexdigest(),
            "scores": [round(float(score), 8) for score in scores[(stays.stay == index) & answered]],
        }
        for index, name in enumerate(stays.names)
    }


def write(folder, name, content):
    (Path(folder) / name).write_text(json.dumps(content, indent=1) + "\n")


if __name__ == "__main__":
    main()
