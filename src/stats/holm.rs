//! Holm's correction for testing several endpoints.

/// Holm's step-down adjusted p-values, in the order of `ps`.
///
/// With p₍₁₎ ≤ … ≤ p₍ₖ₎, the adjusted p₍ᵢ₎ is max over j ≤ i of min(1, (k − j + 1)·p₍ⱼ₎). Calling every endpoint whose
/// adjusted value is at most α a difference keeps the probability of even one false call at or below α, however the
/// endpoints depend on each other.
pub fn holm(ps: &[f64]) -> Vec<f64> {
    let mut order: Vec<usize> = (0..ps.len()).collect();
    order.sort_by(|a, b| ps[*a].total_cmp(&ps[*b]));
    let mut adjusted = vec![0.0; ps.len()];
    let mut largest = 0f64;
    for (smaller, &i) in order.iter().enumerate() {
        largest = largest.max(((ps.len() - smaller) as f64 * ps[i]).min(1.0));
        adjusted[i] = largest;
    }
    adjusted
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn by_hand() {
        // 0.01·4, 0.015·3, 0.03·2, then 0.04·1 may not be less than what stands before it
        let adjusted = holm(&[0.04, 0.01, 0.03, 0.015]);
        let expected = [0.06, 0.04, 0.06, 0.045];
        assert!(adjusted.iter().zip(expected).all(|(a, e)| (a - e).abs() < 1e-15), "{adjusted:?}");
        assert_eq!(holm(&[0.4, 0.6]), [0.8, 0.8]);
        assert_eq!(holm(&[0.9, 0.8]), [1.0, 1.0]);
        assert!(holm(&[]).is_empty());
    }
}
