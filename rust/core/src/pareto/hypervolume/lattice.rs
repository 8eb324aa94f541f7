//! The generating vector of a lattice rule whose points, in the order of their reversed bits, form a lattice at every
//! power of two up to 2^20.
//!
//! Found component by component: of random odd candidates the one with the least worst-case error P2 at 2^10, 2^13 and
//! 2^16 points, with weights that fall with the coordinate (Cools, Kuo and Nuyens 2006).

/// Multipliers of the first coordinates, in units of 2^-20.
const MULTIPLIERS: [u32; 100] = [
    1, 312_763, 212_347, 473_371, 460_275, 38_085, 401_317, 67_169, 79_473, 109_105, 608_805, 187_901, 599_167,
    222_363, 484_167, 240_283, 45_579, 432_291, 484_083, 968_367, 1_037_549, 37_677, 752_273, 613_731, 965_905,
    603_359, 336_561, 160_827, 975_377, 891_373, 124_829, 438_757, 567_333, 1_010_181, 193_809, 675_845, 401_179,
    88_145, 390_321, 650_161, 629_917, 704_635, 392_679, 77_031, 372_775, 623_165, 803_983, 826_139, 54_949, 761_957,
    390_127, 263_333, 403_279, 371_559, 219_333, 1829, 658_427, 720_827, 209_243, 815_461, 695_323, 245_511, 581_083,
    970_299, 903_633, 694_033, 838_129, 75_163, 186_405, 193_723, 969_115, 696_581, 836_325, 862_811, 1_046_235,
    20_731, 53_787, 105_083, 502_885, 455_461, 945_285, 993_147, 600_869, 385_883, 654_789, 107_643, 350_597, 451_355,
    386_619, 430_757, 355_003, 598_213, 289_243, 937_147, 273_701, 512_645, 577_499, 408_315, 262_501, 524_955,
];

/// The multipliers of `count` coordinates; those behind the table are odd multiples of it.
pub(super) fn multipliers(count: usize) -> Vec<u32> {
    (0..count).map(|k| MULTIPLIERS[k % 100].wrapping_mul(2 * (k / 100) as u32 + 1)).collect()
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn every_pair_of_coordinates_fills_the_square() {
        let multipliers = multipliers(60);
        assert!(multipliers.iter().all(|multiplier| multiplier % 2 == 1));
        for pair in multipliers.windows(2) {
            let mut cells = [0; 16];
            for point in 0..1024_u32 {
                let [x, y] = [0, 1].map(|k| point.reverse_bits().wrapping_mul(pair[k]) >> 30);
                cells[(x * 4 + y) as usize] += 1;
            }
            assert!(cells.iter().all(|&count| (20..=128).contains(&count)), "{pair:?}: {cells:?}");
        }
    }
}
