//! Several runs in one folder: what there is to do ([`Plan`]), how long it takes ([`Estimate`]), and doing it ([`fn@run`]).
//!
//! Ended runs are skipped and interrupted ones resumed, so that an experiment can be repeated until all of it is done. It
//! can run several of its runs at once, and several processes can do it together ([`Share`]); the results do not depend on
//! how many. With `[tune]` it has stages, see [`tuning`].
//!
//! ```
//! use snr_bench::config::expand;
//! use snr_bench::experiment::{End, ExperimentOptions, Plan, run};
//! use snr_bench::machine::Machine;
//!
//! let settings = "
//!     optim = ['adam', 'snradam']
//!     dataset = 'digits'
//!     train_subset = 64
//!     validation = 'holdout:64'
//!     batch = 32
//!     epochs = 1
//!     model = { patch_size = 7, embed_dim = 16, depth = 1 }";
//! # let tempdir = tempfile::tempdir()?;
//! # let folder = tempdir.path();
//! let plan = Plan::new(expand([settings.parse()?])?, folder, &[])?;
//! let data = plan.load_data(None, &|_| ())?;
//! let machine = Machine { threads: 2, device: candle_core::Device::Cpu };
//! let options = ExperimentOptions { machine, jobs: 2, ..ExperimentOptions::default() };
//! for (planned, end) in plan.runs.iter().zip(run(&plan, &data, &options, &())) {
//!     let End::Now(summary) = end else { panic!("{}: {end:?}", planned.title) };
//!     println!("{}: {}", planned.title, summary.rows[1].val_loss);
//! }
//! # anyhow::Ok(())
//! ```

mod estimate;
pub mod memory;
pub mod pace;
mod plan;
mod schedule;
pub mod session;
mod share;
pub mod tuning;
mod work;

pub use estimate::Estimate;
pub use pace::Pace;
pub use plan::{Plan, Planned, RunStatus};
pub use schedule::{End, ExperimentObserver, ExperimentOptions, Tally, run};
pub use session::Session;
pub use share::Share;
pub use work::{Cost, Work};
