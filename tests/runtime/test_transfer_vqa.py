"""Questions about images: the data sets' forms, VQA's accuracy, and which texts come with an image."""

from __future__ import annotations

import csv
import json
import shutil
from collections import Counter
from itertools import combinations
from pathlib import Path

import pytest
import torch
from hypothesis import given
from hypothesis import strategies as st
from tiny_transfer import network, questions, recipe, scene

from spacelang_runtime.failure import Failure
from spacelang_runtime.tasks.vqa.accuracy import accuracy, normalised
from spacelang_runtime.tasks.vqa.answerer import answer_loss
from spacelang_runtime.tasks.vqa.questions import answers_of, read
from spacelang_runtime.tasks.vqa.task import build, open_questioned, predict
from spacelang_runtime.tasks.vqa.tokenizer import WordPieces, of_texts
from spacelang_runtime.tasks.vqa.visual_tokens import sines


@pytest.mark.parametrize(("same", "worth"), [(0, 0), (1, 0.3), (2, 0.6), (3, 0.9), (4, 1), (5, 1), (10, 1)])
def test_an_answer_is_worth_what_the_official_table_says(same: int, worth: float) -> None:
    assert accuracy("yes", ["yes"] * same + ["no"] * (10 - same)) == pytest.approx(worth)


@given(st.lists(st.sampled_from(["yes", "no", "maybe"]), min_size=10, max_size=10))
def test_it_is_the_mean_over_the_groups_of_nine(given: list[str]) -> None:
    """The definition: min(1, how many of nine people agree / 3), over all choices of nine of the ten."""
    groups = list(combinations(given, 9))
    wanted = sum(min(1, group.count("yes") / 3) for group in groups) / len(groups)
    assert accuracy("yes", given) == pytest.approx(wanted)


def test_a_single_answer_is_right_or_wrong() -> None:
    assert accuracy("two", ["two"]) == 1
    assert accuracy("two", ["three"]) == 0


@pytest.mark.parametrize(
    ("answer", "plain"),
    [
        ("The Dog.", "dog"),
        ("two", "2"),
        ("none", "0"),
        ("dont know", "don't know"),
        ("yes, it is", "yes it is"),
        ("black/white", "black white"),
        ("black and white!", "black and white"),
        ("1,000", "1000"),
        ("3.5", "3.5"),
        (" a  red\tcar ", "red car"),
    ],
)
def test_answers_are_compared_without_articles_punctuation_and_number_words(answer: str, plain: str) -> None:
    assert normalised(answer) == plain


@pytest.fixture
def folder(tmp_path: Path) -> Path:
    return questions(tmp_path / "asked")


def test_tables_of_questions_are_read(folder: Path) -> None:
    found = read(folder)
    assert [len(found.train), len(found.test)] == [18, 18]
    assert found.train[0].text == "what is on the left?"
    assert found.train[0].image == folder / "images" / "0.png"
    assert set(answers_of(found.train, 1)) == {"yes", "no", "red", "green", "blue"}


def as_easy_vqa(folder: Path, where: Path) -> Path:
    for split in ("train", "test"):
        shutil.copytree(folder / "images", where / "easy_vqa" / "data" / split / "images")
        with open(folder / f"{split}.csv") as file:
            rows = [[row["question"], row["answer"], int(row["image_id"])] for row in csv.DictReader(file)]
        (where / "easy_vqa" / "data" / split / "questions.json").write_text(json.dumps(rows))
    return where


def as_daquar(folder: Path, where: Path) -> Path:
    shutil.copytree(folder / "images", where / "images")
    rows = []
    for split in ("train", "test"):
        with open(folder / f"{split}.csv") as file:
            own = list(csv.reader(file))[1:]
        rows += own
        (where / f"{split}_images_list.txt").write_text("\n".join({row[2] for row in own}) + "\n")
    with open(where / "data.csv", "w", newline="") as file:
        csv.writer(file).writerows([("question", "answer", "image_id"), *rows])
    return where


def as_vqa2(folder: Path, where: Path) -> Path:
    where.mkdir()
    for split, name in (("train2014", "train"), ("val2014", "test")):
        (where / split).mkdir()
        with open(folder / f"{name}.csv") as file:
            rows = list(csv.DictReader(file))
        asked, told = [], []
        for number, row in enumerate(rows):
            image = int(row["image_id"])
            scene(image)[0].save(where / split / f"COCO_{split}_{image:012d}.png")
            asked.append({"question_id": number, "image_id": image, "question": row["question"]})
            people = [row["answer"]] * 8 + ["The thing."] * 2
            told.append(
                {
                    "question_id": number,
                    "answers": [{"answer": a} for a in people],
                    "answer_type": "yes/no" if row["answer"] in ("yes", "no") else "other",
                }
            )
        (where / f"v2_OpenEnded_mscoco_{split}_questions.json").write_text(json.dumps({"questions": asked}))
        (where / f"v2_mscoco_{split}_annotations.json").write_text(json.dumps({"annotations": told}))
    return where


