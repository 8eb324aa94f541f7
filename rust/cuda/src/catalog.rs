//! Every kernel: the file it is in, its entry, what it takes. Sources and headers are part of the library.
//!
//! A launch is checked against [`Kernel::parameters`] before the driver sees it; a test checks this list against the
//! files. Order of parameters: outputs, inputs, sizes, options.

/// A kind of parameter, as the driver needs it: eight or four bytes.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Parameter {
    /// Address in the device's memory.
    Pointer,
    /// 64-bit integer.
    U64,
    /// 32-bit integer, or a choice.
    U32,
    /// Signed 32-bit integer.
    I32,
    /// 32-bit float.
    F32,
}

/// One `__global__` function.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct Kernel {
    /// Name of its file in `cuda/kernels`.
    pub file: &'static str,
    /// Its name.
    pub entry: &'static str,
    /// What it takes.
    pub parameters: &'static [Parameter],
}

/// A file of kernels or a header, by name and text.
pub type Source = (&'static str, &'static str);

macro_rules! embed {
    ($folder:literal: $($name:literal),* $(,)?) => {
        &[$(($name, include_str!(concat!("../../../cuda/", $folder, "/", $name)))),*]
    };
}

/// The kernels' files.
pub const SOURCES: &[Source] = embed!("kernels": "quant_cast.cu");

/// The headers that they include.
pub const HEADERS: &[Source] = embed!("include":
    "cast.cuh", "formats.cuh", "integers.cuh", "memory.cuh", "mx_scale.cuh", "native.cuh", "platform.cuh", "random.cuh",
    "wide.cuh",
);

/// The kernel with this entry.
pub fn find(entry: &str) -> Option<&'static Kernel> {
    KERNELS.iter().find(|kernel| kernel.entry == entry)
}

/// The text of a file of kernels.
pub fn source(file: &str) -> Option<&'static str> {
    SOURCES.iter().find(|(name, _)| *name == file).map(|(_, text)| *text)
}

use Parameter::{I32, Pointer, U32, U64};

// Groups of entries that differ in the number formats of their names only.
macro_rules! kernels {
    ($($file:literal $action:literal [$($suffix:literal),* $(,)?] $parameters:expr;)*) => {
        &[$($(Kernel {
            file: $file,
            entry: concat!("paretoserve_quant_", $action, "_", $suffix),
            parameters: $parameters,
        }),*),*]
    };
}

/// Every kernel.
pub const KERNELS: &[Kernel] = kernels! {
    // codes, first_nan or null, x | count | layout, bias, saturate, rule, rounding, seed
    "quant_cast.cu" "encode" ["f32", "f16", "bf16"] &[Pointer, Pointer, Pointer, U64, U32, I32, U32, U32, U32, U64];
    // out, codes | count | layout, bias
    "quant_cast.cu" "decode" ["f32", "f16", "bf16"] &[Pointer, Pointer, U64, U32, I32];
};

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn every_entry_is_in_its_file_once() {
        for kernel in KERNELS {
            assert!(source(kernel.file).is_some(), "{} is not embedded", kernel.file);
            assert_eq!(KERNELS.iter().filter(|other| other.entry == kernel.entry).count(), 1, "{}", kernel.entry);
            assert_eq!(find(kernel.entry), Some(kernel));
        }
    }

    #[test]
    fn every_include_is_embedded() {
        for (name, text) in SOURCES.iter().chain(HEADERS) {
            for line in text.lines().filter_map(|line| line.strip_prefix("#include \"")) {
                let header = line.trim_end_matches('"');
                assert!(HEADERS.iter().any(|(known, _)| *known == header), "{name} includes {header}");
            }
        }
    }
}
