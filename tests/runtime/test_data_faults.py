"""What goes wrong silently elsewhere is told in one line, before anything is trained."""

from __future__ import annotations

import json
import shutil
import tarfile
from pathlib import Path
from typing import Any

import pytest
from forms import add, images, save, shards, table, zipped
from image_folder import image_folder, opened, write_image

from spacelang_runtime.failure import Failure


@pytest.fixture
def folder(tmp_path) -> Path:
    return image_folder(tmp_path / "photos", train=8, val=2)


def told(where: Path | str, **words: Any) -> list[str]:
    """What is said of data when it is opened."""
    said: list[str] = []
    opened(where, said=said, **words)
    return said


def refused(where: Path | str) -> Failure:
    with pytest.raises(Failure) as failure:
        opened(where)
    assert failure.value.remedy
    assert "\n" not in failure.value.message
    return failure.value


def tar(path: Path, files: dict[str, bytes]) -> Path:
    path.parent.mkdir(parents=True, exist_ok=True)
    with tarfile.open(path, "w") as out:
        for name, content in files.items():
            add(out, name, content)
    return path


def samples(folder: Path, split: str, name: str = "{stem}") -> dict[str, bytes]:
    """The files of a shard. name: how a sample is called."""
    of = {}
    for number, path in enumerate(images(folder, split)):
        stem = name.format(stem=f"{path.parent.name}-{path.stem}", number=number)
        of[f"{stem}.png"] = path.read_bytes()
        of[f"{stem}.cls"] = path.parent.name.encode()
    return of


def both(folder: Path, to: Path, name: str = "{stem}") -> Path:
    for split in ("train", "val"):
        tar(to / f"{split}.tar", samples(folder, split, name))
    return to


def test_keys_with_points_melt_no_two_samples_into_one(folder, tmp_path):
    where = both(folder, tmp_path / "s", "photo.{number}")
    said = told(where)
    assert len(opened(where).test) == 6
    assert "24 images have points in their names, by which webdataset would melt them into 1" in said[0]
    assert "here each is one" in said[0]


def test_two_images_with_one_label_between_them_are_refused(folder, tmp_path):
    where = both(folder, tmp_path / "s")
    picture = (folder / "val" / "ant" / "000.png").read_bytes()
    tar(where / "val.tar", {"a.left.png": picture, "a.right.png": picture, "a.cls": b"ant"})
    assert "a.left.png and a.right.png have one label between them" in refused(where).message


@pytest.mark.parametrize("blocks", [60, 70])
def test_a_shard_that_is_cut_off_is_named_with_its_place_and_read_up_to_there(folder, tmp_path, blocks):
    where = both(folder, tmp_path / "s")
    path = where / "train.tar"
    path.write_bytes(path.read_bytes()[: blocks * 512 + 100])
    line = told(where, batch=1, holdout=0)[0]
    assert f"{path} is cut off at byte " in line
    assert f"of {blocks * 512 + 100}: it ends " in line
    assert f"{opened(where, batch=1, holdout=0).train_size} images before it are taken" in line


def test_a_shard_with_a_damaged_header_is_named_with_its_place(folder, tmp_path):
    where = both(folder, tmp_path / "s")
    whole = bytearray((where / "train.tar").read_bytes())
    at = whole.index(b"ustar", 40 * 512) // 512 * 512
    whole[at : at + 5] = b"\xff" * 5
    (where / "train.tar").write_bytes(whole)
    line = told(where, batch=1, holdout=0)[0]
    assert f"is cut off at byte {at} of {len(whole)}: there is no header of a member" in line


def test_images_of_a_shard_without_a_label_are_left_out_with_their_count(folder, tmp_path):
    where = both(folder, tmp_path / "s")
    files = samples(folder, "train")
    del files["ant-003.cls"], files["bee-003.cls"]
    tar(where / "train.tar", files)
    assert "left out: 2 images without a label (first: " in told(where)[0]


def test_a_missing_shard_is_named(folder, tmp_path):
    shards(folder, tmp_path)
    message = refused(f"{tmp_path}/shards/{{train,val}}-{{000000..000004}}.tar").message
    assert "train-000003.tar: 4 of 10 shards are missing" in message


def test_shards_of_no_split_among_others_are_refused(folder, tmp_path):
    where = both(folder, tmp_path / "s")
    shutil.copy(where / "val.tar", where / "more.tar")
    assert "more.tar and 0 more are of no split, others of train, val" in refused(where).message


def test_a_tar_that_is_packed_as_a_whole_is_refused(tmp_path):
    (tmp_path / "photos.tar.gz").touch()
    assert "is packed as a whole" in refused(tmp_path / "photos.tar.gz").message


def test_numbers_without_names_are_told(folder, tmp_path):
    where = shards(folder, tmp_path, numbers=True)
    (where / "classes.txt").unlink()
    assert "nothing names the numbers of its classes: they are called 0, …, 2" in told(where)[0]


