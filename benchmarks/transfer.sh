#!/usr/bin/env bash
# What docs/results.md says of transfer: one trained backbone on four small sets, on one GPU, in about seven minutes.
#
#   benchmarks/transfer.sh MODEL DATA OUT
#
# MODEL: a folder of `spacelang export`, trained on mini-imagenet-64. DATA: holds coco-tiny, camvid, easy-vqa and
# daquar-320. OUT: is made; holds the runs, a log of each, and pictures. Several trainings share the GPU, each in a
# folder of runs of its own; what is compared (seeds, trained and random weights, seeing and blind) has equal steps.
set -eu
model=$1 data=$2 out=$3
export OMP_NUM_THREADS=1
spacelang=${SPACELANG:-spacelang} # such as SPACELANG="python -m spacelang"
mkdir -p "$out"

learn() { # NAME TASK DATA RECIPE OPTIONS…
  local name=$1 task=$2 set=$3 recipe=$4
  shift 4
  $spacelang transfer "$task" "$model" --data "$data/$set" --recipe "$recipe" --runs "$out/$name" "$@" \
    >"$out/$name.log" 2>&1 || { echo "$name failed:"; tail -3 "$out/$name.log"; }
}

# About 3 min: the detector beside the answerers.
learn coco-tiny detect coco-tiny coco-tiny --budget 150s --workers 6 &
(
  learn easy-vqa vqa easy-vqa easy-vqa --budget 70s --workers 4
  learn daquar-seeing vqa daquar-320 daquar --steps 700 --workers 3 &
  learn daquar-blind vqa daquar-320 daquar --steps 700 --workers 1 --set blind=true &
  wait
) &
wait

# About 3 min: three seeds of the segmenter, trained and random backbones side by side.
for seeds in "0 1" "2"; do
  for seed in $seeds; do
    learn "camvid-trained-$seed" segment camvid camvid --steps 500 --workers 3 --set "seed=$seed" &
    learn "camvid-random-$seed" segment camvid camvid --steps 500 --workers 3 --set "seed=$seed" --random-weights &
  done
  wait
done

# Less than a minute: several scales, and pictures.
$spacelang transfer segment --eval --multi-scale --runs "$out/camvid-trained-0" >"$out/camvid-multi-scale.log" 2>&1 &
draw() { # NAME TASK PHOTO OPTIONS…
  local name=$1 task=$2 photo=$3
  shift 3
  $spacelang transfer "$task" --predict "$photo" --runs "$out/$name" -o "$out/$name-$(basename "${photo%.*}").png" "$@" \
    >>"$out/pictures.log" 2>&1 &
}
for photo in $(ls "$data"/coco-tiny/train2017/*.jpg | head -4); do draw coco-tiny detect "$photo"; done
for photo in $(ls "$data"/camvid/test/* | sed -n '20p;120p'); do draw camvid-trained-0 segment "$photo"; done
draw easy-vqa vqa "$data/easy-vqa/easy_vqa/data/test/images/3.png" --question "what color is the shape?"
draw daquar-seeing vqa "$data/daquar-320/images/$(head -1 "$data/daquar-320/test_images_list.txt").webp" \
  --question "what is on the table?"
wait

for run in "$out"/*/*/journal.jsonl; do
  echo "$(basename "$(dirname "$(dirname "$run")")"): $(grep measured "$run" | tail -1)"
done
tail -n 20 "$out/camvid-multi-scale.log"
grep -h "GiB" "$out"/*.log || true
