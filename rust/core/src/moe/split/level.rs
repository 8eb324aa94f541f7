//! Tokens as the measure: pour, then pass on until nobody gains.

use super::copies::Copies;

/// Rounds of pouring; passing on finishes what they leave.
const ROUNDS: usize = 24;

/// Nobody.
const NONE: u32 = u32::MAX;

/// Loads of the ranks and how they are made up.
#[derive(Debug, Clone, Default)]
pub(super) struct Level {
    /// Tokens of each rank.
    pub(super) loads: Vec<u64>,
    /// Tokens of each copy.
    pub(super) quota: Vec<u64>,
    /// Speeds without their common divisor, which is the unit.
    speed: Vec<u64>,
    unit: u64,
    /// Copies of one expert by how soon their ranks end without it.
    order: Vec<u32>,
    /// How the search came to each rank: the copy that gives and the one that takes.
    path: Vec<[u32; 2]>,
    queue: Vec<u32>,
}

impl Level {
    pub(super) fn with_room(copies: &Copies) -> Self {
        let speeds = (0..copies.ranks.count()).map(|rank| u64::from(copies.ranks.speed(rank)));
        let divisor = speeds.clone().fold(0, gcd).max(1);
        Self {
            loads: vec![0; copies.ranks.count()],
            quota: vec![0; copies.rank.len()],
            speed: speeds.map(|speed| speed / divisor).collect(),
            unit: divisor,
            order: Vec::with_capacity(copies.most()),
            path: vec![[NONE; 2]; copies.ranks.count()],
            queue: Vec::with_capacity(copies.ranks.count()),
        }
    }

    /// Factors that loads are compared by.
    pub(super) fn speeds(&self) -> &[u64] {
        &self.speed
    }

    /// Thousandths of a speed that the factors count.
    pub(super) fn unit(&self) -> u64 {
        self.unit
    }

    /// Largest factor that loads are multiplied by.
    pub(super) fn largest_speed(&self) -> u64 {
        self.speed.iter().copied().max().unwrap_or(1)
    }

    /// Nothing anywhere.
    pub(super) fn clear(&mut self) {
        self.loads.fill(0);
        self.quota.fill(0);
    }

    /// When a rank would end with one token more, on a scale that fits numbers of experts.
    pub(super) fn time_with_one_more(&self, rank: usize) -> u64 {
        ((self.loads[rank] + 1) << 32) / self.speed[rank]
    }

    /// One token for a copy.
    pub(super) fn add_one(&mut self, copies: &Copies, copy: usize) {
        self.quota[copy] += 1;
        self.loads[copies.rank[copy] as usize] += 1;
    }

    /// Pass tokens on until that no longer helps the rank that ends last.
    pub(super) fn finish(&mut self, copies: &Copies) {
        while self.pass_on(copies) {}
    }

    /// Split `counts` so that the rank that ends last ends as early as it can.
    pub(super) fn solve(&mut self, copies: &Copies, counts: &[u64]) {
        self.clear();
        // What has no choice first: the others pour around it.
        for (expert, &count) in counts.iter().enumerate() {
            let range = copies.of(expert);
            if range.len() == 1 {
                self.quota[range.start] = count;
                self.loads[copies.rank[range.start] as usize] += count;
            }
        }
        for _ in 0..ROUNDS {
            let mut changed = false;
            for (expert, &count) in counts.iter().enumerate() {
                if count > 0 && copies.of(expert).len() > 1 {
                    changed |= self.pour(copies, expert, count);
                }
            }
            if !changed {
                break;
            }
        }
        self.finish(copies);
    }

