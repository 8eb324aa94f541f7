//! Is there a driver, and which devices does it show?

use cudarc::driver::{result, sys};

use crate::error::{Error, Result};

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
    // SAFETY: only tries to load the driver library by its well-known names; loading it runs no code of ours.
    if !unsafe { sys::is_culib_present() } {
        return Err(Error::NoDriver);
    }
    // A machine with a driver and no device (a container without one, say) answers `NO_DEVICE`: an empty list, not an
    // error.
    match result::init() {
        Err(error) if error.0 == sys::cudaError_enum::CUDA_ERROR_NO_DEVICE => return Ok(Vec::new()),
        answer => answer.map_err(|error| refused("cuInit", error))?,
    }
    let count = result::device::get_count().map_err(|error| refused("cuDeviceGetCount", error))?;
    (0..count).map(describe).collect()
}

fn describe(ordinal: i32) -> Result<Device> {
    use sys::CUdevice_attribute_enum as Attribute;
    let device = result::device::get(ordinal).map_err(|error| refused("cuDeviceGet", error))?;
    let attribute = |which| {
        // SAFETY: `device` comes from the driver itself just above.
        unsafe { result::device::get_attribute(device, which) }.map_err(|error| refused("cuDeviceGetAttribute", error))
    };
    Ok(Device {
        ordinal,
        name: result::device::get_name(device).map_err(|error| refused("cuDeviceGetName", error))?,
        compute_capability: (
            attribute(Attribute::CU_DEVICE_ATTRIBUTE_COMPUTE_CAPABILITY_MAJOR)?,
            attribute(Attribute::CU_DEVICE_ATTRIBUTE_COMPUTE_CAPABILITY_MINOR)?,
        ),
        // SAFETY: `device` comes from the driver itself just above.
        memory_bytes: unsafe { result::device::total_mem(device) }
            .map_err(|error| refused("cuDeviceTotalMem", error))?,
    })
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
