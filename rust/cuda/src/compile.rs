//! From a kernel's file to machine code for one architecture, through the cache.
//!
//! NVRTC gets the source and the headers from memory and sees no file of the machine, so source, headers, options,
//! architecture and version of NVRTC say all that decides the result: they are the key. The output is machine code for
//! the exact chip (CUBIN), never PTX that a driver would compile a second time. No driver and no device are needed.

use std::env;
use std::path::PathBuf;

use crate::arch::Arch;
use crate::cache::{Cache, Cubin};
use crate::catalog::{HEADERS, source};
use crate::digest::{sha256, short_name};
use crate::error::{Error, Result};
use crate::nvrtc::Nvrtc;

/// Without contraction to FMA and without flushing, every operation rounds as the standard says and as on the CPU.
/// `--minimal` leaves out textures, `new` and headers that no kernel here uses: less to parse each time.
const OPTIONS: [&str; 6] =
    ["--std=c++17", "--fmad=false", "--ftz=false", "--prec-div=true", "--prec-sqrt=true", "--minimal"];

/// Finds the NVRTC library; asked only if something must be compiled. None where there is none.
pub type FindNvrtc<'a> = &'a dyn Fn() -> Option<PathBuf>;

/// The machine code of the file of kernels `file` for `arch`: from the cache, else compiled.
///
/// Without NVRTC, or with `PARETOSERVE_DISABLE_JIT` set, an entry by any version of NVRTC will do.
pub fn cubin(file: &str, arch: Arch, find_nvrtc: FindNvrtc<'_>) -> Result<Cubin> {
    let missing = || Error::Kernel { name: file.to_owned(), reason: "does not exist".into() };
    let source = source(file).ok_or_else(missing)?;
    let cache = Cache::from_environment();
    let stem = file.strip_suffix(".cu").unwrap_or(file);
    let prefix = format!("{stem}-{arch}-{}-nvrtc", short_name(&key(source)));
    if jit_is_disabled() {
        return cache.find(&prefix).ok_or_else(|| Error::JitDisabled { file: file.to_owned(), arch });
    }
    let Some(path) = find_nvrtc() else {
        return cache.find(&prefix).ok_or_else(|| Error::NoCompiler { reason: String::new() });
    };
    let nvrtc = Nvrtc::open(&path)?;
    let (major, minor) = nvrtc.version;
    // Two digits, so that names sort as versions do.
    cache.get_or_build(&format!("{prefix}{major:02}.{minor:02}.cubin"), || {
        let output = nvrtc.compile(file, source, HEADERS, arch, &OPTIONS)?;
        let Some(bytes) = output.cubin else {
            let log_path = cache.keep_log(&format!("{stem}-{arch}.log"), &output.log);
            return Err(Error::Compile {
                file: file.to_owned(),
                arch,
                nvrtc: nvrtc.version,
                log: output.log,
                log_path,
            });
        };
        Ok((bytes, output.log))
    })
}

/// Remove all machine code from the cache, and say how many entries there were.
pub fn clear_cache() -> std::io::Result<usize> {
    Cache::from_environment().clear()
}

/// The digest of all that is compiled and how. Each part is preceded by its length, so that none runs into the next.
fn key(source: &str) -> [u8; 32] {
    let headers = HEADERS.iter().flat_map(|(name, text)| [*name, *text]);
    let mut message = Vec::new();
    for part in OPTIONS.into_iter().chain([source]).chain(headers) {
        message.extend((part.len() as u64).to_le_bytes());
        message.extend(part.as_bytes());
    }
    sha256(&message)
}

fn jit_is_disabled() -> bool {
    env::var_os("PARETOSERVE_DISABLE_JIT").is_some_and(|value| !value.is_empty() && value != "0")
}

#[cfg(test)]
mod tests {
    use super::*;

    const TRIVIAL: &str = "extern \"C\" __global__ void fill(float* out, unsigned n) {
        unsigned i = blockIdx.x * blockDim.x + threadIdx.x;
        if (i < n) out[i] = 1.0f;
    }";

    fn nvrtc() -> &'static Nvrtc {
        let path = env::var_os("PARETOSERVE_NVRTC").expect("PARETOSERVE_NVRTC must name the library");
        Nvrtc::open(&PathBuf::from(path)).unwrap()
    }

    #[test]
    fn the_key_changes_with_the_source() {
        assert_ne!(key("a"), key("b"));
        assert_eq!(key("a"), key("a"));
    }

    #[test]
    #[ignore = "needs NVRTC; `make test-kernels` runs it"]
    fn a_kernel_becomes_machine_code_and_a_broken_one_a_log() {
        for arch in ["sm_80", "sm_90", "sm_100a", "sm_120a"] {
            let output = nvrtc().compile("fill.cu", TRIVIAL, &[], arch.parse().unwrap(), &OPTIONS).unwrap();
            assert!(output.cubin.unwrap().starts_with(b"\x7fELF"), "{arch}");
            assert_eq!(output.log, "");
        }
        let broken = nvrtc().compile("broken.cu", "__global__ void f( {}", &[], "sm_90".parse().unwrap(), &OPTIONS);
        let broken = broken.unwrap();
        assert_eq!(broken.cubin, None);
        assert!(broken.log.contains("broken.cu(1): error"), "{}", broken.log);
    }

    #[test]
    #[ignore = "needs NVRTC; `make test-kernels` runs it"]
    fn headers_come_from_memory() {
        let headers = [("one.cuh", "#define ONE 1.0f\n")];
        let source = "#include \"one.cuh\"\nextern \"C\" __global__ void f(float* x) { *x = ONE; }";
        let arch = "sm_90".parse().unwrap();
        assert!(nvrtc().compile("f.cu", source, &headers, arch, &OPTIONS).unwrap().cubin.is_some());
        assert!(nvrtc().compile("f.cu", source, &[], arch, &OPTIONS).unwrap().cubin.is_none());
    }

    #[test]
    #[ignore = "needs NVRTC; `make test-kernels` runs it"]
    fn an_architecture_that_this_version_does_not_know_is_refused() {
        let refused = nvrtc().compile("fill.cu", TRIVIAL, &[], "sm_52".parse().unwrap(), &OPTIONS);
        assert!(matches!(refused, Err(Error::UnknownArch { nvrtc: Some(_), .. })));
    }

    #[test]
    fn a_library_that_is_none_is_refused() {
        let refused = Nvrtc::open(&env::temp_dir().join("no-such-library.so"));
        assert!(matches!(refused.err(), Some(Error::NoCompiler { .. })));
    }
}
