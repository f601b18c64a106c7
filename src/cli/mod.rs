//! (to come)

pub mod data;
