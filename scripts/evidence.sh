#!/usr/bin/env bash
# Makes results/ anew: every study of the README and of results/report.html, by snr-bench alone, on real MNIST. About 16 hours
# of two cores. It can be stopped and repeated: what is finished is skipped, what was interrupted goes on.
#
#     scripts/evidence.sh                 all studies, in this order
#     scripts/evidence.sh article why     some of them
#
# What is judged, and by what, is fixed here, in configs/ and in the plan.toml that each study writes before its first run:
#   endpoints   loss over the run, final training loss, final validation loss; Holm's correction for the three
#   margin      2% of the loss
#   seeds       200 to 223 for judged runs, 100 to 102 for tuning; no design was chosen on any of them
#   least pairs article 12, batch = ∞ 10, tuned 10, why 10, batch sizes 10, ablations 6, robustness 6
set -euo pipefail
cd "$(dirname "$0")/.."
run=(target/release/snr-bench run)
studies=(article batch-size tuned why ablations timm mlp tuned-cosine baselines)
[ $# -gt 0 ] && studies=("$@")

for study in "${studies[@]}"; do
    out=(--out "results/$study")
    case $study in
        timm) "${run[@]}" configs/article.toml --set model.init=timm --seed 200,201,202,203,204,205,206,207 "${out[@]}" ;;
        mlp) "${run[@]}" configs/article.toml --set model.kind=mlp --seed 200,201,202,203,204,205,206,207 "${out[@]}" ;;
        tuned-cosine) "${run[@]}" configs/tuned.toml --schedule cosine --warmup-steps 30 "${out[@]}" ;;
        *) "${run[@]}" "configs/$study.toml" "${out[@]}" ;;
    esac
done
# What no page shows: weights and optimizer states, which only a run that goes on needs; figures of single studies (scripts/readme.py
# draws those of all, and results/report.html); single steps where nothing was measured at them; and what the arms beside the pair
# itself measured of theirs.
find results -name '*.safetensors' -path 'results/*/*' -delete
for study in "${studies[@]}"; do
    rm -rf "results/$study/figures" "results/$study/report.html"
    case $study in why | batch-size) ;; *) find "results/$study" -name steps.csv -delete ;; esac
done
rm -f results/why/*-graft-*/tensors.csv results/why/*-lr0.001016-*/tensors.csv
