//! Binding of the CUDA driver queries.

use pyo3::prelude::*;

use crate::errors::raise;

/// Ordinal, name, compute capability and memory bytes of each device.
type Row = (i32, String, (i32, i32), usize);

/// Whether a CUDA driver shows at least one device.
#[pyfunction]
pub(crate) fn cuda_is_available(py: Python<'_>) -> bool {
    py.detach(paretoserve_cuda::is_available)
}

/// The CUDA devices; `DeviceError` without a driver.
#[pyfunction]
pub(crate) fn cuda_devices(py: Python<'_>) -> PyResult<Vec<Row>> {
    let devices = py.detach(paretoserve_cuda::devices).map_err(|error| {
        let hint = "hint: CPU functions work without one; check with paretoserve.cuda.is_available()";
        raise(py, "DeviceError", format!("{error}\n{hint}"))
    })?;
    Ok(devices.into_iter().map(|d| (d.ordinal, d.name, d.compute_capability, d.memory_bytes)).collect())
}
