#!/usr/bin/env bash
# Plays five nights of a language model that is retrained: a good one, one with more of the same, an empty one, a broken one, and one that is worse.
# After each it prints how the retraining ended and what the registry has; it fails where a night does not end as it should.
#
#   examples/nightly.sh TRAIN.txt HOLDOUT.txt [DIR]      texts of some thousand lines, as WikiText-2's; DIR (default: a new one) gets slices and registry
set -euo pipefail

die() { echo "nightly: $*" >&2; exit 2; }
(($# >= 2)) || die "expected two texts, one to learn from and one to compare versions on: examples/nightly.sh TRAIN.txt HOLDOUT.txt [DIR]"
train=$1 holdout=$2 dir=${3:-$(mktemp -d)}
for text in "$train" "$holdout"; do [[ -s $text ]] || die "no text in $text"; done
rondo=$(dirname "$(readlink -f "${BASH_SOURCE[0]}")")/../bin/rondo
mkdir -p "$dir/data"

# --- The data of five nights -------------------------------------------------------------------------------------------------
lines=${LINES_A_NIGHT:-1500}
(($(wc -l < "$train") >= 3 * lines)) || die "$train has $(wc -l < "$train") lines, expected at least $((3 * lines)): three nights of $lines; give a longer text, or set LINES_A_NIGHT"
day() { date -u -d "2026-03-0$1" +%F; }
slice() { sed -n "$((($1 - 1) * lines + 1)),$(($1 * lines))p" "$train"; }
slice 1 > "$dir/data/$(day 1).txt"
slice 2 > "$dir/data/$(day 2).txt"
: > "$dir/data/$(day 3).txt"                                                    # nobody wrote anything
{ slice 3 | sed -n 1,100p; printf 'Caf\351\n'; } > "$dir/data/$(day 4).txt"       # not UTF-8
slice 3 | awk '{ for (i = NF; i > 0; i--) printf "%s ", $i; print "" }' > "$dir/data/$(day 5).txt"      # every line backwards

# --- The nights ----------------------------------------------------------------------------------------------------------------
night() {       # its number, the exit code that is expected, the share of history
    echo
    echo "=== night $1, $(day "$1")"
    local code=0
    "$rondo" retrain --master 'local[*]' --registry "$dir/registry" --name words --newData "$dir/data/{yyyy-MM-dd}.txt" --date "$(day "$1")" --holdout "$holdout" \
        --history "$dir/data/{yyyy-MM-dd}.txt" --historyShare "${3:-0.5}" --unit word --minCount 2 --maxVocabulary 20000 \
        --hidden 128 --embedding 128 --layers 1 --tied --dropout 0.4 --batch 20 --seqLen 35 --epochs 3 --learningRate 0.002 --warmUp 20 || code=$?
    echo "exit code $code"
    "$rondo" models --registry "$dir/registry" | sed '$d'                       # the table; its last line is JSON
    ((code == $2)) || { echo "nightly: night $1 ended with exit code $code, expected $2" >&2; exit 1; }
}
night 1 0       # the first version
night 2 0       # more of the same: better
night 3 2       # empty
night 4 2       # broken: mended by hand, or set aside
mkdir -p "$dir/aside" && mv "$dir/data/$(day 4).txt" "$dir/aside"
night 5 3 0.02       # worse, and hardly anything of the days before to keep it: the champion stays
night 2 0       # again: finds its own result
echo
"$rondo" models rollback --registry "$dir/registry" --name words
"$rondo" models --registry "$dir/registry" | sed '$d'
