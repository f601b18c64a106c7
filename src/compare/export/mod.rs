//! Findings as text: one exporter a format.

mod csv;
mod json;
mod markdown;
pub mod table;
mod terminal;

pub use csv::csv;
pub use json::json;
pub use markdown::markdown;
pub use terminal::{terminal, verdicts};
