//! The optimum of the multiple-choice knapsack by dynamic programming over states that are not dominated.
//!
//! A state is the cost and score of a choice for the first groups. It is dropped if another costs no more and scores
//! no more, or if the dual says that nothing below the best known score can come of it. Costs need not be whole.

use super::Problem;
use crate::{Error, Result};

/// More states than this in all are refused: about 50 MB, and seconds.
const MOST_STATES: usize = 1 << 20;

#[derive(Clone, Copy)]
struct State {
    cost: f64,
    score: f64,
    /// Rank of the choice so far in lexicographic order.
    rank: u64,
    /// Index of the state before, and the format taken since.
    from: u32,
    format: u32,
}

/// What the groups from each one on add at least: priced score, and cost.
struct Rest {
    priced: Vec<f64>,
    cost: Vec<f64>,
}

impl Rest {
    fn of(problem: &Problem<'_>, multiplier: f64) -> Self {
        let groups = problem.groups();
        let (mut priced, mut cost) = (vec![0.0; groups + 1], vec![0.0; groups + 1]);
        for group in (0..groups).rev() {
            let (mut least_price, mut least_cost) = (f64::INFINITY, f64::INFINITY);
            for format in (0..problem.formats).filter(|&format| problem.score(group, format).is_finite()) {
                let price = problem.score(group, format) + multiplier * problem.cost(group, format);
                (least_price, least_cost) = (least_price.min(price), least_cost.min(problem.cost(group, format)));
            }
            priced[group] = priced[group + 1] + least_price;
            cost[group] = cost[group + 1] + least_cost;
        }
        Self { priced, cost }
    }
}

/// The best choice; `known` is one within the budget, found at `multiplier`.
pub(super) fn best(problem: &Problem<'_>, known: Vec<usize>, multiplier: f64) -> Result<Vec<usize>> {
    let groups = problem.groups();
    let (known_cost, known_score) = problem.totals(&known);
    let rest = Rest::of(problem, multiplier);
    // Sums in another order differ in the last places: a bound must be off by more than that to count.
    let size: f64 = problem.scores.iter().filter(|score| score.is_finite()).map(|score| score.abs()).sum();
    let spent = if multiplier > 0.0 { multiplier * problem.budget } else { 0.0 };
    let (most_score, most_cost) = (known_score + 1e-12 * (size + spent), problem.budget + 1e-12 * known_cost);
    let hopeless = |group: usize, state: &State| {
        let left = if multiplier > 0.0 { multiplier * (problem.budget - state.cost) } else { 0.0 };
        state.cost + rest.cost[group] > most_cost || state.score + rest.priced[group] - left > most_score
    };

    let mut layers: Vec<Vec<State>> = vec![vec![State { cost: 0.0, score: 0.0, rank: 0, from: 0, format: 0 }]];
    let mut total = 0;
    for group in 0..groups {
        let mut states = extended(problem, group, &layers[group]);
        states.retain(|state| !hopeless(group + 1, state));
        let states = undominated(states);
        total += states.len();
        if total > MOST_STATES {
            let got = format!("{total} states after {} of {groups} groups", group + 1);
            return Err(Error::value("method", "\"lagrangian\" or \"greedy\" for a case as hard as this", got));
        }
        layers.push(states);
    }
    let within = layers[groups].iter().enumerate().filter(|(_, state)| state.cost <= problem.budget);
    let found = within.min_by(|(_, a), (_, b)| a.score.total_cmp(&b.score).then(a.cost.total_cmp(&b.cost)));
    Ok(match found {
        Some((at, state)) if (state.score, state.cost) <= (known_score, known_cost) => trace(&layers, at),
        _ => known,
    })
}

/// Every state of `before` with every format of `group`.
fn extended(problem: &Problem<'_>, group: usize, before: &[State]) -> Vec<State> {
    let mut states = Vec::with_capacity(before.len() * problem.formats);
    for (from, state) in before.iter().enumerate() {
        for format in (0..problem.formats).filter(|&format| problem.score(group, format).is_finite()) {
            states.push(State {
                cost: state.cost + problem.cost(group, format),
                score: state.score + problem.score(group, format),
                rank: state.rank * problem.formats as u64 + format as u64,
                from: from as u32,
                format: format as u32,
            });
        }
    }
    states
}

/// The states that no other beats, cheapest first, with their ranks made dense; of equal ones the first in rank.
fn undominated(mut states: Vec<State>) -> Vec<State> {
    states
        .sort_unstable_by(|a, b| a.cost.total_cmp(&b.cost).then(a.score.total_cmp(&b.score)).then(a.rank.cmp(&b.rank)));
    let mut least = f64::INFINITY;
    states.retain(|state| {
        let kept = state.score < least;
        least = least.min(state.score);
        kept
    });
    let mut order: Vec<(u64, u32)> = states.iter().map(|state| state.rank).zip(0..).collect();
    order.sort_unstable();
    for (rank, (_, index)) in order.into_iter().enumerate() {
        states[index as usize].rank = rank as u64;
    }
    states
}

/// The formats on the way to state `at` of the last layer.
fn trace(layers: &[Vec<State>], mut at: usize) -> Vec<usize> {
    let mut choice = vec![0; layers.len() - 1];
    for (chosen, layer) in choice.iter_mut().zip(&layers[1..]).rev() {
        *chosen = layer[at].format as usize;
        at = layer[at].from as usize;
    }
    choice
}
