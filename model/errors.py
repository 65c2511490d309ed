"""Every error of the model room is a ModelError that names the place: an array, a feature or a manifest entry.

The message is "place: reason". Values found in a file are not repeated, only names, shapes and counts.
"""


class ModelError(Exception):
    """Root of the room. `place` names what is wrong, `reason` says why."""

    def __init__(self, place: str, reason: str) -> None:
        super().__init__(f"{place}: {reason}")
        self.place = place
        self.reason = reason


class ShapeMismatch(ModelError):
    """Arrays, features and activations do not fit together."""


class NotFinite(ModelError):
    """An array holds a NaN or an infinity."""


class ScaleNotPositive(ModelError):
    """A feature's scale is zero, negative or too small to divide by."""


class UnknownName(ModelError):
    """An activation or a head that this engine does not have."""


class Unreadable(ModelError):
    """The file cannot be opened, or it is not a zip archive that can be read."""


class TooLarge(ModelError):
    """The file or something in it is over the limit, and was not read, unpacked or computed."""


class UnknownMember(ModelError):
    """The archive holds something that the format does not know."""


class MissingMember(ModelError):
    """The archive lacks an array that the format demands."""


class DuplicateMember(ModelError):
    """The archive holds the same name twice."""


class BadArray(ModelError):
    """A member is not a plain array of the expected kind: pickled, another type, another byte order."""


class BadManifest(ModelError):
    """The manifest is not what the format says; `place` is the path of the entry."""


class DigestMismatch(ModelError):
    """The file's SHA-256 differs from the one that was asked for."""


class SelfTestFailed(ModelError):
    """The model does not reproduce the scores that its own file says it must give."""


class NotServable(ModelError):
    """A sound model that gives no delay risk: several outputs, a head that is no sigmoid, a feature with a result's name."""


class BadPointer(ModelError):
    """The pointer of a store is not what its format says; `place` is the path of the entry."""


class NothingPromoted(ModelError):
    """The store has no pointer: no version of it was promoted yet."""


class NothingBefore(ModelError):
    """There is no version to roll back to."""


class VersionTaken(ModelError):
    """The version was published with other content, and a version never changes its content."""


class VersionMismatch(ModelError):
    """The file says another version of itself than the store does."""


class AlreadyCurrent(ModelError):
    """A version that is current would be tried beside itself."""


class OtherFeatures(ModelError):
    """A challenger takes other features than the model that it is to be tried beside."""


class OtherModel(ModelError):
    """A model of another name than the versions that the store holds."""
