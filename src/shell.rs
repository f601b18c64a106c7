//! Commands as a reader can paste them.

/// An argument as a shell takes it. (A command line cannot hold NUL; a foreign `meta.json` can.)
pub fn quoted(arg: &str) -> String {
    shlex::Quoter::new().allow_nul(true).quote(arg).unwrap_or(arg.into()).into_owned()
}
