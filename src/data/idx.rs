//! The IDX format of MNIST's files: a big-endian header (magic number, sizes), then one byte a value; plain or gzip.
//!
//! A file is not trusted: it is read as a stream, up to one byte more than it may hold, and memory is taken for what
//! arrives, never for what a header claims.

use std::fs::File;
use std::io::{self, BufRead, BufReader, Read};
use std::path::Path;

use anyhow::anyhow;
use flate2::bufread::MultiGzDecoder;
use sha2::{Digest, Sha256};

use super::{ImageShape, MNIST_SHAPE};
use crate::error::Result;

/// What an IDX file holds.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Kind {
    /// 28×28 images: magic number 0x803, then n, 28, 28.
    Images,
    /// Labels 0 to 9: magic number 0x801, then n.
    Labels,
}

impl Kind {
    /// The header of a file of `n` items.
    pub fn header(self, n: usize) -> Vec<u8> {
        let words = match self {
            Kind::Images => vec![0x803, n as u32, MNIST_SHAPE.height as u32, MNIST_SHAPE.width as u32],
            Kind::Labels => vec![0x801, n as u32],
        };
        words.iter().flat_map(|word| word.to_be_bytes()).collect()
    }

    /// Bytes of one item.
    fn item(self) -> usize {
        match self {
            Kind::Images => MNIST_SHAPE.pixels(),
            Kind::Labels => 1,
        }
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
    /// The values behind the header: `[n, 28, 28]` or `[n]`.
    pub values: Vec<u8>,
    /// SHA-256 of the whole uncompressed file, header included.
    pub sha256: [u8; 32],
}

/// SHA-256 of the IDX file that would hold `values`.
pub fn sha256(kind: Kind, values: &[u8]) -> [u8; 32] {
    let header = kind.header(values.len() / kind.item());
    Sha256::new_with_prefix(header).chain_update(values).finalize().into()
}

/// Reads an IDX file of at most `max` items, plain or gzip by its content.
///
/// # Errors
/// The file cannot be read, or is not what [`read`] accepts; the sentence names the file and says what to do.
pub fn read_file(path: &Path, kind: Kind, max: usize) -> Result<Contents> {
    let advice = "delete it and run 'snr-bench data' to fetch it again, or use --dataset digits";
    let open = || {
        let file = File::open(path)?;
        let length = file.metadata()?.len();
        Ok((BufReader::with_capacity(1 << 16, file), length))
    };
    let read = |(source, length)| read(source, length, kind, max);
    open().map_err(unreadable).and_then(read).map_err(|problem| anyhow!("{} {problem}; {advice}", path.display()))
}

/// Reads IDX from `source`, plain or gzip by its content, which is `length` bytes long as it is stored.
///
/// # Errors
/// What is wrong, as the rest of a sentence that begins with the file's name: another magic number, more than `max`
/// items, images of another size, too few or too many bytes, a damaged gzip stream, a label above 9.
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
    let n = read_header(&mut source, kind, max, &explain)?;
    let size = n * kind.item();
    let mut values = Vec::with_capacity(length.min(size as u64) as usize);
    (&mut source).take(size as u64 + 1).read_to_end(&mut values).map_err(&explain)?;
    if values.len() > size {
        return Err(format!("goes on after the {n} {} that its header announces", kind.noun()));
    }
    if values.len() < size {
        let (have, noun) = (values.len() / kind.item(), kind.noun());
        return Err(format!("is cut off: it holds {have} of the {n} {noun} that its header announces"));
    }
    if kind == Kind::Labels
        && let Some(i) = values.iter().position(|&label| usize::from(label) >= MNIST_SHAPE.classes)
    {
        return Err(format!("has the label {} at position {i}, and labels are 0 to 9", values[i]));
    }
    Ok(Contents { values, sha256: source.hash.finalize().into() })
}

/// Reads and checks the header; returns the number of items.
fn read_header(
    source: &mut impl Read,
    kind: Kind,
    max: usize,
    explain: impl Fn(io::Error) -> String,
) -> std::result::Result<usize, String> {
    let noun = kind.noun();
    let mut header = Vec::new();
    let size = kind.header(0).len();
    source.take(size as u64).read_to_end(&mut header).map_err(explain)?;
    let words: Vec<u32> = header.chunks_exact(4).map(|b| u32::from_be_bytes([b[0], b[1], b[2], b[3]])).collect();
    let magic = u32::from_be_bytes(kind.header(0)[..4].try_into().expect("a header has four bytes"));
    if let Some(&other) = words.first()
        && other != magic
    {
        return Err(format!("is no IDX file of {noun}: its magic number is {other:#010x} instead of {magic:#010x}"));
    }
    if header.len() < size {
        return Err(format!("is cut off: it has {} of the {size} bytes of the header", header.len()));
    }
    let ImageShape { height, width, .. } = MNIST_SHAPE;
    if words[2..].iter().zip([height, width]).any(|(&found, wanted)| found as usize != wanted) {
        return Err(format!("holds images of {}×{} pixels instead of {height}×{width}", words[2], words[3]));
    }
    let n = words[1] as usize;
    if n > max {
        return Err(format!("claims to hold {n} {noun}, and there are at most {max}"));
    }
    Ok(n)
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
