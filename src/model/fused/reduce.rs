//! Sums over the samples in an order that does not depend on threads.
//!
//! Samples make shards, consecutive shards make groups, both by the number of samples alone. One worker adds up a group
//! in f32, shard after shard; the groups are added up in f64, in their order.

use std::collections::BTreeMap;
use std::ops::Range;
use std::sync::{Condvar, Mutex};

use pulp::Arch;

use crate::model::Totals;
use crate::ops::buffer::Buffer;

/// Groups of a batch at most: enough to keep 16 threads busy evenly, few enough that adding them costs next to nothing.
pub const GROUPS: usize = 128;

/// Groups of a small batch. Zeroing a group's gradient and adding it up takes 7% of the time that a shard takes: below
/// [`FULL`] shards a group that costs something, but more groups than that would cost more than they share out.
const FEW: usize = 8;

/// Shards of a group in which adding it up costs less than 2%.
const FULL: usize = 4;

/// The groups of `samples` in shards of `shard`, each as the range of its samples; all but the last shard are full.
pub fn groups(samples: usize, shard: usize) -> impl ExactSizeIterator<Item = Range<usize>> {
    let shards = samples.div_ceil(shard);
    let groups = shards.min(FEW).max(shards / FULL).min(GROUPS);
    let begin = move |g: usize| (g * shards / groups * shard).min(samples);
    (0..groups).map(move |g| begin(g)..begin(g + 1))
}

/// Adds up groups that arrive in any order.
pub struct Reducer {
    buffers: usize,
    state: Mutex<ReducerState>,
    returned: Condvar,
}

struct ReducerState {
    /// The group that is added next.
    next: usize,
    waiting: BTreeMap<usize, (Totals, Buffer)>,
    free: Vec<Buffer>,
    /// Buffers that may still be made.
    more: usize,
    /// A group is lost, so no worker may wait any longer.
    closed: bool,
    gradient: Vec<f64>,
    totals: Totals,
    /// Groups of the part whose sum is kept; 0: none.
    part: usize,
    part_gradient: Vec<f64>,
    part_totals: Totals,
}

impl Reducer {
    /// For gradients of `len` parameters, with at most `buffers` unfinished groups; more than workers, for a worker that
    /// is ahead of the others must wait when there is none left.
    pub fn new(len: usize, buffers: usize) -> Self {
        let state = ReducerState {
            next: 0,
            waiting: BTreeMap::new(),
            free: Vec::new(),
            more: buffers,
            closed: false,
            gradient: vec![0.0; len],
            totals: Totals::default(),
            part: 0,
            part_gradient: Vec::new(),
            part_totals: Totals::default(),
        };
        Self { buffers, state: Mutex::new(state), returned: Condvar::new() }
    }

    /// Starts from zero; the sum over the first `part` groups is kept too, if there are any.
    pub fn reset(&mut self, part: usize) {
        let state = self.state.get_mut().unwrap_or_else(|e| e.into_inner());
        state.next = 0;
        state.free.extend(std::mem::take(&mut state.waiting).into_values().map(|(_, gradient)| gradient));
        // A worker that panicked has taken its buffer with it.
        state.more = self.buffers - state.free.len();
        state.closed = false;
        state.gradient.fill(0.0);
        state.totals = Totals::default();
        state.part = part;
    }

    /// A buffer of zeros, or none once the reducer is closed. To be taken before the number of the group that it is for:
    /// then the worker on the next group to be added has a buffer, and no worker waits for ever.
    pub fn take(&self) -> Option<Buffer> {
        let mut state = self.state.lock().unwrap_or_else(|e| e.into_inner());
        while !state.closed {
            if let Some(mut buffer) = state.free.pop() {
                drop(state);
                buffer.fill(0.0);
                return Some(buffer);
            }
            if state.more > 0 {
                state.more -= 1;
                return Some(Buffer::zeros(state.gradient.len()));
            }
            state = self.returned.wait(state).unwrap_or_else(|e| e.into_inner());
        }
        None
    }

    /// Ends all waiting, because a group will never arrive.
    pub fn close(&self) {
        self.state.lock().unwrap_or_else(|e| e.into_inner()).closed = true;
        self.returned.notify_all();
    }

    /// Hands back a buffer that turned out not to be needed.
    pub fn give_back(&self, buffer: Buffer) {
        self.state.lock().unwrap_or_else(|e| e.into_inner()).free.push(buffer);
        self.returned.notify_one();
    }

    /// Takes a finished group, and adds all whose turn it is.
    pub fn add(&self, group: usize, totals: Totals, gradient: Buffer) {
        let mut state = self.state.lock().unwrap_or_else(|e| e.into_inner());
        state.waiting.insert(group, (totals, gradient));
        let next = state.next;
        let mut group = next;
        while let Some((totals, gradient)) = state.waiting.remove(&group) {
            state.totals += totals;
            accumulate(&mut state.gradient, &gradient);
            state.free.push(gradient);
            group += 1;
            if group == state.part {
                let ReducerState { gradient, part_gradient, .. } = &mut *state;
                part_gradient.clone_from(gradient);
                state.part_totals = state.totals;
            }
        }
        state.next = group;
        drop(state);
        self.returned.notify_all();
    }

    /// The sums over the first groups, if they were asked for.
    pub fn first_part(&mut self) -> Option<(Totals, &mut [f64])> {
        let state = self.state.get_mut().unwrap_or_else(|e| e.into_inner());
        (state.part > 0).then_some((state.part_totals, &mut state.part_gradient))
    }

    /// The sums, when all groups are in.
    pub fn sums(&mut self) -> (Totals, &mut [f64]) {
        let state = self.state.get_mut().unwrap_or_else(|e| e.into_inner());
        (state.totals, &mut state.gradient)
    }
}

fn accumulate(sum: &mut [f64], x: &[f32]) {
    Arch::new().dispatch(
        #[inline(always)]
        || sum.iter_mut().zip(x).for_each(|(sum, &x)| *sum += f64::from(x)),
    );
}
