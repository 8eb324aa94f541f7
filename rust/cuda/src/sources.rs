//! The kernels' files and the headers that they include, as text in the binary: one line each.
//!
//! NVRTC then needs no folder of the machine, and what is compiled is what was tested.

use crate::error::{Error, Result};

macro_rules! embed {
    ($folder:literal: $($name:literal),* $(,)?) => {
        &[$(($name, include_str!(concat!("../../../cuda/", $folder, "/", $name)))),*]
    };
}

/// Name as in `#include "..."`, and text.
pub(crate) static HEADERS: &[(&str, &str)] = embed!("include":);

/// Files with entries: name and text.
static SOURCES: &[(&str, &str)] = embed!("kernels":);

/// The names of all files of kernels.
pub fn files() -> impl Iterator<Item = &'static str> {
    SOURCES.iter().map(|(file, _)| *file)
}

/// The text of the file of kernels `file`.
pub fn source(file: &str) -> Result<&'static str> {
    let found = SOURCES.iter().find(|(name, _)| *name == file);
    found.map(|(_, text)| *text).ok_or_else(|| Error::Kernel { name: file.to_owned(), reason: "does not exist".into() })
}
