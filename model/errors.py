"""The errors of model/: each is a ModelError with the location of what is wrong and the reason.

No message repeats a value from a file; it holds names, shapes and counts only. The class names are values of the label
`reason` of delivery_risk_model_reload_failures_total.
"""


class ModelError(Exception):
    """Root of the errors of model/. Its text is "location: reason".

    `location` is the array, feature, manifest entry or file that is wrong. `reason` says what is wrong with it.
    """

    def __init__(self, location: str, reason: str) -> None:
        super().__init__(f"{location}: {reason}")
        self.location = location
        self.reason = reason


class ShapeMismatch(ModelError):
    """The shapes or counts of arrays, features and activations do not match."""


class NotFinite(ModelError):
    """An array contains NaN or an infinity."""


class ScaleNotPositive(ModelError):
    """The scale of a feature is zero, negative or subnormal."""


class UnknownName(ModelError):
    """The name is not the name of an activation or head of this engine."""


class Unreadable(ModelError):
    """The file cannot be opened, or is not a valid zip archive."""


class Unwritable(ModelError):
    """The journal of a registry cannot be written, so the registry is unchanged."""


class TooLarge(ModelError):
    """The file or a part of it is over its limit. It was not read, unpacked or computed."""


class UnknownMember(ModelError):
    """The archive contains a file that the format does not define."""


class MissingMember(ModelError):
    """The archive lacks an array that the format requires."""


class DuplicateMember(ModelError):
    """The archive contains two files of the same name."""


class BadArray(ModelError):
    """A member of the archive is not a plain array of the expected type and byte order."""


class BadManifest(ModelError):
    """The manifest is invalid; `location` is the path of the entry."""


class DigestMismatch(ModelError):
    """The SHA-256 of the file is not the expected one."""


class SelfTestFailed(ModelError):
    """The model does not give the orders of its self-test the scores in the file."""


class OtherScores(ModelError):
    """The imported model does not give orders the scores that the training script expects."""


class NotServable(ModelError):
    """A valid model that cannot score orders: several outputs, another head than sigmoid, or a reserved feature name."""


class NotExplainable(ModelError):
    """Scores of the model have no exact explanation: `location` is the layer whose activation is not piecewise linear."""


class BadPointer(ModelError):
    """CURRENT.json or CHALLENGER.json of a registry is invalid; `location` is the path of the entry."""


class NothingPromoted(ModelError):
    """The registry has no current version: none was promoted yet."""


class VersionTaken(ModelError):
    """The version was published before with other content."""


class VersionMismatch(ModelError):
    """The version in the file is not the version under which the registry has it."""


class OtherFeatures(ModelError):
    """The challenger takes other features than the champion."""


class NotAllowed(ModelError):
    """The registry has nothing to roll back to, has versions of another model, or has the challenger as current version."""


class BadGraph(ModelError):
    """The graph of an ONNX file is not one path from the inputs of orders to one score; `location` is the part."""


class BadNode(ModelError):
    """A node of an ONNX graph is not part of a network that a model file can hold; `location` has its name."""


class NotInstalled(ModelError):
    """Reading this kind of file needs an extra that is not installed."""
