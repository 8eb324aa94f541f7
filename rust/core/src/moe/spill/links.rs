//! How long weights take to arrive, from their homes or passed on by ranks that have them.
//!
//! Every rank sends one expert and receives one expert at a time. From homes only, the busiest end of a link decides,
//! because a bipartite multigraph has as many rounds as its largest degree (König). With relays each transfer starts
//! from the rank that gets it there first, those of the widest expert first.

use super::greedy::Piece;
use crate::moe::{Cost, Ranks};

/// Costs of transfers, and room for a schedule.
#[derive(Debug, Clone)]
pub(super) struct Links {
    sent: Vec<u64>,
    received: Vec<u64>,
    sends: Vec<u32>,
    /// When the piece at the same place arrives.
    arrived: Vec<u64>,
    groups: Vec<Group>,
    /// The pieces by expert, those that are on their way first.
    grouped: Vec<Piece>,
    schedule: Vec<Piece>,
}

/// Pieces of one expert: `grouped[start..end]`, of which those before `next` are on their way.
#[derive(Debug, Clone, Copy)]
struct Group {
    home: u32,
    start: usize,
    next: usize,
    end: usize,
}

impl Links {
    pub(super) fn with_room(num_experts: usize, num_ranks: usize) -> Self {
        let most = num_experts + num_ranks;
        Self {
            sent: vec![0; num_ranks],
            received: vec![0; num_ranks],
            sends: vec![0; num_ranks],
            arrived: Vec::with_capacity(most),
            groups: Vec::with_capacity(most),
            grouped: Vec::with_capacity(most),
            schedule: Vec::with_capacity(most),
        }
    }

    fn clear(&mut self) {
        self.sent.fill(0);
        self.received.fill(0);
        self.sends.fill(0);
    }

    /// Time when all come from their homes, or nothing if that takes more than `max_out` sends of a rank.
    pub(super) fn direct(&mut self, pieces: &[Piece], time: &Time<'_>, max_out: u32) -> Option<u64> {
        self.clear();
        for piece in pieces {
            let (source, destination) = (piece.source as usize, piece.destination as usize);
            let each = time.of(source, destination);
            self.sent[source] += each;
            self.received[destination] += each;
            self.sends[source] += 1;
        }
        let allowed = self.sends.iter().all(|&sends| sends <= max_out);
        allowed.then(|| self.sent.iter().chain(&self.received).copied().max().unwrap_or_default())
    }

    /// As `direct`, with relays if those are sooner: then `pieces` are put in an order of sending, with their sources.
    /// Otherwise they are left as they are.
    pub(super) fn relayed(&mut self, pieces: &mut Vec<Piece>, time: &Time<'_>, max_out: u32) -> Option<u64> {
        let direct = self.direct(pieces, time, max_out);
        let relayed = self.plan(pieces, time, max_out);
        match (direct, relayed) {
            (direct, Some(relayed)) if direct.is_none_or(|direct| relayed < direct) => {
                pieces.clear();
                pieces.extend_from_slice(&self.schedule);
                Some(relayed)
            }
            (direct, _) => direct,
        }
    }

    /// Fill `schedule`; nothing if some rank would send too often.
    fn plan(&mut self, pieces: &[Piece], time: &Time<'_>, max_out: u32) -> Option<u64> {
        self.clear();
        self.group(pieces);
        self.schedule.clear();
        let mut last = 0;
        while let Some(place) = self.widest() {
            let group = self.groups[place];
            let key = |other: &usize| {
                let destination = self.grouped[*other].destination;
                (self.received[destination as usize], destination)
            };
            let next = (group.next..group.end).min_by_key(key)?;
            self.grouped.swap(group.next, next);
            let destination = self.grouped[group.next].destination as usize;
            let (end, source) = self.soonest(group, destination, time, max_out)?;
            self.sent[source] = end;
            self.received[destination] = end;
            self.sends[source] += 1;
            self.arrived[group.next] = end;
            self.groups[place].next += 1;
            self.schedule.push(Piece { source: source as u32, ..self.grouped[group.next] });
            last = last.max(end);
        }
        Some(last)
    }

