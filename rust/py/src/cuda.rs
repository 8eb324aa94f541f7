//! Bindings of the CUDA driver queries and of the kernels' compiler and cache.

use std::ffi::OsString;
use std::path::PathBuf;

use paretoserve_cuda::catalog::{self, Parameter};
use paretoserve_cuda::launch::Stream;
use paretoserve_cuda::{Arch, Device, compile};
use pyo3::prelude::*;

use crate::errors::detached_cuda;

/// Ordinal, name, compute capability, memory bytes and architecture of each device.
type Row = (i32, String, (i32, i32), usize, String);

/// Path of the cache's entry (none if it could not be written), whether it was there, bytes of machine code, log.
type Compiled = (Option<OsString>, bool, usize, String);

/// Number of the device and handle of the stream.
#[derive(FromPyObject, Clone, Copy)]
pub(crate) struct At(i32, u64);

impl At {
    /// Launch kernels on this stream: every binding of one does it through here.
    pub(crate) fn launch(
        self,
        py: Python<'_>,
        work: impl FnOnce(Stream<'static>) -> paretoserve_cuda::Result<()> + Send,
    ) -> PyResult<()> {
        detached_cuda(py, || work(Stream { device: self.0, handle: self.1, find_nvrtc: &find_nvrtc }))
    }
}

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

/// The kernels: file, entry, and its parameters, one letter each.
#[pyfunction]
pub(crate) fn cuda_kernels() -> Vec<(&'static str, &'static str, String)> {
    let letter = |parameter: &Parameter| match parameter {
        Parameter::Pointer => 'P',
        Parameter::U64 => 'Q',
        Parameter::U32 => 'I',
        Parameter::I32 => 'i',
        Parameter::F32 => 'f',
    };
    let row = |kernel: &catalog::Kernel| (kernel.file, kernel.entry, kernel.parameters.iter().map(letter).collect());
    catalog::KERNELS.iter().map(row).collect()
}

/// Compile one file of kernels for one architecture into the cache, unless it is there.
#[pyfunction]
pub(crate) fn cuda_compile(py: Python<'_>, file: &str, arch: &str) -> PyResult<Compiled> {
    detached_cuda(py, || {
        let cubin = compile::cubin(file, arch.parse()?, &find_nvrtc)?;
        Ok((cubin.path.map(PathBuf::into_os_string), cubin.cached, cubin.bytes.len(), cubin.log))
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
