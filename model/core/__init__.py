"""The model in memory: batch, standardizer, network, activations, risk model and manifest."""
