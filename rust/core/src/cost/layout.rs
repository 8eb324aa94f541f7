//! How a model is cut over GPUs, and which layouts an engine accepts.

use super::formats::WeightFormat;
use super::model::{Attention, Ffn, Layers, Model};
use crate::{Error, Result};

/// How one engine (one replica) is cut over GPUs, as in vLLM: it uses `tensor * pipeline * data` of them.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash)]
pub struct Layout {
    /// Ranks that share each matrix.
    pub tensor: u32,
    /// Pipeline stages.
    pub pipeline: u32,
    /// Attention replicas inside the engine, which step together.
    pub data: u32,
    /// Whether experts are spread whole over the `tensor * data` ranks instead of being cut by columns.
    pub expert: bool,
    /// Copies of experts beyond one each, in every layer and over all ranks; only with `expert`.
    pub redundant: u32,
}

impl Layout {
    /// GPUs of one engine.
    pub fn num_gpus(&self) -> u64 {
        u64::from(self.tensor) * u64::from(self.pipeline) * u64::from(self.data)
    }

    /// Refuse what vLLM would refuse: heads, widths, experts or scale blocks that the ranks cannot share, more stages
    /// than layers, expert parallelism without experts.
    pub fn check(&self, model: &Model, weights: WeightFormat) -> Result<()> {
        model.check()?;
        for (argument, value) in
            [("tensor_parallel", self.tensor), ("pipeline_parallel", self.pipeline), ("data_parallel", self.data)]
        {
            if value == 0 || value > MAX_RANKS {
                return Err(Error::value(argument, format!("1 to {MAX_RANKS}"), value));
            }
        }
        if u64::from(self.pipeline) > model.num_layers() {
            let expected = format!("at most the number of layers, {}", model.num_layers());
            return Err(Error::value("pipeline_parallel", expected, self.pipeline));
        }
        if self.expert && !model.has_experts() {
            return Err(Error::value("expert_parallel", "false for a model without experts", true));
        }
        if self.redundant > 0 && !self.expert {
            return Err(Error::value("redundant_experts", "0 without `expert_parallel`", self.redundant));
        }
        model.layers.iter().try_for_each(|run| self.check_run(run, weights))
    }

    fn check_run(&self, run: &Layers, weights: WeightFormat) -> Result<()> {
        let (Attention::Gqa { num_heads, .. } | Attention::Mla { num_heads, .. }) = run.attention;
        divides("tensor_parallel", self.tensor, "attention heads", num_heads)?;
        if let Attention::Gqa { num_kv_heads, .. } = run.attention {
            // Fewer heads than ranks: each head lives on several ranks.
            let (few, many) = (num_kv_heads.min(self.tensor), num_kv_heads.max(self.tensor));
            if !many.is_multiple_of(few) {
                let expected = format!("a divisor or a multiple of the {num_kv_heads} KV heads");
                return Err(Error::value("tensor_parallel", expected, self.tensor));
            }
        }
        match run.ffn {
            Ffn::Dense { width } => check_width("tensor_parallel", self.tensor, width, weights),
            Ffn::Moe { num_experts, width, shared_width, .. } => {
                let ranks = self.tensor.saturating_mul(self.data);
                if shared_width > 0 {
                    check_width("tensor_parallel", self.tensor, shared_width, weights)?;
                }
                if !self.expert {
                    return check_width("tensor_parallel * data_parallel", ranks, width, weights);
                }
                if ranks > num_experts {
                    let expected = format!("at most the {num_experts} experts with `expert_parallel`");
                    return Err(Error::value("tensor_parallel * data_parallel", expected, ranks));
                }
                self.check_redundant(num_experts, ranks)
            }
        }
    }

    /// Every rank has as many copies as any other, and no expert twice.
    fn check_redundant(&self, num_experts: u32, ranks: u32) -> Result<()> {
        let (copies, most) =
            (u64::from(num_experts) + u64::from(self.redundant), u64::from(num_experts) * u64::from(ranks));
        if self.redundant > 0 && (!copies.is_multiple_of(u64::from(ranks)) || copies > most) {
            let expected =
                format!("such that {num_experts} experts and it divide over {ranks} ranks without repeating");
            return Err(Error::value("redundant_experts", expected, self.redundant));
        }
        Ok(())
    }
}

/// More than any engine spans.
const MAX_RANKS: u32 = 65_536;

fn divides(argument: &'static str, ranks: u32, what: &str, count: u32) -> Result<()> {
    if count.is_multiple_of(ranks) {
        return Ok(());
    }
    Err(Error::value(argument, format!("a divisor of the {count} {what}"), ranks))
}

fn check_width(argument: &'static str, ranks: u32, width: u32, weights: WeightFormat) -> Result<()> {
    divides(argument, ranks, "feed-forward columns", width)?;
    let block = weights.block();
    if ranks > 1 && !(width / ranks).is_multiple_of(block) {
        let expected = format!("such that {width} columns are cut into whole blocks of {block}");
        return Err(Error::value(argument, expected, ranks));
    }
    Ok(())
}