@pytest.mark.parametrize("form", [as_easy_vqa, as_daquar, as_vqa2])
def test_the_data_sets_own_forms_say_the_same(folder: Path, tmp_path: Path, form: object) -> None:
    plain, found = read(folder), read(form(folder, tmp_path / "form"))
    for before, after in ((plain.train, found.train), (plain.test, found.test)):
        assert [(q.text, q.answers[0]) for q in after] == [(q.text, q.answers[0]) for q in before]


def test_vqa_2_has_soft_targets_from_ten_answers(folder: Path, tmp_path: Path) -> None:
    found = open_questioned(as_vqa2(folder, tmp_path / "vqa2"), recipe("vqa"), None, None)
    assert {len(question.answers) for question in found.questions.train} == {10}
    assert {question.kind for question in found.questions.train} == {"yes/no", "other"}
    assert "thing" not in found.labels["answers"]  # nobody's first answer
    (batch,) = found.parts(0, 1)(0).parts
    assert batch.answers[batch.matched].max(1).values.tolist() == [1.0] * int(batch.matched.sum())


def test_an_answer_that_two_of_ten_gave_is_a_target_of_three_fifths(folder: Path, tmp_path: Path) -> None:
    found = open_questioned(as_vqa2(folder, tmp_path / "vqa2"), recipe("vqa"), None, None)
    labels = {**found.labels, "answers": [*found.labels["answers"], "thing"]}
    again = open_questioned(tmp_path / "vqa2", recipe("vqa"), labels, None)
    (batch,) = again.parts(0, 1)(0).parts
    torch.testing.assert_close(batch.answers[batch.matched][:, -1], torch.full((int(batch.matched.sum()),), 0.6))
    assert not batch.answers[~batch.matched].any()


def test_an_image_comes_with_four_texts_of_which_two_are_its_own(folder: Path) -> None:
    found = open_questioned(folder, recipe("vqa", {"batch": 8}), None, None)
    batches = found.parts(0, 1)
    for step in range(6):
        (batch,) = batches(step).parts
        assert batch.images.shape[0] == 2
        assert batch.owner.tolist() == [0, 0, 0, 0, 1, 1, 1, 1]
        assert batch.matched.tolist() == [True, True, False, False] * 2
    for group in range(len(batches.groups)):
        own, others = batches.texts(group, seed=group, epoch=0)
        image = batches.questions[own[0]].image
        assert {batches.questions[text].image for text in own} == {image}
        assert image not in {batches.questions[text].image for text in others}
        assert len(others) == 2


def test_an_epoch_asks_every_question_and_none_more_often_than_it_must(folder: Path) -> None:
    batches = open_questioned(folder, recipe("vqa"), None, None).parts(0, 1)
    for epoch in (0, 1):
        asked = Counter(text for group in range(len(batches.groups)) for text in batches.texts(group, 0, epoch)[0])
        assert set(asked) == set(range(18))
        assert max(asked.values()) <= 2  # three questions in groups of two


def test_ranks_share_a_batch_and_parts_are_whole_images(folder: Path) -> None:
    found = open_questioned(folder, recipe("vqa", {"batch": 16, "micro": 4}), None, None)
    whole = open_questioned(folder, recipe("vqa", {"batch": 16}), None, None).parts(0, 1)(3).parts[0]
    shared = [part for rank in (0, 1) for part in found.parts(rank, 2)(3).parts]
    assert [len(part.words) for part in shared] == [4, 4, 4, 4]
    rows = sorted(row for part in shared for row in part.words.tolist())
    assert rows == sorted(whole.words.tolist())
    with pytest.raises(Failure, match="are no whole images of 4 texts"):
        open_questioned(folder, recipe("vqa", {"batch": 16, "micro": 6}), None, None)


def test_a_vocabulary_is_made_of_the_datas_words() -> None:
    vocabulary = of_texts(["What is red?", "what is on the left?"])
    assert vocabulary[:4] == ["[PAD]", "[UNK]", "[CLS]", "[SEP]"]
    words = WordPieces(vocabulary, 8)
    (ids,) = words(["WHAT is purple?"]).tolist()
    assert [vocabulary[number] for number in ids] == [
        "[CLS]",
        "what",
        "is",
        "[UNK]",
        "?",
        "[SEP]",
        "[PAD]",
        "[PAD]",
    ]
    assert words(["left " * 40]).shape == (1, 8)


