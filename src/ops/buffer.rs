//! Memory for vectors.

use std::ops::{Deref, DerefMut};

/// Bytes of a cache line, and of the widest vector.
const LINE: usize = 64;

/// A slice of f32 that begins on a cache line: a vector that lies across two lines takes two accesses, which costs some
/// 10% of a step.
pub struct Buffer {
    data: Vec<f32>,
    start: usize,
    len: usize,
}

impl Buffer {
    /// `len` zeros.
    pub fn zeros(len: usize) -> Self {
        let data = vec![0.0; len + LINE / size_of::<f32>()];
        // An allocator may refuse to say (usize::MAX): then it begins where it begins.
        let start = data.as_ptr().align_offset(LINE).min(LINE / size_of::<f32>());
        Self { data, start, len }
    }
}

impl Deref for Buffer {
    type Target = [f32];

    fn deref(&self) -> &[f32] {
        &self.data[self.start..][..self.len]
    }
}

impl DerefMut for Buffer {
    fn deref_mut(&mut self) -> &mut [f32] {
        &mut self.data[self.start..][..self.len]
    }
}
