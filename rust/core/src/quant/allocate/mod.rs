//! One format for each group of layers, so that the sum of scores is least and the sum of costs stays in a budget.
//!
//! The multiple-choice knapsack. Its dual is solved exactly: the lower convex hull of each group's (cost, score) points
//! is a chain of steps, and taking all steps in the order of their slope until one does not fit gives the best
//! multiplier. What is left of the budget is filled greedily; [`exact`] solves small cases to the optimum.
//!
//! Sinha & Zoltners, "The multiple-choice knapsack problem", 1979; Shoham & Gersho, "Efficient bit allocation", 1988.

mod exact;

use crate::order::sort_by;
use crate::{Error, Result};

/// How to search.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Method {
    /// The dual, then greedy filling.
    Lagrangian,
    /// All states that can still be best, group by group.
    Exact,
    /// Greedy steps from the cheapest choice.
    Greedy,
}

/// A choice for each group, and how good it is.
#[derive(Debug, Clone, PartialEq)]
pub struct Allocation {
    /// Format of each group.
    pub choice: Vec<usize>,
    /// Sum of costs.
    pub cost: f64,
    /// Sum of scores.
    pub score: f64,
    /// No choice within the budget has a lower score than this.
    pub bound: f64,
    /// Score that one more unit of budget would save at the optimum of the dual.
    pub multiplier: f64,
}

/// Costs and scores of `groups` x `formats`, in C order. An infinite score marks a format that cannot be had.
#[derive(Debug, Clone, Copy)]
pub struct Problem<'a> {
    /// Not negative, finite.
    pub costs: &'a [f64],
    /// Less is better; not NaN, not negative infinity; one finite per group.
    pub scores: &'a [f64],
    /// Formats of each group.
    pub formats: usize,
    /// What the costs may sum to.
    pub budget: f64,
}

/// A step along a hull: from the format before to `format`, saving `slope` of score per cost.
struct Step {
    group: usize,
    format: usize,
    slope: f64,
}

/// A change of one group's format to another with a lower score.
#[derive(Clone, Copy)]
struct Switch {
    format: usize,
    rate: f64,
    saved: f64,
    added: f64,
}