def test_a_number_that_has_no_name_among_those_that_have_is_refused(folder, tmp_path):
    where = shards(folder, tmp_path, numbers=True)
    (where / "classes.txt").write_text("ant\nbee\n")
    assert "an image has the label 2, and 2 classes are named" in refused(where).message


def test_a_json_tells_the_label_and_the_name_that_the_file_had(folder, tmp_path):
    for split in ("train", "val"):
        files = {}
        for number, path in enumerate(images(folder, split)):
            files[f"{number:08d}.jpg"] = path.read_bytes()
            about = {
                "label": "abc".index(path.parent.name[0]),
                "class_name": path.parent.name,
                "filename": path.name,
            }
            files[f"{number:08d}.json"] = json.dumps(about).encode()
        tar(tmp_path / "s" / f"{split}.tar", files)
    assert opened(tmp_path / "s").fingerprint == opened(folder).fingerprint


def parquet(rows: list[tuple[bytes | None, str | None, Any]], names: list[str] | None, path: Path) -> Path:
    from pyarrow import parquet as pq

    path.parent.mkdir(exist_ok=True)
    pq.write_table(table(rows, names), path)
    return path.parent


def rows(folder: Path, split: str) -> list[tuple[bytes | None, str | None, Any]]:
    return [(path.read_bytes(), path.name, path.parent.name) for path in images(folder, split)]


def test_parquet_with_the_paths_of_images_and_not_their_bytes_is_refused(folder, tmp_path):
    without = [(None, f"/home/me/{path}", label) for _, path, label in rows(folder, "train")]
    parquet(without, None, tmp_path / "p" / "train.parquet")
    failure = refused(tmp_path / "p")
    assert "its images have no bytes, only the paths that they had where it was written" in failure.message
    assert "to_parquet does not" in failure.remedy


def test_rows_without_bytes_are_left_out_with_their_count(folder, tmp_path):
    some = rows(folder, "train")
    some[3] = (None, *some[3][1:])
    parquet(some, None, tmp_path / "p" / "train.parquet")
    parquet(rows(folder, "val"), None, tmp_path / "p" / "test.parquet")
    assert told(tmp_path / "p")[0].endswith("train.parquet without bytes (first: row 3)")


def test_rows_that_are_no_images_are_named_and_left_out(folder, tmp_path):
    some = rows(folder, "val")
    some[3] = (b"no picture", *some[3][1:])
    parquet(rows(folder, "train"), None, tmp_path / "p" / "train.parquet")
    parquet(some, None, tmp_path / "p" / "test.parquet")
    said: list[str] = []
    assert sum(len(labels) for _, labels in opened(tmp_path / "p", said=said).test.batches()) == 5
    assert "test.parquet: row 3 (" in said[-1]
    assert "not a JPEG, PNG" in said[-1]


def test_labels_as_texts_are_names_and_images_without_one_are_left_out(folder, tmp_path):
    some = [*rows(folder, "train"), (rows(folder, "val")[0][0], "more.png", None)]
    parquet(some, None, tmp_path / "p" / "train.parquet")
    parquet(rows(folder, "val"), None, tmp_path / "p" / "test.parquet")
    assert opened(tmp_path / "p").classes == ("ant", "bee", "cat")
    assert told(tmp_path / "p") == [f"left out: 1 image without a label in {tmp_path / 'p'} (train)"]


def test_a_split_whose_labels_are_hidden_is_left_out(folder, tmp_path):
    names = ["ant", "bee", "cat"]
    for split, to in (("train", "train"), ("val", "validation")):
        numbered = [(content, path, names.index(label)) for content, path, label in rows(folder, split)]
        parquet(numbered, names, tmp_path / "p" / f"{to}.parquet")
    hidden = [(content, path, -1) for content, path, _ in rows(folder, "val")]
    parquet(hidden, names, tmp_path / "p" / "test.parquet")
    assert "(test), whose 6 images have no labels" in told(tmp_path / "p")[0]
    assert opened(tmp_path / "p").fingerprint == opened(folder).fingerprint


def test_named_classes_without_an_image_are_told(folder, tmp_path):
    names = ["ant", "bee", "cat", "dog"]
    for split, to in (("train", "train"), ("val", "validation")):
        numbered = [(content, path, names.index(label)) for content, path, label in rows(folder, split)]
        parquet(numbered, names, tmp_path / "p" / f"{to}.parquet")
    assert "1 of 4 named classes have no image (first: dog)" in told(tmp_path / "p")[0]


def test_a_table_with_no_column_of_images_is_refused_with_those_it_has(tmp_path):
    import pyarrow as pa
    from pyarrow import parquet as pq

    pq.write_table(pa.table({"text": ["a"], "label": [1]}), tmp_path / "t.parquet")
    message = refused(tmp_path / "t.parquet").message
    assert "no one column holds images" in message
    assert "text (string), label (int64)" in message


