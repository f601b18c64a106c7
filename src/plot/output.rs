//! Figures as files.

use std::fs;
use std::path::{Path, PathBuf};
use std::sync::{Arc, LazyLock};

use anyhow::{Context, anyhow};
use resvg::tiny_skia::{Pixmap, Transform};
use resvg::usvg::{Options, Tree, fontdb};

use super::figure::{Figure, Size, render_svg};
use crate::error::Result;
use crate::file;

/// Pixels of a PNG for each pixel of the SVG, along one side.
const PNG_SCALE: f32 = 2.0;

/// A kind of file.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Format {
    /// Vectors, for print and the web.
    Svg,
    /// Pixels, at twice the size.
    Png,
}

impl Format {
    fn extension(self) -> &'static str {
        match self {
            Format::Svg => "svg",
            Format::Png => "png",
        }
    }
}

static FONTS: LazyLock<Arc<fontdb::Database>> = LazyLock::new(|| {
    let mut fonts = fontdb::Database::new();
    fonts.load_font_data(dejavu::sans::regular().to_vec());
    fonts.load_font_data(dejavu::sans::bold().to_vec());
    Arc::new(fonts)
});

/// Draws a figure once and writes it as `dir/name.svg`, `dir/name.png`; returns what was written.
///
/// # Errors
/// The folder cannot be made or written.
pub fn write(figure: &Figure, size: Size, dir: &Path, name: &str, formats: &[Format]) -> Result<Vec<PathBuf>> {
    let advice = "choose another folder with --out";
    fs::create_dir_all(dir).with_context(|| format!("cannot make the folder {}; {advice}", dir.display()))?;
    let svg = render_svg(figure, size)?;
    let mut written = Vec::new();
    for format in formats {
        let bytes = match format {
            Format::Svg => svg.clone().into_bytes(),
            Format::Png => rasterise(&svg)?,
        };
        let path = dir.join(format!("{name}.{}", format.extension()));
        file::write(&path, &bytes).with_context(|| format!("cannot write {}; {advice}", path.display()))?;
        written.push(path);
    }
    Ok(written)
}

/// Removes a figure that may be there, in every format.
pub(super) fn remove(dir: &Path, name: &str) {
    for format in [Format::Svg, Format::Png] {
        // one that stays is out of date, and what was drawn is still right
        let _ = fs::remove_file(dir.join(format!("{name}.{}", format.extension())));
    }
}

/// The PNG of an SVG, with the built-in font only.
fn rasterise(svg: &str) -> Result<Vec<u8>> {
    let options = Options { fontdb: FONTS.clone(), ..Options::default() };
    let tree = Tree::from_str(svg, &options).context("cannot read the figure that was just drawn")?;
    let size = tree.size().to_int_size().scale_by(PNG_SCALE).ok_or_else(|| anyhow!("the figure has no size"))?;
    let mut pixels = Pixmap::new(size.width(), size.height()).ok_or_else(|| anyhow!("the figure is too large"))?;
    resvg::render(&tree, Transform::from_scale(PNG_SCALE, PNG_SCALE), &mut pixels.as_mut());
    pixels.encode_png().context("cannot encode a PNG")
}
