//! What tells optimizers apart in every figure.

use super::figure::Style;
use crate::analysis::Arm;
use crate::optim;

/// Okabe & Ito's colours for colour-blind readers but yellow, which is too faint for lines; by place in the registry.
const COLORS: [(u8, u8, u8); 7] =
    [(0, 114, 178), (213, 94, 0), (0, 158, 115), (204, 121, 167), (230, 159, 0), (86, 180, 233), (0, 0, 0)];
const DASHES: [Option<(f64, f64)>; 4] = [None, Some((7.0, 3.0)), Some((2.0, 2.0)), Some((14.0, 4.0))];

/// The colour and dashes of an optimizer, the same in every figure; its variants in one figure differ by their dashes.
pub fn style(name: &str, variant: usize) -> Style {
    let place = optim::place(name);
    Style { color: COLORS[place % COLORS.len()], dash: DASHES[(place + variant) % DASHES.len()] }
}

/// The style of an arm among those of its group.
pub fn of(arm: &Arm) -> Style {
    style(&arm.spec().optim, arm.variant)
}
