//! A launch on the caller's stream with the caller's pointers.
//!
//! A module is loaded once per context, at the first launch of one of its entries; from then on a launch is a look-up
//! and one call of the driver. Nothing here allocates device memory or waits for the device, so a launch may be
//! captured into a graph, also the first one: loading is exempt from the capture.

use std::collections::HashMap;
use std::ffi::{CString, c_void};
use std::ptr;
use std::sync::{Mutex, OnceLock, PoisonError, RwLock};

use cudarc::driver::sys::{self, CUfunction, CUmodule};

use crate::arch::Arch;
use crate::catalog::{self, Kernel, Parameter};
use crate::compile::{FindNvrtc, cubin};
use crate::context::{Context, exempt_from_capture, handle};
use crate::driver::{call, too_old};
use crate::error::{Error, Result};

/// More parameters than any kernel has.
const MOST_ARGUMENTS: usize = 32;

/// Blocks per multiprocessor of a kernel whose threads stride over the work: several times what is resident at once, so
/// that the last ones leave little idle.
const BLOCKS_PER_MULTIPROCESSOR: u64 = 32;

/// One argument of a kernel.
#[derive(Debug, Clone, Copy, PartialEq)]
pub enum Argument {
    /// An address on the device; 0 for none.
    Pointer(u64),
    /// An unsigned integer of 32 bits.
    U32(u32),
    /// A signed integer of 32 bits.
    I32(i32),
    /// An unsigned integer of 64 bits.
    U64(u64),
    /// A single-precision float.
    F32(f32),
}

/// Where a kernel runs.
#[derive(Clone, Copy)]
pub struct Stream<'a> {
    /// The device's number.
    pub device: i32,
    /// The caller's stream of that device, as the driver's handle; 0 is the default stream.
    pub handle: u64,
    /// Finds the compiler, should it be needed.
    pub find_nvrtc: FindNvrtc<'a>,
}

/// How many blocks of how many threads.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Grid {
    /// These blocks in x, y and z, of these threads.
    Exact([u32; 3], u32),
    /// Enough blocks in x, of these threads, for so many threads in all; the kernel strides, so there may be fewer.
    Stride(u64, u32),
}

/// Put one launch of the kernel with this entry into the stream; nothing if there is nothing to do.
///
/// The caller sees to it that the pointers lie on the device and live until the stream has passed the kernel.
pub fn launch(entry: &str, at: Stream<'_>, grid: Grid, arguments: &[Argument]) -> Result<()> {
    let wrong = |reason: &str| Error::Kernel { name: entry.to_owned(), reason: reason.to_owned() };
    let kernel = catalog::find(entry).ok_or_else(|| wrong("does not exist"))?;
    check(kernel, arguments)?;
    let context = Context::primary(at.device)?;
    let ([x, y, z], threads) = grid.on(context.multiprocessors);
    if x == 0 || y == 0 || z == 0 {
        return Ok(());
    }
    context.within(|| {
        let function = function(context, kernel, at.find_nvrtc)?;
        // The driver reads each argument at its address, as many bytes as the parameter has.
        let mut words = [0_u64; MOST_ARGUMENTS];
        let mut addresses = [ptr::null_mut::<c_void>(); MOST_ARGUMENTS];
        for ((word, address), argument) in words.iter_mut().zip(&mut addresses).zip(arguments) {
            *word = argument.little_endian();
            *address = ptr::from_mut(word).cast();
        }
        // SAFETY: the function belongs to the current context; there is an address of 8 readable bytes for each of its
        // parameters, whose types `check` compared; both arrays outlive the call, which copies what they hold.
        call("cuLaunchKernel", unsafe {
            let (function, stream) = (handle(function.0), handle(at.handle as usize));
            sys::cuLaunchKernel(function, x, y, z, threads, 1, 1, 0, stream, addresses.as_mut_ptr(), ptr::null_mut())
        })
    })
}

impl Grid {
    fn on(self, multiprocessors: u32) -> ([u32; 3], u32) {
        match self {
            Self::Exact(blocks, threads) => (blocks, threads),
            Self::Stride(work, threads) => {
                let most = BLOCKS_PER_MULTIPROCESSOR * u64::from(multiprocessors.max(1));
                ([work.div_ceil(u64::from(threads)).min(most) as u32, 1, 1], threads)
            }
        }
    }
}

impl Argument {
    fn kind(self) -> Parameter {
        match self {
            Self::Pointer(_) => Parameter::Pointer,
            Self::U32(_) => Parameter::U32,
            Self::I32(_) => Parameter::I32,
            Self::U64(_) => Parameter::U64,
            Self::F32(_) => Parameter::F32,
        }
    }

    /// The argument in the lowest bytes of a word: CUDA runs on little-endian hosts only.
    fn little_endian(self) -> u64 {
        match self {
            Self::Pointer(value) | Self::U64(value) => value.to_le(),
            Self::U32(value) => u64::from(value).to_le(),
            Self::I32(value) => u64::from(value as u32).to_le(),
            Self::F32(value) => u64::from(value.to_bits()).to_le(),
        }
    }
}

