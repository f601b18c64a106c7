//! The command line: one file a command. Arguments become settings here; what they do is the library's.
//!
//! [`main_with`] is the whole program with optimizers of your own beside the built-in ones.

mod args;
mod bench;
mod compare;
mod console;
mod data;
mod display;
mod dry_run;
mod experiment;
mod hyper;
mod ls;
mod plot;
mod progress;
mod report;
mod reproduce;
mod run;
mod show;
mod signals;
mod train;
mod values;

use std::fmt::Display;
use std::io::{self, Write};
use std::path::Path;
use std::process::ExitCode;

use clap::{CommandFactory, Parser, Subcommand};

use crate::error::{Failure, Result, UsageError};
use crate::optim::{self, Entry};
use crate::shell::visible;

const ABOUT: &str = "Is this optimizer really better than Adam here, and why?

Trains a small Vision Transformer, or a multilayer perceptron, with Adam, SNRAdam and others on MNIST, on your own images \
(--dataset idx:DIR) or on digits that the program draws itself, and draws what happened. Reproduces the article 'SNRAdam: Improving the Adam Optimizer'.";

const EXAMPLES: &str = "\
Examples:
  snr-bench reproduce --quick                             the article in small, under three minutes: no files, no network
  snr-bench train --optim snradam --batch 4096            one run as in the article, on MNIST
  snr-bench train --dataset digits --epochs 3             no files and no network needed
  snr-bench full-batch                                    batch = ∞: Adam and SNRAdam with the exact gradient
  snr-bench plot results/                                 figures of every run below a folder
  snr-bench compare results/                              which optimizer is better, and how sure that is
  snr-bench report results/                               the same as one page with figures: results/report.html
  snr-bench ls results/                                   every run: state, settings that differ, losses
  snr-bench show results/train/…                          a run's state, settings, and how to go on with it

Exit codes: 0 done, 1 failed, 2 impossible or unknown arguments, 3 a run failed in training (diverged, or no better than before it), 4 not all is done: the rest is in work elsewhere, or the next stage of [tune] is left; repeat the command, 130 / 143 ended by Ctrl-C / SIGTERM";

#[derive(Parser)]
#[command(name = "snr-bench", version, about = ABOUT.lines().next(), long_about = ABOUT, after_help = EXAMPLES)]
struct Cli {
    #[command(subcommand)]
    command: Command,
}

#[derive(Subcommand)]
enum Command {
    // documented by its arguments, at length
    Reproduce(reproduce::ReproduceArgs),
    /// Train one run
    Train(train::TrainArgs),
    /// Compare optimizers with batch = ∞: the whole training set in every step
    FullBatch(run::FullBatchArgs),
    /// Run an experiment: a file whose lists multiply out into runs
    Run(run::RunArgs),
    /// Judge every pair of optimizers over paired seeds
    Compare(compare::CompareArgs),
    /// Draw training and validation loss of every run below a folder
    Plot(plot::PlotArgs),
    /// Write report.html: verdict, figures, tables and every run on one page
    Report(report::ReportArgs),
    /// List the runs below a folder, or write them as one long table
    Ls(ls::LsArgs),
    /// Show a run's state, settings and machine, and how to go on with it
    Show(show::ShowArgs),
    /// Show, verify and fetch the data sets
    Data(data::DataArgs),
    /// Measure images a second on this machine, and where the time goes
    Bench(bench::BenchArgs),
    /// Print a completion script for a shell
    #[command(
        after_help = "Example: snr-bench completions bash > ~/.local/share/bash-completion/completions/snr-bench"
    )]
    Completions {
        /// The shell
        shell: clap_complete::Shell,
    },
}

/// How a command ended that did not fail.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
enum Exit {
    Done,
    /// At least one run failed in training: it diverged, or ended no better than it began.
    RunFailed,
    /// What is left of an experiment is in work elsewhere, or is its next stage.
    Elsewhere,
    /// The signal of that number ended it.
    Signal(i32),
}

/// Runs the command line of this process and returns its exit code.
pub fn main() -> ExitCode {
    main_with(&[])
}

