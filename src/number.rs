//! How numbers are written for people: in figures, tables and sentences.

/// A number as captions write it: `0.001`, `4,096`, `10⁻⁸`.
pub fn number(value: f64) -> String {
    match value.abs() {
        a if a != 0.0 && !(1e-4..1e7).contains(&a) => scientific(value),
        _ => plain(value, decimals(value)),
    }
}

/// Decimals that are needed to write the first six significant digits.
pub fn decimals(value: f64) -> usize {
    let text = format!("{value:.5e}");
    let (mantissa, exponent) = text.split_once('e').unwrap_or((&text, "0"));
    let digits = mantissa.trim_end_matches('0').chars().filter(char::is_ascii_digit).count() as i32 - 1;
    (digits - exponent.parse::<i32>().unwrap_or(0)).clamp(0, 12) as usize
}

/// With so many decimals: `−0.25`, `10,000`.
pub fn plain(value: f64, decimals: usize) -> String {
    let text = format!("{value:.decimals$}");
    let (whole, fraction) = text.split_at(text.find('.').unwrap_or(text.len()));
    let (sign, digits) = whole.split_at(usize::from(whole.starts_with('-')));
    let sign = if sign.is_empty() { "" } else { "−" };
    // from five digits on, as in 4096 and 10,000
    let digits = if digits.len() < 5 { digits.to_string() } else { thousands(digits) };
    format!("{sign}{digits}{fraction}")
}

/// Digits in groups of three.
pub fn thousands(digits: &str) -> String {
    let mut text = String::new();
    for (i, digit) in digits.chars().enumerate() {
        if i > 0 && (digits.len() - i).is_multiple_of(3) {
            text.push(',');
        }
        text.push(digit);
    }
    text
}

/// A loss in nats as tables write it: `0.1845`, and `1.3×10³⁴` where four decimals would be too many digits or show none.
pub fn loss(value: f64) -> String {
    match value.abs() {
        a if a.is_finite() && a != 0.0 && !(1e-3..1e5).contains(&a) => {
            scientific(format!("{value:.1e}").parse().unwrap_or(value))
        }
        a if a >= 100.0 => plain(value, 1),
        _ => plain(value, 4),
    }
}

/// The same with three digits, as an interval's ends: `0.184`, `2.31`.
pub fn short_loss(value: f64) -> String {
    match value.abs() {
        a if (1e-3..0.1).contains(&a) => plain(value, 4),
        a if (0.1..1.0).contains(&a) => plain(value, 3),
        a if (1.0..100.0).contains(&a) => plain(value, 2),
        _ => loss(value),
    }
}

/// `2.5×10⁻¹²`.
pub fn scientific(value: f64) -> String {
    let text = format!("{value:.5e}");
    let (mantissa, exponent) = text.split_once('e').unwrap_or((&text, "0"));
    let mantissa = mantissa.trim_end_matches('0').trim_end_matches('.').replace('-', "−");
    let superscript = |c: char| match c.to_digit(10) {
        Some(digit) => ['⁰', '¹', '²', '³', '⁴', '⁵', '⁶', '⁷', '⁸', '⁹'][digit as usize],
        None => '⁻',
    };
    let power: String = exponent.chars().map(superscript).collect();
    match mantissa.as_str() {
        "1" => format!("10{power}"),
        _ => format!("{mantissa}×10{power}"),
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn numbers_are_written_as_in_print() {
        let pairs = [
            (0.001, "0.001"),
            (4096.0, "4096"),
            (60000.0, "60,000"),
            (-0.25, "−0.25"),
            (1e-8, "10⁻⁸"),
            (2.5e-12, "2.5×10⁻¹²"),
        ];
        for (value, text) in pairs {
            assert_eq!(number(value), text);
        }
        assert_eq!(number(0.0), "0");
        let losses =
            [(0.18454, "0.1845"), (2.3026e34, "2.3×10³⁴"), (4.26e-7, "4.3×10⁻⁷"), (123.456, "123.5"), (0.0, "0.0000")];
        for (value, text) in losses {
            assert_eq!(loss(value), text);
        }
    }
}
