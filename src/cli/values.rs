//! The names that clap takes and lists for the library's types.

use clap::ValueEnum;
use clap::builder::PossibleValue;

use crate::analysis::export::Per;
use crate::plot::{Format, Scale, X};

macro_rules! values {
    ($($kind:ident { $($value:ident: $name:literal, $help:literal;)+ })+) => { $(
        impl ValueEnum for $kind {
            fn value_variants<'a>() -> &'a [Self] {
                &[$($kind::$value),+]
            }

            fn to_possible_value(&self) -> Option<PossibleValue> {
                Some(match self {
                    $($kind::$value => PossibleValue::new($name).help($help),)+
                })
            }
        }
    )+ };
}

values! {
    X {
        Epoch: "epoch", "Passes over the training images";
        Step: "step", "Optimizer steps";
        Seconds: "seconds", "Seconds since the run began";
    }
    Per {
        Run: "run", "A run: its endpoints and its last epoch";
        Epoch: "epoch", "An epoch, as in metrics.csv";
        Step: "step", "An optimizer step, as in steps.csv";
    }
    Scale {
        Linear: "linear", "Equal differences, equal lengths";
        Log: "log", "Equal ratios, equal lengths; only positive values can be shown";
    }
    Format {
        Svg: "svg", "Vectors, for print and the web";
        Png: "png", "Pixels, at twice the size";
    }
}