    /// Split one expert anew, given all others. Says whether that changed anything.
    fn pour(&mut self, copies: &Copies, expert: usize, count: u64) -> bool {
        let range = copies.of(expert);
        for copy in range.clone() {
            self.loads[copies.rank[copy] as usize] -= self.quota[copy];
        }
        self.order.clear();
        for copy in range.clone() {
            let rank = copies.rank[copy] as usize;
            let ends_later = |&other: &u32| {
                let other = copies.rank[other as usize] as usize;
                self.loads[other] * self.speed[rank] > self.loads[rank] * self.speed[other]
            };
            let place = self.order.iter().position(ends_later).unwrap_or(self.order.len());
            self.order.insert(place, copy as u32);
        }
        // Pour over the first ones while the next ends before the level.
        let (mut tokens, mut speed, mut used) = (count, 0, 0);
        for &copy in &self.order {
            let rank = copies.rank[copy as usize] as usize;
            // The speeds of thousands of ranks together with all tokens pass 64 bits.
            let wide = |tokens: u64, speed: u64| u128::from(tokens) * u128::from(speed);
            if used > 0 && wide(self.loads[rank], speed) >= wide(tokens, self.speed[rank]) {
                break;
            }
            tokens += self.loads[rank];
            speed += self.speed[rank];
            used += 1;
        }
        let mut changed = false;
        let mut left = count;
        for &copy in &self.order[..used] {
            let rank = copies.rank[copy as usize] as usize;
            left -= tokens * self.speed[rank] / speed - self.loads[rank];
        }
        for place in 0..self.order.len() {
            let copy = self.order[place] as usize;
            let rank = copies.rank[copy] as usize;
            let mut share = 0;
            if place < used {
                share = tokens * self.speed[rank] / speed - self.loads[rank];
                // Fewer tokens than copies are left over by rounding down.
                share += u64::from(left > 0);
                left = left.saturating_sub(1);
            }
            changed |= self.quota[copy] != share;
            self.quota[copy] = share;
            self.loads[rank] += share;
        }
        changed
    }

    /// Take tokens off the rank that ends last, through other ranks if need be. Says whether that was possible.
    fn pass_on(&mut self, copies: &Copies) -> bool {
        let later = |a: usize, b: usize| self.loads[a] * self.speed[b] > self.loads[b] * self.speed[a];
        let alive = (0..self.loads.len()).filter(|&rank| self.speed[rank] > 0);
        let Some(slowest) = alive.reduce(|a, b| if later(b, a) { b } else { a }) else { return false };
        let Some(target) = self.search(copies, slowest) else { return false };
        // The same number of tokens moves along the whole chain, so only its ends change.
        let (high, low) = (self.speed[target], self.speed[slowest]);
        let gap = self.loads[slowest] * high - self.loads[target] * low;
        let mut tokens = (gap / (high + low)).max(1);
        let mut rank = target;
        while rank != slowest {
            let gives = self.path[rank][0] as usize;
            tokens = tokens.min(self.quota[gives]);
            rank = copies.rank[gives] as usize;
        }
        rank = target;
        while rank != slowest {
            let [gives, takes] = self.path[rank];
            self.quota[gives as usize] -= tokens;
            self.quota[takes as usize] += tokens;
            rank = copies.rank[gives as usize] as usize;
        }
        self.loads[slowest] -= tokens;
        self.loads[target] += tokens;
        true
    }

    /// The nearest rank that would end sooner than `from` does even with one token more.
    fn search(&mut self, copies: &Copies, from: usize) -> Option<usize> {
        self.path.fill([NONE; 2]);
        self.queue.clear();
        self.queue.push(from as u32);
        let mut next = 0;
        while next < self.queue.len() {
            let rank = self.queue[next] as usize;
            next += 1;
            let range = copies.rank_start[rank] as usize..copies.rank_start[rank + 1] as usize;
            for &gives in &copies.of_rank[range] {
                if self.quota[gives as usize] == 0 {
                    continue;
                }
                for takes in copies.of(copies.expert[gives as usize] as usize) {
                    let to = copies.rank[takes] as usize;
                    if to == from || self.path[to][0] != NONE {
                        continue;
                    }
                    self.path[to] = [gives, takes as u32];
                    if (self.loads[to] + 1) * self.speed[from] < self.loads[from] * self.speed[to] {
                        return Some(to);
                    }
                    self.queue.push(to as u32);
                }
            }
        }
        None
    }
}

fn gcd(a: u64, b: u64) -> u64 {
    if b == 0 { a } else { gcd(b, a % b) }
}
