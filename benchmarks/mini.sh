#!/usr/bin/env bash
# What docs/results.md says of networks for small photos: one supernet of mini.space, its search, a look inside, four
# transfers, and a space refined; and its algorithms beside one another, which there are of a training of 100 s. On four H200
# about 20 minutes, on one about an hour.
#
#   benchmarks/mini.sh DATA OUT
#   GPUS="0 1" benchmarks/mini.sh DATA OUT
#
# DATA: holds mini-imagenet-64, coco-tiny, camvid, easy-vqa and daquar-320. OUT: is made; a log of each part, runs,
# pictures. Given again, it goes on with what has not come to its end.
set -euo pipefail
data=$(realpath "$1")
mkdir -p "$2/pictures"
out=$(realpath "$2")
cd "$(dirname "$0")/.."
export GPUS=${GPUS:-0} OMP_NUM_THREADS=${OMP_NUM_THREADS:-2} PYTHONPATH="$PWD:$PWD/runtime${PYTHONPATH:+:$PYTHONPATH}"
read -ra gpus <<<"$GPUS"
photos=$data/mini-imagenet-64
run=(--run mini-1 --runs "$out/runs")

part() { # GPU NAME COMMAND…
  local gpu=${gpus[$(($1 % ${#gpus[@]}))]} name=$2
  shift 2
  if [ -e "$out/$name.done" ]; then return; fi
  if CUDA_VISIBLE_DEVICES=$gpu "$@" >"$out/$name.log" 2>&1; then touch "$out/$name.done"; else echo "$name has failed"; fi
}

look() { # where heads look in a photo of each of three classes, and how alike they are
  for class in n02114548 n02099601 n01855672; do
    photo=$(find "$photos/val/$class" -type f | sort | sed -n 11p)
    spacelang attention mini-1 --runs "$out/runs" --network largest --image "$photo" --stage 3 --block 7 \
      -o "$out/pictures/attention-$class"
  done
  spacelang attention mini-1 --runs "$out/runs" --network largest --similarity "$photos/val" --images 200 \
    -o "$out/pictures/similarity"
}

part 0 train spacelang train spaces/mini.space --data "$photos" --budget 360s --runs "$out/runs"
part 0 evolve spacelang evolve mini-1 --runs "$out/runs"
part 0 export spacelang export best -o "$out/model" "${run[@]}"
(
  part 1 held-out spacelang eval best largest smallest --random 20 --split search "${run[@]}"
  part 1 test spacelang eval best largest smallest --random 20 "${run[@]}"
  part 1 look look
  part 1 algorithms python benchmarks/search.py algorithms --run "$out/runs/mini-1" --images 5000 --candidates 300
  part 1 races python benchmarks/search.py races --run "$out/runs/mini-1" --images 5000
) &
(
  part 2 refined bash benchmarks/refine_mini.sh "$photos" "$out/refined"
  part 2 refined-inherit bash benchmarks/refine_mini.sh "$photos" "$out/refined-inherit" --inherit
) &
bash benchmarks/transfer.sh "$out/model" "$data" "$out/transfer" >"$out/transfer.log" 2>&1 &
wait
tail -n 40 "$out"/{held-out,test,algorithms,races,refined,refined-inherit,transfer}.log
