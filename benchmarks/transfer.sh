#!/usr/bin/env bash
# What docs/results.md says of transfer: one trained backbone on four small sets, on one GPU or several.
#
#   benchmarks/transfer.sh MODEL DATA OUT
#   GPUS="0 1 2 3" benchmarks/transfer.sh MODEL DATA OUT
#
# MODEL: a folder of `spacelang export`, trained on mini-imagenet-64. DATA: holds coco-tiny, camvid, easy-vqa and
# daquar-320. OUT: is made; holds the runs, a log of each, and pictures. Trainings share the GPUs, each in a folder of
# runs of its own; what is compared (seeds, trained and random weights, seeing and blind) has equal steps. Given again, it
# goes on with those that were not trained to their end.
set -eu
model=$1 data=$2 out=$3
read -ra gpus <<<"${GPUS:-0}"
export OMP_NUM_THREADS=1
mkdir -p "$out"

on() { # N COMMAND…: on the N-th GPU, counted round and round
  local gpu=${gpus[$(($1 % ${#gpus[@]}))]}
  shift
  CUDA_VISIBLE_DEVICES=$gpu "$@"
}

begun=0
learn() { # NAME TASK DATA RECIPE OPTIONS…: at most three at once on a GPU; what was trained already is left alone
  local name=$1 task=$2 set=$3 recipe=$4
  shift 4
  if grep -qs "^trained" "$out/$name.log"; then return; fi
  rm -rf "${out:?}/$name"
  if ((begun >= 3 * ${#gpus[@]})); then wait -n || true; fi
  on $begun spacelang transfer "$task" "$model" --data "$data/$set" --recipe "$recipe" --runs "$out/$name" "$@" \
    >"$out/$name.log" 2>&1 &
  begun=$((begun + 1))
}

learn coco-tiny detect coco-tiny coco-tiny --workers 6
learn easy-vqa vqa easy-vqa easy-vqa --workers 4
for seed in 0 1 2; do
  learn "camvid-trained-$seed" segment camvid camvid --workers 4 --set "seed=$seed"
  learn "camvid-random-$seed" segment camvid camvid --workers 4 --set "seed=$seed" --random-weights
  learn "daquar-seeing-$seed" vqa daquar-320 daquar --workers 3 --set "seed=$seed"
  learn "daquar-blind-$seed" vqa daquar-320 daquar --workers 1 --set "seed=$seed" --set blind=true
done
wait
grep -L "^trained" "$out"/*.log | sed 's/$/ has failed/'

on 0 spacelang transfer segment --eval --multi-scale --runs "$out/camvid-trained-0" >"$out/camvid-multi-scale.log" 2>&1 &
draw() { # GPU NAME TASK PHOTO OPTIONS…
  local gpu=$1 name=$2 task=$3 photo=$4
  shift 4
  on "$gpu" spacelang transfer "$task" --predict "$photo" --runs "$out/$name" \
    -o "$out/$name-$(basename "${photo%.*}").png" "$@" >>"$out/pictures.log" 2>&1 &
}
for photo in $(ls "$data"/coco-tiny/train2017/*.jpg | head -6); do draw 1 coco-tiny detect "$photo"; done
for photo in $(ls "$data"/camvid/test/* | sed -n '20p;120p;200p'); do draw 2 camvid-trained-0 segment "$photo"; done
draw 3 easy-vqa vqa "$data/easy-vqa/easy_vqa/data/test/images/3.png" --question "what color is the shape?"
for photo in $(sed -n '1p;40p;90p' "$data/daquar-320/test_images_list.txt"); do
  draw 3 daquar-seeing-0 vqa "$data/daquar-320/images/$photo.webp" --question "what is on the table?"
done
wait

for run in "$out"/*/*/journal.jsonl; do
  echo "$(basename "$(dirname "$(dirname "$run")")"): $(grep measured "$run" | tail -1)"
done
tail -n 20 "$out/camvid-multi-scale.log"
grep -h "GiB" "$out"/*.log || true
