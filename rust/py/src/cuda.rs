//! Bindings of the CUDA driver queries and of the kernels' compiler and cache.

use std::path::PathBuf;

use paretoserve_cuda::{Arch, Device, catalog, compile};
use pyo3::prelude::*;

use crate::errors::detached_cuda;

/// Ordinal, name, compute capability, memory bytes and architecture of each device.
type Row = (i32, String, (i32, i32), usize, String);

/// Path of the cache's entry (none if it could not be written), whether it was there, bytes of machine code, log.
type Compiled = (Option<PathBuf>, bool, usize, String);

/// Whether a CUDA driver shows at least one device.
#[pyfunction]
pub(crate) fn cuda_is_available(py: Python<'_>) -> bool {
    py.detach(paretoserve_cuda::is_available)
}

/// The CUDA devices; `DeviceError` without a driver.
#[pyfunction]
pub(crate) fn cuda_devices(py: Python<'_>) -> PyResult<Vec<Row>> {
    let row = |device: Device| {
        let arch = Arch::of_device(device.compute_capability).to_string();
        (device.ordinal, device.name, device.compute_capability, device.memory_bytes, arch)
    };
    Ok(detached_cuda(py, paretoserve_cuda::devices)?.into_iter().map(row).collect())
}

/// The names of the files of kernels.
#[pyfunction]
pub(crate) fn cuda_kernel_files() -> Vec<&'static str> {
    catalog::SOURCES.iter().map(|(file, _)| *file).collect()
}

/// Compile one file of kernels for one architecture into the cache, unless it is there.
#[pyfunction]
pub(crate) fn cuda_compile(py: Python<'_>, file: &str, arch: &str) -> PyResult<Compiled> {
    detached_cuda(py, || {
        let cubin = compile::cubin(file, arch.parse()?, &find_nvrtc)?;
        Ok((cubin.path, cubin.cached, cubin.bytes.len(), cubin.log))
    })
}

/// Remove all machine code from the cache; returns the number of entries.
#[pyfunction]
pub(crate) fn cuda_clear_cache(py: Python<'_>) -> PyResult<usize> {
    Ok(py.detach(compile::clear_cache)?)
}

/// The path of NVRTC, from `paretoserve/_toolchain.py`, which knows how Python packages are laid out.
pub(crate) fn find_nvrtc() -> Option<PathBuf> {
    Python::attach(|py| py.import("paretoserve._toolchain").ok()?.call_method0("find_nvrtc").ok()?.extract().ok()?)
}
