//! The seeded order in which an epoch visits the training images.

use rand::seq::SliceRandom;

use super::rng;

/// The order of epoch `epoch` (training counts from 1): a permutation of `0..n` that depends on `seed` and `epoch` only.
/// So every optimizer sees the same batches, and a resumed run continues with the same ones. A batch is a chunk of it;
/// the last one of an epoch may be smaller.
///
/// ```
/// let order = snr_bench::data::order(0, 0, 10);
/// let sizes: Vec<usize> = order.chunks(4).map(<[u32]>::len).collect();
/// assert_eq!(sizes, [4, 4, 2]);
/// ```
pub fn order(seed: u64, epoch: u64, n: usize) -> Vec<u32> {
    let n = u32::try_from(n).expect("a data set has fewer than 2^32 images");
    let mut order: Vec<u32> = (0..n).collect();
    order.shuffle(&mut rng(*b"batches ", [seed, epoch, 0]));
    order
}

/// A fixed sample of `size` of `n` images, on which runs with other batches compare step by step. It depends on `n` alone:
/// every seed, optimizer and batch size has the same one, and a larger sample holds the smaller ones.
pub fn sample(size: usize, n: usize) -> Vec<u32> {
    let mut images: Vec<u32> = (0..u32::try_from(n).expect("a data set has fewer than 2^32 images")).collect();
    images.shuffle(&mut rng(*b"sample  ", [0, 0, 0]));
    images.truncate(size);
    images
}

#[cfg(test)]
mod tests {
    use super::{order, sample};

    #[test]
    fn is_a_permutation() {
        for n in [0, 1, 2, 1000] {
            let mut sorted = order(3, 4, n);
            sorted.sort_unstable();
            assert!(sorted.into_iter().eq(0..n as u32));
        }
    }

    #[test]
    fn differs_by_seed_and_epoch() {
        assert_ne!(order(0, 0, 1000), order(1, 0, 1000));
        assert_ne!(order(0, 0, 1000), order(0, 1, 1000));
        assert_ne!(order(1, 0, 1000), order(0, 1, 1000));
    }

    #[test]
    fn a_sample_has_each_image_once_and_holds_the_smaller_ones() {
        let mut images = sample(100, 300);
        assert_eq!(images[..40], sample(40, 300));
        images.sort_unstable();
        images.dedup();
        assert_eq!(images.len(), 100);
        assert!(images.iter().all(|i| *i < 300));
    }

    /// Results are to be repeatable with later versions of the program, and of the `rand` crate.
    #[test]
    fn is_pinned() {
        assert_eq!(order(0, 0, 60_000)[..8], [37300, 27727, 29056, 33987, 27132, 5701, 35802, 10438]);
        assert_eq!(sample(4, 60_000), [51026, 57686, 21547, 43219]);
        assert_eq!(order(7, 19, 10), [7, 5, 0, 1, 8, 6, 2, 9, 3, 4]);
    }
}
