//! Codes one per byte to their packed form and back, in loops that become vector code: widths 4, 6 and 8.

/// Write codes of 4, 6 or 8 bits, one per byte of `codes`, one after the other from the lowest bit of a byte on.
#[inline(always)]
pub(crate) fn pack(bytes: &mut [u8], codes: &[u8], bits: u32) {
    match bits {
        4 => {
            for (byte, pair) in bytes.iter_mut().zip(codes.chunks_exact(2)) {
                let both = u16::from_le_bytes([pair[0], pair[1]]);
                *byte = (both | both >> 4) as u8;
            }
        }
        6 => {
            for (three, four) in bytes.chunks_exact_mut(3).zip(codes.chunks_exact(4)) {
                let all = u32::from_le_bytes([four[0], four[1], four[2], four[3]]);
                let joined = all & 0x3F | all >> 2 & 0xFC0 | all >> 4 & 0x3_F000 | all >> 6 & 0xFC_0000;
                three.copy_from_slice(&joined.to_le_bytes()[..3]);
            }
        }
        _ => bytes.copy_from_slice(codes),
    }
}

/// The inverse of [`pack`]; the upper bits of a code are 0.
#[inline(always)]
pub(crate) fn unpack(codes: &mut [u8], bytes: &[u8], bits: u32) {
    match bits {
        4 => {
            for (pair, &byte) in codes.chunks_exact_mut(2).zip(bytes) {
                let both = u16::from(byte);
                pair.copy_from_slice(&((both | both << 4) & 0x0F0F).to_le_bytes());
            }
        }
        6 => {
            for (four, three) in codes.chunks_exact_mut(4).zip(bytes.chunks_exact(3)) {
                let all = u32::from_le_bytes([three[0], three[1], three[2], 0]);
                let apart = all & 0x3F | all << 2 & 0x3F00 | all << 4 & 0x3F_0000 | all << 6 & 0x3F00_0000;
                four.copy_from_slice(&apart.to_le_bytes());
            }
        }
        _ => codes.copy_from_slice(bytes),
    }
}

#[cfg(test)]
mod tests {
    #[test]
    fn packing_equals_the_obvious_way_and_comes_back() {
        for bits in [4, 6, 8_u32] {
            let codes: Vec<u8> = (0..64_u32).map(|each| (each * 37 % (1 << bits)) as u8).collect();
            let mut bytes = vec![0; 8 * bits as usize];
            let mut slow = bytes.clone();
            super::pack(&mut bytes, &codes, bits);
            super::super::pack(&mut slow, &codes, bits);
            assert_eq!(bytes, slow);
            let mut again = vec![0; 64];
            super::unpack(&mut again, &bytes, bits);
            assert_eq!(again, codes);
        }
    }
}