/// The command line with optimizers of your own: they take part in every command as the built-in ones do.
///
/// ```no_run
/// # use snr_bench::optim::{Entry, AdamRule as Mine};
/// fn main() -> std::process::ExitCode {
///     snr_bench::cli::main_with(&[Entry::of::<Mine>()])
/// }
/// ```
///
/// `examples/own_optimizer.rs` is a complete one. Optimizers that cannot be registered (see [`optim::register`]) end the
/// program with a sentence and exit code 2.
pub fn main_with(own: &[Entry]) -> ExitCode {
    signals::report_file_size_limit();
    #[cfg(feature = "hub")]
    silence_download();
    // Before the arguments are read: flags and help are made from the list.
    let registered =
        if own.is_empty() { Ok(()) } else { optim::register(own).and_then(|()| hyper::check(Cli::command())) };
    match registered.and_then(|()| run(Cli::parse())) {
        Ok(Exit::Done) => ExitCode::SUCCESS,
        Ok(Exit::RunFailed) => ExitCode::from(3),
        Ok(Exit::Elsewhere) => ExitCode::from(4),
        Ok(Exit::Signal(signal)) => ExitCode::from(128 + signal as u8),
        // The reader of a pipe has closed it (`snr-bench … | head`): not an error worth a message.
        Err(e) if e.chain().any(is_broken_pipe) => ExitCode::SUCCESS,
        Err(e) => {
            warn(format_args!("error: {e:#}"));
            ExitCode::from(match e.downcast_ref() {
                _ if e.is::<UsageError>() => 2,
                Some(Failure::NoTrial(_)) => 3,
                _ => 1,
            })
        }
    }
}

/// A panic of candle-datasets, which becomes an error of the download, is not worth a backtrace.
#[cfg(feature = "hub")]
fn silence_download() {
    let others = std::panic::take_hook();
    std::panic::set_hook(Box::new(move |info| {
        if std::thread::current().name() != Some(crate::data::hub::THREAD) {
            others(info);
        }
    }));
}

/// Prints a line on standard output. A closed pipe is an error there, where `println!` panics.
fn print(text: impl Display) -> Result<()> {
    writeln!(io::stdout(), "{}", console::shown(&text.to_string()))?;
    Ok(())
}

/// Prints a line on standard error, if there is one.
fn warn(text: impl Display) {
    let _ = writeln!(io::stderr(), "{}", visible(&text.to_string()));
}

/// A closed pipe is no error here: the exit code that follows is that of the runs.
fn unless_closed(printed: Result<()>) -> Result<()> {
    match printed {
        Err(e) if e.chain().any(is_broken_pipe) => Ok(()),
        other => other,
    }
}

/// Whether a rename may put a file there: it would replace a device, and a link instead of what that points to.
fn is_replaceable(path: &Path) -> bool {
    !path.is_symlink() && (path.is_file() || !path.exists())
}

fn is_broken_pipe(cause: &(dyn std::error::Error + 'static)) -> bool {
    cause.downcast_ref::<io::Error>().is_some_and(|e| e.kind() == io::ErrorKind::BrokenPipe)
}

fn run(cli: Cli) -> Result<Exit> {
    match cli.command {
        Command::Reproduce(args) => reproduce::run(args),
        Command::Train(args) => train::run(args),
        Command::FullBatch(args) => run::full_batch(args),
        Command::Run(args) => run::run(args),
        Command::Plot(args) => plot::run(args).map(|()| Exit::Done),
        Command::Compare(args) => compare::run(args).map(|()| Exit::Done),
        Command::Report(args) => report::run(args).map(|()| Exit::Done),
        Command::Ls(args) => ls::run(args).map(|()| Exit::Done),
        Command::Show(args) => show::run(args).map(|()| Exit::Done),
        Command::Data(args) => data::run(args).map(|()| Exit::Done),
        Command::Bench(args) => bench::run(args).map(|()| Exit::Done),
        Command::Completions { shell } => {
            let mut script = Vec::new();
            clap_complete::generate(shell, &mut Cli::command(), "snr-bench", &mut script);
            io::stdout().write_all(&script)?;
            Ok(Exit::Done)
        }
    }
}
