//! What is measured between a point and a reference: one small type each, so that every loop is compiled for it.

use super::search::{Measure, larger};

/// The square of the distance.
#[derive(Clone, Copy)]
pub(super) struct Square;

impl Measure for Square {
    const START: f64 = 0.0;
    #[inline(always)]
    fn step(self, sum: f64, point: f64, reference: f64, _: bool) -> f64 {
        let difference = point - reference;
        sum + difference * difference
    }
    #[inline(always)]
    fn bound(self, sum: f64, low: f64, high: f64, reference: f64, _: bool) -> f64 {
        let outside = larger(larger(low - reference, reference - high), 0.0);
        sum + outside * outside
    }
}

/// The square of the distance by which the point is worse: objectives in which it is better do not count.
#[derive(Clone, Copy)]
pub(super) struct SquareOfWorse;

impl Measure for SquareOfWorse {
    const START: f64 = 0.0;
    #[inline(always)]
    fn step(self, sum: f64, point: f64, reference: f64, _: bool) -> f64 {
        let worse = larger(point - reference, 0.0);
        sum + worse * worse
    }
}

/// The sum of the differences without their signs.
#[derive(Clone, Copy)]
pub(super) struct City;

impl Measure for City {
    const START: f64 = 0.0;
    #[inline(always)]
    fn step(self, sum: f64, point: f64, reference: f64, _: bool) -> f64 {
        sum + (point - reference).abs()
    }
    #[inline(always)]
    fn bound(self, sum: f64, low: f64, high: f64, reference: f64, _: bool) -> f64 {
        sum + larger(larger(low - reference, reference - high), 0.0)
    }
}

/// What must be taken off the point so that it is nowhere worse.
#[derive(Clone, Copy)]
pub(super) struct Shift;

impl Measure for Shift {
    const START: f64 = f64::NEG_INFINITY;
    #[inline(always)]
    fn step(self, sum: f64, point: f64, reference: f64, _: bool) -> f64 {
        larger(point - reference, sum)
    }
}

/// What the point must be divided by for that; positive numbers only, with their signs turned where larger is better.
#[derive(Clone, Copy)]
pub(super) struct Ratio;

impl Measure for Ratio {
    const START: f64 = 0.0;
    const HAS_LIMITS: bool = true;
    #[inline(always)]
    fn step(self, sum: f64, point: f64, reference: f64, upside_down: bool) -> f64 {
        larger(if upside_down { reference / point } else { point / reference }, sum)
    }
    #[inline(always)]
    fn limit(self, most: f64, reference: f64, upside_down: bool) -> f64 {
        let about = if upside_down { reference / most } else { reference * most };
        let nearby = [about.next_up(), about, about.next_down(), about.next_down().next_down()];
        let allowed = |value: &f64| self.step(Self::START, *value, reference, upside_down) <= most;
        nearby.into_iter().filter(allowed).fold(f64::NEG_INFINITY, larger)
    }
}

/// The weighted Chebyshev length of a point; the references are weights.
#[derive(Clone, Copy)]
pub(super) struct Chebyshev;

impl Measure for Chebyshev {
    const START: f64 = 0.0;
    #[inline(always)]
    fn step(self, sum: f64, point: f64, weight: f64, _: bool) -> f64 {
        larger(point * weight, sum)
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn limits_are_the_largest_values_within_a_ratio() {
        let numbers = [0.1, 0.3, 0.7, 1.0 / 3.0, 1.1, 3.0, 7e10, 1e-12];
        for most in numbers {
            for reference in numbers {
                let low = Ratio.limit(most, reference, false);
                assert!(low / reference <= most && low.next_up() / reference > most, "{most} {reference}");
                let high = -Ratio.limit(most, -reference, true);
                assert!(reference / high <= most && reference / high.next_down() > most, "{most} {reference}");
            }
        }
        let nothing = [false, true].map(|upside_down| Ratio.limit(f64::NEG_INFINITY, 1.0, upside_down));
        assert!(nothing.iter().all(|&limit| limit <= f64::NEG_INFINITY), "{nothing:?}");
    }
}
