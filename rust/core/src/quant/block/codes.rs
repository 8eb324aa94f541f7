//! Codes of less than a byte, one after the other in the bits of a row.

/// Bytes of a row of `columns` codes of `bits` bits.
pub const fn row_bytes(columns: usize, bits: u32) -> usize {
    (columns * bits as usize).div_ceil(8)
}

/// Write codes of less than 8 bits one after the other from the lowest bit of the first byte on.
#[inline(always)]
pub(crate) fn pack(bytes: &mut [u8], codes: &[u8], bits: u32) {
    if bits == 4 {
        let pairs = codes.chunks_exact(2);
        if let Some(&last) = pairs.remainder().first() {
            bytes[codes.len() / 2] = last;
        }
        for (byte, pair) in bytes.iter_mut().zip(pairs) {
            *byte = pair[0] | pair[1] << 4;
        }
        return;
    }
    for (bytes, codes) in bytes.chunks_mut(bits as usize).zip(codes.chunks(8)) {
        let word = codes.iter().rev().fold(0_u64, |word, &code| word << bits | u64::from(code));
        bytes.copy_from_slice(&word.to_le_bytes()[..bytes.len()]);
    }
}

/// The inverse of [`pack`].
#[inline(always)]
pub(crate) fn unpack(codes: &mut [u8], bytes: &[u8], bits: u32) {
    if bits == 4 {
        for (pair, &byte) in codes.chunks_mut(2).zip(bytes) {
            pair[0] = byte & 0xF;
            if let Some(high) = pair.get_mut(1) {
                *high = byte >> 4;
            }
        }
        return;
    }
    let mask = (1 << bits) - 1;
    for (codes, bytes) in codes.chunks_mut(8).zip(bytes.chunks(bits as usize)) {
        let mut word = [0; 8];
        word[..bytes.len()].copy_from_slice(bytes);
        let mut word = u64::from_le_bytes(word);
        for code in codes {
            *code = word as u8 & mask;
            word >>= bits;
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn codes_of_every_width_and_count_survive_packing() {
        for bits in 1..8 {
            for count in 0..40 {
                let codes: Vec<u8> = (0..count).map(|index| (index * 37 + 11) as u8 & ((1 << bits) - 1)).collect();
                let mut bytes = vec![0xFF; row_bytes(count, bits)];
                let mut back = vec![0xFF; count];
                pack(&mut bytes, &codes, bits);
                unpack(&mut back, &bytes, bits);
                assert_eq!(back, codes, "{bits} bits, {count} codes");
            }
        }
    }
}
