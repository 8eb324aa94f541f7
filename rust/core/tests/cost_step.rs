//! Properties of the step model: closed form, lock-step, tables.

use paretoserve_core::cost::attention::{AttentionTime, Mixed, Prefill, Source, chunk_pairs};
use paretoserve_core::cost::decode::Decode;
use paretoserve_core::cost::step::{Linear, Parts, Pipeline};
use paretoserve_core::cost::tables::{self, AttentionRow};
use paretoserve_core::cost::terms::{By, Term};
use paretoserve_core::cost::{Curve, Provenance, StepShape, StepTime};
use proptest::prelude::*;

fn attention(window: Option<f64>) -> AttentionTime {
    let prefill =
        Prefill::sample(&[16.0, 2048.0], &[0.0, 1024.0], window, |c, p| 3000.0 + 0.2 * chunk_pairs(c, p)).unwrap();
    let counts = [1.0, 8.0, 256.0];
    let decode = Decode::sample(&counts, &[16.0, 512.0, 9000.0], |n, k| 4000.0 + n * (20.0 + k).powf(0.9)).unwrap();
    let prefill_source = Source::sample([&[16.0, 2048.0], &[0.0, 1024.0]], |_, _| Provenance::Measured).unwrap();
    let decode_source = Source::sample([&counts, &[16.0, 9000.0]], |_, _| Provenance::Measured).unwrap();
    AttentionTime { count: 4.0, window, prefill, decode, mixed: Mixed::Sum, prefill_source, decode_source }
}

fn model(stretch: f64) -> StepTime {
    let knots = [1.0, 64.0, 512.0, 4096.0];
    let term = |name, by, (base, slope): (f64, f64)| {
        Term::sample(name, by, &knots, 1.0, |x| (base + slope * x, Provenance::Measured)).unwrap()
    };
    StepTime::new(Parts {
        host: Linear { base_ns: 1e6, per_prefill_token_ns: 1.0, per_decode_ns: 500.0, per_context_token_ns: 0.25 },
        terms: vec![
            term("products", By::Tokens, (5e6, 3000.0)),
            term("experts", By::SharedTokens, (2e6, 900.0)),
            term("sampler", By::Sampled, (4e5, 700.0)),
        ],
        attention: vec![attention(None), attention(Some(700.0))],
        pipeline: Pipeline { stretch, hops: Curve::sample(&knots, |t| 9e3 + 2.0 * t).unwrap() },
        ..Parts::default()
    })
    .unwrap()
}

fn decode(n: u32, context: u64) -> StepShape {
    StepShape { num_decodes: n, decode_context: context, num_sampled: n, ..StepShape::default() }
}

fn prefill(chunk: u64, past: u64, n: u32, context: u64) -> StepShape {
    let prefill_pairs = chunk * past + chunk * (chunk + 1) / 2;
    StepShape { prefill_tokens: chunk, num_prefills: 1, prefill_context: past, prefill_pairs, ..decode(n, context) }
}

