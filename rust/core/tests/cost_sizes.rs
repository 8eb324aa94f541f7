//! Sizes per GPU against the whole model, for any layout.

use paretoserve_core::cost::sizes::{kv_bytes, rank_sizes, sizes, stages};
use paretoserve_core::cost::{Attention, Ffn, KvFormat, Layers, Layout, Model, WeightFormat};
use proptest::prelude::*;

const ONE_GPU: Layout = Layout { tensor: 1, pipeline: 1, data: 1, expert: false, redundant: 0 };

fn gqa(window: Option<u32>) -> Attention {
    Attention::Gqa { num_heads: 16, num_kv_heads: 4, head_dim: 32, window }
}

fn mla() -> Attention {
    Attention::Mla { num_heads: 16, q_lora_rank: Some(96), kv_lora_rank: 64, nope_dim: 32, rope_dim: 16, value_dim: 32 }
}

prop_compose! {
    fn any_model()(
        latent in any::<bool>(),
        window in proptest::option::of(1_u32..5000),
        (dense, sparse) in (1_u32..8, 0_u32..8),
        (num_experts, top_k, shared_width) in (16_u32..33, 1_u32..5, 0_u32..3),
        (hidden, vocab, tied_embeddings) in (4_u32..3000, 1_u32..3000, any::<bool>()),
    ) -> Model {
        let attention = if latent { mla() } else { gqa(window) };
        let mut layers = vec![Layers { count: dense, attention, ffn: Ffn::Dense { width: 2048 } }];
        if sparse > 0 {
            let ffn = Ffn::Moe { num_experts, top_k, width: 2048, shared_width: shared_width * 2048 };
            layers.push(Layers { count: sparse, attention, ffn });
        }
        Model { hidden, vocab, tied_embeddings, layers }
    }
}

prop_compose! {
    fn any_layout()(tensor in 0_u32..5, pipeline in 1_u32..7, data in 0_u32..2, expert in any::<bool>()) -> Layout {
        Layout { tensor: 1 << tensor, pipeline, data: 1 << data, expert, redundant: 0 }
    }
}

proptest! {
    #[test]
    fn ranks_together_hold_the_model(model in any_model(), layout in any_layout()) {
        let Ok(ranks) = rank_sizes(&model, &layout, WeightFormat::Bf16, KvFormat::Bf16) else { return Ok(()) };
        let (whole, per_stage) = (sizes(&model), u64::from(layout.tensor * layout.data));
        prop_assert!(ranks.iter().map(|rank| rank.parameters).sum::<u64>() * per_stage >= whole.parameters);
        prop_assert_eq!(ranks.iter().map(|rank| rank.num_layers).sum::<u64>(), model.num_layers());
        let cached: u64 = ranks.iter().map(|rank| rank.kv_bytes_per_token).sum();
        prop_assert!(cached * u64::from(layout.tensor) >= 2 * whole.kv_elements_per_token);
        for rank in &ranks {
            prop_assert_eq!(rank.weight_bytes, 2 * rank.parameters);
        }
    }

    #[test]
    fn one_gpu_holds_exactly_the_model(model in any_model()) {
        let ranks = rank_sizes(&model, &ONE_GPU, WeightFormat::Bf16, KvFormat::Fp8).unwrap();
        let whole = sizes(&model);
        prop_assert_eq!((ranks[0].parameters, ranks[0].kv_bytes_per_token), (whole.parameters, whole.kv_elements_per_token));
        prop_assert!(whole.active_parameters <= whole.parameters);
    }

    #[test]
    fn fewer_bits_take_fewer_bytes(model in any_model()) {
        // With fewer inputs per output the scale outweighs what its row saves.
        prop_assume!(model.hidden >= 4);
        let bytes = |format| rank_sizes(&model, &ONE_GPU, format, KvFormat::Bf16).unwrap()[0].weight_bytes;
        // With rows of fewer than four columns the scales of FP8 would outweigh what it saves.
        prop_assert!(bytes(WeightFormat::Bf16) >= bytes(WeightFormat::Fp8));
        // A 4-bit format leaves latent attention and routers alone, so it is below FP8 only where experts and dense
        // layers are.
        prop_assert!(bytes(WeightFormat::Bf16) >= bytes(WeightFormat::Nvfp4));
    }

    #[test]
    fn stages_keep_the_order_of_layers(model in any_model(), most in 1_u32..6) {
        let pipeline = most.min(model.num_layers() as u32);
        let spread = |runs: &[Layers]| -> Vec<Ffn> {
            runs.iter().flat_map(|run| std::iter::repeat_n(run.ffn, run.count as usize)).collect()
        };
        let cut = stages(&model, pipeline);
        prop_assert_eq!(cut.concat().iter().map(|run| u64::from(run.count)).sum::<u64>(), model.num_layers());
        prop_assert_eq!(spread(&cut.concat()), spread(&model.layers));
        let sizes: Vec<u32> = cut.iter().map(|runs| runs.iter().map(|run| run.count).sum()).collect();
        prop_assert!(sizes.iter().max().unwrap() - sizes.iter().min().unwrap() <= 1);
        prop_assert_eq!(sizes.last(), sizes.iter().min());
    }

    #[test]
    fn cache_grows_and_never_faster_than_before(model in any_model(), tokens in 1_u64..10_000) {
        let bytes = |tokens| kv_bytes(&model.layers, 1, KvFormat::Bf16, tokens);
        prop_assert!(bytes(tokens + 1) >= bytes(tokens));
        prop_assert!(bytes(tokens + 2) - bytes(tokens + 1) <= bytes(tokens + 1) - bytes(tokens));
        prop_assert_eq!(bytes(0), 0);
    }
}

