//! The block pool: hits, sharing, eviction and the books, by example and on random calls.

use paretoserve_core::sched::KvCache;
use paretoserve_core::sim::KvBlocks;
use proptest::prelude::*;

/// Compute the whole prompt of a request; returns how many of its tokens were resident.
fn serve(pool: &mut KvBlocks<'_>, request: u32, prompt_tokens: u32) -> u32 {
    let cached = pool.cached_tokens(request);
    assert!(pool.reserve(request, prompt_tokens));
    pool.publish(request, prompt_tokens);
    cached
}

#[test]
fn a_prefix_is_shared_while_both_run_and_stays_afterwards() {
    // Blocks of 4 tokens, hashes of 8.
    let mut pool = KvBlocks::new(100, 4, 8);
    pool.enter(0, 24, &[1, 2, 3]);
    pool.enter(1, 30, &[1, 2, 4, 5]);
    assert_eq!(serve(&mut pool, 0, 24), 0);
    assert_eq!(pool.used_blocks(), 6);
    assert_eq!(serve(&mut pool, 1, 30), 16);
    // 30 tokens are 8 blocks, 4 of them shared.
    assert_eq!(pool.used_blocks(), 10);
    pool.release(0);
    assert_eq!(pool.used_blocks(), 8);
    pool.release(1);
    assert_eq!((pool.used_blocks(), pool.available_blocks(), pool.peak_blocks()), (0, 100, 10));
    assert_eq!(pool.resident_tokens(24, &[1, 2, 3]), 20);
    assert_eq!(pool.resident_tokens(25, &[1, 2, 3]), 24);
    assert_eq!(pool.resident_tokens(30, &[9, 2, 4]), 0);
}

#[test]
fn chunks_are_resident_as_they_are_computed_and_copies_are_given_back() {
    let mut pool = KvBlocks::new(100, 4, 8);
    pool.enter(0, 16, &[1, 2]);
    pool.enter(1, 16, &[1, 2]);
    assert!(pool.reserve(0, 16));
    pool.publish(0, 8);
    // The second half is reserved but not computed: request 1 hits 8 tokens and takes 2 blocks of its own.
    assert_eq!(pool.cached_tokens(1), 8);
    assert!(pool.reserve(1, 16));
    assert_eq!(pool.used_blocks(), 6);
    pool.publish(0, 16);
    pool.publish(1, 16);
    assert_eq!(pool.used_blocks(), 4);
}

#[test]
fn eviction_takes_the_end_of_the_oldest_prefix_block_by_block() {
    let mut pool = KvBlocks::new(8, 4, 8);
    pool.enter(0, 16, &[1, 2]);
    pool.enter(1, 16, &[3, 4]);
    serve(&mut pool, 0, 16);
    pool.release(0);
    serve(&mut pool, 1, 16);
    pool.release(1);
    // Nothing is free. One block more than half goes to request 2: all of the older prompt but its first 3 blocks.
    pool.enter(2, 4, &[]);
    assert!(pool.reserve(2, 4));
    assert_eq!(pool.resident_tokens(17, &[1, 2]), 12);
    assert!(pool.reserve(2, 12));
    assert_eq!(pool.resident_tokens(17, &[1, 2]), 4);
    assert_eq!(pool.resident_tokens(17, &[3, 4]), 16);
    // A hit makes the rest of the older prompt the newer one.
    pool.enter(0, 16, &[1, 2]);
    assert!(pool.reserve(0, 4));
    pool.release(0);
    assert!(pool.reserve(2, 16));
    assert_eq!(pool.resident_tokens(17, &[3, 4]), 12);
    assert_eq!(pool.resident_tokens(17, &[1, 2]), 4);
}

#[test]
fn a_request_without_room_changes_nothing() {
    let mut pool = KvBlocks::new(4, 4, 8);
    pool.enter(0, 16, &[1, 2]);
    serve(&mut pool, 0, 16);
    pool.release(0);
    pool.enter(0, 16, &[1, 2]);
    pool.enter(1, 8, &[]);
    assert!(pool.reserve(0, 16));
    assert!(!pool.reserve(1, 1));
    assert_eq!((pool.used_blocks(), pool.available_blocks()), (4, 0));
    pool.release(0);
    assert!(pool.reserve(1, 8));
}

#[derive(Debug, Clone)]
enum Call {
    Enter(u32, usize, u32),
    Reserve(u32, u32),
    Publish(u32, u32),
    Release(u32),
}

const REQUESTS: u32 = 4;

fn calls() -> impl Strategy<Value = Vec<Call>> {
    let request = 0..REQUESTS;
    let call = prop_oneof![
        (request.clone(), 0..6_usize, 1..60_u32).prop_map(|(r, family, prompt)| Call::Enter(r, family, prompt)),
        (request.clone(), 1..80_u32).prop_map(|(r, tokens)| Call::Reserve(r, tokens)),
        (request.clone(), 0..80_u32).prop_map(|(r, tokens)| Call::Publish(r, tokens)),
        request.prop_map(Call::Release),
    ];
    proptest::collection::vec(call, 1..80)
}

proptest! {
    #[test]
    fn the_books_balance(calls in calls(), block_size in 1..9_u32, hash_tokens in 1..20_u32, num_blocks in 1..60_u32) {
        // Families share their first ids; the last family has none.
        let ids: Vec<Vec<i64>> = (0..6).map(|family| (0..60 * (1 - family / 5)).map(|i| if i < 4 { i } else { 100 * family + i }).collect()).collect();
        let mut pool = KvBlocks::new(num_blocks, block_size, hash_tokens);
        let mut held = [0; REQUESTS as usize];
        for request in 0..REQUESTS {
            pool.enter(request, 1, &[]);
        }
        for call in calls {
            match call {
                Call::Enter(request, family, prompt) => {
                    pool.release(request);
                    let length = (prompt.div_ceil(hash_tokens) as usize).min(ids[family].len());
                    pool.enter(request, prompt, &ids[family][..length]);
                    held[request as usize] = 0;
                    let cached = pool.cached_tokens(request);
                    prop_assert!(cached < prompt && cached % block_size == 0);
                }
                Call::Reserve(request, tokens) => {
                    let before = (pool.used_blocks(), pool.available_blocks());
                    let tokens = tokens.max(pool.cached_tokens(request) + 1);
                    let room = pool.reserve(request, tokens);
                    prop_assert!(room || before == (pool.used_blocks(), pool.available_blocks()));
                    prop_assert!(room || tokens.div_ceil(block_size) > before.1);
                    if room {
                        held[request as usize] = tokens.max(held[request as usize]);
                    }
                }
                Call::Publish(request, tokens) => pool.publish(request, tokens.min(held[request as usize])),
                Call::Release(request) => {
                    pool.release(request);
                    held[request as usize] = 0;
                }
            }
            prop_assert_eq!(pool.used_blocks() + pool.available_blocks(), num_blocks);
            prop_assert!(pool.used_blocks() <= pool.peak_blocks());
            // What is held is at least the largest request and at most all of them, plus what a shared end holds too
            // much.
            let most = held.iter().map(|tokens| tokens.div_ceil(block_size)).max().unwrap_or(0);
            prop_assert!(most <= pool.used_blocks());
        }
        for request in 0..REQUESTS {
            pool.release(request);
        }
        prop_assert_eq!((pool.used_blocks(), pool.available_blocks()), (0, num_blocks));
    }
}
