//! Your own optimizer against Adam; every command takes it. Verdict, report and figures in `results/quick`:
//! `cargo run --release --example own_optimizer -- run configs/quick.toml --optim adam,signum`
use serde::{Deserialize, Serialize};
use snr_bench::optim::{Elementwise, Entry, Registered};

/// Sign descent with momentum: m ← β m + (1−β) g, θ ← θ − lr · sign(m).
#[derive(Serialize, Deserialize)]
struct Signum {
    beta: f64,
}

impl Default for Signum {
    fn default() -> Self {
        Self { beta: 0.9 }
    }
}
impl Registered for Signum {
    const NAME: &'static str = "signum";
    const LABEL: &'static str = "Signum";
    const HELP: &'static [(&'static str, &'static str)] = &[("beta", "decay rate of the running mean of the gradient")];
}

impl Elementwise for Signum {
    type State = [f32; 1];
    type Factors = f32;
    const SLOTS: &'static [&'static str] = &["exp_avg"];
    fn factors(&self, _t: u64) -> f32 {
        self.beta as f32
    }
    #[inline(always)]
    fn step(beta: f32, g: f32, [m]: &mut [f32; 1]) -> f32 {
        *m = beta * *m + (1.0 - beta) * g;
        m.signum()
    }
}

fn main() -> std::process::ExitCode {
    snr_bench::cli::main_with(&[Entry::of::<Signum>()])
}