fn check(kernel: &Kernel, arguments: &[Argument]) -> Result<()> {
    let wrong = |reason| Error::Kernel { name: kernel.entry.to_owned(), reason };
    let expected = kernel.parameters.len();
    if arguments.len() != expected || expected > MOST_ARGUMENTS {
        return Err(wrong(format!("takes {expected} arguments, got {}", arguments.len())));
    }
    for (position, (parameter, argument)) in kernel.parameters.iter().zip(arguments).enumerate() {
        if *parameter != argument.kind() {
            return Err(wrong(format!("takes {parameter:?} as argument {position}, got {argument:?}")));
        }
    }
    Ok(())
}

/// A module and an entry of it, as addresses.
#[derive(Debug, Clone, Copy)]
struct Module(usize);
#[derive(Debug, Clone, Copy)]
struct Function(usize);

/// The loaded entry of `kernel`.
fn function(context: Context, kernel: &Kernel, find_nvrtc: FindNvrtc<'_>) -> Result<Function> {
    static LOADED: OnceLock<RwLock<HashMap<(Context, &'static str), Function>>> = OnceLock::new();
    let loaded = LOADED.get_or_init(RwLock::default);
    let key = (context, kernel.entry);
    if let Some(function) = loaded.read().unwrap_or_else(PoisonError::into_inner).get(&key) {
        return Ok(*function);
    }
    let function = exempt_from_capture(|| load(context, kernel, find_nvrtc))?;
    loaded.write().unwrap_or_else(PoisonError::into_inner).insert(key, function);
    Ok(function)
}

fn load(context: Context, kernel: &Kernel, find_nvrtc: FindNvrtc<'_>) -> Result<Function> {
    // One thread loads at a time; launches of what is loaded do not pass here.
    static MODULES: Mutex<Vec<(Context, &'static str, Module)>> = Mutex::new(Vec::new());
    let mut modules = MODULES.lock().unwrap_or_else(PoisonError::into_inner);
    let known = modules.iter().find(|(of, file, _)| *of == context && *file == kernel.file);
    let module = if let Some((_, _, module)) = known {
        *module
    } else {
        let arch = Arch::of_device(context.compute_capability);
        let image = cubin(kernel.file, arch, find_nvrtc)?.bytes;
        let mut module: CUmodule = ptr::null_mut();
        // SAFETY: the image is a whole ELF file by its checksum or fresh from NVRTC, which says its own length; the
        // context is current.
        let result = unsafe { sys::cuModuleLoadData(&raw mut module, image.as_ptr().cast()) };
        call("cuModuleLoadData", result).map_err(|error| too_old().unwrap_or(error))?;
        let module = Module(module.expose_provenance());
        modules.push((context, kernel.file, module));
        module
    };
    let name = CString::new(kernel.entry)
        .map_err(|_| Error::Kernel { name: kernel.entry.to_owned(), reason: "has a zero byte in its name".into() })?;
    let mut function: CUfunction = ptr::null_mut();
    // SAFETY: the module belongs to the current context and is never unloaded; the name is terminated.
    let result = unsafe { sys::cuModuleGetFunction(&raw mut function, handle(module.0), name.as_ptr()) };
    call("cuModuleGetFunction", result)?;
    Ok(Function(function.expose_provenance()))
}

#[cfg(test)]
mod tests {
    use super::*;

    const KERNEL: Kernel = Kernel { file: "none.cu", entry: "none", parameters: &[Parameter::Pointer, Parameter::I32] };

    #[test]
    fn arguments_must_be_those_of_the_catalog() {
        assert_eq!(check(&KERNEL, &[Argument::Pointer(16), Argument::I32(-1)]), Ok(()));
        let few = check(&KERNEL, &[Argument::Pointer(16)]).unwrap_err();
        assert_eq!(few.to_string(), "kernel `none` takes 2 arguments, got 1");
        let other = check(&KERNEL, &[Argument::Pointer(16), Argument::U32(1)]).unwrap_err();
        assert_eq!(other.to_string(), "kernel `none` takes I32 as argument 1, got U32(1)");
    }

    #[test]
    fn a_grid_covers_the_work_but_not_more_than_pays() {
        assert_eq!(Grid::Stride(0, 256).on(10), ([0, 1, 1], 256));
        assert_eq!(Grid::Stride(257, 256).on(10), ([2, 1, 1], 256));
        assert_eq!(Grid::Stride(u64::MAX, 256).on(10), ([320, 1, 1], 256));
        assert_eq!(Grid::Exact([3, 2, 1], 128).on(10), ([3, 2, 1], 128));
    }

    #[test]
    fn arguments_lie_in_the_lowest_bytes() {
        assert_eq!(Argument::I32(-2).little_endian().to_le_bytes(), [0xFE, 0xFF, 0xFF, 0xFF, 0, 0, 0, 0]);
        assert_eq!(Argument::F32(1.0).little_endian().to_le_bytes(), [0, 0, 0x80, 0x3F, 0, 0, 0, 0]);
        assert_eq!(Argument::Pointer(0x0102).little_endian().to_le_bytes()[..2], [2, 1]);
    }
}
