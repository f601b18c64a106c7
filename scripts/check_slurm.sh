#!/usr/bin/env bash
# scripts/slurm.sh on a real Slurm of one node, which is started here in a folder of its own and stopped in the end: job
# arrays, of which one task is killed, one requeued and one stopped as if near its time limit, must give the bytes of one
# command. Installs Slurm where it is missing, with apt-get and as root.
#
#   scripts/check_slurm.sh
set -euo pipefail
cd "$(dirname "$0")/.."

needed=(slurmctld slurmd sbatch munged)
PATH=$PWD/target/release:$PATH:/usr/sbin # where daemons are
if ! command -v "${needed[@]}" > /dev/null && [ "$(id -u)" = 0 ] && command -v apt-get > /dev/null; then
    { apt-get update && apt-get install -y slurmctld slurmd slurm-client munge; } > /dev/null 2>&1 || true
fi
for command in "${needed[@]}"; do
    command -v "$command" > /dev/null || { echo "skipped: Slurm ($command cannot be had here)" && exit 0; }
done
[ -x target/release/snr-bench ] || cargo build --release
script=$PWD/scripts/slurm.sh

out=$(mktemp -d)
export SLURM_CONF=$out/slurm.conf
pids=()
clean() {
    scancel --user="$(id -un)" 2> /dev/null || true
    for _ in {1..50}; do
        [ -n "$(squeue --noheader 2> /dev/null)" ] || break
        sleep 0.2
    done
    kill "${pids[@]}" 2> /dev/null || true
    wait
    rm -rf "$out"
}
trap clean EXIT

fail() {
    echo "check_slurm: $*" >&2
    tail -n 20 "$out"/*/array/slurm-*.out "$out"/log/* >&2
    exit 1
}

# Waits until a command succeeds.
until_ok() { # SECONDS COMMAND…
    local end=$((SECONDS + $1))
    until "${@:2}" > /dev/null 2>&1; do
        [ "$SECONDS" -lt "$end" ] || fail "not within $1 s: ${*:2}"
        sleep 0.1
    done
}

# A controller and a node; four tasks at once fit on it, whatever the machine.
mkdir "$out"/{munge,state,spool,log}
chmod 755 "$out" "$out/munge"
(umask 077 && head -c 1024 /dev/urandom > "$out/munge/key")
cat > "$SLURM_CONF" <<CONF
ClusterName=check
SlurmctldHost=$(hostname -s)(127.0.0.1)
SlurmctldPort=26817
SlurmdPort=26818
SlurmUser=$(id -un)
SlurmdUser=$(id -un)
AuthType=auth/munge
AuthInfo=socket=$out/munge/socket
StateSaveLocation=$out/state
SlurmdSpoolDir=$out/spool
SlurmctldPidFile=$out/slurmctld.pid
SlurmdPidFile=$out/slurmd.pid
ProctrackType=proctrack/linuxproc
TaskPlugin=task/none
JobAcctGatherType=jobacct_gather/none
SelectType=select/cons_tres
SelectTypeParameters=CR_Core
SchedulerType=sched/builtin
SchedulerParameters=sched_interval=1
SlurmdParameters=config_overrides
NodeName=$(hostname -s) NodeAddr=127.0.0.1 CPUs=4 State=UNKNOWN
PartitionName=main Nodes=ALL Default=YES State=UP
CONF
munged --foreground --force --socket="$out/munge/socket" --key-file="$out/munge/key" --pid-file="$out/munge/pid" \
    --log-file="$out/munge/log" --seed-file="$out/munge/seed" 2> "$out/log/munged" &
pids+=($!)
until_ok 10 test -S "$out/munge/socket"
slurmctld -D > "$out/log/slurmctld" 2>&1 &
pids+=($!)
slurmd -D > "$out/log/slurmd" 2>&1 &
pids+=($!)
is_idle() { sinfo --noheader --format=%t | grep -qx idle; }
until_ok 30 is_idle

# Requeued tasks wait for two minutes; here for four seconds. A node may refuse to start a job in the second in which the
# same job was stopped.
hasten() {
    local id start late
    late=$(date --date="10 seconds" +%FT%T)
    squeue --noheader --array --states=PENDING --format="%i %S" | while read -r id start; do
        [[ "$start" < "$late" || "$start" = N/A ]] || scontrol update JobId="$id" StartTime=now+4 || true
    done
}
is_over() { hasten && [ -z "$(squeue --noheader --jobs="$1" 2> /dev/null)" ]; }
all_train() { [ "$(grep -l "^epoch  *1/" "slurm-$1"_*.out | wc -l)" = 3 ]; }
state() { scontrol show job "$1" | grep -o 'JobState=[A-Z]*'; }

# The process id of a task's snr-bench.
program() { # JOB
    local id
    id=$(scontrol show job "$1" | sed -n 's/^JobId=\([0-9]*\) .*/\1/p')
    for pid in $(scontrol listpids "$id" | awk 'NR > 1 { print $1 }'); do
        [ "$(cat "/proc/$pid/comm")" != snr-bench ] || echo "$pid"
    done
}

