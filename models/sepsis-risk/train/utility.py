"""The score of the PhysioNet/CinC Challenge 2019 (Reyna et al. 2020), hour by hour from the onset of sepsis."""
import numpy as np


def alarm_gain(since_onset):
    """What an alarm is worth more than silence; `since_onset` is -inf in a stay without sepsis."""
    since = np.where(np.isfinite(since_onset), since_onset, -1e6)
    alarm = np.where(since < -12, -0.05, np.where(since <= -6, (since + 12) / 6, (3 - since) / 9))
    silence = np.where(since > -6, -2 * (since + 6) / 9, 0)
    return np.where(since > 3, 0, alarm - silence)


def best_normalised_utility(scores, gain):
    """(utility, threshold) of the score at or above which alarms gain most; -inf is never an alarm."""
    order = np.argsort(-scores, kind="stable")
    gained = np.cumsum(np.where(np.isfinite(scores), gain, 0)[order])
    best = int(np.argmax(gained))
    return gained[best] / np.maximum(gain, 0).sum(), scores[order[best]]