def test_what_is_no_parquet_is_refused(tmp_path):
    (tmp_path / "t.parquet").write_bytes(b"PAR1 or so")
    assert "t.parquet cannot be read as Parquet" in refused(tmp_path / "t.parquet").message


def test_without_pyarrow_the_message_says_what_to_install(tmp_path, monkeypatch):
    import sys

    (tmp_path / "t.parquet").touch()
    monkeypatch.setitem(sys.modules, "pyarrow", None)
    failure = refused(tmp_path / "t.parquet")
    assert "which is not installed" in failure.message
    assert "spacelang[parquet]" in failure.remedy


def test_a_choice_of_rows_that_was_saved_is_refused(folder, tmp_path):
    save(tmp_path / "s", "train", table(rows(folder, "train"), None))
    state = json.loads((tmp_path / "s" / "state.json").read_text())
    (tmp_path / "s" / "state.json").write_text(json.dumps(state | {"_indices_files": [{"filename": "i.arrow"}]}))
    assert "flatten_indices" in refused(tmp_path / "s").remedy


def test_a_saved_table_that_is_cut_off_is_refused(folder, tmp_path):
    save(tmp_path / "s", "train", table(rows(folder, "train"), None))
    path = tmp_path / "s" / "data-00000-of-00001.arrow"
    path.write_bytes(path.read_bytes()[:5000])
    assert "cannot be read as Arrow" in refused(tmp_path / "s").message


def test_a_zip_that_is_cut_off_is_refused(folder, tmp_path):
    path = zipped(folder, tmp_path)
    path.write_bytes(path.read_bytes()[:-100])
    assert "all.zip cannot be read as a zip" in refused(path).message


def test_a_class_folder_called_train_is_taken_for_a_class_and_told(tmp_path):
    for name in ("train", "bus", "car"):
        for number in range(9):
            write_image(tmp_path / "vehicles" / name / f"{number}.png", number + 10 * len(name))
    failure = refused(tmp_path / "vehicles")
    assert "has no test split: it is one split of 27 images" in failure.message
    from test_data_forms import share

    assert share(str(tmp_path / "vehicles"), 0.2).classes == ("bus", "car", "train")


def test_numbered_classes_are_ordered_as_text_which_is_told(tmp_path):
    folder = image_folder(tmp_path, train=3, classes=tuple(str(number) for number in range(1, 11)))
    assert opened(folder).classes[:3] == ("1", "10", "2")
    assert told(folder) == [
        "the classes are numbers and are ordered as text: 1, 10, 2, …, as torchvision has them; timm has 1, 2, 3, …"
    ]


@pytest.mark.parametrize("form", [zipped, shards])
def test_a_class_that_one_split_lacks_is_named(folder, tmp_path, form):
    shutil.rmtree(folder / "val" / "bee")
    assert "train and val have different classes: bee (train only)" in refused(form(folder, tmp_path)).message


def test_a_ground_truth_of_other_images_is_refused(folder):
    for path in sorted((folder / "val").glob("*/*")):
        path.rename(folder / "val" / f"{path.parent.name}-{path.name}")
    for path in [path for path in (folder / "val").iterdir() if path.is_dir()]:
        path.rmdir()
    assert "put its ground truth beside it" in refused(folder).remedy
    (folder / "val.txt").write_text("other-1.png 0\n")
    assert "val.txt tells of none of these images" in refused(folder).message
    (folder / "val.txt").write_text("ant\nbee\n")
    assert "val.txt has 2 lines, and there are 6 images" in refused(folder).message
    (folder / "val.txt").write_text("ant-000.png wasp\n")
    assert "speaks of a class wasp, which the training images do not have" in refused(folder).message
    (folder / "val.txt").write_text("ant-000.png ant\nbee-000.png bee\ncat-000.png 2\n")
    assert "a class 2" in refused(folder).message
    (folder / "val.txt").write_text("ant-000.png ant\nbee-000.png bee\ncat-000.png cat\n")
    assert "left out: 3 images that it does not tell of (first: ant-001.png)" in told(folder)


def test_what_is_wrong_with_data_is_told_before_it_is_refused(folder, tmp_path):
    where = both(folder, tmp_path / "s")
    whole = (where / "train.tar").read_bytes()
    (where / "train.tar").write_bytes(whole[: len(whole) // 8])
    said: list[str] = []
    with pytest.raises(Failure, match="different classes"):
        opened(where, said=said)
    assert "is cut off at byte" in said[0]


def test_an_archive_beside_the_folders_that_it_was_unpacked_to_is_passed_over(folder, tmp_path):
    ours = opened(folder).fingerprint
    tar(folder / "photos.tar", samples(folder, "train"))
    assert opened(folder).fingerprint == ours
    assert opened(folder).form == "a folder with train and val"
