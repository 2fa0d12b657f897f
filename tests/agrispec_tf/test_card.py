"""A model card says what is so."""

from dataclasses import replace

import numpy as np
import pytest

from agrispec_tf import card
from agrispec_tf.classifier import Classifier
from agrispec_tf.data.preparation import Preparation
from agrispec_tf.data.thermal_axis import ThermalAxis
from agrispec_tf.metrics import Confusion
from agrispec_tf.models.cropnet import CropNetOptions
from agrispec_tf.trust import Trust, in_words


@pytest.fixture
def classifier(small_cube, class_names):
    recipe = {"epochs": 9, "batch": 8, "learning_rate": 1e-3, "patience": 3, "augmentation": None,
              "precision": "float32"}
    options = CropNetOptions.for_cube(small_cube, 3)
    return Classifier(model=options.build(), options=options, cube=small_cube, class_names=class_names,
                      preparation=Preparation(), history=({"epoch": 1.0}, {"epoch": 2.0}),
                      training={"recipe": recipe, "seed": 11, "best_epoch": 2, "updates": 24, "training_samples": 60,
                                "devices": 1, "versions": {"keras": "3.x", "backend": "jax"}})


def written(classifier, grown, *, held_out, simulated=False, found=None):
    folds = {"training": grown(96), "validation": grown(12, place="V").take(np.array([0, 1, 3, 4])),
             "held out": grown(held_out, place="T")}
    counts = Confusion.of(np.arange(held_out) % 3, np.zeros(held_out, np.int64), 3) if held_out else None
    return card.text("cropnet", classifier, folds, counts, found or {}, seasons=(2022, 2023), target=2024,
                     simulated=simulated)


def test_a_card_gives_samples_by_class_and_fold_and_scores_with_their_number(classifier, grown):
    text = written(classifier, grown, held_out=45)
    for line in ("| wheat | 32 | 2 | 15 |", "| beet | 32 | 0 | 15 |", "| all | 96 | 4 | 45 |", "| cells | 4 | 2 | 4 |",
                 "Of the training samples 60 were used", "2 of at most 9 epochs (patience 3), 24 updates",
                 "kept: epoch 2", "seed 11", "keras 3.x, backend jax", "seasons that end in 2022, 2023",
                 "Accuracy 0.333, macro-F1 0.167, on 45 samples of 4 cells", "| wheat | 15 | 0.333 | 1.000 | 0.500 |",
                 "14 steps of 16 days, days 97 to 320", "Not scored here on season 2024",
                 "No validation sample is of class beet", "Fewer than 30 held-out samples are of class wheat, maize"):
        assert line in text
    assert "imulated" not in text


def test_a_card_says_what_probabilities_are_worth(classifier, grown):
    labels = np.arange(40) % 3
    probabilities = np.full((40, 3), 0.15, np.float32)
    probabilities[np.arange(40), np.where(labels == 2, 0, labels)] = 0.7
    found = Trust.of(probabilities, labels, confidence=0.65, least=0.25).table(("wheat", "maize", "beet"))
    found["as_trained"] = {"ece": 0.25}
    made = {**classifier.training, "calibration": {"samples": 4, "temperature": 1.25, "least": 0.25}}
    text = written(replace(classifier, training=made), grown, held_out=45, found=found)
    for line in ("Logits are divided by T = 1.250, under which the labels of the 4 validation samples are likeliest",
                 "With a probability of 0.250 or more a class is in the set of a sample",
                 f"On held-out cells: {in_words(found)}. As trained the ECE was 0.250.",
                 "in another season or region they promise nothing until `agrispec-gee evaluate` has measured them"):
        assert line in text


@pytest.mark.parametrize("samples", [4, 0])
def test_a_card_says_which_temperature_is_from_where(classifier, grown, samples):
    held_out = {"protocol": "leave-one-season-out", "group_is": "season", "samples": 90,
                "cells_temperature": 0.8 if samples else None, "ece": {"2022": [0.31, 0.12], "2023": [None, 0.07]}}
    made = {**classifier.training, "calibration": {"samples": samples, "temperature": 2.5, "least": 0.25,
                                                   "held_out": held_out}}
    text = written(replace(classifier, training=made), grown, held_out=45)
    for line in ("divided by T = 2.500, under which the labels of 90 samples of the seasons 2022, 2023 are likeliest,",
                 "(`evaluate --protocol leave-one-season-out`); no class changes by it.",
                 "With the temperature of the other seasons the ECE of such models was: 2022 0.120 in place of 0.310"
                 " with that of cells, 2023 0.070."):
        assert line in text
    assert ("By the validation cells it would be 0.800." in text) == bool(samples)
    assert ("By the validation cells" in text) == ("a class is in the set of a sample" in text) == bool(samples)
    assert "have not been calibrated" not in text


