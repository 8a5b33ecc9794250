#!/usr/bin/env bash
# transformers 5.24.0 cuts the middle of a picture one pixel aside of where torchvision 0.29.1 cuts it, for every second
# odd margin: at 3, 7, 11 … pixels to spare. BitImageProcessor (as CLIP's and others, whose code it shares) rounds half of
# the margin down; torchvision's center_crop, which timm's transforms use, rounds it half to even. A model that was
# trained and published with the one is scored on other pixels with the other, without a word: of 1 000 photos of mixed
# sizes, an exported network answered 8 or 9 differently. spacelang states TimmWrapperImageProcessor for its models,
# whose pixels are timm's (docs/models.md).
#
# Output seen: margin 1: 0 0; margin 3: 1 2; margin 5: 2 2; margin 7: 3 4; margin 9: 4 4; margin 11: 5 6
set -euo pipefail
folder=$(mktemp -d)
trap 'rm -rf "$folder"' EXIT
python3 -m venv "$folder/venv"
"$folder/venv/bin/pip" install --quiet --disable-pip-version-check \
  torch==2.14.1 torchvision==0.29.1 transformers==5.24.0 pillow==13.0.0
"$folder/venv/bin/python" - <<'PYTHON'
import numpy as np
from PIL import Image
from torchvision.transforms.functional import center_crop
from transformers import BitImageProcessor

SIDE = 8
processor = BitImageProcessor(
    do_resize=False, do_rescale=False, do_normalize=False, crop_size={"height": SIDE, "width": SIDE}
)
seen = {}
for margin in (1, 3, 5, 7, 9, 11):
    columns = np.arange(SIDE + margin, dtype=np.uint8)  # each column holds its own number
    picture = Image.fromarray(np.tile(columns, (SIDE, 1))).convert("RGB")
    theirs = int(processor(picture, return_tensors="pt")["pixel_values"][0, 0, 0, 0])
    torchvisions = int(np.asarray(center_crop(picture, SIDE))[0, 0, 0])
    seen[margin] = (theirs, torchvisions)
    print(f"margin {margin}: transformers begins at column {theirs}, torchvision at {torchvisions}")
assert seen == {1: (0, 0), 3: (1, 2), 5: (2, 2), 7: (3, 4), 9: (4, 4), 11: (5, 6)}, seen
PYTHON
