"""The contract's guards and preprocessing steps over every hour of every stay at once, in float64 as in service."""
import numpy as np


def feature_table(stays, spec):
    """(features as float32 [hours, columns], which hours the guards let through)."""
    matrices = {}
    guarded, answered = guard(stays, spec["inputs"])
    context = {each["name"] for each in spec["inputs"] if each["kind"] == "context"}
    for step in spec["preprocessing"]:
        if step["op"] == "tensor":
            return matrices[step["from"]].astype(np.float32), answered
        matrices[step["to"]] = run(step, matrices, guarded, stays, context)
    raise ValueError("no step makes a tensor")


def guard(stays, inputs):
    """Sets aside what is implausible and what is stale; an hour without an essential input is not answered."""
    guarded, answered = {}, np.ones(len(stays.hour), bool)
    for spec in inputs:
        values = stays.values[spec["name"]].copy()
        low, high = spec["range"]["low"], spec["range"]["high"]
        values[(values < low) | (values > high)] = np.nan
        if spec["kind"] == "context":
            # One value is sent, the one of this hour; out of range it is refused.
            answered &= ~np.isnan(values)
        else:
            seen = hours_since(values, stays) <= spec["maxAgeHours"]
            if spec["kind"] == "essential":
                answered &= seen
        guarded[spec["name"]] = values
    return guarded, answered


def run(step, matrices, guarded, stays, context):
    op = step["op"]
    if op == "observe" and step["hours"] == 1:
        if not set(step["inputs"]) <= context:
            raise ValueError("observe with one hour is known for context alone")
        return np.stack([guarded[name] for name in step["inputs"]], 1)
    if op == "observe":
        # Rows above are looked at by the next op; how far, it has to be told.
        return [(guarded[name], step["hours"]) for name in step["inputs"]]
    if op == "rows-since":
        return [limited(hours_since(values, stays), hours) for values, hours in matrices[step["from"]]]
    if op == "last-row":
        return np.stack(matrices[step["from"]], 1)
    if op == "bins":
        return np.stack([spanned(guarded[name], stays, step) for name in step["inputs"]], 1)
    if op == "concatenate":
        return np.concatenate([matrices[name] for name in step["from"]], 1)
    if op == "fill":
        source = matrices[step["from"]]
        return np.where(np.isnan(source), np.array(step["values"], float), source)
    raise ValueError(f"unknown op {op}")


def hours_since(values, stays):
    """Hours since the stay's last value, infinite where there was none yet."""
    rows = np.arange(len(values))
    last = np.maximum.accumulate(np.where(np.isnan(values), -1, rows))
    first = rows - stays.hour
    return np.where(last >= first, rows - last, np.inf)


def limited(since, hours):
    return np.where(since < hours, since, np.nan)


def spanned(values, stays, step):
    """One value out of the last hours, gathered from the oldest to the newest so that sums have the same bits."""
    if step["count"] != 1 or step["minutes"] % 60 != 0:
        raise ValueError("only one span of whole hours is known")
    taken, count = np.full(len(values), np.nan), np.zeros(len(values))
    for back in range(step["minutes"] // 60 - 1, -1, -1):
        value = shifted(values, stays, back)
        measured = ~np.isnan(value)
        count += measured
        first = measured & np.isnan(taken)
        later = measured & ~first
        taken[first] = value[first]
        taken[later] = join(step["take"], taken[later], value[later])
    if step["take"] == "mean":
        return taken / np.where(count > 0, count, np.nan)
    return count if step["take"] == "count" else taken


def join(take, taken, value):
    if take in ("mean", "sum"):
        return taken + value
    joins = {"latest": value, "first": taken, "count": taken}
    if take in joins:
        return joins[take]
    return {"minimum": np.minimum, "maximum": np.maximum}[take](taken, value)


def shifted(values, stays, back):
    """The value `back` hours before each hour of the same stay."""
    if back == 0:
        return values
    moved = np.full(len(values), np.nan)
    moved[back:] = values[:-back]
    moved[stays.hour < back] = np.nan
    return moved
