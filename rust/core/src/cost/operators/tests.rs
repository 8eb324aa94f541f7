//! Rules of operator estimates, with numbers a reader can check.

use super::*;
use crate::cost::{KvFormat, WeightFormat};

/// A GPU with round numbers and 8-bit units.
fn peak() -> Peak {
    Peak {
        bf16_flops: 1e15,
        fp8_flops: 2e15,
        fp4_flops: 0.0,
        memory_bandwidth: 1e12,
        link_bandwidth: 1e11,
        network_bandwidth: 1e10,
        gpus_per_node: 8,
        multiprocessors: 100,
    }
}

/// A grid that is `ratio` on `low..=high` of every axis.
fn flat(axes: usize, low: f64, high: f64, ratio: f64) -> Grid {
    let knots = 1 << axes;
    Grid::new(vec![vec![low, high]; axes], vec![ratio.ln() as f32; knots], vec![true; knots]).unwrap()
}

fn operators(tables: Vec<(Table, Grid)>) -> Operators {
    Operators::new(peak(), Memory { launch_ns: 3000.0, fraction: 0.5 }, tables).unwrap()
}

fn gemm(format: WeightFormat, m: f64) -> Gemm {
    Gemm { format, m, n: 1000.0, k: 1000.0 }
}

const HEADS: Heads = Heads { num_heads: 32.0, num_kv_heads: 8.0, head_dim: 128.0, window: f64::INFINITY };

#[test]
fn a_product_is_its_roofline_times_the_ratio() {
    let operators = operators(vec![(Table::Gemm(WeightFormat::Bf16), flat(4, 0.0, 20.0, 1.5))]);
    let estimate = operators.estimate(&gemm(WeightFormat::Bf16, 1.0));
    // 2 MB of weights, 2 kB in and out, at 1 TB/s: 2004 ns after a launch of 2000 ns.
    assert!((estimate.ns - 1.5 * 4004.0).abs() < 0.5, "{estimate:?}");
    assert_eq!(estimate.provenance, Provenance::Interpolated);
}

#[test]
fn a_format_without_a_table_borrows_and_says_so() {
    let operators = operators(vec![(Table::Gemm(WeightFormat::Bf16), flat(4, 0.0, 20.0, 2.0))]);
    let four_bits = operators.estimate(&gemm(WeightFormat::Int4, 1.0));
    // 0.516 bytes per weight, computed in 16 bit, at the ratio of 16 bit.
    assert!((four_bits.ns - 2.0 * (2000.0 + 515.625 + 4.0)).abs() < 0.5, "{four_bits:?}");
    assert_eq!(four_bits.provenance, Provenance::Transferred);
    let large = |format| operators.estimate(&gemm(format, 1e6)).ns;
    assert!((large(WeightFormat::Nvfp4) / large(WeightFormat::Bf16) - 1.0).abs() < 0.001);
    assert!(large(WeightFormat::Fp8) < large(WeightFormat::Bf16));
}

#[test]
fn outside_the_rows_time_grows_with_the_work_and_is_fitted() {
    let operators = operators(vec![(Table::Gemm(WeightFormat::Bf16), flat(4, 0.0, 12.0, 1.2))]);
    let (edge, beyond) = (gemm(WeightFormat::Bf16, 4096.0), gemm(WeightFormat::Bf16, 409_600.0));
    let (edge, beyond) = (operators.estimate(&edge), operators.estimate(&beyond));
    assert_eq!((edge.provenance, beyond.provenance), (Provenance::Interpolated, Provenance::Fitted));
    assert!((50.0..100.0).contains(&(beyond.ns / edge.ns)));
}

#[test]
fn no_work_takes_no_time() {
    let operators = operators(vec![]);
    let none = |estimate: Estimate| assert_eq!(estimate.ns.to_bits(), 0);
    none(operators.estimate(&gemm(WeightFormat::Bf16, 0.0)));
    none(operators.estimate(&DecodeAttention { heads: HEADS, kv: KvFormat::Bf16, batch: 0.0, context: 9.0 }));
    none(operators.estimate(&Collective { kind: Kind::AllReduce, num_gpus: 1.0, bytes: 1e9 }));
    none(operators.decode_cold(&DecodeAttention { heads: HEADS, kv: KvFormat::Bf16, batch: 0.0, context: 9.0 }));
}

