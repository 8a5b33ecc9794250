"""`benchmarks/found.py`: an oracle is what it says, and its searches are the product's."""

from __future__ import annotations

import json
import sys
from itertools import combinations
from pathlib import Path

import numpy as np
import pytest
from attrs import evolve, frozen
from scipy.stats import kendalltau, kstest, norm

from spacelang.lower.bounds import windows
from spacelang.lower.chain import Genotype, cost, inside
from spacelang.lower.draw import draw, stream
from spacelang.lower.lowered import Lowered

ROOT = Path(__file__).resolve().parents[1]
sys.path.append(str(ROOT / "benchmarks"))

import found  # noqa: E402
from oracle import climb, genes, published, resampled, trees  # noqa: E402

BOUND = trees.BOUNDS["tiny"]


@frozen(eq=False)
class Made:
    """An oracle of a table that was made here, and the table's file."""

    known: trees.Oracle
    path: Path


def worth(lowered: Lowered, genotype: Genotype) -> float:
    """What a network of the made table scores: wide layers pay only where the network is narrow."""
    (stage,) = lowered.architecture(genotype).stages
    layers = sum(layer.heads * float(layer.mlp) for layer in stage.layers)
    return 70 + layers / 100 + (240 - stage.embed) * sum(layer.heads == 4 for layer in stage.layers) / 500


@pytest.fixture(scope="module")
def made(tmp_path_factory: pytest.TempPathFactory) -> Made:
    lowered = published.shipped("autoformer_tiny")
    rows = {}
    for number, genotype in enumerate(draw(lowered.chain, 500, stream(1))):
        (stage,) = lowered.architecture(genotype).stages
        setting = {
            "layer_num": len(stage.layers),
            "mlp_ratio": [float(layer.mlp) for layer in stage.layers],
            "num_heads": [layer.heads for layer in stage.layers],
            "embed_dim": [stage.embed] * len(stage.layers),
        }
        params = dict(zip(lowered.chain.measures, cost(lowered.chain, genotype), strict=True))["params"]
        clean = {"Imagenet": {"clean": worth(lowered, genotype)}}
        rows[str(number)] = {"net_setting": setting, "performance": clean, "params": params / 1e6}
    path = tmp_path_factory.mktemp("data") / "tiny.json"
    path.write_text(json.dumps(rows))
    table = published.table(path, lowered)
    learned = trees.fitted(lowered, table)
    best = climb.best(lowered, BOUND, learned, draws=500, starts=1)
    return Made(trees.Oracle(lowered, BOUND, learned, trees.judge(lowered, table, BOUND), best), path)


def networks(lowered: Lowered, count: int, seed: int = 2) -> list[Genotype]:
    return list(draw(lowered.chain, count, stream(seed), bounds=windows((BOUND,), lowered.chain)))


@pytest.mark.parametrize("name", list(trees.BOUNDS))
def test_published_networks_of_autoformers_spaces_have_as_many_parameters_as_their_table_says(
    name: str, shared_data: Path
) -> None:
    lowered = published.shipped(f"autoformer_{name}")
    table = published.table(shared_data / "vit-tables" / f"{name}.json", lowered)
    at = lowered.chain.measures.index("params")
    assert [cost(lowered.chain, genotype)[at] for genotype in table.genotypes] == [
        round(millions * 1e6) for millions in table.params
    ]
    assert len(table.genotypes) == 1001
    assert np.allclose(table.params * 1e6, np.round(table.params * 1e6), atol=1e-3, rtol=0)  # printed whole


@pytest.mark.parametrize("name", list(trees.BOUNDS))
def test_what_a_gene_is_worth_depends_on_other_genes(name: str, shared_data: Path) -> None:
    """The change of one layer and the change of another, together, are not the sum of both, in most networks."""
    lowered = published.shipped(f"autoformer_{name}")
    known = published.table(shared_data / "vit-tables" / f"{name}.json", lowered)
    learned = trees.fitted(lowered, known)
    start = genes.points(list(draw(lowered.chain, 300, stream(4))))
    options = len(lowered.legal.stages[0][0].options)

    def truth(*layers: int) -> np.ndarray:
        changed = start.layers.copy()
        changed[:, layers] = (changed[:, layers] + 1) % options
        return learned.predict(genes.features(lowered, genes.Points(start.cells, changed)))

    together = truth(3, 4) - truth(3) - truth(4) + truth()
    assert (np.abs(together) > 1e-6).mean() > 0.5