impl Problem<'_> {
    fn groups(&self) -> usize {
        self.costs.len() / self.formats
    }

    fn cost(&self, group: usize, format: usize) -> f64 {
        self.costs[group * self.formats + format]
    }

    fn score(&self, group: usize, format: usize) -> f64 {
        self.scores[group * self.formats + format]
    }

    /// Sums of costs and scores, in the order of the groups.
    fn totals(&self, choice: &[usize]) -> (f64, f64) {
        choice.iter().enumerate().fold((0.0, 0.0), |(cost, score), (group, &format)| {
            (cost + self.cost(group, format), score + self.score(group, format))
        })
    }

    /// The formats of a group on the lower convex hull of its points, cheapest first; of equal points the first.
    fn hull(&self, group: usize) -> Vec<usize> {
        let mut formats: Vec<usize> = (0..self.formats).filter(|&f| self.score(group, f).is_finite()).collect();
        sort_by(&mut formats, &|a, b| {
            let (a, b) = ((self.cost(group, a), self.score(group, a)), (self.cost(group, b), self.score(group, b)));
            a.0.total_cmp(&b.0).then(a.1.total_cmp(&b.1))
        });
        let mut hull: Vec<usize> = Vec::new();
        for format in formats {
            if hull.last().is_some_and(|&last| self.score(group, format) >= self.score(group, last)) {
                continue;
            }
            while let [.., before, last] = hull[..]
                && self.slope(group, before, last) <= self.slope(group, last, format)
            {
                hull.pop();
            }
            hull.push(format);
        }
        hull
    }

    fn slope(&self, group: usize, from: usize, to: usize) -> f64 {
        (self.score(group, from) - self.score(group, to)) / (self.cost(group, to) - self.cost(group, from))
    }

    /// The value of the dual at `multiplier`: a bound from below.
    fn dual(&self, multiplier: f64) -> f64 {
        let least = |group| {
            let priced = |format| self.score(group, format) + multiplier * self.cost(group, format);
            (0..self.formats).map(priced).fold(f64::INFINITY, f64::min)
        };
        let spent = if multiplier > 0.0 { multiplier * self.budget } else { 0.0 };
        (0..self.groups()).map(least).sum::<f64>() - spent
    }

    /// Whether `choice` is within the budget; `estimate` is its cost but for rounding, which saves adding it all up.
    fn fits(&self, choice: &[usize], estimate: f64) -> bool {
        let near = 1e-9 * self.budget;
        estimate < self.budget - near || (estimate <= self.budget + near && self.totals(choice).0 <= self.budget)
    }

    /// Take steps in the order of their slope until one does not fit; that slope is the best multiplier.
    fn relax(&self, hulls: &[Vec<usize>], choice: &mut [usize]) -> f64 {
        let mut steps: Vec<Step> = Vec::new();
        for (group, hull) in hulls.iter().enumerate() {
            for pair in hull.windows(2) {
                steps.push(Step { group, format: pair[1], slope: self.slope(group, pair[0], pair[1]) });
            }
        }
        // Stable: equal slopes go by group, and within a group along its hull.
        steps.sort_by(|a, b| b.slope.total_cmp(&a.slope));
        let mut cost = self.totals(choice).0;
        for Step { group, format, slope } in steps {
            let before = std::mem::replace(&mut choice[group], format);
            let next = cost + (self.cost(group, format) - self.cost(group, before));
            if !self.fits(choice, next) {
                choice[group] = before;
                return slope;
            }
            cost = next;
        }
        0.0
    }

    /// The switch of `group` that fits and saves most score per added cost (without added cost: at once).
    fn best_switch(&self, choice: &mut [usize], group: usize, cost: f64) -> Option<Switch> {
        let now = choice[group];
        let mut best: Option<Switch> = None;
        for format in 0..self.formats {
            let saved = self.score(group, now) - self.score(group, format);
            let added = self.cost(group, format) - self.cost(group, now);
            let rate = if added > 0.0 { saved / added } else { f64::INFINITY };
            if saved > 0.0 && best.is_none_or(|best| (rate, saved) > (best.rate, best.saved)) {
                choice[group] = format;
                if self.fits(choice, cost + added) {
                    best = Some(Switch { format, rate, saved, added });
                }
            }
        }
        choice[group] = now;
        best
    }

    /// Take the best switch of all groups, again and again, as long as there is one that fits.
    fn fill(&self, choice: &mut [usize]) {
        let mut cost = self.totals(choice).0;
        let mut switches: Vec<_> = (0..choice.len()).map(|group| self.best_switch(choice, group, cost)).collect();
        loop {
            let mut best: Option<(usize, Switch)> = None;
            for (group, switch) in switches.iter().enumerate() {
                if let Some(switch) = *switch
                    && best.is_none_or(|(_, best)| (switch.rate, switch.saved) > (best.rate, best.saved))
                {
                    best = Some((group, switch));
                }
            }
            let Some((group, switch)) = best else { return };
            let before = std::mem::replace(&mut choice[group], switch.format);
            if self.fits(choice, cost + switch.added) {
                cost += switch.added;
            } else {
                // It did fit before others were taken; a smaller one of this group may fit still.
                choice[group] = before;
            }
            switches[group] = self.best_switch(choice, group, cost);
        }
    }
}

/// Choose a format for each group.
///
/// Ties go to the earlier group and the earlier format; [`Method::Exact`] gives, among optima, the one of least cost
/// and then the first in lexicographic order.
///
/// # Errors
/// If the arrays do not fit each other, a value is out of range, no choice meets the budget, or [`Method::Exact`] has
/// too many states.
pub fn allocate(problem: &Problem<'_>, method: Method) -> Result<Allocation> {
    check(problem)?;
    let hulls: Vec<Vec<usize>> = (0..problem.groups()).map(|group| problem.hull(group)).collect();
    let mut choice: Vec<usize> = hulls.iter().map(|hull| hull[0]).collect();
    let (least, _) = problem.totals(&choice);
    if least > problem.budget {
        return Err(Error::value(
            "budget",
            format_args!("at least {least}, the cost of the cheapest choice"),
            problem.budget,
        ));
    }
    let mut relaxed = choice.clone();
    let multiplier = problem.relax(&hulls, &mut relaxed);
    if method != Method::Greedy {
        choice = relaxed;
    }
    problem.fill(&mut choice);
    let mut bound = problem.dual(multiplier);
    if method == Method::Exact {
        choice = exact::best(problem, choice, multiplier)?;
        bound = problem.totals(&choice).1;
    }
    let (cost, score) = problem.totals(&choice);
    // Rounding must not put the bound above a choice that exists.
    Ok(Allocation { choice, cost, score, bound: bound.min(score), multiplier })
}