#[test]
fn uneven_stages_are_as_in_vllm() {
    let layers = vec![Layers { count: 61, attention: gqa(None), ffn: Ffn::Dense { width: 2048 } }];
    let model = Model { hidden: 64, vocab: 64, tied_embeddings: false, layers };
    let counts = |pipeline| -> Vec<u32> {
        stages(&model, pipeline).iter().map(|runs| runs.iter().map(|run| run.count).sum()).collect()
    };
    assert_eq!(counts(2), [31, 30]);
    assert_eq!(counts(4), [15, 15, 16, 15]);
    assert_eq!(counts(8), [7, 7, 8, 8, 8, 8, 8, 7]);
}

#[test]
fn tied_embeddings_are_copied_when_the_ends_are_apart() {
    let layers = vec![Layers { count: 2, attention: gqa(None), ffn: Ffn::Dense { width: 2048 } }];
    let model = Model { hidden: 64, vocab: 1000, tied_embeddings: true, layers };
    let parameters = |pipeline| -> u64 {
        let layout = Layout { pipeline, ..ONE_GPU };
        let ranks = rank_sizes(&model, &layout, WeightFormat::Bf16, KvFormat::Bf16).unwrap();
        ranks.iter().map(|rank| rank.parameters).sum()
    };
    assert_eq!(parameters(1), sizes(&model).parameters);
    assert_eq!(parameters(2), sizes(&model).parameters + 64_000);
}

#[test]
fn layouts_that_cannot_cut_the_model_are_refused() {
    let ffn = Ffn::Moe { num_experts: 16, top_k: 2, width: 192, shared_width: 0 };
    let model = Model {
        hidden: 64,
        vocab: 1000,
        tied_embeddings: true,
        layers: vec![Layers { count: 2, attention: gqa(None), ffn }],
    };
    let refusal = |layout: Layout, format| layout.check(&model, format).unwrap_err().to_string();
    let bf16 = WeightFormat::Bf16;
    assert_eq!(
        refusal(Layout { tensor: 3, ..ONE_GPU }, bf16),
        "`tensor_parallel` must be a divisor of the 16 attention heads, got 3"
    );
    assert_eq!(
        refusal(Layout { pipeline: 3, ..ONE_GPU }, bf16),
        "`pipeline_parallel` must be at most the number of layers, 2, got 3"
    );
    assert_eq!(refusal(Layout { data: 0, ..ONE_GPU }, bf16), "`data_parallel` must be 1 to 65536, got 0");
    assert_eq!(
        refusal(Layout { tensor: 16, data: 2, expert: true, ..ONE_GPU }, bf16),
        "`tensor_parallel * data_parallel` must be at most the 16 experts with `expert_parallel`, got 32"
    );
    assert!(refusal(Layout { tensor: 2, ..ONE_GPU }, WeightFormat::Fp8Block).contains("whole blocks of 128"));
    assert_eq!(Layout { tensor: 2, ..ONE_GPU }.check(&model, bf16), Ok(()));
}
