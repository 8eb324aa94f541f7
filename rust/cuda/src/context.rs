//! The primary context of a device, the one that every framework uses: kept, made current for a call, restored.

use std::ptr;
use std::sync::{PoisonError, RwLock};

use cudarc::driver::sys::{self, CUcontext, CUstreamCaptureMode_enum};

use crate::driver::{Known, call, require_device};
use crate::error::Result;

/// The primary context of a device.
///
/// Held as an address: the driver's objects belong to no thread, so their addresses may pass between threads.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash)]
pub(crate) struct Context {
    address: usize,
    /// Compute capability of its device.
    pub(crate) compute_capability: (i32, i32),
    /// Multiprocessors of its device.
    pub(crate) multiprocessors: u32,
}

/// The driver's handle at an address that it gave out.
pub(crate) fn handle<T>(address: usize) -> *mut T {
    ptr::with_exposed_provenance_mut(address)
}

impl Context {
    /// The primary context of the device `ordinal`, kept for the life of the process: whoever resets the device breaks
    /// its own tensors, too.
    pub(crate) fn primary(ordinal: i32) -> Result<Self> {
        static KEPT: RwLock<Vec<(i32, Context)>> = RwLock::new(Vec::new());
        let find =
            |kept: &[(i32, Self)]| kept.iter().find(|(device, _)| *device == ordinal).map(|(_, context)| *context);
        if let Some(context) = find(&KEPT.read().unwrap_or_else(PoisonError::into_inner)) {
            return Ok(context);
        }
        let mut kept = KEPT.write().unwrap_or_else(PoisonError::into_inner);
        if let Some(context) = find(&kept) {
            return Ok(context);
        }
        let Known { handle, compute_capability, multiprocessors } = require_device(ordinal)?;
        let mut context: CUcontext = ptr::null_mut();
        // SAFETY: the device comes from the driver; the pointer is to a live handle.
        call("cuDevicePrimaryCtxRetain", unsafe { sys::cuDevicePrimaryCtxRetain(&raw mut context, handle) })?;
        let context = Self { address: context.expose_provenance(), compute_capability, multiprocessors };
        kept.push((ordinal, context));
        Ok(context)
    }

    /// Run `work` with this context current, and restore what was current before.
    pub(crate) fn within<T>(self, work: impl FnOnce() -> Result<T>) -> Result<T> {
        let mut current: CUcontext = ptr::null_mut();
        // SAFETY: the pointer is to a live handle.
        call("cuCtxGetCurrent", unsafe { sys::cuCtxGetCurrent(&raw mut current) })?;
        if current.addr() == self.address {
            return work();
        }
        // SAFETY: `primary` keeps the context alive.
        call("cuCtxPushCurrent", unsafe { sys::cuCtxPushCurrent_v2(handle(self.address)) })?;
        let result = work();
        // SAFETY: the pointer is to a live handle; what is popped is what was pushed above.
        let popped = call("cuCtxPopCurrent", unsafe { sys::cuCtxPopCurrent_v2(&raw mut current) });
        result.and_then(|value| popped.map(|()| value))
    }
}

/// Run `work`, which does what a capturing stream of this thread would forbid but touches no stream.
pub(crate) fn exempt_from_capture<T>(work: impl FnOnce() -> Result<T>) -> Result<T> {
    let mut mode = CUstreamCaptureMode_enum::CU_STREAM_CAPTURE_MODE_RELAXED;
    // SAFETY: the pointer is to a live mode, which the call exchanges for the thread's.
    call("cuThreadExchangeStreamCaptureMode", unsafe { sys::cuThreadExchangeStreamCaptureMode(&raw mut mode) })?;
    let result = work();
    // SAFETY: as above, with the mode that the thread had.
    let restored = unsafe { sys::cuThreadExchangeStreamCaptureMode(&raw mut mode) };
    result.and_then(|value| call("cuThreadExchangeStreamCaptureMode", restored).map(|()| value))
}
