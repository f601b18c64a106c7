//! Configurations: TOML, `--set`, and lists that multiply out. What is accepted gives itself again.
#![no_main]

use libfuzzer_sys::fuzz_target;
use snr_bench::config::{self, RunSpec};

fuzz_target!(|text: &str| {
    let _ = config::parse_assignment(text).and_then(|table| RunSpec::resolve([table]));
    let Ok(table) = text.parse::<toml::Table>() else { return };
    if let Ok(spec) = RunSpec::resolve([table.clone()]) {
        let again = spec.to_toml().parse().expect("settings are TOML");
        assert_eq!(RunSpec::resolve([again]).expect("settings are settings"), spec);
    }
    let _ = config::expand([table]);
});
