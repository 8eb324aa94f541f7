//! 4-bit codes between the orders in use: even element below (`QTensor` and most checkpoints), halves of a block that
//! share bytes (GGUF), even element above (bitsandbytes). GGUF keeps the scales of a block before its codes.

use std::num::NonZeroUsize;

use crate::error::{Error, Result};
use crate::parallel;
use crate::simd::{self, Fill, Kernel, Level};

/// How the blocks of a GGUF type are made of scale bytes and codes.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct Blocks {
    /// Bytes of scales before the codes.
    pub head: usize,
    /// Bytes of codes.
    pub body: usize,
    /// Bytes of codes that hold two halves: element `j` below and element `j + half` above; 0 for whole bytes.
    pub half: usize,
}

impl Blocks {
    /// The blocks of the GGUF type that Python calls `name`, if its scales can stand apart.
    pub fn parse(name: &str) -> Option<Self> {
        Some(match name {
            "q4_0" => Self { head: 2, body: 16, half: 16 },
            "q8_0" => Self { head: 2, body: 32, half: 0 },
            "mxfp4" => Self { head: 1, body: 16, half: 16 },
            "nvfp4" => Self { head: 4, body: 32, half: 8 },
            _ => return None,
        })
    }
}

/// Take blocks apart: `heads` gets the scales, `codes` the codes with the even element below.
pub fn split(
    heads: &mut [u8],
    codes: &mut [u8],
    data: &[u8],
    blocks: Blocks,
    threads: Option<NonZeroUsize>,
    level: Level,
) -> Result<()> {
    let count = check(heads, codes, data, blocks)?;
    let share = share(count, data.len(), threads);
    let parts = heads.chunks_mut(share * blocks.head).zip(codes.chunks_mut(share * blocks.body));
    let parts: Vec<_> = parts.zip(data.chunks(share * (blocks.head + blocks.body))).collect();
    parallel::each(parts, |((heads, codes), data)| match (blocks.head, blocks.half) {
        (2, 16) => simd::dispatch(level, Split::<2, 16, 16> { heads, codes, data }),
        (1, 16) => simd::dispatch(level, Split::<1, 16, 16> { heads, codes, data }),
        (4, 8) => simd::dispatch(level, Split::<4, 32, 8> { heads, codes, data }),
        _ => simd::dispatch(level, Split::<2, 32, 0> { heads, codes, data }),
    });
    Ok(())
}

/// Put blocks together: the inverse of [`split`].
pub fn join(
    data: &mut [u8],
    heads: &[u8],
    codes: &[u8],
    blocks: Blocks,
    threads: Option<NonZeroUsize>,
    level: Level,
) -> Result<()> {
    let count = check(heads, codes, data, blocks)?;
    let share = share(count, data.len(), threads);
    let parts = heads.chunks(share * blocks.head).zip(codes.chunks(share * blocks.body));
    let parts: Vec<_> = parts.zip(data.chunks_mut(share * (blocks.head + blocks.body))).collect();
    parallel::each(parts, |((heads, codes), data)| match (blocks.head, blocks.half) {
        (2, 16) => simd::dispatch(level, Join::<2, 16, 16> { heads, codes, data }),
        (1, 16) => simd::dispatch(level, Join::<1, 16, 16> { heads, codes, data }),
        (4, 8) => simd::dispatch(level, Join::<4, 32, 8> { heads, codes, data }),
        _ => simd::dispatch(level, Join::<2, 32, 0> { heads, codes, data }),
    });
    Ok(())
}

/// Exchange the nibbles of every byte.
pub fn swap(out: &mut [u8], codes: &[u8], threads: Option<NonZeroUsize>, level: Level) -> Result<()> {
    struct Swap<'a>(&'a [u8]);
    impl Fill<u8> for Swap<'_> {
        #[inline(always)]
        fn fill(&self, piece: &mut [u8], offset: usize) {
            for (out, code) in piece.iter_mut().zip(&self.0[offset..]) {
                *out = code.rotate_left(4);
            }
        }
    }
    struct Loop<'a>(&'a mut [u8], &'a [u8]);
    impl Kernel for Loop<'_> {
        type Output = ();
        #[inline(always)]
        fn run(self) {
            simd::fill_streamed(self.0, &Swap(self.1));
        }
    }
    if out.len() != codes.len() {
        return Err(Error::shape("out", format_args!("({},)", codes.len()), format_args!("({},)", out.len())));
    }
    let share = share(codes.len(), codes.len(), threads);
    let parts = out.chunks_mut(share).zip(codes.chunks(share)).collect();
    parallel::each(parts, |(out, codes)| simd::dispatch(level, Loop(out, codes)));
    Ok(())
}

fn share(count: usize, bytes: usize, threads: Option<NonZeroUsize>) -> usize {
    count.div_ceil(parallel::num_threads(threads, bytes).max(1)).max(1)
}

