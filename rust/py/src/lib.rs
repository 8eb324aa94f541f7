//! The `_native` module of paretoserve: exports only.

use pyo3::prelude::*;

mod arrays;
mod cost;
mod cuda;
mod errors;
mod moe;
mod pareto;
mod partition;
mod quant;
mod sched;
mod sched_columns;
mod sim;
mod sim_experts;
mod sim_jobs;
mod sim_told;

#[pymodule]
mod _native {
    #[pymodule_export]
    use super::cost::model::Model;
    #[pymodule_export]
    use super::cost::operators::{MixedTable, Operators, fit_grid, operator_features};
    #[pymodule_export]
    use super::cost::step::StepTime;
    #[pymodule_export]
    use super::cuda::{cuda_clear_cache, cuda_compile, cuda_devices, cuda_is_available, cuda_kernels};
    #[pymodule_export]
    use super::moe::cuda::{
        cuda_moe_remap, cuda_moe_remap_scratch, cuda_moe_spill, cuda_moe_spill_scratch, cuda_moe_split,
        cuda_moe_split_scratch,
    };
    #[pymodule_export]
    use super::moe::llep::moe_llep;
    #[pymodule_export]
    use super::moe::placement::{moe_placement, moe_placement_maps};
    #[pymodule_export]
    use super::moe::remap::{moe_remap32, moe_remap64};
    #[pymodule_export]
    use super::moe::spill::MoeSpiller;
    #[pymodule_export]
    use super::moe::split::MoeSplitter;
    #[pymodule_export]
    use super::pareto::archive::ParetoArchive;
    #[pymodule_export]
    use super::pareto::attainment::pareto_attainment;
    #[pymodule_export]
    use super::pareto::compose::pareto_compose;
    #[pymodule_export]
    use super::pareto::counts::pareto_counts;
    #[pymodule_export]
    use super::pareto::cover::pareto_cover_share;
    #[pymodule_export]
    use super::pareto::cuda::{
        cuda_pareto_beaten, cuda_pareto_draws, cuda_pareto_keys, cuda_pareto_members, cuda_pareto_powers,
        cuda_pareto_ranks,
    };
    #[pymodule_export]
    use super::pareto::explain::pareto_dominators;
    #[pymodule_export]
    use super::pareto::hull::{pareto_hull, pareto_supported};
    #[pymodule_export]
    use super::pareto::hypervolume::{
        pareto_hv_contributions, pareto_hv_improvement, pareto_hv_sampled, pareto_hv_subset, pareto_hypervolume,
    };
    #[pymodule_export]
    use super::pareto::indicator::{pareto_epsilon, pareto_nearest, pareto_nearest_other};
    #[pymodule_export]
    use super::pareto::mask::pareto_mask;
    #[pymodule_export]
    use super::pareto::noise::{
        pareto_check_draws, pareto_dominance, pareto_informative, pareto_membership, pareto_normal_dominance,
    };
    #[pymodule_export]
    use super::pareto::ranks::pareto_ranks;
    #[pymodule_export]
    use super::partition::partition_front;
    #[pymodule_export]
    use super::quant::allocate::quant_allocate;
    #[pymodule_export]
    use super::quant::cast::{quant_convert, quant_decode, quant_encode};
    #[pymodule_export]
    use super::quant::cuda::{
        cuda_quant_amax, cuda_quant_decode, cuda_quant_dequantize, cuda_quant_encode, cuda_quant_mx, cuda_quant_nv,
    };
    #[pymodule_export]
    use super::quant::cuda_runs::{
        cuda_quant_fp8, cuda_quant_fp8_dequantize, cuda_quant_group, cuda_quant_group_dequantize, cuda_quant_hadamard,
        cuda_quant_pack, cuda_quant_swizzle,
    };
    #[pymodule_export]
    use super::quant::error::{quant_crest, quant_energy};
    #[pymodule_export]
    use super::quant::gguf::{
        quant_gguf_decode, quant_gguf_encode, quant_gguf_join, quant_gguf_split, quant_swap_nibbles,
    };
    #[pymodule_export]
    use super::quant::group::{quant_group_dequantize, quant_group_quantize};
    #[pymodule_export]
    use super::quant::hadamard::quant_hadamard;
    #[pymodule_export]
    use super::quant::minifloat::{quant_minifloat_dequantize, quant_minifloat_quantize};
    #[pymodule_export]
    use super::quant::mx::{quant_mx_dequantize, quant_mx_quantize};
    #[pymodule_export]
    use super::quant::nv::{quant_nv_dequantize, quant_nv_quantize};
    #[pymodule_export]
    use super::quant::pack::{quant_pack_bits, quant_unpack_bits};
    #[pymodule_export]
    use super::quant::planes::{quant_pack_planes, quant_unpack_planes};
    #[pymodule_export]
    use super::quant::quest::quant_mx_quest;
    #[pymodule_export]
    use super::quant::scaled::{
        quant_scaled_dequantize, quant_scaled_quantize, quant_tiles_dequantize, quant_tiles_quantize,
    };
    #[pymodule_export]
    use super::quant::swizzle::{quant_swizzle_scales, quant_unswizzle_scales};
    #[pymodule_export]
    use super::quant::transpose::{quant_transpose_nibbles, quant_transpose_words};
    #[pymodule_export]
    use super::sched::{Scheduler, sched_compare, sched_replay};
    #[pymodule_export]
    use super::sim::simulate;
    #[pymodule_export]
    use super::sim_experts::ExpertSpread;
    #[pymodule_export]
    use super::sim_jobs::{sim_jobs, sim_worst_case};
}
