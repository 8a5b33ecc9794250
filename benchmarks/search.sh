#!/usr/bin/env bash
# The GPU figures of the search, part by part: `bash benchmarks/search.sh scoring` runs one, without a name all.
# Minutes are for one NVIDIA H200 and are estimates; parts that want a trained run take it from RUN (a folder).
set -euo pipefail
cd "$(dirname "$0")/.."
export PYTHONPATH="$PWD:$PWD/runtime" OMP_NUM_THREADS=4 PYTHONUNBUFFERED=1
RUN=${RUN:-}

# 1.5 min: 50 random networks of s3 at 224 pixels, 2 560 images each, beside the same networks extracted.
scoring() { python benchmarks/search.py scoring --images 2560 --networks 50; }

# 1 min: the first 40 networks of the paper's search, 10 000 images each, at most 4.5 GMACs; minutes of all by that
# pace. Without --candidates it is the whole search.
search() { python benchmarks/search.py search --images 10000 --exact --candidates 40; }

# The whole search of the paper on one GPU (6 min) and on all (2 min with 4 GPUs).
together() {
  local gpus
  gpus=$(python -c 'import torch; print(torch.cuda.device_count())')
  CUDA_VISIBLE_DEVICES=0 python benchmarks/search.py search --images 10000 --exact
  torchrun --standalone --nproc-per-node "$gpus" benchmarks/search.py search --images 10000 --exact
}

# 1 min: the same 3 networks by decoding 2 000 JPEGs with 16 workers each time, and by decoding once.
loader() { python benchmarks/search.py loader --images 2000 --networks 3; }

# 1 min: about 230 distinct blocks, then 50 random networks whole.
latency() {
  python -m spacelang measure spaces/s3.space --device cuda --batch 64 --precision bf16 --check 50 -o "${OUT:-.}/latency.json"
}

# 1 to 4 min on a trained run of mini.space: its search in full and raced.
races() { python benchmarks/search.py races --run "$RUN" --images 5000; }

# 8 min on the same run: 4 algorithms, 3 seeds, 300 networks each; what one has scored the others need not. Seeds share
# little: with several GPUs, give each a seed of its own (`--seeds 1`).
algorithms() { python benchmarks/search.py algorithms --run "$RUN" --images 5000 --candidates 300 --seeds 0 1 2; }

parts=("$@")
if [ ${#parts[@]} -eq 0 ]; then
  parts=(scoring search loader latency)
  if [ -n "$RUN" ]; then parts+=(races algorithms); fi
fi
for part in "${parts[@]}"; do
  echo "== $part" >&2
  "$part"
done
