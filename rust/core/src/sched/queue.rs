//! A heap whose entries can be found: 4-ary, over integer keys, with a table of positions.
//!
//! Four children per node make the tree half as deep as a binary heap and keep siblings in one or two cache lines. The
//! position table turns cancel and change of key into O(log n); a list would need O(n).

use super::request::RequestIndex;

const ARITY: usize = 4;
const ABSENT: u32 = u32::MAX;

/// Requests by key, smallest first. Keys are unique in practice (they end in the order of submission); equal keys come
/// out in an order that depends on the history alone.
#[derive(Debug, Clone, Default)]
pub struct Queue<K> {
    nodes: Vec<(K, RequestIndex)>,
    positions: Vec<u32>,
}

impl<K: Copy + Ord> Queue<K> {
    /// An empty queue.
    pub fn new() -> Self {
        Self { nodes: Vec::new(), positions: Vec::new() }
    }

    /// Number of requests.
    pub fn len(&self) -> usize {
        self.nodes.len()
    }

    /// Whether there is none.
    pub fn is_empty(&self) -> bool {
        self.nodes.is_empty()
    }

    /// Key of `request`, if it is in the queue.
    pub fn key(&self, request: RequestIndex) -> Option<K> {
        self.position(request).map(|position| self.nodes[position].0)
    }

    /// The request with the smallest key.
    pub fn peek(&self) -> Option<RequestIndex> {
        self.nodes.first().map(|&(_, request)| request)
    }

    /// Add `request`, or change its key if it is there already. O(log n).
    pub fn set(&mut self, request: RequestIndex, key: K) {
        let position = if let Some(position) = self.position(request) {
            self.nodes[position].0 = key;
            position
        } else {
            if self.positions.len() <= request as usize {
                self.positions.resize(request as usize + 1, ABSENT);
            }
            self.nodes.push((key, request));
            self.nodes.len() - 1
        };
        let position = self.rise(position);
        self.sink(position);
    }

    /// Take out the request with the smallest key. O(log n).
    pub fn pop(&mut self) -> Option<RequestIndex> {
        let request = self.peek()?;
        self.remove_at(0);
        Some(request)
    }

    /// Take out `request`; false if it is not there. O(log n).
    pub fn remove(&mut self, request: RequestIndex) -> bool {
        let position = self.position(request);
        if let Some(position) = position {
            self.remove_at(position);
        }
        position.is_some()
    }

    fn position(&self, request: RequestIndex) -> Option<usize> {
        self.positions.get(request as usize).filter(|&&position| position != ABSENT).map(|&position| position as usize)
    }

    fn remove_at(&mut self, position: usize) {
        let (_, removed) = self.nodes.swap_remove(position);
        self.positions[removed as usize] = ABSENT;
        if position < self.nodes.len() {
            let position = self.rise(position);
            self.sink(position);
        }
    }

    /// Move the node up while it is smaller than its parent; returns where it ends, with the table correct.
    fn rise(&mut self, mut position: usize) -> usize {
        let node = self.nodes[position];
        while position > 0 {
            let parent = (position - 1) / ARITY;
            if self.nodes[parent].0 <= node.0 {
                break;
            }
            self.place(position, self.nodes[parent]);
            position = parent;
        }
        self.place(position, node);
        position
    }

    /// Move the node down while a child is smaller.
    fn sink(&mut self, mut position: usize) {
        let node = self.nodes[position];
        loop {
            let first = position * ARITY + 1;
            let last = (first + ARITY).min(self.nodes.len());
            let Some(child) = (first..last).min_by_key(|&child| self.nodes[child].0) else { break };
            if node.0 <= self.nodes[child].0 {
                break;
            }
            self.place(position, self.nodes[child]);
            position = child;
        }
        self.place(position, node);
    }

    fn place(&mut self, position: usize, node: (K, RequestIndex)) {
        self.nodes[position] = node;
        self.positions[node.1 as usize] = position as u32;
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn pops_in_order_of_keys() {
        let mut queue = Queue::new();
        for (request, key) in [5_u64, 1, 4, 2, 3, 9, 0].into_iter().enumerate() {
            queue.set(request as u32, key);
        }
        let order: Vec<u32> = std::iter::from_fn(|| queue.pop()).collect();
        assert_eq!(order, [6, 1, 3, 4, 2, 0, 5]);
    }

    #[test]
    fn change_and_remove_find_their_entry() {
        let mut queue = Queue::new();
        for request in 0..20_u32 {
            queue.set(request, u64::from(request));
        }
        queue.set(19, 0);
        queue.set(0, 100);
        assert!(queue.remove(7));
        assert!(!queue.remove(7));
        assert!(!queue.remove(1000));
        assert_eq!(queue.key(19), Some(0));
        let order: Vec<u32> = std::iter::from_fn(|| queue.pop()).collect();
        assert_eq!(order, [19, 1, 2, 3, 4, 5, 6, 8, 9, 10, 11, 12, 13, 14, 15, 16, 17, 18, 0]);
        assert!(queue.is_empty());
    }
}
