//! A restored scheduler decides as the original would have; bytes that are not a snapshot are refused.

use paretoserve_core::sched::log::replay;
use paretoserve_core::sched::{
    Limits, NamedScheduler, Names, Options, POLICIES, PolicyKind, Preempt, Request, Scheduler,
};
use proptest::prelude::*;

/// A call as numbers: what, about which request, and how much.
type Call = (u8, i64, u32, u32);

fn calls(most: usize) -> impl Strategy<Value = Vec<Call>> {
    proptest::collection::vec((0..13_u8, 0..12_i64, 1..40_u32, 1..30_u32), 0..most)
}

fn options() -> impl Strategy<Value = Options> {
    let policy = (0..POLICIES.len()).prop_map(|place| POLICIES[place].1);
    let preempt = prop_oneof![Just(Preempt::None), Just(Preempt::Slots)];
    (policy, 0.0..1.0_f64, preempt, proptest::option::of(0..50_u64), any::<bool>()).prop_map(
        |(policy, fifo_share, preempt, max_wait_ns, tenant_fairness)| Options {
            policy,
            fifo_share,
            preempt,
            max_wait_ns,
            tenant_fairness,
            ..Options::default()
        },
    )
}

/// Do one call, at time `now`, and say what came of it.
fn call(scheduler: &mut NamedScheduler, now: u64, (kind, id, a, b): Call) -> String {
    let program = id % 3;
    match kind {
        0..=2 => {
            let request = Request {
                arrival_ns: now,
                prompt_tokens: a,
                expected_output_tokens: (b % 5 > 0).then_some(b),
                output_range: (b % 3 == 0).then_some((1, b)),
                priority: (b % 4) as i32,
                weight: u64::from(b) * 500_000,
                deadline_ns: (a % 2 == 0).then_some(now + u64::from(b)),
                calls_left: b % 4,
                rank: u64::from(b % 7),
                ..Request::default()
            };
            let names = Names { tenant: i64::from(a % 3), program: (kind > 0).then_some(program) };
            format!("{:?}", scheduler.submit(id, request, a / 2, names))
        }
        3 | 4 => format!("{:?}", scheduler.next_batch(now, &Limits::new(3, 64), Some(u64::from(a % 9)))),
        5 | 6 => format!("{:?}", scheduler.advance(id, b.min(a), u32::from(b >= a))),
        7 => format!("{:?}", scheduler.update(id, Some(b), None, Some(-(a as i32)))),
        8 => format!("{:?} {:?}", scheduler.reveal(id, a % 3, b), scheduler.victims(3)),
        9 => format!("{:?} {:?}", scheduler.pause(program, now, u64::from(b)), scheduler.set_rank(id, u64::from(a))),
        10 => format!("{:?} {:?}", scheduler.resume(program, now), scheduler.end_program(program)),
        11 => format!("{:?}", scheduler.set_tenant_weight(id % 3, u64::from(b) * 100_000)),
        _ if a % 2 == 0 => format!("{:?}", scheduler.finish(id)),
        _ => format!("{:?}", scheduler.cancel(id)),
    }
}

fn made(options: Options, record: bool, calls: &[Call]) -> NamedScheduler {
    let mut scheduler = Scheduler::with_samples(options, vec![vec![3, 9, 30]]).unwrap();
    scheduler.record(record);
    let mut named = NamedScheduler::new(scheduler, 16).unwrap();
    for (now, &row) in calls.iter().enumerate() {
        call(&mut named, now as u64, row);
    }
    named
}

/// Change a byte behind the header, and the checksum with it.
fn forge(bytes: &mut [u8], place: usize, flip: u8) {
    bytes[place] ^= flip;
    let sum = bytes[24..]
        .iter()
        .fold(0xCBF2_9CE4_8422_2325_u64, |sum, &byte| (sum ^ u64::from(byte)).wrapping_mul(0x100_0000_01B3));
    bytes[16..24].copy_from_slice(&sum.to_le_bytes());
}

