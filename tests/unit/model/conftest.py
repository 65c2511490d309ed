import json

import pytest

from model.errors import ModelError
from model.importers.arrays import training_arrays
from tests.model_files import SECRETS
from tests.training_arrays import LABEL, saved_bytes


@pytest.fixture
def imported(tmp_path):
    """Import training arrays, or bytes in their place, with a card where one is given."""

    def imported(saved, label=LABEL, card=None):
        source = tmp_path / "model.npz"
        source.write_bytes(saved if isinstance(saved, bytes) else saved_bytes(saved))
        if card is None:
            return training_arrays(source, label)
        (tmp_path / "card.json").write_text(card if isinstance(card, str) else json.dumps(card))
        return training_arrays(source, label, tmp_path / "card.json")

    return imported


@pytest.fixture
def rejection(imported):
    """The error of an import that must fail without repeating a value."""

    def rejection(*given):
        with pytest.raises(ModelError) as rejected:
            imported(*given)
        assert not any(secret in str(rejected.value) for secret in SECRETS)
        return rejected.value

    return rejection
