#!/bin/sh
# Everything that docs/speed.md wants to know of a GPU, in one call (about ten minutes):
#   benchmarks/gpu.sh [PYTHON] [RESULT NAME]
# The results lie in benchmarks/results/NAME.json, NAME/growth.md and NAME/growth.png.
set -eu
cd "$(dirname "$0")/.."
python=${1:-python3}
name=${2:-gpu}
results=benchmarks/results
mkdir -p "$results"
"$python" -m pytest -q test/test_engine_gpu.py  # right before fast
# the must: 64x64 10 -> 20 in 1 ms; 128x128 4 -> 4 at 3,640 frames/s; less than 400 MB on the GPU
"$python" -m tkn_ros.cli benchmark --device cuda --all --seconds 5 \
	--backends cuda:float16 cuda:bfloat16 cuda:float32 eager:float32 \
	--growth "$results/$name" --json "$results/$name.json" --force
# fused by torch.compile beside it, which takes minutes to compile
"$python" -m tkn_ros.cli benchmark --device cuda --horizons 20 --seconds 5 \
	--backends cuda:float16 compile:float16 --json "$results/$name-compile.json" --force
