//! What happens to a workload on a configuration.

pub mod jobs;
