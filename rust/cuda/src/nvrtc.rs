//! NVRTC, loaded from a path that the caller names.
//!
//! cudarc would load it by name, which takes whatever version lies first on the loader's path, and panics where there
//! is none. A machine often has several (a toolkit, torch's, the wheel's), so the nine functions we need are looked up
//! here in the library that was asked for. Types and error names are cudarc's.

use std::collections::HashMap;
use std::ffi::{CString, c_char, c_int};
use std::path::{Path, PathBuf};
use std::ptr;
use std::sync::{Mutex, PoisonError};

use cudarc::nvrtc::sys::{nvrtcProgram, nvrtcResult};
use libloading::Library;

use crate::arch::Arch;
use crate::error::{Error, Result};

type Create = unsafe extern "C" fn(
    *mut nvrtcProgram,
    *const c_char,
    *const c_char,
    c_int,
    *const *const c_char,
    *const *const c_char,
) -> nvrtcResult;
type Size = unsafe extern "C" fn(nvrtcProgram, *mut usize) -> nvrtcResult;
type Bytes = unsafe extern "C" fn(nvrtcProgram, *mut c_char) -> nvrtcResult;

/// One loaded NVRTC library.
pub(crate) struct Nvrtc {
    /// Its version, major and minor.
    pub(crate) version: (i32, i32),
    /// The architectures that it knows, as in `Arch::number`.
    known: Vec<c_int>,
    create: Create,
    compile: unsafe extern "C" fn(nvrtcProgram, c_int, *const *const c_char) -> nvrtcResult,
    destroy: unsafe extern "C" fn(*mut nvrtcProgram) -> nvrtcResult,
    log_size: Size,
    log: Bytes,
    cubin_size: Size,
    cubin: Bytes,
}

/// What came out of a compilation: the log always, machine code if it succeeded.
pub(crate) struct Output {
    pub(crate) cubin: Option<Vec<u8>>,
    pub(crate) log: String,
}

impl Nvrtc {
    /// The library at `path`, loaded once per process and never unloaded.
    pub(crate) fn open(path: &Path) -> Result<&'static Self> {
        static OPEN: Mutex<Option<HashMap<PathBuf, &'static Nvrtc>>> = Mutex::new(None);
        let mut open = OPEN.lock().unwrap_or_else(PoisonError::into_inner);
        let open = open.get_or_insert_default();
        if let Some(nvrtc) = open.get(path) {
            return Ok(nvrtc);
        }
        let nvrtc = &*Box::leak(Box::new(Self::load(path)?));
        open.insert(path.to_owned(), nvrtc);
        Ok(nvrtc)
    }

    fn load(path: &Path) -> Result<Self> {
        let unusable =
            |error: libloading::Error| Error::NoCompiler { reason: format!(" at {}: {error}", path.display()) };
        // SAFETY: loading runs the initializers of NVIDIA's library, which the caller chose and which asks for nothing.
        let library = Box::leak(Box::new(unsafe { Library::new(path) }.map_err(unusable)?));
        macro_rules! symbol {
            ($name:literal) => {
                // SAFETY: the field or variable that takes it has the type that nvrtc.h declares, the same since
                // CUDA 11; the library is leaked, so the function outlives every use.
                *unsafe { library.get(concat!($name, "\0").as_bytes()) }.map_err(unusable)?
            };
        }
        let version: unsafe extern "C" fn(*mut c_int, *mut c_int) -> nvrtcResult = symbol!("nvrtcVersion");
        let count: unsafe extern "C" fn(*mut c_int) -> nvrtcResult = symbol!("nvrtcGetNumSupportedArchs");
        let list: unsafe extern "C" fn(*mut c_int) -> nvrtcResult = symbol!("nvrtcGetSupportedArchs");
        let (mut major, mut minor, mut number) = (0, 0, 0);
        // SAFETY: both pointers are to live integers.
        check("nvrtcVersion", unsafe { version(&raw mut major, &raw mut minor) })?;
        load_builtins(path, major, minor);
        // SAFETY: the pointer is to a live integer.
        check("nvrtcGetNumSupportedArchs", unsafe { count(&raw mut number) })?;
        let mut known = vec![0; number.max(0) as usize];
        // SAFETY: the call fills as many integers as the call before it said.
        check("nvrtcGetSupportedArchs", unsafe { list(known.as_mut_ptr()) })?;
        Ok(Self {
            version: (major, minor),
            known,
            create: symbol!("nvrtcCreateProgram"),
            compile: symbol!("nvrtcCompileProgram"),
            destroy: symbol!("nvrtcDestroyProgram"),
            log_size: symbol!("nvrtcGetProgramLogSize"),
            log: symbol!("nvrtcGetProgramLog"),
            cubin_size: symbol!("nvrtcGetCUBINSize"),
            cubin: symbol!("nvrtcGetCUBIN"),
        })
    }

    /// Compile `source` with `headers` (include name and text) to machine code.
    pub(crate) fn compile(
        &self,
        file: &str,
        source: &str,
        headers: &[(&str, &str)],
        arch: Arch,
        options: &[&str],
    ) -> Result<Output> {
        if !self.known.contains(&(arch.number as c_int)) {
            return Err(Error::UnknownArch { arch: arch.to_string(), nvrtc: Some(self.version) });
        }
        let program = self.create(file, source, headers)?;
        let target = format!("-arch={arch}");
        let options = texts(std::iter::once(target.as_str()).chain(options.iter().copied()))?;
        let pointers: Vec<_> = options.iter().map(|option| option.as_ptr()).collect();
        // SAFETY: the program is alive; the pointers are to as many terminated strings, which outlive the call.
        let result = unsafe { (self.compile)(program.handle, pointers.len() as c_int, pointers.as_ptr()) };
        let log = program.read("nvrtcGetProgramLog", self.log_size, self.log)?;
        let log = String::from_utf8_lossy(&log).trim_end_matches(['\0', '\n']).to_owned();
        match result {
            nvrtcResult::NVRTC_SUCCESS => {
                let cubin = program.read("nvrtcGetCUBIN", self.cubin_size, self.cubin)?;
                Ok(Output { cubin: Some(cubin), log })
            }
            nvrtcResult::NVRTC_ERROR_COMPILATION => Ok(Output { cubin: None, log }),
            // The log says more than the code, for example that the library of built-in functions is missing.
            other => Err(Error::Compiler { call: "nvrtcCompileProgram", reason: format!("{other:?} {log}") }),
        }
    }

    fn create(&self, file: &str, source: &str, headers: &[(&str, &str)]) -> Result<Program<'_>> {
        let texts_and_names = texts(
            [source, file]
                .into_iter()
                .chain(headers.iter().map(|(_, text)| *text))
                .chain(headers.iter().map(|(name, _)| *name)),
        )?;
        let pointers: Vec<_> = texts_and_names.iter().map(|text| text.as_ptr()).collect();
        let (texts, names) = pointers[2..].split_at(headers.len());
        let mut handle = ptr::null_mut();
        // SAFETY: all pointers are to terminated strings that outlive the call, which copies them; both lists have as
        // many entries as the count says.
        let result = unsafe {
            (self.create)(
                &raw mut handle,
                pointers[0],
                pointers[1],
                headers.len() as c_int,
                texts.as_ptr(),
                names.as_ptr(),
            )
        };
        check("nvrtcCreateProgram", result)?;
        Ok(Program { nvrtc: self, handle })
    }
}

