from collections import Counter

import pytest

from pyro_factor.reproduction.paper import ACCURACY, COLUMNS, NUMBERS, Cell, cells
from pyro_factor.reproduction.schedules import SCHEDULES


def test_the_tables_take_33_trainings_a_seed():
    every = cells()
    assert len(every) == len({cell.name for cell in every}) == 33
    assert Counter(cell.dataset for cell in every) == {"mnist": 18, "chairs": 15}
    assert len(cells((0, 1, 2))) == 99
    assert all(len(numbers) == len(COLUMNS) for numbers in NUMBERS.values())


def test_the_factored_cells_on_mnist_come_first():
    names = [cell.name for cell in cells()[:6]]
    assert names == [f"mnist-factored-{f}-beta{b}-seed0" for f in ("2+2", "4+4") for b in (4, 1, 2)]


def test_features_are_counted_as_the_paper_counts_them():
    accuracy = {c.features: c for c in COLUMNS if c.measure == ACCURACY and c.dataset == "mnist"}
    # table 2's n is the static features of the factored model, and all of a baseline's
    assert accuracy[2].cell("factored", 4) == Cell("mnist", "factored", 4, 4)
    assert accuracy[4].cell("slow", 2, seed=7) == Cell("mnist", "slow", 4, 2, seed=7)
    # table 1 counts those of both factors
    assert [c.cell("factored", 1).features for c in COLUMNS[:2]] == [4, 8]


@pytest.mark.parametrize("cell", [cell for cell in cells() if cell.dataset == "mnist"])
def test_a_cell_describes_its_run(cell):
    config = SCHEDULES["paper"].config(cell)
    arguments = config.model.prior_args
    assert sum(arguments.values()) == cell.features
    assert (config.model.beta, config.training.seed) == (cell.beta, cell.seed)
    assert (config.training.iterations, config.training.learning_rate) == (30_000, 1e-3)
    assert (config.training.decay, config.training.decay_every) == (0.1, 10_000)
    clips = (1, 1024) if cell.prior == "independent" else (16, 64)
    assert (config.data.num_frames, config.training.videos) == clips


def test_what_a_recipe_changes_is_told():
    words, _, chairs = SCHEDULES["glimpse"].words.partition("; chairs: ")
    assert words.startswith("2,000 iterations of 128 clips, every 8th frame, a shuffling guide, ")
    assert "glimpse 28" in words
    assert words.endswith("persistence 50.0, warm up hs=1000")
    assert chairs.startswith("2,000 iterations of 64 clips, every 5th frame, a shuffling guide, ")
    assert chairs.endswith("persistence order 4, persistence memory 30")


@pytest.mark.parametrize("name", ["recipe", "glimpse"])
def test_a_long_recipe_is_the_recipe_for_longer(name):
    recipe, longer = (SCHEDULES[name].config(cells()[0]) for name in (name, f"{name}-long"))
    length = {"iterations", "videos", "decay_every", "keep", "warm_up"}
    assert longer.model == recipe.model
    assert longer.data == recipe.data
    assert longer.training.model_dump(exclude=length) == recipe.training.model_dump(exclude=length)
    times = longer.training.iterations // recipe.training.iterations
    assert times > 1
    warm_up = {factor: times * length for factor, length in recipe.training.warm_up.items()}
    assert longer.training.warm_up == warm_up


@pytest.mark.parametrize("name", ["recipe", "glimpse"])
@pytest.mark.parametrize("cell", cells())
def test_a_recipe_has_as_many_frames_as_the_short_schedule(cell, name):
    def frames(config):
        return config.training.videos * -(-config.data.num_frames // max(config.training.every))

    short, recipe = (SCHEDULES[name].config(cell) for name in ("short", name))
    assert frames(recipe) == frames(short) == 256
    assert recipe.training.iterations == short.training.iterations
    assert recipe.data == short.data
    assert (recipe.model.guide == "shuffling") == (cell.prior == "factored")
    # a prior of one factor has nothing to keep apart, and training refuses the penalties
    apart = (recipe.training.orthogonality, recipe.training.persistence, recipe.training.warm_up)
    assert not any(apart) or (name, cell.prior) == ("glimpse", "factored")
    # a chair fills its frame
    assert not recipe.model.glimpse or cell.dataset == "mnist"
    # nothing of the recipe is in the faithful schedules
    assert (short.model.guide, short.training.every) == ("independent", (1,))
    assert short.model.frequencies == short.model.glimpse == short.training.orthogonality == 0
    assert not short.training.persistence
    assert not short.training.warm_up
