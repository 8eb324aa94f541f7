//! Attention of one kind of layers, sampled from the operators on grids of chunk and past, and of decodes and context.

use super::Target;
use crate::Result;
use crate::cost::attention::{AttentionTime, Mixed, Prefill, Source, chunk_pairs};
use crate::cost::decode::Decode;
use crate::cost::formats::{KvFormat, Role};
use crate::cost::lattice::Lattice;
use crate::cost::model::Attention;
use crate::cost::operators::{DecodeAttention, Heads, MixedAttention, MlaDecode, MlaPrefill, PrefillAttention};
use crate::cost::provenance::Provenance;

const CHUNKS: [f64; 11] = [16.0, 32.0, 64.0, 128.0, 256.0, 512.0, 1024.0, 2048.0, 4096.0, 8192.0, 32768.0];
const PASTS: [f64; 8] = [0.0, 128.0, 512.0, 2048.0, 8192.0, 32768.0, 65536.0, 131_072.0];
const COUNTS: [f64; 11] = [1.0, 2.0, 4.0, 8.0, 16.0, 32.0, 64.0, 128.0, 256.0, 512.0, 1024.0];
const CONTEXTS: [f64; 15] = [
    16.0, 64.0, 128.0, 256.0, 512.0, 1024.0, 1536.0, 2048.0, 3072.0, 4096.0, 8192.0, 16384.0, 32768.0, 65536.0,
    131_072.0,
];

/// Chunks, pasts, decodes and contexts at which the mixed ratio is sampled.
const MIXED: [&[f64]; 4] = [
    &[16.0, 64.0, 256.0, 1024.0, 4096.0],
    &[0.0, 2048.0, 16384.0],
    &[1.0, 4.0, 16.0, 64.0, 128.0, 256.0],
    &[64.0, 512.0, 2048.0, 8192.0, 32768.0],
];

impl Target<'_> {
    pub(super) fn attention(&self, kind: &Attention, count: f64) -> Result<AttentionTime> {
        let (kv, tensor, peak) = (self.kv, self.layout.tensor, self.operators.peak());
        let rate = if kv == KvFormat::Fp8 { peak.bf16_flops.max(peak.fp8_flops) } else { peak.bf16_flops };
        match *kind {
            Attention::Gqa { num_heads, num_kv_heads, head_dim, window } => {
                let heads = Heads {
                    num_heads: f64::from(num_heads.div_ceil(tensor)),
                    num_kv_heads: f64::from(num_kv_heads.div_ceil(tensor)),
                    head_dim: f64::from(head_dim),
                    window: window.map_or(f64::INFINITY, f64::from),
                };
                let prefill = |chunk, past| self.ask(&PrefillAttention { heads, kv, batch: 1.0, chunk, past });
                let decode = |batch: f64, context: f64| {
                    let keys = batch * context.min(heads.window) * heads.head_dim;
                    let (flops, bytes) =
                        (4.0 * keys * heads.num_heads, 2.0 * keys * heads.num_kv_heads * kv.bytes() as f64);
                    self.ask_possible(&DecodeAttention { heads, kv, batch, context }, flops, rate, bytes)
                };
                let group = Some(heads.num_heads / heads.num_kv_heads);
                self.sampled(count, window.map(f64::from), prefill, decode, group)
            }
            Attention::Mla { num_heads, kv_lora_rank, rope_dim, .. } => {
                let (rank, rope) = (f64::from(kv_lora_rank), f64::from(rope_dim));
                let num_heads = f64::from(num_heads.div_ceil(tensor));
                let format = self.weights.applied_to(Role::LatentAttention, self.model.has_experts());
                let prefill = |chunk, past| self.ask(&MlaPrefill { format, kv, num_heads, batch: 1.0, chunk, past });
                let decode = |batch: f64, context: f64| {
                    let keys = batch * context;
                    let (flops, bytes) =
                        (2.0 * keys * num_heads * (2.0 * rank + rope), keys * (rank + rope) * kv.bytes() as f64);
                    self.ask_possible(&MlaDecode { format, kv, num_heads, batch, context }, flops, rate, bytes)
                };
                // Prompts and decodes run different kernels.
                self.sampled(count, None, prefill, decode, None)
            }
        }
    }

    /// Attention of `count` layers sampled on the grids of this module. With a `group` of query heads per key-value
    /// head, chunks and decodes share a kernel.
    fn sampled(
        &self,
        count: f64,
        window: Option<f64>,
        prefill: impl Fn(f64, f64) -> (f64, Provenance),
        decode: impl Fn(f64, f64) -> (f64, Provenance),
        group: Option<f64>,
    ) -> Result<AttentionTime> {
        let mut contexts = CONTEXTS.to_vec();
        if let Some(window) = window {
            contexts.retain(|context| *context < window);
            contexts.push(window);
        }
        let mut time = AttentionTime {
            count,
            window,
            prefill: Prefill::sample(&CHUNKS, &PASTS, window, |chunk, past| prefill(chunk, past).0)?,
            decode: Decode::sample(&COUNTS, &contexts, |n, context| decode(n, context).0)?,
            mixed: Mixed::Sum,
            prefill_source: Source::sample([&CHUNKS, &PASTS], |chunk, past| prefill(chunk, past).1)?,
            decode_source: Source::sample([&COUNTS, &contexts], |n, context| decode(n, context).1)?,
        };
        if let Some(group) = group {
            time.mixed = self.mixed(&time, group)?;
        }
        Ok(time)
    }

    fn mixed(&self, time: &AttentionTime, group: f64) -> Result<Mixed> {
        let mut worst = Provenance::Measured;
        let ratio = Lattice::sample(MIXED.map(<[f64]>::to_vec), |[prefill_tokens, past, num_decodes, context]| {
            let pairs = chunk_pairs(prefill_tokens, past);
            let prefill_ns = time.prefill.at(prefill_tokens, past, pairs);
            let decode_ns = time.decode.at(num_decodes, context);
            let call = MixedAttention { prefill_ns, decode_ns, prefill_tokens, num_decodes, context, group };
            let (ns, provenance) = self.ask(&call);
            worst = worst.max(provenance);
            ns / (prefill_ns + decode_ns)
        })?;
        Ok(Mixed::Ratio(ratio, worst))
    }
}