#[test]
fn a_window_bounds_attention() {
    let operators = operators(vec![]);
    let decode = |window, context| {
        let heads = Heads { window, ..HEADS };
        operators.estimate(&DecodeAttention { heads, kv: KvFormat::Bf16, batch: 64.0, context }).ns
    };
    assert_eq!(decode(128.0, 128.0).to_bits(), decode(128.0, 100_000.0).to_bits());
    assert!(decode(f64::INFINITY, 100_000.0) > 100.0 * decode(128.0, 100_000.0));
}

#[test]
fn a_chunk_behind_a_past_costs_its_pairs() {
    let operators = operators(vec![]);
    let prefill = |chunk, past| {
        operators.estimate(&PrefillAttention { heads: HEADS, kv: KvFormat::Bf16, batch: 8.0, chunk, past }).ns
    };
    let halves = prefill(8192.0, 0.0) + prefill(8192.0, 8192.0);
    assert!((halves / prefill(16384.0, 0.0) - 1.0).abs() < 0.02, "{halves}");
    // A few queries behind a long past leave most of the GPU idle: far more than their share of the work.
    assert!(prefill(16.0, 8192.0) > 3.0 * prefill(8192.0, 8192.0) * 16.0 / 8192.0);
}

#[test]
fn decode_in_a_model_reads_the_cache_from_memory() {
    let operators = operators(vec![(Table::Decode(KvFormat::Bf16), flat(6, 0.0, 20.0, 0.5))]);
    let call = DecodeAttention { heads: HEADS, kv: KvFormat::Bf16, batch: 16.0, context: 2048.0 };
    let (table, cold) = (operators.estimate(&call), operators.decode_cold(&call));
    assert!(cold.ns > 2.0 * table.ns);
    assert_eq!(cold.provenance, Provenance::Fitted);
}

#[test]
fn mixed_attention_is_the_sum_only_when_one_part_is_empty() {
    let operators = operators(vec![(Table::MixedElsewhere, flat(5, 0.0, 20.0, 1.5))]);
    let part = |ns| Estimate { ns, provenance: Provenance::Interpolated };
    let call = MixedAttention {
        prefill_ns: 0.0,
        decode_ns: 0.0,
        prefill_tokens: 512.0,
        num_decodes: 8.0,
        context: 1000.0,
        group: 4.0,
    };
    let both = operators.mixed(part(100.0), part(200.0), &call);
    assert!((both.ns - 450.0).abs() < 0.01);
    assert_eq!(both.provenance, Provenance::Transferred);
    assert_eq!(operators.mixed(part(100.0), part(0.0), &call), part(100.0));
}

#[test]
fn rows_are_checked_and_counted() {
    let operators = operators(vec![]);
    let (mut ns, mut provenance) = ([0.0; 2], [9; 2]);
    let table = Table::parse("gemm/fp8").unwrap();
    operators.estimate_rows(&mut ns, &mut provenance, table, &[1.0, 2.0, 3.0, 4.0, 5.0, 6.0], false).unwrap();
    assert!(ns.iter().all(|ns| *ns > 0.0) && provenance == [3, 3]);
    for bad in [f64::NAN, -1.0, f64::INFINITY, 1e300] {
        let rows = [1.0, 2.0, 3.0, 4.0, 5.0, bad];
        assert!(operators.estimate_rows(&mut ns, &mut provenance, table, &rows, false).is_err(), "{bad}");
    }
    assert!(operators.estimate_rows(&mut ns, &mut provenance, table, &[1.0; 5], false).is_err());
    for name in ["", "gemm", "gemm/fp3", "decode/", "mla_decode/bf16", "nothing"] {
        assert!(Table::parse(name).is_err(), "{name}");
    }
    assert!(
        Operators::new(Peak { bf16_flops: f64::NAN, ..peak() }, Memory { launch_ns: 0.0, fraction: 1.0 }, vec![])
            .is_err()
    );
    assert!(Operators::new(peak(), Memory { launch_ns: 0.0, fraction: 0.0 }, vec![]).is_err());
}
