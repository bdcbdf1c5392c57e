"""The network: one small trunk that sees a picture in sixteen views and is asked of each how upright it looks."""
import torch
from torch import nn

# Channels before and after, and stride: the last map has 8 × 8 places, each of which sees nearly the whole picture.
WIDTHS = ((1, 12, 2), (12, 24, 2), (24, 40, 2), (40, 56, 2), (56, 64, 1), (64, 64, 1), (64, 64, 1))
FEATURES = 64
MAP = 8
TURNS = 4
VIEWS = 16
EPSILON = 1e-3


def view(pictures, index):
    """
    Undoes orientation `index` of [N, C, s, s]: 8·inverted + 4·mirrored + quarter turns clockwise. A picture was mirrored
    first and turned then; polarity is `negate`'s.
    """
    turns, mirrored = index % TURNS, index // TURNS % 2
    turned = turn_back(pictures, turns)
    return turned.flip(3) if mirrored else turned


def unview(pictures, index):
    """Orientation `index` given to [N, C, s, s]: the inverse of `view`."""
    turns, mirrored = index % TURNS, index // TURNS % 2
    return turn_back(pictures.flip(3) if mirrored else pictures, (TURNS - turns) % TURNS)


def turn_back(pictures, turns):
    """Quarter turns anticlockwise, by transposing and flipping."""
    if turns == 1:
        return pictures.transpose(2, 3).flip(2)
    if turns == 2:
        return pictures.flip(2).flip(3)
    if turns == 3:
        return pictures.transpose(2, 3).flip(3)
    return pictures


class Trunk(nn.Module):
    def __init__(self):
        super().__init__()
        layers = []
        for before, after, stride in WIDTHS:
            layers += [nn.Conv2d(before, after, 3, stride, 1, bias=False), nn.BatchNorm2d(after), nn.ReLU()]
        self.layers = nn.Sequential(*layers)
        self.pool = nn.AvgPool2d(2)
        self.upright = nn.Sequential(
            nn.Flatten(), nn.Dropout(0.3), nn.Linear(FEATURES * (MAP // 2) ** 2, 32), nn.ReLU(), nn.Linear(32, 1)
        )

    def forward(self, views):
        """[M, 1, 128, 128] → features [M, 64, 8, 8] and how upright each view looks [M]."""
        features = self.layers(views)
        return features, self.upright(self.pool(features))[:, 0]


class ChestQc(nn.Module):
    """`frontal_scale`, `frontal_shift` and `sharpness` are the calibration, 1, 0 and 1 until it is known."""

    def __init__(self):
        super().__init__()
        self.trunk = Trunk()
        self.frontal = nn.Linear(FEATURES, 1)
        self.frontal_scale, self.frontal_shift, self.sharpness = 1.0, 0.0, 1.0

    def views(self, pictures, views):
        """[N, 1, 128, 128] → [V·N, 1, 128, 128]: each orientation undone, view by view."""
        level = standard(pictures)
        return torch.cat([view(level, index) * (-1.0 if index >= VIEWS // 2 else 1.0) for index in views])

    def frontal_logit(self, features):
        return self.frontal(features.mean((2, 3)))[:, 0]

    def logits(self, pictures):
        """Frontal logit [N] and upright scores [N, 16], not calibrated, with the features [N, 64, 8, 8]."""
        features, upright = self.trunk(self.views(pictures, range(VIEWS)))
        seen = features.reshape(VIEWS, -1, FEATURES, MAP, MAP)
        scores = upright.reshape(VIEWS, -1).transpose(0, 1)
        # What a view shows counts as much as it looks upright: what is no chest there is none in any other view.
        weights = torch.softmax(scores, 1).transpose(0, 1).reshape(VIEWS, -1, 1, 1, 1)
        shown = torch.stack([unview(seen[index], index) for index in range(VIEWS)])
        level = (shown * weights).sum(0)
        return self.frontal_logit(level), scores, level

    def forward(self, pictures):
        """frontal [N, 1], rotation [N, 4], inverted [N, 1], mirrored [N, 1] as probabilities, features [N, 64, 8, 8]."""
        frontal, upright, features = self.logits(pictures)
        joint = torch.softmax(upright * self.sharpness, 1).reshape(-1, 2, 2, TURNS)
        return (
            torch.sigmoid(frontal * self.frontal_scale + self.frontal_shift)[:, None],
            joint.sum((1, 2)),
            joint[:, 1].sum((1, 2))[:, None],
            joint[:, :, 1].sum((1, 2))[:, None],
            features,
        )


def standard(pictures):
    """Mean 0 and spread 1 for each picture, so that brightness and contrast are nothing to learn."""
    centred = pictures - pictures.mean((1, 2, 3), keepdim=True)
    return centred / torch.sqrt((centred * centred).mean((1, 2, 3), keepdim=True) + EPSILON)