@pytest.mark.parametrize("made", [{}, {"calibration": {"samples": 0, "temperature": 1.0, "least": 0.0}}])
def test_a_card_of_a_model_that_was_not_calibrated_says_so(classifier, grown, made):
    text = written(replace(classifier, training={**classifier.training, **made}), grown, held_out=0)
    assert "They have not been calibrated, since no labelled sample is in the validation cells" in text


def test_a_card_of_simulated_data_says_so_first(classifier, grown):
    text = written(classifier, grown, held_out=45, simulated=True)
    assert text.index("Trained on simulated scenes") < text.index("## Data")


def test_a_card_says_how_many_temperatures_stop_early_and_how_a_model_reads(classifier, grown, warm):
    assert "temperatures" not in written(classifier, grown, held_out=45)
    axis = ThermalAxis.fitted(warm(grown(9)).series)
    thermal = replace(classifier, preparation=Preparation(thermal=axis),
                      training={**classifier.training, "warmth_stops": 7})
    text = written(thermal, grown, held_out=45)
    assert "The temperatures of 7 samples stop before their season does" in text
    assert "read by growing degree days above 0 °C, not by date" in text


@pytest.mark.parametrize("target_open", [True, False])
def test_a_card_says_what_people_judged_and_whether_the_targets_labels_were_open(classifier, grown, target_open):
    assert "judged" not in written(classifier, grown, held_out=45)
    review = {"season": 2024, "reviewers": {"anna": 3, "ben": 1}, "disputed": 2, "held_out": 5, "gone": 0,
              "verdicts": "89ab", "parcels": 4, "samples": 61, "target_open": target_open}
    text = written(replace(classifier, training={**classifier.training, "review": review}), grown, held_out=45)
    assert ("61 are pixels of 4 parcels of season 2024, judged by anna (3), ben (1); verdicts 89ab. Left out are 2"
            " parcels that reviewers disagree about, and 5 in cells of validation or test.") in text
    assert ("Labels of the season to map were open to this model" in text) == target_open
    assert "verdicts count" not in text
    made = {**classifier.training, "review": review | {"gone": 3}}
    text = written(replace(classifier, training=made), grown, held_out=45)
    assert "Nor do 3 verdicts count, of parcels, or outlines of them, that the map did not have any more." in text


def test_a_card_without_held_out_samples_gives_no_scores(classifier, grown):
    text = written(classifier, grown, held_out=0)
    assert "None: the split holds no labelled sample out." in text
    assert "Accuracy" not in text


def test_a_card_of_a_fine_tuned_model_says_what_it_was_before_and_how_it_changed(classifier, grown):
    taught = {"training_samples": 900, "seasons": [2021], "simulated": True}
    first = {"model": "runs/first/model/mlp", "digest": "0123", "classes": ["rye", "oats"], "training": taught}
    second = {"model": "runs/second/model/mlp", "digest": "4567", "classes": ["wheat", "rye"],
              "training": {"training_samples": 40, "from": first}}
    stages = [{"trained": "head", "epochs": 5, "learning_rate": 1e-3},
              {"trained": "all", "epochs": 4, "learning_rate": 1e-4}]
    made = {**classifier.training, "from": second, "stages": stages,
            "validation_macro_f1": {"before": 0.25, "after": 0.5}}
    text = written(replace(classifier, training=made), grown, held_out=0)
    for line in ("- fine-tuned from runs/second/model/mlp (4567), which had learnt wheat, rye from 40 samples; nothing",
                 "- that one was fine-tuned from runs/first/model/mlp (0123), which had learnt rye, oats from 900"
                 " simulated samples of the seasons that end in 2021; nothing",
                 "first the last layer, 5 epochs of Adam at 0.001, then all weights but batch normalisation, 4 epochs"
                 " at 0.0001; at most 9 of each (patience 3), 24 updates, batches of 8",
                 "kept: epoch 2, the first with the highest macro-F1 on the validation cells; before fine-tuning it was"
                 " 0.250"):
        assert line in text
    assert text.index("## Origin") < text.index("## Data")
    left = replace(classifier, training={**made, "best_epoch": 0})
    assert "kept: epoch 0, the model as it was: no epoch had a higher macro-F1" in written(left, grown, held_out=0)
