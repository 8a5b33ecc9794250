#!/usr/bin/env bash
# From A to B to C on mini-imagenet-64: a space that is off on purpose, refined twice, on one GPU.
#
#   benchmarks/refine_mini.sh DATA [OUT] [--inherit]
#
# DATA has train/CLASS/* and val/CLASS/*. On one H200: three trainings of 1 200 steps, three judgements of 340 to 400
# networks on 2 000 images, three searches of some 160 networks, the tests, in about 7 minutes. Given again, it goes on
# where it was stopped. With --inherit each supernet begins with what the last one has in common with it: run it into
# another OUT, and compare the two tables.
set -euo pipefail
data=${1:?the folder of the images}
out=${2:-refined}
shift $(($# < 2 ? $# : 2))
mkdir -p "$out"

time spacelang refine spaces/mini_initial.space --data "$data" --rounds 2 --steps 1200 --images 2000 --evolve \
  --into "$out" --runs "$out/runs" "$@"
for space in mini_initial mini_initial_2 mini_initial_3; do
  if [ -d "$out/runs/$space-1" ]; then
    spacelang eval best --random 20 --run "$space-1" --runs "$out/runs"
  fi
done