fn check(problem: &Problem<'_>) -> Result<()> {
    let Problem { costs, scores, formats, budget } = *problem;
    if formats == 0 || costs.is_empty() || costs.len() != scores.len() || !costs.len().is_multiple_of(formats) {
        let sizes = format!("{} and {} with {formats} formats", costs.len(), scores.len());
        return Err(Error::shape("costs", "(groups, formats) as `scores`, not empty", sizes));
    }
    if let Some(cost) = costs.iter().find(|cost| !cost.is_finite() || **cost < 0.0) {
        return Err(Error::value("costs", "finite and not negative", cost));
    }
    if let Some(score) = scores.iter().find(|score| score.is_nan() || **score == f64::NEG_INFINITY) {
        return Err(Error::value("scores", "numbers, or infinity for a format that cannot be had", score));
    }
    if let Some(group) = scores.chunks(formats).position(|group| !group.iter().any(|score| score.is_finite())) {
        return Err(Error::value(
            "scores",
            "finite for one format of each group",
            format_args!("none in group {group}"),
        ));
    }
    if budget.is_nan() {
        return Err(Error::value("budget", "a number", budget));
    }
    Ok(())
}

#[cfg(test)]
mod tests {
    use super::*;

    const METHODS: [Method; 3] = [Method::Lagrangian, Method::Exact, Method::Greedy];

    #[test]
    fn budget_goes_where_it_saves_most() {
        // Two groups of 100 elements at 4, 8 or 16 bits; the second is ten times as sensitive.
        let costs = [400.0, 800.0, 1600.0, 400.0, 800.0, 1600.0];
        let scores = [1.0, 0.1, 0.0, 10.0, 1.0, 0.0];
        for method in METHODS {
            let found =
                allocate(&Problem { costs: &costs, scores: &scores, formats: 3, budget: 1200.0 }, method).unwrap();
            assert_eq!((found.choice, found.cost), (vec![0, 1], 1200.0));
            assert!(found.bound <= found.score && (found.score - 2.0).abs() < 1e-12);
        }
    }

    #[test]
    fn the_exact_method_finds_what_is_not_on_the_hull() {
        // Format 1 is above the line from 0 to 2, and only it fits.
        let costs = [0.0, 5.0, 10.0, 0.0, 5.0, 10.0];
        let scores = [10.0, 6.0, 0.0, 9.0, 8.0, 0.0];
        let problem = Problem { costs: &costs, scores: &scores, formats: 3, budget: 9.0 };
        for method in METHODS {
            assert_eq!(allocate(&problem, method).unwrap().choice, [1, 0]);
        }
        let relaxed = allocate(&problem, Method::Lagrangian).unwrap();
        assert!((relaxed.bound - 10.0).abs() < 1e-12 && (relaxed.multiplier - 1.0).abs() < 1e-12);
    }

    #[test]
    fn what_cannot_be_is_refused() {
        let costs = [4.0, 8.0];
        let run = |scores: &[f64], budget| {
            allocate(&Problem { costs: &costs, scores, formats: 2, budget }, Method::Lagrangian)
        };
        let error = run(&[1.0, 0.0], 3.0).unwrap_err().to_string();
        assert_eq!(error, "`budget` must be at least 4, the cost of the cheapest choice, got 3");
        assert_eq!(run(&[f64::INFINITY, 2.0], 9.0).unwrap().choice, [1]);
        assert_eq!(run(&[1.0, 1.0], f64::INFINITY).unwrap().choice, [0]);
        assert!(run(&[f64::INFINITY; 2], 9.0).is_err() && run(&[f64::NAN, 1.0], 9.0).is_err());
        assert!(run(&[1.0], 9.0).is_err() && run(&[1.0, 0.0], f64::NAN).is_err());
    }
}
