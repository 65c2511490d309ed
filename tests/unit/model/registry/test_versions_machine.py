"""Any sequence of publications, promotions, rollbacks and trials, compared with lists in memory."""

import tempfile
from contextlib import nullcontext
from pathlib import Path

import pytest
from hypothesis import settings
from hypothesis import strategies as st
from hypothesis.stateful import RuleBasedStateMachine, initialize, invariant, rule, run_state_machine_as_test

from model.errors import ModelError, NotAllowed, NothingPromoted, Unreadable, VersionTaken
from model.registry import loader, versions
from tests.registries import drafts, holding, publish, state

VERSIONS = st.sampled_from(["1", "2", "3", "10"])


class Machine(RuleBasedStateMachine):
    """A registry, and its expected content: the weight by version, and the promoted versions, the current one last."""

    @initialize()
    def empty(self):
        self.folder = tempfile.TemporaryDirectory()
        self.directory = holding(Path(self.folder.name, "registry"), "", "")
        self.weights, self.history, self.tried = {}, [], None

    @rule(version=VERSIONS, weight=st.sampled_from([1.0, 2.0]))
    def publish(self, version, weight):
        taken = self.weights.setdefault(version, weight) != weight
        with pytest.raises(VersionTaken) if taken else nullcontext():
            publish(self.directory, version, weight)

    @rule(version=VERSIONS)
    def promote(self, version):
        with nullcontext() if version in self.weights else pytest.raises(Unreadable):
            versions.promote(version, self.directory)
            self.history += [version] if self.history[-1:] != [version] else []

    @rule()
    def rollback(self):
        if len(self.history) > 1:
            self.history.pop()
            assert versions.rollback(self.directory).version == self.history[-1]
        else:
            with pytest.raises(NotAllowed if self.history else NothingPromoted):
                versions.rollback(self.directory)

    @rule(version=VERSIONS)
    def challenge(self, version):
        error: type[ModelError] | None = None
        if version not in self.weights or not self.history:
            error = Unreadable if version not in self.weights else NothingPromoted
        elif version == self.history[-1]:
            error = NotAllowed
        with pytest.raises(error) if error else nullcontext():
            versions.challenge(version, self.directory)
            self.tried = version

    @invariant()
    def holds_what_was_done(self):
        assert state(self.directory) == (sorted(self.weights, key=int), self.history)
        assert drafts(self.directory) == []
        tried = versions.challenger(self.directory)
        self.tried = None if self.history[-1:] == [self.tried] else self.tried
        assert (tried and tried.version) == self.tried
        if self.history:
            (layer,) = loader.load(self.directory).network.layers
            assert layer.weights.tolist() == [[self.weights[self.history[-1]]]]

    def teardown(self):
        self.folder.cleanup()


@pytest.mark.parametrize("examples", [10, pytest.param(300, marks=pytest.mark.long)])
def test_a_registry_behaves_like_lists_in_memory(examples):
    run_state_machine_as_test(Machine, settings=settings(max_examples=examples, stateful_step_count=20))
