//! An analysis as text: one exporter a format. They write down what is found, in the words of [`super::words`].

mod csv;
mod json;
mod long;
mod markdown;
mod paper;
pub mod table;
mod terminal;

pub use csv::csv;
pub use json::json;
pub use long::{Long, Per, long};
pub use markdown::markdown;
pub use paper::Paper;
pub use terminal::terminal;