def test_the_losses_of_answers_by_hand() -> None:
    logits = torch.tensor([[0.0, 1.0], [2.0, 0.0], [5.0, 5.0]])
    wanted = torch.tensor([[0.3, 1.0], [1.0, 0.0], [0.0, 0.0]])
    logs = logits.log_softmax(1)
    by_share = -(logs[0, 0] * 0.3 / 1.3 + logs[0, 1] / 1.3 + logs[1, 0]) / 2  # the third has no known answer
    torch.testing.assert_close(answer_loss(logits, wanted, "softmax"), by_share)
    each = -(wanted * logits.sigmoid().log() + (1 - wanted) * (1 - logits.sigmoid()).log())
    torch.testing.assert_close(answer_loss(logits, wanted, "binary"), each.sum() / 3)


def test_places_of_a_map_are_told_apart_by_row_and_column() -> None:
    found = sines((3, 5), 16, torch.device("cpu")).view(3, 5, 16)
    assert found.flatten(0, 1).unique(dim=0).shape[0] == 15
    assert torch.equal(found[1, 0, :8], found[1, 4, :8])  # rows in one half
    assert torch.equal(found[0, 2, 8:], found[2, 2, 8:])  # columns in the other


def test_a_text_is_read_beside_its_own_image_and_padding_is_not_read(folder: Path) -> None:
    found = open_questioned(folder, recipe("vqa"), None, None)
    made = build(network(), recipe("vqa"), found.labels, None).eval()
    images = torch.randint(0, 255, (2, 3, 32, 32), dtype=torch.uint8)
    words = WordPieces(found.labels["vocabulary"], 12)(["is there red?"] * 2)
    both = made.answers(images, words, torch.tensor([0, 1]))
    swapped = made.answers(images, words, torch.tensor([1, 0]))
    torch.testing.assert_close(both, swapped.flip(0))
    assert not torch.allclose(both[0], both[1])
    made.bert.get_input_embeddings().weight.data[0] = 9.0  # what [PAD] would say
    torch.testing.assert_close(made.answers(images, words, torch.tensor([0, 1])), both)


def test_the_blind_model_has_the_same_size_and_sees_nothing(folder: Path) -> None:
    seeing, blind = (open_questioned(folder, recipe("vqa", blind=blind), None, None) for blind in (False, True))
    assert not seeing.parts(0, 1)(0).parts[0].images.eq(124).all()
    (batch,) = blind.parts(0, 1)(0).parts
    assert batch.images.flatten(2).unique(dim=2).shape[2] == 1
    models = [build(network(), recipe("vqa", blind=b), seeing.labels, None) for b in (False, True)]
    assert len({sum(p.numel() for p in model.parameters()) for model in models}) == 1


def test_a_glance_begins_with_nothing_and_adds_the_same_to_all_texts_of_an_image(folder: Path) -> None:
    found = open_questioned(folder, recipe("vqa"), None, None)
    both = build(network(), recipe("vqa"), found.labels, None).eval()
    tokens = build(network(), recipe("vqa", sight="tokens"), found.labels, None).eval()
    tokens.load_state_dict({key: both.state_dict()[key] for key in tokens.state_dict()})
    images = torch.randint(0, 255, (2, 3, 32, 32), dtype=torch.uint8)
    texts = ["is there red?", "what colour is it?", "is there red?"]
    asked = images, WordPieces(found.labels["vocabulary"], 12)(texts), torch.tensor([0, 0, 1])
    torch.testing.assert_close(both.answers(*asked), tokens.answers(*asked))
    torch.nn.init.normal_(both.glance.weight)
    gained = both.answers(*asked) - tokens.answers(*asked)
    torch.testing.assert_close(gained[0], gained[1])
    assert not torch.allclose(gained[0], gained[2])


def test_an_answer_is_told_by_the_mean_of_all_tokens_or_by_the_first(folder: Path) -> None:
    own = recipe("vqa", told="words", sight="glance", matched=4, matching=0.0)
    found = open_questioned(folder, own, None, None)
    made = build(network(), own, found.labels, None).eval()
    assert made.bert.pooler is None
    words = WordPieces(found.labels["vocabulary"], 12)(["is there red?"])
    length = int((words != made.pad).sum())
    assert length < words.shape[1]
    seen, owner = torch.zeros(1, made.backbone.channels[-1], 2, 2), torch.zeros(1, dtype=torch.int64)
    expected = made.bert(words[:, :length]).last_hidden_state.mean(1)
    torch.testing.assert_close(made.read(seen, words, owner), expected)
    first = recipe("vqa", sight="glance", matched=4, matching=0.0)
    other = build(network(), first, found.labels, None).eval()
    expected = other.bert(words[:, :length]).pooler_output
    torch.testing.assert_close(other.read(seen, words, owner), expected)


