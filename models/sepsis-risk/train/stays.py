"""Reads hourly ICU stays in the layout of the PhysioNet/CinC Challenge 2019 and draws the parts of the split."""
import hashlib
import io
import tarfile
from pathlib import Path

import numpy as np

LABEL = "SepsisLabel"
# The label turns positive six hours before the onset.
LABEL_LEAD_HOURS = 6
SPLIT_SEED = 20190119
# Of the stays; the rest is held out.
TRAINING_SHARE = 0.55
CALIBRATION_SHARE = 0.15
MAX_STAY_BYTES = 1024 * 1024


class Stays:
    """Hours of all stays one under the other: row r is hour `hour[r]` of stay `stay[r]`."""

    def __init__(self, names, tables, inputs):
        self.names = names
        lengths = np.array([len(rows) for _, rows in tables])
        self.stay = np.repeat(np.arange(len(names)), lengths)
        self.hour = np.concatenate([np.arange(length) for length in lengths])
        self.values = {}
        for spec in inputs:
            columns = [rows[:, header.index(spec["column"])] for header, rows in tables]
            self.values[spec["name"]] = np.concatenate(columns)
        self.onset = np.array([onset_of(header, rows) for header, rows in tables])
        self.since_onset = self.hour - self.onset[self.stay]


def onset_of(header, rows):
    """Hour of the onset, infinite for a stay without."""
    if LABEL not in header:
        return np.inf
    labelled = np.flatnonzero(rows[:, header.index(LABEL)] == 1)
    return labelled[0] + LABEL_LEAD_HOURS if len(labelled) else np.inf


def part_of(name):
    """Depends on the stay's name and the seed alone, as models/sepsis-risk/training/split.ts draws it."""
    digest = hashlib.sha256(f"{SPLIT_SEED}:{name}".encode()).digest()
    draw = int.from_bytes(digest[:4], "big") / 2**32
    if draw < TRAINING_SHARE:
        return "training"
    return "calibration" if draw < TRAINING_SHARE + CALIBRATION_SHARE else "heldOut"


def read_tables(path):
    """Yields (name, header, rows) from a folder of .psv files, a folder that holds patients.tar.gz, or such an archive."""
    path = Path(path)
    if path.is_dir() and (path / "patients.tar.gz").exists():
        path = path / "patients.tar.gz"
    if path.is_dir():
        for file in sorted(path.glob("*.psv")):
            yield file.stem, *parse(file.read_text())
        return
    with tarfile.open(path) as archive:
        for member in archive:
            if member.isfile() and member.name.endswith(".psv") and member.size <= MAX_STAY_BYTES:
                yield Path(member.name).stem, *parse(archive.extractfile(member).read().decode())


def parse(text):
    header, _, body = text.partition("\n")
    return header.strip().split("|"), np.loadtxt(io.StringIO(body), delimiter="|", ndmin=2)


def read_stays(path, inputs, minimum_age, wanted=lambda name: True):
    """Stays of patients old enough whose name is wanted."""
    names, tables = [], []
    for name, header, rows in read_tables(path):
        if wanted(name) and rows[0, header.index("Age")] >= minimum_age:
            names.append(name)
            tables.append((header, rows))
    return Stays(names, tables, inputs)
