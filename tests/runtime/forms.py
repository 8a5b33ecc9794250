"""One folder of images, written in other forms, as the tools of others write them."""

from __future__ import annotations

import io
import json
import tarfile
import zipfile
from collections.abc import Callable, Iterable
from hashlib import md5
from pathlib import Path
from typing import Any

HF = {"train": "train", "val": "validation"}  # how Hugging Face calls the splits


def images(folder: Path, split: str) -> list[Path]:
    """The images of a split in an order that is that of no folder."""
    return sorted((folder / split).rglob("*.*"), key=lambda path: md5("/".join(path.parts[-2:]).encode()).digest())


def add(tar: tarfile.TarFile, name: str, content: bytes) -> None:
    """Put a file into a tar."""
    member = tarfile.TarInfo(name)
    member.size = len(content)
    tar.addfile(member, io.BytesIO(content))


def zipped(folder: Path, to: Path, how: int = zipfile.ZIP_STORED) -> Path:
    with zipfile.ZipFile(to / "all.zip", "w", how, strict_timestamps=False) as file:
        for path in (path for split in HF for path in images(folder, split)):
            file.write(path, path.relative_to(folder.parent))
    return to / "all.zip"


def deflated(folder: Path, to: Path) -> Path:
    return zipped(folder, to, zipfile.ZIP_DEFLATED)


def shards(folder: Path, to: Path, count: int = 3, numbers: bool = False) -> Path:
    """Shards of webdataset. numbers: whether labels are numbers of the classes in classes.txt, else their names."""
    (to / "shards").mkdir()
    classes = sorted(path.name for path in (folder / "train").iterdir())
    if numbers:
        (to / "shards" / "classes.txt").write_text("\n".join(classes))
    for split in HF:
        for number in range(count):
            with tarfile.open(to / "shards" / f"{split}-{number:06d}.tar", "w") as tar:
                for path in images(folder, split)[number::count]:
                    stem, label = f"{path.parent.name}/{path.stem}", path.parent.name
                    add(tar, f"{stem}{path.suffix}", path.read_bytes())
                    add(tar, f"{stem}.cls", (str(classes.index(label)) if numbers else label).encode())
    return to / "shards"


def braces(folder: Path, to: Path) -> str:
    return f"{shards(folder, to, numbers=True)}/{{train,val}}-{{000000..000002}}.tar"


def tarred(folder: Path, to: Path) -> Path:
    """The folder itself as a tar."""
    with tarfile.open(to / "all.tar", "w") as tar:
        tar.add(folder, folder.name)
    return to / "all.tar"


def table(rows: Iterable[tuple[bytes | None, str | None, Any]], names: list[str] | None) -> Any:
    """A table as `datasets` has it, of the bytes, path and label of each image. names: of the classes."""
    import pyarrow as pa

    content, paths, labels = zip(*rows, strict=True)
    kind = pa.struct([("bytes", pa.binary()), ("path", pa.string())])
    image = pa.array([{"bytes": b, "path": p} for b, p in zip(content, paths, strict=True)], type=kind)
    features: dict[str, Any] = {"image": {"_type": "Image"}, "label": {"dtype": "string", "_type": "Value"}}
    if names is not None:
        features["label"] = {"names": names, "_type": "ClassLabel"}
    about = {b"huggingface": json.dumps({"info": {"features": features}}).encode()}
    return pa.table({"image": image, "label": pa.array(labels)}).replace_schema_metadata(about)


def tables(folder: Path) -> dict[str, Any]:
    """The table of each split, its classes in an order of their own."""
    names = sorted((path.name for path in (folder / "train").iterdir()), reverse=True)
    return {
        HF[split]: table(
            ((path.read_bytes(), path.name, names.index(path.parent.name)) for path in images(folder, split)), names
        )
        for split in HF
    }


def parquet(folder: Path, to: Path) -> Path:
    """A clone of a data set from the hub: several files of several groups."""
    from pyarrow import parquet as pq

    (to / "clone" / "data").mkdir(parents=True)
    for split, whole in tables(folder).items():
        half = len(whole) // 2
        for number, part in enumerate((whole.slice(0, half), whole.slice(half))):
            path = to / "clone" / "data" / f"{split}-{number:05d}-of-00002.parquet"
            pq.write_table(part, path, row_group_size=7)
    return to / "clone"


def saved(folder: Path, to: Path) -> Path:
    """What `DatasetDict.save_to_disk` writes."""

    (to / "saved").mkdir()
    (to / "saved" / "dataset_dict.json").write_text(json.dumps({"splits": list(HF.values())}))
    for split, whole in tables(folder).items():
        save(to / "saved" / split, split, whole)
    return to / "saved"


def save(place: Path, split: str, whole: Any) -> None:
    """What `Dataset.save_to_disk` writes."""
    import pyarrow as pa

    place.mkdir()
    file, about = "data-00000-of-00001.arrow", json.loads(whole.schema.metadata[b"huggingface"])["info"]
    with pa.OSFile(str(place / file), "wb") as out, pa.RecordBatchStreamWriter(out, whole.schema) as writer:
        writer.write_table(whole, max_chunksize=11)
    state = {"_data_files": [{"filename": file}], "_indices_files": None, "_split": split}
    (place / "state.json").write_text(json.dumps(state))
    (place / "dataset_info.json").write_text(json.dumps(about))


FORMS: dict[str, Callable[[Path, Path], Path | str]] = {
    "zip": zipped,
    "deflated zip": deflated,
    "shards": shards,
    "numbered shards by braces": braces,
    "tar of a folder": tarred,
    "Parquet": parquet,
    "save_to_disk": saved,
}
