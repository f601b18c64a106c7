//! Settings: a file (one run, or lists that multiply out), and a `--set` argument.
#![no_main]

use libfuzzer_sys::fuzz_target;
use snr_bench::config::{self, RunSpec};

fuzz_target!(|text: &str| {
    if let Ok(table) = config::parse_assignment(text) {
        let _ = RunSpec::resolve([table]);
    }
    let Ok(table) = text.parse::<toml::Table>() else { return };
    let _ = config::expand([table.clone()]);
    if let Ok(spec) = RunSpec::resolve([table]) {
        let again = spec.to_toml().parse().expect("what is printed is TOML");
        assert_eq!(RunSpec::resolve([again]).expect("and settings"), spec);
    }
});
