//! What tells optimizers apart in every figure: the colour is the optimizer and nothing else, dash and shade are the variant of
//! it and nothing else.

use super::figure::Style;
use crate::analysis::Arm;
use crate::optim;

/// By place in the registry. First Okabe & Ito's colours for colour-blind readers, but yellow, which is too faint for lines.
/// Then, one after another, the colour of medium lightness that is farthest from all before it in CIELAB: no two are nearer
/// than 38 units, where 2 can just be told apart.
const COLORS: [(u8, u8, u8); 20] = [
    (0, 114, 178),
    (213, 94, 0),
    (0, 158, 115),
    (204, 121, 167),
    (230, 159, 0),
    (86, 180, 233),
    (0, 0, 0),
    (0, 0, 250),
    (250, 30, 230),
    (0, 200, 0),
    (70, 20, 140),
    (250, 0, 90),
    (90, 80, 0),
    (110, 10, 20),
    (200, 170, 140),
    (150, 180, 50),
    (190, 130, 250),
    (30, 90, 90),
    (110, 0, 80),
    (220, 0, 140),
];
const DASHES: [Option<(f64, f64)>; 4] = [None, Some((7.0, 3.0)), Some((2.0, 2.0)), Some((14.0, 4.0))];

/// The colour of an optimizer, the same in every figure; a variant of it has its own dashes, from the fifth on in a lighter
/// shade.
pub fn style(name: &str, variant: usize) -> Style {
    let (r, g, b) = COLORS[optim::place(name) % COLORS.len()];
    // a third of the way to white, then half
    let shade = variant / DASHES.len();
    let lighter = |c: u8| c + ((255 - u32::from(c)) * shade.min(6) as u32 / (2 + shade.min(6) as u32)) as u8;
    Style { color: (lighter(r), lighter(g), lighter(b)), dash: DASHES[variant % DASHES.len()] }
}

/// The styles of the arms of a figure: those of one optimizer are its variants, or where one is shown at several learning
/// rates, each rate is.
pub fn of(shown: &[&Arm]) -> Vec<Style> {
    let kind = |arm: &Arm| (arm.spec().optim.clone(), arm.variant);
    let has_rates = (0..shown.len()).any(|i| shown[..i].iter().any(|other| kind(other) == kind(shown[i])));
    let place = |i: usize| shown[..i].iter().filter(|other| other.spec().optim == shown[i].spec().optim).count();
    let variant = |i: usize| if has_rates { place(i) } else { shown[i].variant };
    (0..shown.len()).map(|i| style(&shown[i].spec().optim, variant(i))).collect()
}
