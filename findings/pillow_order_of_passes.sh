#!/usr/bin/env bash
# Pillow 13.0.0 resizes other bytes than Pillow 12.0.0, for the same picture and the same words. Resizing goes along the
# rows and along the columns, with bytes in between, where what overshoots black or white is cut off. Pillow 12 begins
# with the rows always; Pillow 13 with the columns where that is less work, so that tall pictures made small come out
# differently wherever a tone overshoots: by up to 5 of 255 levels in the noise below. Wide ones stay as they were. Who
# compares a model's answers with those of another machine, or keeps a digest of resized pictures, meets it as a
# difference without a cause. spacelang keeps its decoded pictures by what was read and what was made of it, and crops
# on the GPU along the rows first (runtime/spacelang_runtime/data/resident.py).
#
# Output seen: tall: 5 levels apart at most; wide: 0 levels apart at most
set -euo pipefail
folder=$(mktemp -d)
trap 'rm -rf "$folder"' EXIT
for version in 12.0.0 13.0.0; do
  python3 -m venv "$folder/$version"
  "$folder/$version/bin/pip" install --quiet --disable-pip-version-check "pillow==$version" numpy==2.3.5
  "$folder/$version/bin/python" - "$folder/$version.npz" <<'PYTHON'
import sys

import numpy as np
from PIL import Image

noise = np.random.default_rng(0).integers(0, 256, (80, 10, 3), dtype=np.uint8)
tall = Image.fromarray(noise)
wide = Image.fromarray(noise.transpose(1, 0, 2).copy())
words = {"resample": Image.Resampling.BICUBIC}
np.savez(sys.argv[1], tall=np.asarray(tall.resize((16, 16), **words)), wide=np.asarray(wide.resize((16, 16), **words)))
PYTHON
done
"$folder/13.0.0/bin/python" - "$folder" <<'PYTHON'
import sys

import numpy as np

before, now = (np.load(f"{sys.argv[1]}/{version}.npz") for version in ("12.0.0", "13.0.0"))
apart = {name: int(np.abs(before[name].astype(int) - now[name]).max()) for name in ("tall", "wide")}
for name, levels in apart.items():
    print(f"{name}: {levels} levels apart at most")
assert apart == {"tall": 5, "wide": 0}, apart
PYTHON
