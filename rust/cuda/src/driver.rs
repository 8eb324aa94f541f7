//! Is there a driver, and which devices does it show?

use std::sync::OnceLock;

use cudarc::driver::sys::CUdevice_attribute_enum as Attribute;
use cudarc::driver::{result, sys};

use crate::error::{Error, Result};

/// The oldest driver that runs what NVRTC 13 makes is that of CUDA 13.0.
const OLDEST_MAJOR: i32 = 13;

/// One CUDA device.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Device {
    /// Its number for the driver.
    pub ordinal: i32,
    /// Its marketing name.
    pub name: String,
    /// Compute capability, major and minor.
    pub compute_capability: (i32, i32),
    /// Its memory.
    pub memory_bytes: usize,
}

/// Whether a driver is present and shows at least one device. Never fails, never panics.
pub fn is_available() -> bool {
    devices().is_ok_and(|devices| !devices.is_empty())
}

/// The devices that the driver shows, in its order.
pub fn devices() -> Result<Vec<Device>> {
    (0..count()?).map(describe).collect()
}

/// What a launch needs to know of a device.
pub(crate) struct Known {
    pub(crate) handle: sys::CUdevice,
    pub(crate) compute_capability: (i32, i32),
    pub(crate) multiprocessors: u32,
}

/// The device of that number; an error if the driver does not show it.
pub(crate) fn require_device(ordinal: i32) -> Result<Known> {
    let count = count()?;
    if !(0..count).contains(&ordinal) {
        return Err(Error::NoDevice { ordinal, count });
    }
    let handle = result::device::get(ordinal).map_err(|error| refused("cuDeviceGet", error))?;
    Ok(Known {
        handle,
        compute_capability: (
            attribute(handle, Attribute::CU_DEVICE_ATTRIBUTE_COMPUTE_CAPABILITY_MAJOR)?,
            attribute(handle, Attribute::CU_DEVICE_ATTRIBUTE_COMPUTE_CAPABILITY_MINOR)?,
        ),
        multiprocessors: attribute(handle, Attribute::CU_DEVICE_ATTRIBUTE_MULTIPROCESSOR_COUNT)?.max(1) as u32,
    })
}

/// An error if the driver knows no CUDA version that runs the kernels' machine code; asked when it refused some.
pub(crate) fn too_old() -> Option<Error> {
    let mut version = 0;
    // SAFETY: the pointer is to a live integer.
    call("cuDriverGetVersion", unsafe { sys::cuDriverGetVersion(&raw mut version) }).ok()?;
    let driver = (version / 1000, version % 1000 / 10);
    (driver.0 < OLDEST_MAJOR).then_some(Error::OldDriver { driver })
}

/// The answer of a call of the driver as a result.
pub(crate) fn call(name: &'static str, answer: sys::CUresult) -> Result<()> {
    answer.result().map_err(|error| refused(name, error))
}

/// The number of devices, after initializing the driver.
fn count() -> Result<i32> {
    static PRESENT: OnceLock<bool> = OnceLock::new();
    // SAFETY: only tries to load the driver library by its well-known names; loading it runs no code of ours.
    if !*PRESENT.get_or_init(|| unsafe { sys::is_culib_present() }) {
        return Err(Error::NoDriver);
    }
    // A machine with a driver and no device (a container without one, say) answers `NO_DEVICE`: an empty list, not an
    // error.
    match result::init() {
        Err(error) if error.0 == sys::cudaError_enum::CUDA_ERROR_NO_DEVICE => return Ok(0),
        answer => answer.map_err(|error| refused("cuInit", error))?,
    }
    result::device::get_count().map_err(|error| refused("cuDeviceGetCount", error))
}

fn describe(ordinal: i32) -> Result<Device> {
    let Known { handle, compute_capability, .. } = require_device(ordinal)?;
    Ok(Device {
        ordinal,
        name: result::device::get_name(handle).map_err(|error| refused("cuDeviceGetName", error))?,
        compute_capability,
        // SAFETY: `handle` comes from the driver itself just above.
        memory_bytes: unsafe { result::device::total_mem(handle) }
            .map_err(|error| refused("cuDeviceTotalMem", error))?,
    })
}

fn attribute(device: sys::CUdevice, which: Attribute) -> Result<i32> {
    // SAFETY: every caller has the device from the driver itself.
    unsafe { result::device::get_attribute(device, which) }.map_err(|error| refused("cuDeviceGetAttribute", error))
}

fn refused(call: &'static str, error: result::DriverError) -> Error {
    Error::Driver { call, reason: format!("{:?}", error.0) }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn availability_agrees_with_the_list_of_devices() {
        let listed = devices().map_or(0, |devices| devices.len());
        assert_eq!(is_available(), listed > 0);
    }
}