/// The number of blocks, if all lengths agree on it.
fn check(heads: &[u8], codes: &[u8], data: &[u8], blocks: Blocks) -> Result<usize> {
    let size = blocks.head + blocks.body;
    let count = data.len() / size;
    if data.len() != count * size {
        return Err(Error::shape("data", format_args!("(blocks of {size} bytes)"), format_args!("({},)", data.len())));
    }
    if heads.len() != count * blocks.head {
        let expected = count * blocks.head;
        return Err(Error::shape("scales", format_args!("({expected} bytes)"), format_args!("({},)", heads.len())));
    }
    if codes.len() != count * blocks.body {
        let expected = count * blocks.body;
        return Err(Error::shape("codes", format_args!("({expected} bytes)"), format_args!("({},)", codes.len())));
    }
    Ok(count)
}

struct Split<'a, const HEAD: usize, const BODY: usize, const HALF: usize> {
    heads: &'a mut [u8],
    codes: &'a mut [u8],
    data: &'a [u8],
}

impl<const HEAD: usize, const BODY: usize, const HALF: usize> Kernel for Split<'_, HEAD, BODY, HALF> {
    type Output = ();
    #[inline(always)]
    fn run(self) {
        let (heads, codes) = (self.heads.as_chunks_mut::<HEAD>().0, self.codes.as_chunks_mut::<BODY>().0);
        let blocks = self.data.chunks_exact(HEAD + BODY);
        for ((head, codes), block) in heads.iter_mut().zip(codes).zip(blocks) {
            head.copy_from_slice(&block[..HEAD]);
            let body = &block[HEAD..];
            if HALF == 0 {
                codes.copy_from_slice(body);
                continue;
            }
            // Two bytes hold elements j and j + 1 below, j + HALF and j + HALF + 1 above.
            for part in 0..BODY / HALF.max(1) {
                for pair in 0..HALF / 2 {
                    let at = part * HALF + 2 * pair;
                    let word = u16::from_le_bytes([body[at], body[at + 1]]);
                    codes[part * HALF + pair] = (word & 15 | word >> 4 & 0xF0) as u8;
                    codes[part * HALF + HALF / 2 + pair] = (word >> 4 & 15 | word >> 8 & 0xF0) as u8;
                }
            }
        }
    }
}

struct Join<'a, const HEAD: usize, const BODY: usize, const HALF: usize> {
    heads: &'a [u8],
    codes: &'a [u8],
    data: &'a mut [u8],
}

impl<const HEAD: usize, const BODY: usize, const HALF: usize> Kernel for Join<'_, HEAD, BODY, HALF> {
    type Output = ();
    #[inline(always)]
    fn run(self) {
        let (heads, codes) = (self.heads.as_chunks::<HEAD>().0, self.codes.as_chunks::<BODY>().0);
        let blocks = self.data.chunks_exact_mut(HEAD + BODY);
        for ((head, codes), block) in heads.iter().zip(codes).zip(blocks) {
            block[..HEAD].copy_from_slice(head);
            let body = &mut block[HEAD..];
            if HALF == 0 {
                body.copy_from_slice(codes);
                continue;
            }
            for part in 0..BODY / HALF.max(1) {
                for pair in 0..HALF / 2 {
                    let (low, high) = (codes[part * HALF + pair], codes[part * HALF + HALF / 2 + pair]);
                    body[part * HALF + 2 * pair] = low & 15 | high << 4;
                    body[part * HALF + 2 * pair + 1] = low >> 4 | high & 0xF0;
                }
            }
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn halves_become_pairs_and_come_back() {
        for name in ["q4_0", "q8_0", "mxfp4", "nvfp4"] {
            let blocks = Blocks::parse(name).unwrap();
            let count = 5;
            let data: Vec<u8> = (0..count * (blocks.head + blocks.body)).map(|each| (each * 37) as u8).collect();
            for level in simd::levels() {
                let (mut heads, mut codes) = (vec![0; count * blocks.head], vec![0; count * blocks.body]);
                split(&mut heads, &mut codes, &data, blocks, NonZeroUsize::new(2), level).unwrap();
                if blocks.half > 0 {
                    let body = &data[blocks.head..];
                    assert_eq!(codes[0], body[0] & 15 | body[1] << 4);
                    assert_eq!(codes[blocks.half / 2], body[0] >> 4 | body[1] & 0xF0);
                }
                let mut again = vec![0; data.len()];
                join(&mut again, &heads, &codes, blocks, None, level).unwrap();
                assert_eq!(again, data);
            }
        }
    }

    #[test]
    fn lengths_that_disagree_are_refused() {
        let blocks = Blocks::parse("q4_0").unwrap();
        let (mut heads, mut codes) = ([0; 2], [0; 16]);
        assert!(split(&mut heads, &mut codes, &[0; 17], blocks, None, Level::Baseline).is_err());
        assert!(split(&mut heads[..1], &mut codes, &[0; 18], blocks, None, Level::Baseline).is_err());
        assert!(split(&mut heads, &mut codes[..15], &[0; 18], blocks, None, Level::Baseline).is_err());
    }
}
