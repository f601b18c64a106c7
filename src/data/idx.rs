//! The IDX format of MNIST's files: a big-endian header (magic number, sizes), then one byte a value; plain or gzip.
//!
//! A file is not trusted: it is read as a stream, up to one byte more than it may hold, and memory is taken for what
//! arrives, never for what a header claims.

use std::io::{self, BufRead, BufReader, Read};
use std::path::Path;

use anyhow::anyhow;
use flate2::bufread::MultiGzDecoder;
use sha2::{Digest, Sha256};

use crate::error::Result;
use crate::file;
use crate::machine::available_memory;

/// Pixels of the largest image that is read: 1024 × 1024.
pub const MAX_PIXELS: usize = 1 << 20;

/// What an IDX file holds.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Kind {
    /// Images, `[n, height, width]`: magic number 0x803.
    Images,
    /// Labels, `[n]`: magic number 0x801.
    Labels,
}

impl Kind {
    /// The header of a file of this shape, `[n, height, width]` or `[n]`.
    pub fn header(self, shape: &[usize]) -> Vec<u8> {
        assert_eq!(shape.len(), self.dimensions(), "the shape of a file of {}", self.noun());
        let words = [self.magic()].into_iter().chain(shape.iter().map(|&n| n as u32));
        words.flat_map(u32::to_be_bytes).collect()
    }

    fn dimensions(self) -> usize {
        match self {
            Kind::Images => 3,
            Kind::Labels => 1,
        }
    }

    /// Two zeros, 8 for bytes, the number of dimensions.
    fn magic(self) -> u32 {
        0x800 | self.dimensions() as u32
    }

    fn noun(self) -> &'static str {
        match self {
            Kind::Images => "images",
            Kind::Labels => "labels",
        }
    }
}

/// The contents of an IDX file.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Contents {
    /// `[n, height, width]` or `[n]`.
    pub shape: Vec<usize>,
    /// The values behind the header, in that shape.
    pub values: Vec<u8>,
    /// SHA-256 of the whole uncompressed file, header included.
    pub sha256: [u8; 32],
}

/// SHA-256 of the IDX file that would hold `values` in this shape.
pub fn sha256(kind: Kind, shape: &[usize], values: &[u8]) -> [u8; 32] {
    Sha256::new_with_prefix(kind.header(shape)).chain_update(values).finalize().into()
}

/// Reads an IDX file of at most `max` items, plain or gzip by its content.
///
/// # Errors
/// The file cannot be read, or is not what [`read`] accepts; the sentence begins with the file's name.
pub fn read_file(path: &Path, kind: Kind, max: usize) -> Result<Contents> {
    let open = || {
        let file = file::open(path)?;
        let length = file.metadata()?.len();
        Ok((BufReader::with_capacity(1 << 16, file), length))
    };
    let read = |(source, length)| read(source, length, kind, max);
    open().map_err(unreadable).and_then(read).map_err(|problem| anyhow!("{} {problem}", path.display()))
}

/// Reads IDX from `source`, plain or gzip by its content, which is `length` bytes long as it is stored.
///
/// # Errors
/// What is wrong, as the rest of a sentence that begins with the file's name: another magic number, more than `max`
/// items, images without pixels or with more than [`MAX_PIXELS`], too few or too many bytes, a damaged gzip stream.
pub fn read(mut source: impl BufRead, length: u64, kind: Kind, max: usize) -> std::result::Result<Contents, String> {
    let gzip = source.fill_buf().map_err(unreadable)?.starts_with(&[0x1f, 0x8b]);
    if gzip {
        // Deflate expands no input more than 1032 times.
        let plain = length.saturating_mul(1032);
        parse(MultiGzDecoder::new(source), plain, kind, max, |e| format!("cannot be unpacked ({e})"))
    } else {
        parse(source, length, kind, max, unreadable)
    }
}

fn unreadable(e: io::Error) -> String {
    format!("cannot be read ({e})")
}

/// Reads uncompressed IDX, of which there are at most `length` bytes.
fn parse(
    source: impl Read,
    length: u64,
    kind: Kind,
    max: usize,
    explain: impl Fn(io::Error) -> String,
) -> std::result::Result<Contents, String> {
    let mut source = Hashing { inner: source, hash: Sha256::new() };
    let shape = read_header(&mut source, kind, max, &explain)?;
    let (n, item) = (shape[0], shape[1..].iter().product::<usize>());
    let size = n * item;
    // At most what the file can hold, if that is less than what it claims.
    let most = length.min(size as u64);
    if available_memory().is_some_and(|available| most as f64 > available) {
        return Err(format!(
            "holds {n} {} in {} MiB, which is more than the memory that is free",
            kind.noun(),
            most >> 20
        ));
    }
    let mut values = Vec::with_capacity(most as usize);
    (&mut source).take(size as u64 + 1).read_to_end(&mut values).map_err(&explain)?;
    if values.len() > size {
        return Err(format!("goes on after the {n} {} that its header announces", kind.noun()));
    }
    if values.len() < size {
        let (have, noun) = (values.len() / item, kind.noun());
        return Err(format!("is cut off: it holds {have} of the {n} {noun} that its header announces"));
    }
    Ok(Contents { shape, values, sha256: source.hash.finalize().into() })
}

/// Reads and checks the header; returns the shape.
fn read_header(
    source: &mut impl Read,
    kind: Kind,
    max: usize,
    explain: impl Fn(io::Error) -> String,
) -> std::result::Result<Vec<usize>, String> {
    let (noun, magic) = (kind.noun(), kind.magic());
    let mut header = Vec::new();
    let size = 4 * (1 + kind.dimensions());
    source.take(size as u64).read_to_end(&mut header).map_err(explain)?;
    let words: Vec<u32> = header.chunks_exact(4).map(|b| u32::from_be_bytes([b[0], b[1], b[2], b[3]])).collect();
    if let Some(&other) = words.first()
        && other != magic
    {
        return Err(format!("is no IDX file of {noun}: its magic number is {other:#010x} instead of {magic:#010x}"));
    }
    if header.len() < size {
        return Err(format!("is cut off: it has {} of the {size} bytes of the header", header.len()));
    }
    let shape: Vec<usize> = words[1..].iter().map(|&word| word as usize).collect();
    let pixels = shape[1..].iter().try_fold(1usize, |pixels, &n| pixels.checked_mul(n));
    if pixels.is_none_or(|pixels| pixels == 0 || pixels > MAX_PIXELS) {
        return Err(format!("holds images of {}×{} pixels; they must have 1 to {MAX_PIXELS}", shape[1], shape[2]));
    }
    if shape[0] > max {
        return Err(format!("claims to hold {} {noun}, and there are at most {max}", shape[0]));
    }
    Ok(shape)
}

/// Hashes what is read through it, while it is still in the cache.
struct Hashing<R> {
    inner: R,
    hash: Sha256,
}

impl<R: Read> Read for Hashing<R> {
    fn read(&mut self, buffer: &mut [u8]) -> io::Result<usize> {
        let n = self.inner.read(buffer)?;
        self.hash.update(&buffer[..n]);
        Ok(n)
    }
}
