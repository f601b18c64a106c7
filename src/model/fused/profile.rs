//! Time by part of a step.

use std::time::Instant;

/// A part of a gradient or of an evaluation.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
#[repr(usize)]
pub enum Part {
    /// Gathering the images and cutting them into patches.
    Data,
    /// Patches, class token and positions.
    PatchEmbed,
    /// All layer norms, the last one excepted.
    LayerNorm,
    /// Query, key, value and output projections, with the residual connection.
    Projections,
    /// Scores, softmax and weighted values.
    Attention,
    /// Both linear layers of the MLP, with GELU and the residual connection.
    Mlp,
    /// Last layer norm, head and loss.
    Head,
    /// Adding up the gradients of the groups.
    Reduction,
}

impl Part {
    /// All parts, in the order of a step.
    pub const ALL: [Part; 8] = [
        Part::Data,
        Part::PatchEmbed,
        Part::LayerNorm,
        Part::Projections,
        Part::Attention,
        Part::Mlp,
        Part::Head,
        Part::Reduction,
    ];

    /// Its name in a table.
    pub fn name(self) -> &'static str {
        match self {
            Part::Data => "data",
            Part::PatchEmbed => "patch embedding",
            Part::LayerNorm => "layer norm",
            Part::Projections => "projections",
            Part::Attention => "attention",
            Part::Mlp => "MLP",
            Part::Head => "head and loss",
            Part::Reduction => "reduction",
        }
    }
}

/// Nanoseconds by part, all threads together.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub struct Profile {
    nanos: [[u64; 2]; Part::ALL.len()],
}

impl Profile {
    /// Nanoseconds of the part's forward pass; what has no direction (data, reduction) is found here.
    pub fn forward(&self, part: Part) -> u64 {
        self.nanos[part as usize][0]
    }

    /// Nanoseconds of the part's backward pass.
    pub fn backward(&self, part: Part) -> u64 {
        self.nanos[part as usize][1]
    }

    /// Nanoseconds of all parts.
    pub fn total(&self) -> u64 {
        self.nanos.iter().flatten().sum()
    }
}

impl std::ops::AddAssign for Profile {
    fn add_assign(&mut self, other: Self) {
        for (sum, add) in self.nanos.iter_mut().flatten().zip(other.nanos.iter().flatten()) {
            *sum += add;
        }
    }
}

/// A worker's stopwatch; costs a branch a part while it is off.
#[derive(Default)]
pub struct Clock {
    pub profile: Profile,
    last: Option<Instant>,
}

impl Clock {
    /// Starts timing from now, or not at all.
    pub fn start(&mut self, on: bool) {
        self.last = on.then(Instant::now);
    }

    /// Books the time since the last lap on the part's forward pass.
    #[inline]
    pub fn forward(&mut self, part: Part) {
        self.lap(part, 0);
    }

    /// Books the time since the last lap on the part's backward pass.
    #[inline]
    pub fn backward(&mut self, part: Part) {
        self.lap(part, 1);
    }

    #[inline]
    fn lap(&mut self, part: Part, direction: usize) {
        if let Some(last) = &mut self.last {
            let now = Instant::now();
            self.profile.nanos[part as usize][direction] += (now - *last).as_nanos() as u64;
            *last = now;
        }
    }
}
