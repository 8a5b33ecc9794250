#!/usr/bin/env bash
# Whether searching the search space pays on mini-imagenet-64: a space that is off on purpose, refined, on one GPU or two.
#
#   benchmarks/refine_mini.sh DATA [OUT] [SEED] [ROUNDS] [CARDS]     # refined 0 1 1
#
# DATA has train/CLASS/* and val/CLASS/*. A unit is one space trained for 20 epochs (by the rule extrapolated for half of
# them beside, the first for a quarter too), judged by 300 networks and more of rare choices, searched, and its best network finished for
# 5 % of the supernet's seconds. ROUNDS says how many next spaces are tried: give 1, then 2, 3, 4 in calls of their own,
# and each call makes the units that are missing. A call that is stopped goes on when it is given again.
# RULE=guarded (default), extrapolated or paper is the rule; give each an OUT of its own. In the end the best networks
# of the first space and of the one that it ended with are measured on the test images.
set -euo pipefail
data=${1:?the folder of the images}
out=${2:-refined} seed=${3:-0} rounds=${4:-1} cards=${5:-1}
here=$out/seed-$seed
mkdir -p "$here"

command=(spacelang)
if [ "$cards" -gt 1 ]; then
  command=(torchrun --standalone --nproc-per-node "$cards" -m spacelang)
fi
time "${command[@]}" refine spaces/mini_initial.space --data "$data" --rounds "$rounds" --rule "${RULE:-guarded}" \
  --train epochs=20 --train seed="$seed" --set seed="$seed" --evolve --finish 5% --into "$here" --runs "$here/runs"

python - "$here/runs" <<'PYTHON' | while read -r run; do spacelang eval best --run "$run" --runs "$here/runs"; done
import json
import sys
from pathlib import Path

(path,) = Path(sys.argv[1]).glob("refine-*/refinement.json")
kept = json.loads(path.read_text())
print(*dict.fromkeys(kept["rounds"][number - 1]["run"] for number in (1, kept["best"])), sep="\n")
PYTHON
