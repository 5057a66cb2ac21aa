//! A sequence of random numbers from a seed, not for secrets.

/// The next number (SplitMix64). Every seed is good, and the sequence is the same everywhere.
pub const fn split_mix_64(seed: &mut u64) -> u64 {
    *seed = seed.wrapping_add(0x9e37_79b9_7f4a_7c15);
    let mut z = *seed;
    z = (z ^ (z >> 30)).wrapping_mul(0xbf58_476d_1ce4_e5b9);
    z = (z ^ (z >> 27)).wrapping_mul(0x94d0_49bb_1331_11eb);
    z ^ (z >> 31)
}

#[cfg(test)]
mod tests {
    use super::*;

    /// The numbers that other implementations give for this seed.
    #[test]
    fn sequence_is_that_of_split_mix_64() {
        let mut seed = 1_234_567;
        let numbers = [(); 5].map(|()| split_mix_64(&mut seed));
        assert_eq!(
            numbers,
            [
                6_457_827_717_110_365_317,
                3_203_168_211_198_807_973,
                9_817_491_932_198_370_423,
                4_593_380_528_125_082_431,
                16_408_922_859_458_223_821,
            ]
        );
    }
}