# The experiment NAME.toml as one command and as an array give the same.
check() { # NAME
    mkdir -p "$out/$1/array" "$out/$1/whole"
    cp "$out/$1.toml" "$out/$1/whole/e.toml"
    cp "$out/$1.toml" "$out/$1/array/e.toml"
    cd "$out/$1/array"
    local array last
    array=$(sbatch --parsable --array=0-2 "$script" e.toml --out out)
    last=$(sbatch --parsable --dependency=afterany:"$array" "$script" e.toml --out out)
    until_ok 60 all_train "$array"
    kill -KILL "$(program "${array}_0")"
    scontrol requeue "${array}_1"
    scancel --signal=USR1 --batch "${array}_2"
    until_ok 120 is_over "$last"
    [ "$(state "${array}_0")" = JobState=FAILED ] || fail "$1: the task that was killed is $(state "${array}_0")"
    for task in "${array}_1" "${array}_2" "$last"; do
        [ "$(state "$task")" = JobState=COMPLETED ] || fail "$1: $task is $(state "$task")"
    done
    for task in 1 2; do
        grep -q interrupted "slurm-${array}_$task.out" || fail "$1: task $task was not interrupted in training"
    done

    cd "$out/$1/whole"
    snr-bench run e.toml --out out --quiet
    cd "$out/$1"
    local file files
    files=$(cd whole && find out -name metrics.csv -o -name plan.toml -o -name chosen.toml | sort)
    [ "$files" = "$(cd array && find out -name metrics.csv -o -name plan.toml -o -name chosen.toml | sort)" ] ||
        fail "$1: not the same files"
    for file in $files; do
        cmp <(losses "whole/$file") <(losses "array/$file") || fail "$1: $file differs"
    done
    cmp <(cd whole && snr-bench compare out) <(cd array && snr-bench compare out) || fail "$1: compare differs"
    local trained runs
    trained=$(cat array/slurm-*.out | grep -c ': finished in')
    runs=$(grep -c metrics.csv <<< "$files")
    [ "$trained" = "$runs" ] || fail "$1: $runs runs, trained $trained times"
    [ -s array/out/report.html ] || fail "$1: nothing concluded"
    echo "$1: $runs runs, plan, choice and what compare says are those of one command (after $SECONDS s)"
}

# All but the seconds at the end of a row of metrics.csv.
losses() { cut -d, -f1-11 "$1"; }

cat > "$out/plain.toml" <<'TOML'
optim = ["adam", "snradam"]
seed = [5, 6, 7]
dataset = "digits"
train_subset = 300
epochs = 20
batch = 100
model = { patch_size = 14, embed_dim = 16, depth = 1 }
TOML
cat "$out/plain.toml" - > "$out/tuned.toml" <<'TOML'

[tune]
seeds = [0, 1]
validation = "holdout:10000"
grow = 1
lr = [1e-4, 1e-3]
TOML
check plain
check tuned