def test_an_additive_function_leaves_nothing_of_a_sum_and_something_of_products(made: Made) -> None:
    @frozen
    class Columns:
        """Adds up some of what the trees read, each with a weight of its own."""

        which: slice

        def predict(self, rows: np.ndarray) -> np.ndarray:
            return rows[:, self.which] @ np.sqrt(np.arange(2, 16))

    heads, heads_times_ratios = slice(2, 16), slice(58, 72)
    left, tau = trees.additive(evolve(made.known, trees=Columns(heads)))
    assert left == pytest.approx(0, abs=1e-9)
    assert tau == pytest.approx(1, abs=1e-2)
    left, tau = trees.additive(evolve(made.known, trees=Columns(heads_times_ratios)))
    assert left > 1e-4
    assert tau < 1


def test_an_oracle_ranks_networks_that_it_has_not_seen(made: Made) -> None:
    unseen = networks(made.known.lowered, 200, seed=77)
    real = [worth(made.known.lowered, genotype) for genotype in unseen]
    assert kendalltau(made.known.truth(unseen), real).statistic > 0.7
    assert made.known.fit.tau[0] > 0.7
    assert made.known.fit.networks == 500


def test_a_table_gives_the_same_oracle_again(made: Made) -> None:
    lowered = made.known.lowered
    again = trees.fitted(lowered, published.table(made.path, lowered))
    told = again.predict(genes.features(lowered, genes.points(networks(lowered, 50))))
    assert (told == made.known.truth(networks(lowered, 50))).all()


def test_a_network_has_the_same_truth_among_any_others(made: Made) -> None:
    several = networks(made.known.lowered, 20)
    assert [made.known.truth([one])[0] for one in several] == list(made.known.truth(several))
    assert len(made.known.truth([])) == 0


def test_noise_belongs_to_a_network_and_a_seed(made: Made) -> None:
    several = networks(made.known.lowered, 20)
    digests = [made.known.lowered.architecture(one).digest for one in several]
    scores = made.known.scores(several, digests, seed=5)
    assert (scores == made.known.scores(several[::-1], digests[::-1], seed=5)[::-1]).all()
    assert (scores != made.known.scores(several, digests, seed=6)).all()


def test_noise_is_normal_as_wide_as_stated() -> None:
    drawn = np.array([trees.noise(f"network {number}", seed) for number in range(500) for seed in range(20)])
    assert kstest(drawn, norm(0, trees.NOISE).cdf).pvalue > 0.01
    assert drawn.std() == pytest.approx(trees.NOISE, rel=0.03)


def test_neighbours_are_the_networks_inside_that_differ_in_at_most_two_layers(made: Made) -> None:
    lowered = made.known.lowered
    (start,) = networks(lowered, 1, seed=9)
    cell, layers = start.cells[0], start.layers[0]
    around = climb.neighbours(lowered, BOUND, cell, genes.points([start]).layers[0])
    told = {tuple(row[: len(layers)]) for row in around.layers.tolist()}
    expected = set()
    options = range(len(lowered.legal.stages[0][cell].options))
    for one, other in combinations(range(len(layers)), 2):
        for first in options:
            for second in options:
                changed = list(layers)
                changed[one], changed[other] = first, second
                if inside(lowered.chain, Genotype((cell,), (tuple(changed),)), windows((BOUND,), lowered.chain)):
                    expected.add(tuple(changed))
    assert told == expected


def test_the_long_search_ends_above_what_it_draws_and_what_a_search_finds(made: Made) -> None:
    drawn = networks(made.known.lowered, 500, seed=0)
    assert made.known.best >= made.known.truth(drawn).max()
    ends = [found.ours("paper", 200, made.known, seed) for seed in range(3)]
    assert all(end.regret >= 0 for end in ends)


@pytest.mark.parametrize("algorithm", found.ALGORITHMS)
def test_a_search_scores_its_budget_of_networks_and_ends_the_same_again(algorithm: str, made: Made) -> None:
    end, again = (found.ours(algorithm, 150, made.known, seed=3) for _ in range(2))
    assert end.scored == 150
    assert end.regret == again.regret


def test_regret_is_that_of_the_network_that_scores_best(made: Made) -> None:
    lowered = made.known.lowered
    first = found.ours("random", 50, made.known, seed=4)
    drawn = draw(lowered.chain, 50, stream(4 << 32), bounds=windows((BOUND,), lowered.chain))
    several = list(dict.fromkeys(drawn))
    scores = made.known.scores(several, [lowered.architecture(one).digest for one in several], seed=4)
    assert len(several) == 50
    assert first.regret == made.known.best - made.known.truth(several)[scores.argmax()]


