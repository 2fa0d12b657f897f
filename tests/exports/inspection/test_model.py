"""A model says what its card says."""

import json

import pytest

from agrispec.errors import CorruptRecord


def test_a_model_says_what_its_card_says(told, model, exported):
    found = told(model)
    assert found["model"] == [f"{model}, mlp on cube {exported.config.spec.digest}, trained on simulated scenes"]
    assert found["weights"][0].startswith("12,345 parameters, model.keras of 2.0 kB, SHA-256 ")
    assert found["classes"] == ["wheat, maize"]
    assert found["training"] == ["1,200 training samples of 2022, 2023, 1 validation sample, seed 3",
                                 f"of the table of digest {'5' * 16}", "best epoch 4"]
    assert found["calibration"] == ["temperature 1.250, from 40 validation samples"]
    assert found["origin"] == [f"fine-tuned from old ({'6' * 16}), classes a, b"]


def test_a_model_of_vectors_is_told_of_too(told, model):
    card = json.loads((model / "model.json").read_text())
    (model / "model.json").write_text(json.dumps({**card, "cube": {"vectors": "presto", "length": 128}}))
    assert told(model)["reads"] == ["vectors: vectors presto, length 128"]


@pytest.mark.parametrize("spoil", [lambda card: card["cube"].update(step_days=16), lambda card: card.pop("classes"),
                                   lambda card: card["training"].pop("seed"), lambda card: card.update(training=[])])
def test_a_card_that_was_edited_is_refused(told, model, spoil):
    card = json.loads((model / "model.json").read_text())
    spoil(card)
    (model / "model.json").write_text(json.dumps(card))
    with pytest.raises(CorruptRecord, match="does not describe a model"):
        told(model)
