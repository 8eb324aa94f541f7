//! A launch on the caller's stream with the caller's pointers.
//!
//! The device's primary context, the one that every framework uses, is current during the call and the caller's is
//! restored after it. A module is loaded once per context, at the first launch of one of its entries; from then on a
//! launch is a look-up and one call of the driver. Nothing here allocates device memory or waits for the device, so a
//! launch may be captured into a graph, also the first one: loading is exempt from the capture.

use std::collections::HashMap;
use std::ffi::{CString, c_void};
use std::ptr;
use std::sync::{Mutex, OnceLock, PoisonError, RwLock};

use cudarc::driver::sys::{self, CUcontext, CUfunction, CUmodule, CUstreamCaptureMode_enum};

use crate::arch::Arch;
use crate::catalog::{Kernel, Parameter};
use crate::compile::{FindNvrtc, cubin};
use crate::driver::{call, require_device, too_old};
use crate::error::{Error, Result};

/// More parameters than any kernel has.
const MOST_ARGUMENTS: usize = 32;

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

/// Where and how wide a kernel runs.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct Launch {
    /// The device's number.
    pub device: i32,
    /// The caller's stream, as the driver's handle; 0 is the default stream.
    pub stream: u64,
    /// Blocks in x, y and z.
    pub grid: [u32; 3],
    /// Threads per block in x, y and z.
    pub block: [u32; 3],
}