proptest! {
    #[test]
    fn a_run_is_the_sum_of_its_steps(
        n in 1u32..400, mean in 0u64..12_000, extra in 0u64..400, steps in 0u64..700, stretch in 1.0f64..1.5,
    ) {
        let (model, context) = (model(stretch), u64::from(n) * mean + extra);
        let sum: f64 = (0..steps).map(|t| model.step_ns(&decode(n, context + u64::from(n) * t))).sum();
        let run = model.decode_run_ns(n, context, steps);
        prop_assert!((run - sum).abs() <= 1e-9 * sum, "{run} {sum}");
    }

    #[test]
    fn lockstep_of_one_rank_is_its_step(
        chunk in 0u64..4096, past in 0u64..4096, n in 0u32..300, mean in 0u64..9000, stretch in 1.0f64..1.5,
    ) {
        let (model, shape) = (model(stretch), prefill(chunk, past, n, u64::from(n) * mean));
        let (one, step) = (model.lockstep_ns(&[shape]), model.step_ns(&shape));
        prop_assert!(step.is_finite() && (one - step).abs() <= 1e-9 * step);
        prop_assert!(model.lockstep_ns(&[shape, shape]) >= step);
        let explained: f64 = model.explain(&shape).iter().map(|share| share.ns).sum();
        prop_assert!((explained - step).abs() <= 1e-9 * step, "{explained} {step}");
    }

    #[test]
    fn more_work_takes_longer(
        chunk in 1u64..4096, more in 0u64..4096, past in 0u64..4096, n in 1u32..300, mean in 0u64..9000,
    ) {
        let (model, context) = (model(1.0), u64::from(n) * mean);
        let step = model.step_ns(&prefill(chunk, past, n, context));
        let longer_chunk = prefill(chunk + more, past, n, context);
        let longer_past = prefill(chunk, past + more, n, context);
        for longer in [longer_chunk, longer_past, prefill(chunk, past, n, context + more)] {
            prop_assert!(model.step_ns(&longer) >= step * (1.0 - 1e-9));
        }
    }
}

fn example_rows() -> Vec<AttentionRow> {
    let time = |c: f64, p: f64, n: f64, k: f64| 5e3 + c * (p + c / 2.0) * 0.3 + n * k * 0.7 + (c * n * k).sqrt();
    let prefills: Vec<(f64, f64)> =
        [16.0, 64.0, 256.0].iter().flat_map(|c| [0.0, 32.0, 512.0].map(|p| (*c, p))).collect();
    let decodes: Vec<(f64, f64)> =
        [1.0, 4.0, 32.0].iter().flat_map(|n| [16.0, 256.0, 4096.0].map(|k| (*n, k))).collect();
    let mut rows = Vec::new();
    for &(chunk, past) in prefills.iter().chain(&[(0.0, 0.0)]) {
        for &(decodes, context) in decodes.iter().chain(&[(0.0, 0.0)]) {
            if chunk + decodes > 0.0 {
                rows.push(AttentionRow { chunk, past, decodes, context, ns: time(chunk, past, decodes, context) });
            }
        }
    }
    rows
}

#[test]
fn tables_give_back_their_rows() {
    let rows = example_rows();
    let attention = vec![tables::attention(2.0, None, &rows).unwrap()];
    let model = StepTime::new(Parts { attention, ..Parts::default() }).unwrap();
    let errors: Vec<f64> = rows
        .iter()
        .map(|row| {
            let (n, context) = (row.decodes as u32, (row.decodes * row.context) as u64);
            let shape = match row.chunk as u64 {
                0 => decode(n, context),
                chunk => prefill(chunk, row.past as u64, n, context),
            };
            (model.step_ns(&shape) / (2.0 * row.ns) - 1.0).abs()
        })
        .collect();
    // The grids are smoothed, since real rows are noisy: they stay near the rows, not on them.
    assert!(errors.iter().sum::<f64>() / (errors.len() as f64) < 0.02, "{errors:?}");
    assert!(errors.iter().all(|error| *error < 0.10), "{errors:?}");
}

#[test]
fn broken_tables_are_refused() {
    let mut rows = example_rows();
    assert!(tables::attention(1.0, None, &rows[..1]).is_err());
    rows[0].ns = f64::NAN;
    assert!(tables::attention(1.0, None, &rows).is_err());
}

#[test]
fn linear_is_what_it_says() {
    let model = StepTime::linear(10.0, 2.0, 3.0, 0.5);
    assert!((model.step_ns(&prefill(4, 6, 2, 20)) - (10.0 + 8.0 + 6.0 + 13.0)).abs() < 1e-12);
    assert!((model.decode_run_ns(2, 20, 3) - 3.0 * 16.0 - 0.5 * (20.0 + 22.0 + 24.0)).abs() < 1e-12);
}
