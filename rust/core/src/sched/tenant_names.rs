//! What the engine calls its tenants. A name is kept while a request of the tenant lives or the scheduler remembers
//! what it was served; then its number goes to another.

use super::ids::IdMap;
use super::order::is_time_to_forget;

/// Numbers for names.
#[derive(Debug, Default)]
pub(super) struct TenantNames {
    numbers: IdMap<u32>,
    /// By number: the name, and how many requests of it live.
    names: Vec<(i64, u64)>,
    /// Numbers of nobody.
    free: Vec<u32>,
}

impl TenantNames {
    /// The names in `names`, of whom nobody lives, but for those in `free`; `None` if these are not numbers of names.
    pub(super) fn new(names: &[i64], free: Vec<u32>) -> Option<Self> {
        let mut numbers: IdMap<u32> = IdMap::default();
        let mut is_free = vec![false; names.len()];
        for &number in &free {
            let place = is_free.get_mut(number as usize).filter(|place| !**place)?;
            *place = true;
        }
        for (number, &name) in (0..).zip(names) {
            if !is_free[number as usize] && numbers.insert(name, number).is_some() {
                return None;
            }
        }
        Some(Self { numbers, names: names.iter().map(|&name| (name, 0)).collect(), free })
    }

    /// Names by number, whoever they belonged to, and the numbers that are free.
    pub(super) fn parts(&self) -> (Vec<i64>, &Vec<u32>) {
        (self.names.iter().map(|&(name, _)| name).collect(), &self.free)
    }

    pub(super) fn name(&self, number: u32) -> i64 {
        self.names[number as usize].0
    }

    /// Whether somebody has this number.
    pub(super) fn has(&self, number: u32) -> bool {
        self.names.get(number as usize).is_some_and(|(name, _)| self.numbers.get(name) == Some(&number))
    }

    /// The number of a tenant, a new one if it has none; `None` if there are too many. `remembered` tells which numbers
    /// the scheduler still knows something of.
    pub(super) fn number(&mut self, name: i64, remembered: impl FnOnce() -> Vec<u32>) -> Option<u32> {
        if let Some(&number) = self.numbers.get(&name) {
            return Some(number);
        }
        let mut free = self.free.pop();
        if free.is_none() && is_time_to_forget(self.names.len()) {
            self.forget(&remembered());
            // With less it would soon be time again.
            free = if self.free.len() >= self.names.len() / 4 { self.free.pop() } else { None };
        }
        let number = match free {
            Some(number) => number,
            None => u32::try_from(self.names.len()).ok()?,
        };
        match self.names.get_mut(number as usize) {
            Some(place) => *place = (name, 0),
            None => self.names.push((name, 0)),
        }
        self.numbers.insert(name, number);
        Some(number)
    }

    /// A request of it was submitted.
    pub(super) fn add(&mut self, number: u32) {
        self.names[number as usize].1 += 1;
    }

    /// One is gone.
    pub(super) fn remove(&mut self, number: u32) {
        self.names[number as usize].1 -= 1;
    }

    fn forget(&mut self, remembered: &[u32]) {
        for number in (0..self.names.len() as u32).rev() {
            let (name, num_live) = self.names[number as usize];
            if num_live == 0 && self.has(number) && remembered.binary_search(&number).is_err() {
                self.numbers.remove(&name);
                self.free.push(number);
            }
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn numbers_of_those_that_are_gone_go_to_others() {
        let mut names = TenantNames::default();
        for name in 0..64 {
            assert_eq!(names.number(name * 1000, Vec::new), Some(name as u32));
        }
        names.add(5);
        assert_eq!(names.number(-1, || vec![3, 7]), Some(0), "64 are known, of which three count");
        assert_eq!([3, 5, 7].map(|number| names.name(number)), [3000, 5000, 7000]);
        assert_eq!(names.number(1000, || unreachable!()), Some(1), "forgotten, and back");
        for name in 0..59 {
            names.number(-2 - name, || unreachable!()).unwrap();
        }
        for number in 0..64 {
            names.add(number);
        }
        assert_eq!(names.number(-100, Vec::new), Some(64), "all live");
        names.remove(5);
        assert!(names.has(5));
    }

    #[test]
    fn names_come_back_from_their_parts() {
        let names = TenantNames::new(&[7, 8, 7], vec![0]).unwrap();
        assert_eq!((names.has(0), names.has(1), names.has(2), names.has(3)), (false, true, true, false));
        assert!(TenantNames::new(&[7, 8, 7], vec![]).is_none());
        assert!(TenantNames::new(&[7, 8], vec![1, 1]).is_none());
        assert!(TenantNames::new(&[7, 8], vec![2]).is_none());
    }
}
