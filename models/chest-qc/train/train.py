"""
Trains and measures chest-qc: `train.py --pictures DIR`, DIR as testkit/export-command.ts leaves it. Writes model.onnx,
training.json, agreement.json and measured.json. The same pictures and versions give the same files, byte for byte.
"""
import argparse
import hashlib
import io
import json
from pathlib import Path

import numpy as np
import torch

from figures import share
from learn import OPTIONS, fit
from pictures import FOLDS, LEARNT, MEASURED_ALONE, Pictures
from validate import answers, calibrate, heads, joint, probability, summary, validate

HERE = Path(__file__).resolve().parent
SEED = 20_260_101
OPSET = 17
OUTPUTS = ("frontal", "rotation", "inverted", "mirrored", "features")


def main():
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("--pictures", required=True)
    parser.add_argument("--out", default=str(HERE.parent))
    parser.add_argument("--steps", type=int, default=OPTIONS["steps"])
    arguments = parser.parse_args()
    # One thread adds up in one order.
    torch.set_num_threads(1)
    torch.use_deterministic_algorithms(True)
    options = OPTIONS | {"steps": arguments.steps}
    pictures = Pictures(arguments.pictures, SEED)
    rows, spread = validate(pictures, options, SEED)
    calibration = calibrate(rows)
    network = fit(pictures, pictures.of({LEARNT}), pictures.negatives(), options, SEED + FOLDS)
    network.frontal_scale, network.frontal_shift = calibration["scale"], calibration["shift"]
    network.sharpness = calibration["sharpness"]
    model = onnx_model(network)
    digest = hashlib.sha256(model).hexdigest()
    (Path(arguments.out) / "model.onnx").write_bytes(model)
    write(arguments.out, "training.json", training_record(network, pictures, options, calibration, digest))
    write(arguments.out, "agreement.json", agreement(network, arguments.pictures))
    measured = {"modelSha256": digest, "folds": FOLDS, "equivariance": float(f"{spread:.1e}")}
    measured |= summary(rows, calibration, SEED) | alone(network, pictures, calibration)
    write(arguments.out, "measured.json", measured)


def onnx_model(network):
    """Inference alone, batch normalisation folded into the convolutions, any number of pictures at once."""
    written = io.BytesIO()
    torch.onnx.export(
        network.eval(),
        torch.zeros(1, 1, 128, 128),
        written,
        opset_version=OPSET,
        input_names=["image"],
        output_names=list(OUTPUTS),
        dynamic_axes={name: {0: "N"} for name in ("image", *OUTPUTS)},
    )
    return written.getvalue()


def training_record(network, pictures, options, calibration, digest):
    weights = network.frontal.weight[0].detach().double() * calibration["scale"]
    constant = float(network.frontal.bias.detach()) * calibration["scale"] + calibration["shift"]
    return {
        "seed": SEED,
        "options": options,
        "torch": torch.__version__,
        "numpy": np.__version__,
        "patients": len({pictures.subject[index] for index in pictures.of({LEARNT})}),
        "radiographs": len(pictures.of({LEARNT})),
        "otherSubjects": len({pictures.subject[index] for index in pictures.negatives()}),
        "otherPictures": len(pictures.negatives()),
        "parameters": sum(each.numel() for each in network.parameters()),
        "calibration": calibration,
        "modelSha256": digest,
        # frontal = sigmoid(Σ weight · mean of a feature's map + constant): what the class activation map adds up.
        "frontalWeights": [float(f"{each:.8g}") for each in weights.tolist()],
        "frontalConstant": float(f"{constant:.8g}"),
    }


def agreement(network, folder):
    """What this library says of the drawings of the golden vectors."""
    names = json.loads((Path(folder) / "drawn.json").read_text())
    shown = torch.from_numpy(np.fromfile(Path(folder) / "drawn.f32", dtype=np.float32).reshape(-1, 1, 128, 128))
    with torch.no_grad():
        told = network(shown)
    return {
        name: {output: [float(f"{each:.7g}") for each in tensor[index].tolist()] for output, tensor in zip(OUTPUTS[:4], told)}
        for index, name in enumerate(names)
    }


def alone(network, pictures, calibration):
    """The shipped network on radiographs that no training saw: children, and two computed radiographs as DICOM."""
    found = {}
    for kind in MEASURED_ALONE:
        indices = pictures.of({kind})
        logits, upright = answers(network, (pictures.exact[indices, 0] + 1) / 2)
        rows = [(kind, "", "", probability(logit, calibration), joint(scores, calibration)) for logit, scores in zip(logits, upright)]
        found[kind] = heads(rows) | {"said": {pictures.listed[index]["name"]: round(row[3], 4) for index, row in zip(indices, rows)}}
    return {"alone": found}


def write(folder, name, content):
    (Path(folder) / name).write_text(json.dumps(content, indent=1) + "\n")


if __name__ == "__main__":
    main()