/// A program that is destroyed when it goes out of scope.
struct Program<'a> {
    nvrtc: &'a Nvrtc,
    handle: nvrtcProgram,
}

impl Program<'_> {
    fn read(&self, call: &'static str, size: Size, bytes: Bytes) -> Result<Vec<u8>> {
        let mut length = 0;
        // SAFETY: the program is alive and the pointer is to a live integer.
        check(call, unsafe { size(self.handle, &raw mut length) })?;
        let mut buffer = vec![0_u8; length];
        // SAFETY: the program is alive and the buffer is as long as it asked for.
        check(call, unsafe { bytes(self.handle, buffer.as_mut_ptr().cast()) })?;
        Ok(buffer)
    }
}

impl Drop for Program<'_> {
    fn drop(&mut self) {
        // SAFETY: the handle is alive and used by nobody after this. A failure would leak a little memory: no harm.
        let _ = unsafe { (self.nvrtc.destroy)(&raw mut self.handle) };
    }
}

/// Load the library of built-in functions that NVRTC loads by name when it compiles: the loader then has it already.
///
/// Not every version looks for it in its own folder. One that is not there is found by name, or the compilation says
/// so.
fn load_builtins(path: &Path, major: c_int, minor: c_int) {
    let beside = path.with_file_name(format!("libnvrtc-builtins.so.{major}.{minor}"));
    // SAFETY: as for the library itself; it holds data that only the matching NVRTC reads.
    if let Ok(library) = unsafe { Library::new(beside) } {
        Box::leak(Box::new(library));
    }
}

fn texts<'a>(texts: impl Iterator<Item = &'a str>) -> Result<Vec<CString>> {
    texts
        .map(CString::new)
        .collect::<std::result::Result<_, _>>()
        .map_err(|_| Error::Compiler { call: "nvrtcCreateProgram", reason: "the source holds a zero byte".into() })
}

fn check(call: &'static str, result: nvrtcResult) -> Result<()> {
    if result == nvrtcResult::NVRTC_SUCCESS { Ok(()) } else { Err(refused(call, result)) }
}

fn refused(call: &'static str, result: nvrtcResult) -> Error {
    Error::Compiler { call, reason: format!("{result:?}") }
}
