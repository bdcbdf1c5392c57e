"""Writes trees as an ONNX model (https://onnx.ai/onnx/repo-docs/IR.html), by the wire format of Protocol Buffers."""
import struct

import numpy as np

IR_VERSION = 10
OPSET_VERSION = 21
TREE_OPSET_VERSION = 3
FLOAT = 1
FLOAT_ATTRIBUTE, INT_ATTRIBUTE, STRING_ATTRIBUTE, FLOATS, INTS, STRINGS = 1, 2, 3, 6, 7, 8


def tree_model(members, columns, version):
    """
    Input `features` float32 [N, columns]; output `probability` float32 [N, 1], not calibrated: the logistic function of
    the mean of the members' log-odds.
    """
    trees = node("TreeEnsembleRegressor", ["features"], ["logit"], tree_attributes(members), "ai.onnx.ml")
    logistic = node("Sigmoid", ["logit"], ["probability"])
    graph = b"".join(
        [
            message(1, trees),
            message(1, logistic),
            text(2, "sepsis-risk"),
            message(11, value_info("features", columns)),
            message(12, value_info("probability", 1)),
        ]
    )
    about = "Probability of sepsis within six hours, from hourly vital signs and laboratory values. Research only."
    opsets = [text(1, "") + integer(2, OPSET_VERSION), text(1, "ai.onnx.ml") + integer(2, TREE_OPSET_VERSION)]
    head = integer(1, IR_VERSION) + text(2, "wardstone") + text(3, version) + text(6, about)
    return head + message(7, graph) + b"".join(message(8, opset) for opset in opsets)


def tree_attributes(members):
    nodes = [tree for member in members for tree in member_nodes(member, len(members))]
    inner = {
        "treeids": INTS,
        "nodeids": INTS,
        "featureids": INTS,
        "values": FLOATS,
        "truenodeids": INTS,
        "falsenodeids": INTS,
    }
    leaves = {"treeids": [], "nodeids": [], "ids": [], "weights": []}
    columns = {name: [] for name in inner}
    modes = []
    for tree, rows in enumerate(nodes):
        for index, (leaf, feature, threshold, left, right, value) in enumerate(rows):
            split = (tree, index, 0, 0.0, 0, 0) if leaf else (tree, index, feature, threshold, left, right)
            for name, entry in zip(inner, split):
                columns[name].append(entry)
            modes.append("LEAF" if leaf else "BRANCH_LEQ")
            if leaf:
                for name, entry in zip(leaves, (tree, index, 0, value)):
                    leaves[name].append(entry)
    base = float(np.mean([member.trees._baseline_prediction.item() for member in members]))
    return (
        [attribute(f"nodes_{name}", kind, columns[name]) for name, kind in inner.items()]
        + [attribute("nodes_modes", STRINGS, modes)]
        + [attribute(f"target_{name}", FLOATS if name == "weights" else INTS, leaves[name]) for name in leaves]
        + [attribute("n_targets", INT_ATTRIBUTE, 1), attribute("base_values", FLOATS, [base])]
        + [attribute("aggregate_function", STRING_ATTRIBUTE, "SUM")]
        + [attribute("post_transform", STRING_ATTRIBUTE, "NONE")]
    )


def member_nodes(member, count):
    """Each tree's nodes as (leaf, column, threshold, left, right, value); leaf values carry the member's share."""
    for (predictor,) in member.trees._predictors:
        yield [
            (
                bool(row["is_leaf"]),
                int(member.columns[row["feature_idx"]]),
                float32_at_most(row["num_threshold"]),
                int(row["left"]),
                int(row["right"]),
                float(row["value"]) / count,
            )
            for row in predictor.nodes
        ]


def float32_at_most(threshold):
    """The largest float32 not above: a float32 value is at most this exactly when it is at most the threshold."""
    limit = np.finfo(np.float32).max
    nearest = np.float32(np.clip(threshold, -limit, limit))
    return float(nearest if nearest <= threshold else np.nextafter(nearest, np.float32(-limit)))


def node(operator, inputs, outputs, attributes=(), domain=""):
    parts = [text(1, name) for name in inputs] + [text(2, name) for name in outputs]
    parts += [text(3, outputs[0]), text(4, operator)] + [message(5, each) for each in attributes]
    return b"".join(parts) + (text(7, domain) if domain else b"")


def attribute(name, kind, value):
    fields = {
        FLOATS: lambda: b"".join(tag(7, 5) + struct.pack("<f", each) for each in value),
        INTS: lambda: b"".join(integer(8, each) for each in value),
        STRINGS: lambda: b"".join(text(9, each) for each in value),
        INT_ATTRIBUTE: lambda: integer(3, value),
        STRING_ATTRIBUTE: lambda: text(4, value),
    }
    return text(1, name) + fields[kind]() + integer(20, kind)


def value_info(name, columns):
    dims = message(1, text(2, "N")) + message(1, integer(1, columns))
    return text(1, name) + message(2, message(1, integer(1, FLOAT) + message(2, dims)))


def varint(value):
    encoded = bytearray()
    while value > 0x7F:
        encoded.append(value & 0x7F | 0x80)
        value >>= 7
    return bytes(encoded + bytes([value]))


def tag(field, wire):
    return varint(field << 3 | wire)


def integer(field, value):
    return tag(field, 0) + varint(value)


def message(field, content):
    return tag(field, 2) + varint(len(content)) + content


def text(field, content):
    return message(field, content.encode())