#[test]
fn a_byte_forged_anywhere_is_restored_or_refused() {
    let before: Vec<Call> = (0..8).map(|i| (i % 2, i64::from(i), 1 + u32::from(i), 7)).collect();
    for (_, policy) in POLICIES {
        let snapshot = made(Options { policy, tenant_fairness: true, ..Options::default() }, false, &before).snapshot();
        for place in 24..snapshot.len() {
            for flip in [1, 0x80, 0xFF] {
                let mut bytes = snapshot.clone();
                forge(&mut bytes, place, flip);
                if let Ok(scheduler) = NamedScheduler::restore(&bytes) {
                    assert!(NamedScheduler::restore(&scheduler.snapshot()).is_ok(), "{policy:?} {place} {flip}");
                }
            }
        }
    }
}

proptest! {
    #[test]
    fn a_restored_scheduler_decides_as_the_original(
        options in options(), record in any::<bool>(), before in calls(60), after in calls(60),
    ) {
        let mut original = made(options, record, &before);
        let snapshot = original.snapshot();
        let mut restored = NamedScheduler::restore(&snapshot).unwrap();
        prop_assert_eq!(&restored.snapshot(), &snapshot);
        for (later, &row) in after.iter().enumerate() {
            let now = (before.len() + later) as u64;
            prop_assert_eq!(call(&mut restored, now, row), call(&mut original, now, row));
        }
        prop_assert_eq!(restored.scheduler().stats(), original.scheduler().stats());
        prop_assert_eq!(restored.scheduler().log(), original.scheduler().log());
        prop_assert_eq!(restored.snapshot(), original.snapshot());
        if record {
            prop_assert_eq!(replay(restored.scheduler().log()).unwrap().stats(), original.scheduler().stats());
        }
    }

    #[test]
    fn a_changed_or_cut_snapshot_is_refused(
        options in options(), before in calls(40), place in any::<prop::sample::Index>(), flip in 1..=255_u8,
    ) {
        let mut bytes = made(options, true, &before).snapshot();
        let place = place.index(bytes.len());
        prop_assert!(NamedScheduler::restore(&bytes[..place]).is_err());
        bytes[place] ^= flip;
        prop_assert!(NamedScheduler::restore(&bytes).is_err());
        bytes[place] ^= flip;
        bytes.push(0);
        prop_assert!(NamedScheduler::restore(&bytes).is_err());
    }

    #[test]
    fn a_forged_snapshot_is_restored_or_refused(
        options in options(), before in calls(40), place in any::<prop::sample::Index>(), flip in 1..=255_u8,
    ) {
        let mut bytes = made(options, false, &before).snapshot();
        let place = 24 + place.index(bytes.len() - 24);
        forge(&mut bytes, place, flip);
        if let Ok(scheduler) = NamedScheduler::restore(&bytes) {
            prop_assert!(NamedScheduler::restore(&scheduler.snapshot()).is_ok());
        }
    }
}

#[test]
fn the_message_says_what_is_wrong_with_a_snapshot() {
    let scheduler = Scheduler::new(Options { policy: PolicyKind::Balance, ..Options::default() }).unwrap();
    let bytes = scheduler.snapshot();
    let refusal = |bytes: &[u8]| Scheduler::restore(bytes).unwrap_err().to_string();
    assert_eq!(refusal(b"nonsense"), "`snapshot` must be bytes from `snapshot`, got 8 other bytes");
    assert!(refusal(&bytes[..bytes.len() - 1]).starts_with("`snapshot` must be complete"));
    let mut other = bytes.clone();
    other[7] = 99;
    assert_eq!(refusal(&other), "`snapshot` must be of version 2, the one that this release writes, got version 99");
    let last = bytes.len() - 1;
    other.clone_from(&bytes);
    other[last] ^= 1;
    assert!(refusal(&other).ends_with("got bytes with another checksum"));
    assert!(NamedScheduler::restore(&bytes).is_err(), "a scheduler without names");
}