def test_what_only_glances_reads_the_text_alone(folder: Path) -> None:
    own = recipe("vqa", sight="glance", matched=4, matching=0.0)
    found = open_questioned(folder, own, None, None)
    made = build(network(), own, found.labels, None).eval()
    images = torch.randint(0, 255, (2, 3, 32, 32), dtype=torch.uint8)
    asked = images, WordPieces(found.labels["vocabulary"], 12)(["is there red?"] * 2), torch.tensor([0, 1])
    one, other = made.answers(*asked)
    torch.testing.assert_close(one, other)
    torch.nn.init.normal_(made.glance.weight)
    one, other = made.answers(*asked)
    assert not torch.allclose(one, other)
    with pytest.raises(Failure, match="cannot tell what matches"):
        recipe("vqa", sight="glance")


def test_weights_and_vocabulary_come_from_a_folder_of_bert(folder: Path, tmp_path: Path) -> None:
    from transformers import BertConfig, BertModel

    where = tmp_path / "bert"
    torch.manual_seed(1)
    size = {
        "num_hidden_layers": 2,
        "num_attention_heads": 2,
        "intermediate_size": 32,
        "max_position_embeddings": 20,
    }
    bert = BertModel(BertConfig(vocab_size=9, hidden_size=16, **size))
    bert.save_pretrained(where)
    (where / "vocab.txt").write_text("[PAD]\n[UNK]\n[CLS]\n[SEP]\nwhat\nis\n##s\nred\n?\n")
    found = open_questioned(folder, recipe("vqa"), None, where)
    assert found.labels["vocabulary"][5:8] == ["is", "##s", "red"]
    made = build(network(), recipe("vqa"), found.labels, where)
    for name, tensor in bert.state_dict().items():
        assert torch.equal(made.bert.state_dict()[name], tensor), name
    with pytest.raises(Failure, match=r"there is no file .*vocab\.txt"):
        open_questioned(folder, recipe("vqa"), None, tmp_path)


def test_an_answer_is_drawn(folder: Path) -> None:
    found = open_questioned(folder, recipe("vqa"), None, None)
    made = build(network(), recipe("vqa"), found.labels, None).eval()
    image = scene(0)[0]
    drawn, said = predict(made, recipe("vqa"), found.labels, image, "is there red?", torch.device("cpu"))
    assert said.split()[0] in found.labels["answers"]
    assert drawn.height > image.height


def test_mistakes_in_questions_are_named_with_file_and_place(folder: Path, tmp_path: Path) -> None:
    easy = as_easy_vqa(folder, tmp_path / "easy") / "easy_vqa" / "data" / "train"
    (easy / "images" / "2.png").unlink()
    with pytest.raises(Failure, match=r"train/questions\.json, entry 7: there is no image 2 in .*images"):
        read(tmp_path / "easy")
    (easy / "questions.json").write_text('[["what?", "yes"]]')
    with pytest.raises(Failure, match=r"entry 1 is \['what\?', 'yes'\], and not \[question, answer, image\]"):
        read(tmp_path / "easy")
    two = as_vqa2(folder, tmp_path / "vqa2")
    (two / "v2_mscoco_train2014_annotations.json").write_text('{"annotations": []}')
    with pytest.raises(Failure, match=r"annotations\.json has no answers to question 0"):
        read(two)
    for told in ('"what?"', '{"question_id": [1], "answers": []}', "null"):
        (two / "v2_mscoco_train2014_annotations.json").write_text(f'{{"annotations": [{told}]}}')
        with pytest.raises(Failure, match=r"annotations\.json: .* is no record with a question_id"):
            read(two)
    (two / "v2_OpenEnded_mscoco_train2014_questions.json").write_text('{"questions": [7]}')
    with pytest.raises(Failure, match=r"questions\.json: 7 is no record with a question_id"):
        read(two)
    (folder / "train.csv").write_text("question,answer,image_id\nwhat?,,0\n")
    with pytest.raises(Failure, match=r"train\.csv, line 2: the question, its answer or its image is missing"):
        read(folder)
    (folder / "train.csv").write_text("q,a\n")
    with pytest.raises(Failure, match="has the columns q, a"):
        read(folder)
    odd = tmp_path / "odd"
    (odd / "train").mkdir(parents=True)
    with pytest.raises(Failure, match="in a form that is known; there is: train"):
        read(odd)