def test_optunas_samplers_score_only_what_is_inside(made: Made) -> None:
    pytest.importorskip("optuna")
    from oracle import peers

    looked: list[Genotype] = []

    class Watched(trees.Oracle):
        def scores(self, genotypes, digests, seed):
            looked.extend(genotypes)
            return super().scores(genotypes, digests, seed)

    known = made.known
    watched = Watched(known.lowered, known.bound, known.trees, known.fit, known.best)
    for sampler in found.PEERS:
        looked.clear()
        truth, within = peers.asked(watched, sampler, 0, 60)
        assert all(inside(known.lowered.chain, one, windows((BOUND,), known.lowered.chain)) for one in looked)
        assert len(set(looked)) <= within < 60
        assert truth in known.truth(looked)


def pretended(networks_: int = 300, held: int = 1000) -> resampled.Scores:
    """Networks whose chance of being right rises from 20 to 60 %."""
    source = np.random.default_rng(0)
    chance = np.linspace(0.2, 0.6, networks_)[:, None]
    right, test = (source.random((networks_, held)) < chance for _ in range(2))
    return resampled.Scores(right, np.where(right, 0.5, 2).astype(np.float32), test)


def test_a_draw_has_each_network_and_image_once_and_is_the_same_again() -> None:
    known = pretended()
    for one, again in zip(resampled.draws(known, 3), resampled.draws(known, 3), strict=True):
        assert len(set(one.networks)) == resampled.NETWORKS
        assert set(one.images) == set(range(1000))
        assert (one.networks == again.networks).all()


def test_gain_is_the_picked_networks_test_accuracy_over_the_mean() -> None:
    known = pretended()
    (one,) = resampled.draws(known, 1)
    told, truth, images = resampled.accuracy(100)(known, one)
    by_hand = [known.right[network][one.images[:100]].sum() / 100 for network in one.networks]
    assert list(told) == by_hand
    row = resampled.row("", resampled.accuracy(100), known, [one, one])
    picked = one.networks[int(np.argmax(by_hand))]
    assert row.gain[0] == pytest.approx(100 * (known.test[picked].mean() - known.test[one.networks].mean()))
    assert row.tau is not None
    assert row.tau[0] == pytest.approx(kendalltau(told, truth).statistic)
    assert images == row.images == 100


@pytest.mark.parametrize("score", ["loss", "accuracy"])
def test_races_pick_what_full_scores_pick_on_fewer_images(score: str) -> None:
    known = pretended()
    full = {"loss": resampled.entropy, "accuracy": resampled.accuracy}[score](1000)
    for one in resampled.draws(known, 3):
        raced, _, spent = resampled.races(1000, score)(known, one)
        told, _, _ = full(known, one)
        assert raced.argmax() == told.argmax()
        assert 250 < spent < 1000


def test_halving_spends_few_images_and_picks_a_good_network() -> None:
    known = pretended()
    for one in resampled.draws(known, 3):
        told, truth, spent = resampled.halving(1000, "loss")(known, one)
        assert 96 < spent < 250
        assert (truth > truth[told.argmax()]).mean() < 0.1


def test_the_test_images_themselves_show_the_most_and_a_half_of_them_less() -> None:
    known = pretended()
    taken = resampled.draws(known, 20)
    itself = resampled.row("", resampled.itself, known, taken)
    halved = resampled.row("", resampled.half, known, taken)
    assert itself.tau == (pytest.approx(1), pytest.approx(0, abs=1e-12))
    assert halved.gain[0] < itself.gain[0]


def test_what_was_measured_otherwise_is_kept(tmp_path: Path) -> None:
    path = tmp_path / "found.json"
    kept = found.Kept(path)
    kept.part("tiny", {"best": (1.0, 2.0)})["paper"] = {"0": {"regret": 0.1}}
    kept.write()
    assert found.Kept(path).part("tiny", {"best": (1.0, 2.0)}) == {"paper": {"0": {"regret": 0.1}}}
    with pytest.raises(SystemExit, match="measured otherwise"):
        found.Kept(path).part("tiny", {"best": (1.0, 3.0)})


def test_a_second_call_searches_only_from_the_seeds_that_are_missing(
    made: Made, tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    began: list[int] = []

    def search(known: trees.Oracle, seed: int) -> found.Found:
        began.append(seed)
        return found.Found(0.1 * seed, 10, 1.0)

    kept = found.Kept(tmp_path / "found.json")
    rows = kept.part("tiny", {})
    found.run("paper", search, 2, made.known, rows, 1, kept)
    found.run("paper", search, 4, made.known, rows, 1, kept)
    assert began == [0, 1, 2, 3]
    assert "0.1500 ± 0.0645" in capsys.readouterr().out.splitlines()[-1]
