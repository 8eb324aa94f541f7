//! Tokens of each expert in one step, drawn so that more tokens of the same luck give more to every expert.
//!
//! A router gives each token `k` different experts, so an expert gets at most one copy of each token: its count is
//! nearly binomial with the probability that a token chooses it. Each expert has one random number, and its count is
//! that quantile of its binomial distribution; then the counts are brought to `k` per token, the luckiest first.

use crate::order::sort_by;

/// Below this expected count the distribution is summed up, above it is nearly normal.
const NORMAL: f64 = 32.0;

/// The luck of one expert, twice: where it is in any distribution, and in the standard normal one.
#[derive(Debug, Clone, Copy, PartialEq)]
pub struct Luck {
    /// From 0 to 1.
    pub uniform: f64,
    /// Standard deviations from the mean.
    pub normal: f64,
}

/// Turn shares of the load into probabilities that a token chooses each expert: they add up to `top_k`, none above 1.
pub(super) fn inclusion(shares: &[f64], top_k: u32) -> Vec<f64> {
    let mut found = shares.to_vec();
    let mut full = vec![false; shares.len()];
    loop {
        let sure = full.iter().filter(|full| **full).count();
        let rest: f64 = shares.iter().zip(&full).filter(|(_, full)| !**full).map(|(share, _)| share).sum();
        let (left, others) = (f64::from(top_k) - sure as f64, shares.len() - sure);
        let mut changed = false;
        for (expert, share) in shares.iter().enumerate().filter(|&(expert, _)| !full[expert]).collect::<Vec<_>>() {
            found[expert] = if rest > 0.0 { left * share / rest } else { left / others as f64 };
            if found[expert] >= 1.0 {
                (found[expert], full[expert], changed) = (1.0, true, true);
            }
        }
        if !changed {
            return found;
        }
    }
}

/// What tokens choose in one layer.
#[derive(Debug, Clone)]
pub(super) struct Chances {
    /// Probability that a token chooses each expert.
    pub inclusion: Vec<f64>,
    luck: Vec<Luck>,
    /// Experts, the one first that gets a copy which somebody has to get: drawn by inclusion without replacement, as
    /// Efraimidis and Spirakis do (Information Processing Letters 97, 2006).
    order: Vec<usize>,
}

impl Chances {
    /// Of experts with these probabilities and random numbers.
    pub(super) fn new(inclusion: Vec<f64>, luck: Vec<Luck>) -> Self {
        let key = |(&chance, luck): (&f64, &Luck)| {
            if chance > 0.0 { luck.uniform.ln() / chance } else { f64::NEG_INFINITY }
        };
        let keys: Vec<f64> = inclusion.iter().zip(&luck).map(key).collect();
        let mut order: Vec<usize> = (0..luck.len()).collect();
        sort_by(&mut order, &|a, b| keys[b].total_cmp(&keys[a]));
        Self { inclusion, luck, order }
    }

    /// Fill the copies of each expert in a step of `tokens` tokens; they add up to `top_k` for each token.
    pub(super) fn counts(&self, out: &mut [u64], tokens: u64, top_k: u32) {
        for ((out, &probability), &luck) in out.iter_mut().zip(&self.inclusion).zip(&self.luck) {
            *out = quantile(tokens, probability, luck);
        }
        settle(out, tokens, tokens * u64::from(top_k), &self.order);
    }
}

/// The count of `tokens` draws with this probability that is as lucky as `luck`.
fn quantile(tokens: u64, probability: f64, luck: Luck) -> u64 {
    if probability > 0.5 {
        let other = Luck { uniform: 1.0 - luck.uniform, normal: -luck.normal };
        return tokens - quantile(tokens, 1.0 - probability, other);
    }
    let n = tokens as f64;
    let mean = n * probability;
    if mean >= NORMAL {
        let count = mean + luck.normal * (mean * (1.0 - probability)).sqrt();
        return (count.round().max(0.0) as u64).min(tokens);
    }
    let odds = probability / (1.0 - probability);
    let mut here = (n * (-probability).ln_1p()).exp();
    let (mut below, mut count) = (here, 0);
    // Far out in the tail the sum stops growing before it reaches 1.
    while below < luck.uniform && count < tokens && here > 1e-300 {
        here *= (tokens - count) as f64 / (count + 1) as f64 * odds;
        count += 1;
        below += here;
    }
    count
}

/// Bring the sum to `wanted`, in proportion to the counts and then one by one, to the first of `order` or from the
/// last, none above `tokens`.
fn settle(counts: &mut [u64], tokens: u64, wanted: u64, order: &[usize]) {
    let total: u64 = counts.iter().sum();
    let mut gap = i128::from(wanted) - i128::from(total);
    if total > 0 {
        let all = gap;
        for count in counts.iter_mut() {
            let part = all * i128::from(*count) / i128::from(total);
            let new = (i128::from(*count) + part).clamp(0, i128::from(tokens));
            gap -= new - i128::from(*count);
            *count = new as u64;
        }
    }
    while gap != 0 {
        let before = gap;
        for (&lucky, &unlucky) in order.iter().zip(order.iter().rev()) {
            if gap > 0 && counts[lucky] < tokens {
                counts[lucky] += 1;
                gap -= 1;
            } else if gap < 0 && counts[unlucky] > 0 {
                counts[unlucky] -= 1;
                gap += 1;
            }
        }
        if gap == before {
            break;
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    const MEDIAN: Luck = Luck { uniform: 0.5, normal: 0.0 };

    #[test]
    fn no_expert_gets_a_token_twice() {
        let found = inclusion(&[0.9, 0.05, 0.03, 0.02], 2);
        assert!((found[0] - 1.0).abs() < 1e-12 && (found.iter().sum::<f64>() - 2.0).abs() < 1e-12, "{found:?}");
        assert!((found[1] - 0.5).abs() < 1e-12, "the rest in proportion: {found:?}");
        assert_eq!(inclusion(&[1.0, 0.0, 0.0], 2), [1.0, 0.5, 0.5]);
        assert_eq!(inclusion(&[0.5, 0.5], 2), [1.0, 1.0]);
    }

    #[test]
    fn counts_add_up_and_stay_below_the_tokens() {
        let probabilities = inclusion(&[0.6, 0.2, 0.1, 0.05, 0.05], 2);
        let luck: Vec<Luck> =
            [0.9, 0.1, 0.5, 0.99, 0.3].map(|uniform| Luck { uniform, normal: 4.0 * (uniform - 0.5) }).to_vec();
        let chances = Chances::new(probabilities, luck);
        let mut found = [0; 5];
        for tokens in [0, 1, 2, 3, 7, 64, 1000, 65_536] {
            chances.counts(&mut found, tokens, 2);
            assert_eq!(found.iter().sum::<u64>(), 2 * tokens);
            assert!(found.iter().all(|&count| count <= tokens), "{found:?} of {tokens}");
        }
    }

    #[test]
    fn the_median_is_near_the_mean_on_both_sides_of_the_switch() {
        for (tokens, probability) in [(100, 0.1), (100, 0.9), (1000, 0.031), (1000, 0.033), (10_000, 0.25)] {
            let found = quantile(tokens, probability, MEDIAN) as f64;
            assert!((found - tokens as f64 * probability).abs() <= 1.0, "{found} of {tokens} at {probability}");
        }
        assert_eq!(quantile(1, 0.4, Luck { uniform: 0.61, normal: 0.28 }), 1);
        assert_eq!(quantile(1, 0.4, Luck { uniform: 0.59, normal: 0.23 }), 0);
    }
}