/// Put one launch of `kernel` into the stream. The caller sees to it that the pointers lie on the device and live until
/// the stream has passed the kernel.
pub fn launch(kernel: &Kernel, at: Launch, arguments: &[Argument], find_nvrtc: FindNvrtc<'_>) -> Result<()> {
    check(kernel, arguments)?;
    let context = primary_context(at.device)?;
    within(context, || {
        let function = function(context, kernel, at.device, find_nvrtc)?;
        // The driver reads each argument at its address, as many bytes as the parameter has; integers lie first.
        let mut words = [0_u64; MOST_ARGUMENTS];
        let mut addresses = [ptr::null_mut::<c_void>(); MOST_ARGUMENTS];
        for ((word, address), argument) in words.iter_mut().zip(&mut addresses).zip(arguments) {
            *word = argument.little_endian();
            *address = ptr::from_mut(word).cast();
        }
        let ([x, y, z], [bx, by, bz]) = (at.grid, at.block);
        // SAFETY: the function belongs to the current context; there is an address of 8 readable bytes for each of its
        // parameters, whose types `check` compared; both arrays outlive the call, which copies what they hold.
        call("cuLaunchKernel", unsafe {
            let (function, stream) = (handle(function.0), handle(at.stream as usize));
            sys::cuLaunchKernel(function, x, y, z, bx, by, bz, 0, stream, addresses.as_mut_ptr(), ptr::null_mut())
        })
    })
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

/// A context as its address: the driver's objects belong to no thread, so their addresses may pass between threads.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash)]
struct Context(usize);
#[derive(Debug, Clone, Copy)]
struct Module(usize);
#[derive(Debug, Clone, Copy)]
struct Function(usize);

/// The device's primary context, kept for the life of the process: whoever resets the device breaks its own tensors,
/// too.
fn primary_context(ordinal: i32) -> Result<Context> {
    static KEPT: RwLock<Vec<(i32, Context)>> = RwLock::new(Vec::new());
    let find =
        |kept: &[(i32, Context)]| kept.iter().find(|(device, _)| *device == ordinal).map(|(_, context)| *context);
    if let Some(context) = find(&KEPT.read().unwrap_or_else(PoisonError::into_inner)) {
        return Ok(context);
    }
    let mut kept = KEPT.write().unwrap_or_else(PoisonError::into_inner);
    if let Some(context) = find(&kept) {
        return Ok(context);
    }
    let device = require_device(ordinal)?;
    let mut context: CUcontext = ptr::null_mut();
    // SAFETY: the device comes from the driver; the pointer is to a live handle.
    call("cuDevicePrimaryCtxRetain", unsafe { sys::cuDevicePrimaryCtxRetain(&raw mut context, device.handle) })?;
    let context = Context(context.expose_provenance());
    kept.push((ordinal, context));
    Ok(context)
}

/// Run `work` with `context` current, and restore what was current before.
fn within<T>(context: Context, work: impl FnOnce() -> Result<T>) -> Result<T> {
    let mut current: CUcontext = ptr::null_mut();
    // SAFETY: the pointer is to a live handle.
    call("cuCtxGetCurrent", unsafe { sys::cuCtxGetCurrent(&raw mut current) })?;
    if current.addr() == context.0 {
        return work();
    }
    // SAFETY: the context is kept alive by `primary_context`.
    call("cuCtxPushCurrent", unsafe { sys::cuCtxPushCurrent_v2(handle(context.0)) })?;
    let result = work();
    // SAFETY: the pointer is to a live handle; what is popped is what was pushed above.
    let popped = call("cuCtxPopCurrent", unsafe { sys::cuCtxPopCurrent_v2(&raw mut current) });
    result.and_then(|value| popped.map(|()| value))
}

/// The loaded entry of `kernel`.
fn function(context: Context, kernel: &Kernel, device: i32, find_nvrtc: FindNvrtc<'_>) -> Result<Function> {
    static LOADED: OnceLock<RwLock<HashMap<(Context, &'static str), Function>>> = OnceLock::new();
    let loaded = LOADED.get_or_init(RwLock::default);
    let key = (context, kernel.entry);
    if let Some(function) = loaded.read().unwrap_or_else(PoisonError::into_inner).get(&key) {
        return Ok(*function);
    }
    let function = exempt_from_capture(|| load(context, kernel, device, find_nvrtc))?;
    loaded.write().unwrap_or_else(PoisonError::into_inner).insert(key, function);
    Ok(function)
}

fn load(context: Context, kernel: &Kernel, device: i32, find_nvrtc: FindNvrtc<'_>) -> Result<Function> {
    // One thread loads at a time; launches of what is loaded do not pass here.
    static MODULES: Mutex<Vec<(Context, &'static str, Module)>> = Mutex::new(Vec::new());
    let mut modules = MODULES.lock().unwrap_or_else(PoisonError::into_inner);
    let known = modules.iter().find(|(of, file, _)| *of == context && *file == kernel.file);
    let module = if let Some((_, _, module)) = known {
        *module
    } else {
        let arch = Arch::of_device(require_device(device)?.compute_capability);
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

/// The driver's handle at an address that it gave out.
fn handle<T>(address: usize) -> *mut T {
    ptr::with_exposed_provenance_mut(address)
}

/// Run `work`, which calls what a capturing stream of this thread would forbid but does not touch any stream.
fn exempt_from_capture<T>(work: impl FnOnce() -> Result<T>) -> Result<T> {
    let mut mode = CUstreamCaptureMode_enum::CU_STREAM_CAPTURE_MODE_RELAXED;
    // SAFETY: the pointer is to a live mode, which the call exchanges for the thread's.
    call("cuThreadExchangeStreamCaptureMode", unsafe { sys::cuThreadExchangeStreamCaptureMode(&raw mut mode) })?;
    let result = work();
    // SAFETY: as above, with the mode that the thread had.
    let restored = unsafe { sys::cuThreadExchangeStreamCaptureMode(&raw mut mode) };
    result.and_then(|value| call("cuThreadExchangeStreamCaptureMode", restored).map(|()| value))
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
    fn arguments_lie_in_the_lowest_bytes() {
        assert_eq!(Argument::I32(-2).little_endian().to_le_bytes(), [0xFE, 0xFF, 0xFF, 0xFF, 0, 0, 0, 0]);
        assert_eq!(Argument::F32(1.0).little_endian().to_le_bytes(), [0, 0, 0x80, 0x3F, 0, 0, 0, 0]);
        assert_eq!(Argument::Pointer(0x0102).little_endian().to_le_bytes()[..2], [2, 1]);
    }
}
