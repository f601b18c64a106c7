//! Text as people read and paste it: commands as a shell takes them, foreign text without control characters.

use std::borrow::Cow;
use std::fmt::Write;
use std::path::Path;

/// An argument as a shell takes it. (A command line cannot hold NUL; a foreign `meta.json` can.)
pub fn quoted(arg: &str) -> String {
    shlex::Quoter::new().allow_nul(true).quote(arg).unwrap_or(arg.into()).into_owned()
}

/// A path as an argument: one that begins with '-' would be read as a flag.
pub fn path(path: &Path) -> String {
    let text = path.to_string_lossy();
    quoted(&if text.starts_with('-') { format!("./{text}") } else { text.into_owned() })
}

/// The text with control characters and what reorders or hides letters shown as `\u001b`, as in JSON. File names and
/// `meta.json` may come from anyone: such letters could drive a terminal or make a name look like another.
pub fn visible(text: &str) -> Cow<'_, str> {
    shown(text, false)
}

/// The same, but colour codes stay.
pub fn visible_in_color(text: &str) -> Cow<'_, str> {
    shown(text, true)
}

fn shown(text: &str, in_color: bool) -> Cow<'_, str> {
    if !text.contains(is_hidden) {
        return text.into();
    }
    let mut shown = String::with_capacity(text.len());
    let mut rest = text;
    while let Some(place) = rest.find(is_hidden) {
        let (before, from) = rest.split_at(place);
        shown += before;
        let taken = color_code(from).filter(|_| in_color).unwrap_or(0);
        shown += &from[..taken];
        rest = &from[taken..];
        if let Some(letter) = rest.chars().next().filter(|_| taken == 0) {
            for unit in letter.encode_utf16(&mut [0; 2]) {
                let _ = write!(shown, "\\u{unit:04x}");
            }
            rest = &rest[letter.len_utf8()..];
        }
    }
    (shown + rest).into()
}

/// Bytes of a colour code at the text's begin: ESC, '[', digits and ';', 'm'.
fn color_code(text: &str) -> Option<usize> {
    let end = text.find('m')?;
    let digits = text[..end].strip_prefix("\u{1b}[")?;
    digits.bytes().all(|byte| byte.is_ascii_digit() || byte == b';').then_some(end + 1)
}

/// Control characters but line breaks and tabs; marks of direction, zero width, invisible operators, byte order, tags.
fn is_hidden(letter: char) -> bool {
    let format =
        matches!(letter, '\u{61c}' | '\u{200b}'..='\u{200f}' | '\u{2028}'..='\u{202e}' | '\u{2060}'..='\u{206f}');
    let control = letter.is_control() && !matches!(letter, '\n' | '\t');
    control || format || matches!(letter, '\u{feff}' | '\u{e0000}'..='\u{e007f}')
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn foreign_text_shows_what_it_holds() {
        assert!(matches!(visible("SNRAdam ≤ Ad–am,\n\tμ = “1”"), Cow::Borrowed(_)));
        assert_eq!(visible("a\u{1b}]0;title\u{7}b\r\n"), "a\\u001b]0;title\\u0007b\\u000d\n");
        assert_eq!(visible("\u{202e}gnp.exe\u{feff}"), "\\u202egnp.exe\\ufeff");
        // What stands in JSON stays JSON, and means the same.
        let hostile = "\u{9b}31m\u{202e}\u{e0041}";
        let json = visible(&serde_json::to_string(hostile).unwrap()).into_owned();
        assert!(json.is_ascii(), "{json}");
        assert_eq!(serde_json::from_str::<String>(&json).unwrap(), hostile);
    }

    #[test]
    fn only_colors_stay_on_a_terminal() {
        let ours = "\u{1b}[38;5;10msupported\u{1b}[39m";
        assert_eq!(visible_in_color(ours), ours);
        assert_eq!(
            visible_in_color("\u{1b}[2J\u{1b}[31m\u{1b}]8;;http://x\u{1b}\\m"),
            "\\u001b[2J\u{1b}[31m\\u001b]8;;http://x\\u001b\\m"
        );
        assert_eq!(visible(ours), "\\u001b[38;5;10msupported\\u001b[39m");
    }

    #[test]
    fn advice_can_be_pasted() {
        assert_eq!(path(Path::new("results/a b")), "'results/a b'");
        assert_eq!(path(Path::new("-dash")), "./-dash");
        assert_eq!(path(Path::new("-a b")), "'./-a b'");
    }
}
