//! What can go wrong between a kernel's file and its launch. The data is in the fields; `Display` makes the sentence.

use std::fmt;
use std::path::PathBuf;

use crate::arch::Arch;

/// How many lines of the compiler's log a message shows.
const LOG_LINES: usize = 12;

/// Why a kernel could not be compiled, loaded or launched, or the driver not be asked.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum Error {
    /// No driver library on this machine.
    NoDriver,
    /// The driver shows no device of that number.
    NoDevice {
        /// What was asked for.
        ordinal: i32,
        /// How many there are.
        count: i32,
    },
    /// The driver answered with an error.
    Driver {
        /// The call that failed.
        call: &'static str,
        /// The driver's own name of the error.
        reason: String,
    },
    /// The driver is too old for what the compiler made.
    OldDriver {
        /// Newest CUDA version that the driver knows, major and minor.
        driver: (i32, i32),
    },
    /// No NVRTC library was found, or the one that was named cannot be used.
    NoCompiler {
        /// What was tried, if anything.
        reason: String,
    },
    /// NVRTC refused a call that has nothing to do with our source.
    Compiler {
        /// The call that failed.
        call: &'static str,
        /// NVRTC's own name of the error.
        reason: String,
    },
    /// This NVRTC is older or newer than the architecture, or there is no such architecture.
    UnknownArch {
        /// What was asked for.
        arch: String,
        /// Version of NVRTC; none if the name itself is wrong.
        nvrtc: Option<(i32, i32)>,
    },
    /// A kernel did not compile.
    Compile {
        /// The kernel's file.
        file: String,
        /// For which architecture.
        arch: Arch,
        /// Version of NVRTC.
        nvrtc: (i32, i32),
        /// All that the compiler wrote.
        log: String,
        /// Where the log is kept.
        log_path: Option<PathBuf>,
    },
    /// Compilation is needed and switched off.
    JitDisabled {
        /// The kernel's file.
        file: String,
        /// For which architecture.
        arch: Arch,
    },
    /// An array is larger than the kernels can count.
    TooLarge {
        /// Which one.
        argument: &'static str,
        /// What it may have at most.
        most: &'static str,
    },
    /// There is no kernel of that name, or its parameters are others.
    Kernel {
        /// The kernel's file or entry.
        name: String,
        /// What does not fit.
        reason: String,
    },
}

/// What a fallible function here returns.
pub type Result<T> = std::result::Result<T, Error>;

impl Error {
    /// Whether the compiler is the culprit, not the driver.
    pub fn is_of_the_compiler(&self) -> bool {
        matches!(
            self,
            Self::NoCompiler { .. }
                | Self::Compiler { .. }
                | Self::UnknownArch { .. }
                | Self::Compile { .. }
                | Self::JitDisabled { .. }
        )
    }
}

impl fmt::Display for Error {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            Self::NoDriver => write!(
                f,
                "no CUDA driver was found\nhint: CPU functions work without one; check with \
                 paretoserve.cuda.is_available()"
            ),
            Self::NoDevice { ordinal, count } => {
                write!(f, "`device` must be below {count}, the number of CUDA devices, got {ordinal}")
            }
            Self::Driver { call, reason } => write!(f, "the CUDA driver refused `{call}`: {reason}"),
            Self::OldDriver { driver: (major, minor) } => write!(
                f,
                "the CUDA driver knows CUDA {major}.{minor}, too old for the kernels' machine code\nhint: install a \
                 driver of CUDA 13 (580 or newer)"
            ),
            Self::NoCompiler { reason } => {
                write!(f, "no usable NVRTC was found{reason}\nhint: pip install 'paretoserve[cuda]'")
            }
            Self::Compiler { call, reason } => write!(f, "NVRTC refused `{call}`: {reason}"),
            Self::UnknownArch { arch, nvrtc: None } => {
                write!(f, "`arch` must look like sm_90 or sm_100a, got {arch:?}")
            }
            Self::UnknownArch { arch, nvrtc: Some((major, minor)) } => write!(
                f,
                "NVRTC {major}.{minor} cannot compile for {arch}\nhint: pip install --upgrade nvidia-cuda-nvrtc"
            ),
            Self::Compile { file, arch, nvrtc: (major, minor), log, log_path } => {
                write!(f, "kernel `{file}` did not compile for {arch} (NVRTC {major}.{minor})")?;
                for line in log.lines().take(LOG_LINES) {
                    write!(f, "\n  {line}")?;
                }
                match log_path {
                    Some(path) => write!(f, "\nhint: the full log is in {}", path.display()),
                    None => Ok(()),
                }
            }
            Self::JitDisabled { file, arch } => write!(
                f,
                "kernel `{file}` is not in the cache for {arch} and PARETOSERVE_DISABLE_JIT is set\nhint: fill the \
                 cache with paretoserve.cuda.compile_kernels(arch=\"{arch}\") where it is not set"
            ),
            Self::TooLarge { argument, most } => {
                write!(f, "`{argument}` must have at most {most} on a CUDA device\nhint: split it along its rows")
            }
            Self::Kernel { name, reason } => write!(f, "kernel `{name}` {reason}"),
        }
    }
}

impl std::error::Error for Error {}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_failed_compilation_shows_the_first_lines_and_where_the_rest_is() {
        let log = (0..40).map(|i| format!("line {i}")).collect::<Vec<_>>().join("\n");
        let error = Error::Compile {
            file: "quant_pack.cu".into(),
            arch: "sm_90".parse().unwrap(),
            nvrtc: (13, 0),
            log,
            log_path: Some("cache/quant_pack-sm_90.log".into()),
        };
        let message = error.to_string();
        assert!(message.starts_with("kernel `quant_pack.cu` did not compile for sm_90 (NVRTC 13.0)\n  line 0\n"));
        assert!(message.ends_with("  line 11\nhint: the full log is in cache/quant_pack-sm_90.log"));
        assert!(error.is_of_the_compiler());
    }

    #[test]
    fn a_missing_driver_is_said_in_words() {
        assert!(Error::NoDriver.to_string().starts_with("no CUDA driver was found\nhint: "));
        assert!(!Error::NoDriver.is_of_the_compiler());
    }
}
