"""Files of training frameworks that are never read: a pickle runs code when it is read, and the others need their framework.

Their errors name the script that exports the network where it was trained.
"""

import re
from dataclasses import dataclass
from typing import NoReturn

from model.errors import Unreadable


@dataclass(frozen=True, slots=True)
class FrameworkFile:
    """A kind of file, by what it begins with and how its names end, and the framework whose script exports it."""

    what: str
    framework: str
    beginning: re.Pattern[bytes]
    suffixes: tuple[str, ...]

    def read(self, name: str, content: bytes, features: tuple[str, ...] = ()) -> NoReturn:
        """Raises Unreadable."""
        script = f"run the script that `delivery-risk model exporter {self.framework}` prints where it was trained"
        raise Unreadable(name, f"{self.what}, which is never read; {script}, and import what it writes")


def _first_member(name: bytes) -> re.Pattern[bytes]:
    """The beginning of a zip archive whose first member has this name."""
    return re.compile(rb"PK\x03\x04.{26}" + name, re.DOTALL)


_COMPRESSED = re.compile(rb"x[\x01\x5e\x9c\xda]|\x1f\x8b|BZh|\xfd7zXZ|\x5d\x00\x00|\x04\x22M\x18")

FILES = (
    FrameworkFile("a file of torch.save", "torch", re.compile(rb"\x80\x02\x8a\nl\xfc\x9cF\xf9 j\xa8P\x19"), (".pth",)),
    FrameworkFile("a file of torch.save", "torch", _first_member(rb"[^/]{1,255}/data\.pkl"), (".pt",)),
    FrameworkFile("a Keras model", "keras", _first_member(rb"(?:metadata|config)\.json|model\.weights\.h5"), (".keras",)),
    FrameworkFile("an HDF5 file, such as of Keras", "keras", re.compile(rb"\x89HDF\r\n\x1a\n"), (".h5", ".hdf5")),
    FrameworkFile("a pickle", "sklearn", re.compile(rb"\x80[\x01-\x0f]"), (".pkl", ".pickle", ".joblib", ".skops")),
    FrameworkFile("a compressed file, such as of joblib.dump", "sklearn", _COMPRESSED, (".z", ".gz")),
)