    fn group(&mut self, pieces: &[Piece]) {
        self.grouped.clear();
        self.grouped.extend_from_slice(pieces);
        self.grouped.sort_unstable_by_key(|piece| (piece.expert, piece.destination));
        self.arrived.clear();
        self.arrived.resize(pieces.len(), 0);
        self.groups.clear();
        for (place, piece) in self.grouped.iter().enumerate() {
            match self.groups.last_mut() {
                Some(group) if self.grouped[group.start].expert == piece.expert => group.end = place + 1,
                _ => self.groups.push(Group { home: piece.source, start: place, next: place, end: place + 1 }),
            }
        }
    }

    /// The group that most destinations wait for.
    fn widest(&self) -> Option<usize> {
        let mut best: Option<(usize, usize)> = None;
        for (place, group) in self.groups.iter().enumerate() {
            let waiting = group.end - group.next;
            if waiting > 0 && best.is_none_or(|(most, _)| waiting > most) {
                best = Some((waiting, place));
            }
        }
        best.map(|(_, place)| place)
    }

    /// The rank that has the expert and gets it to `destination` first, and when.
    fn soonest(&self, group: Group, destination: usize, time: &Time<'_>, max_out: u32) -> Option<(u64, usize)> {
        let relays =
            (group.start..group.next).map(|place| (self.grouped[place].destination as usize, self.arrived[place]));
        let holders = std::iter::once((group.home as usize, 0)).chain(relays);
        holders
            .filter(|&(rank, _)| self.sends[rank] < max_out)
            .map(|(rank, since)| {
                let start = self.sent[rank].max(since).max(self.received[destination]);
                (start + time.of(rank, destination), rank)
            })
            .min()
    }
}

/// What a transfer takes; without a cost model all take the same.
pub(super) struct Time<'a> {
    pub(super) cost: Option<&'a Cost>,
    pub(super) ranks: &'a Ranks,
}

impl Time<'_> {
    fn of(&self, source: usize, destination: usize) -> u64 {
        self.cost.map_or(1, |cost| cost.transfer(self.ranks, source, destination))
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn fan(count: u32) -> Vec<Piece> {
        (1..=count).map(|destination| Piece { expert: 0, source: 0, destination, tokens: 1 }).collect()
    }

    #[test]
    fn a_tree_of_relays_takes_a_logarithm_of_rounds() {
        let ranks = Ranks::equal(16).unwrap();
        let time = Time { cost: None, ranks: &ranks };
        let mut links = Links::with_room(16, 16);
        let mut pieces = fan(15);
        assert_eq!(links.direct(&pieces, &time, u32::MAX), Some(15));
        assert_eq!(links.relayed(&mut pieces, &time, u32::MAX), Some(4));
        let mut has = vec![0];
        for piece in &pieces {
            assert!(has.contains(&piece.source) && !has.contains(&piece.destination));
            has.push(piece.destination);
        }
    }

    #[test]
    fn a_chain_keeps_a_limit_of_one_send() {
        let ranks = Ranks::equal(4).unwrap();
        let time = Time { cost: None, ranks: &ranks };
        let mut links = Links::with_room(4, 4);
        let mut pieces = fan(3);
        assert_eq!(links.direct(&pieces, &time, 1), None);
        assert_eq!(links.relayed(&mut pieces, &time, 1), Some(3));
        assert_eq!(pieces.iter().map(|piece| piece.source).collect::<Vec<_>>(), [0, 1, 2]);
    }

    #[test]
    fn pieces_that_relays_do_not_help_keep_their_order() {
        let ranks = Ranks::equal(4).unwrap();
        let time = Time { cost: None, ranks: &ranks };
        let mut links = Links::with_room(4, 4);
        let given = [(1, 1, 3), (0, 0, 2), (0, 0, 1)].map(|(expert, source, destination)| Piece {
            expert,
            source,
            destination,
            tokens: 1,
        });
        let mut pieces = given.to_vec();
        assert_eq!(links.relayed(&mut pieces, &time, u32::MAX), Some(2));
        assert_eq!(pieces, given);
    }

    #[test]
    fn single_transfers_are_left_alone() {
        let ranks = Ranks::equal(4).unwrap();
        let time = Time { cost: None, ranks: &ranks };
        let mut links = Links::with_room(4, 4);
        let mut pieces = fan(1);
        assert_eq!(links.relayed(&mut pieces, &time, u32::MAX), Some(1));
        assert_eq!(pieces, fan(1));
    }
}
