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
    }
}
