//! Turns to search: so many run at once, so many wait, and no tenant keeps the others waiting.
//!
//! A turn that becomes free goes to the tenants in a circle, within a tenant to who asked first. One tenant may
//! fill half of the places to wait, so that another always finds one.

use std::collections::VecDeque;
use std::sync::{Arc, Mutex, MutexGuard, PoisonError};

use lapwing_event::TenantId;
use tokio::sync::oneshot;

/// Hands out turns.
pub(crate) struct Turns {
    state: Mutex<State>,
    max_waiting: usize,
}

struct State {
    free: usize,
    /// Tenants with somebody waiting; the first is served next.
    waiting: VecDeque<(TenantId, Queue)>,
}

type Queue = VecDeque<oneshot::Sender<Turn>>;

/// The right to run one search, or to help one; dropping it passes it on.
#[derive(Debug)]
pub(crate) struct Turn(Arc<Turns>);

/// Nobody can wait any more.
#[derive(Debug, PartialEq, Eq)]
pub(crate) struct Full;

impl Turns {
    /// So many run at once, so many more may wait.
    pub fn new(at_once: usize, max_waiting: usize) -> Arc<Self> {
        Arc::new(Self { state: Mutex::new(State { free: at_once, waiting: VecDeque::new() }), max_waiting })
    }

    /// A turn for the tenant, at once or later; dropping the receiver gives up the place.
    pub fn ask(self: &Arc<Self>, tenant: &TenantId) -> Result<oneshot::Receiver<Turn>, Full> {
        let (sender, receiver) = oneshot::channel();
        let mut state = self.lock();
        if state.free > 0 {
            state.free -= 1;
            drop(state);
            drop(sender.send(Turn(Arc::clone(self))));
            return Ok(receiver);
        }
        state.waiting.iter_mut().for_each(|(_, queue)| queue.retain(|sender| !sender.is_closed()));
        state.waiting.retain(|(_, queue)| !queue.is_empty());
        let all: usize = state.waiting.iter().map(|(_, queue)| queue.len()).sum();
        let share = self.max_waiting.div_ceil(2);
        let own = state.waiting.iter_mut().find(|(other, _)| other == tenant).map(|(_, queue)| queue);
        if all >= self.max_waiting || own.as_ref().is_some_and(|queue| queue.len() >= share) {
            return Err(Full);
        }
        match own {
            Some(queue) => queue.push_back(sender),
            None => state.waiting.push_back((tenant.clone(), Queue::from([sender]))),
        }
        Ok(receiver)
    }

    /// Turns that nobody wants now, but for as many again.
    pub fn spare(self: &Arc<Self>) -> Vec<Turn> {
        let mut state = self.lock();
        let spare = state.free / 2;
        state.free -= spare;
        drop(state);
        (0..spare).map(|_| Turn(Arc::clone(self))).collect()
    }

    fn pass_on(self: &Arc<Self>) {
        let mut state = self.lock();
        let Some((tenant, mut queue)) = state.waiting.pop_front() else {
            state.free += 1;
            return;
        };
        let next = queue.pop_front();
        if !queue.is_empty() {
            state.waiting.push_back((tenant, queue));
        }
        drop(state);
        // If that one is gone by now, its turn is dropped here, which passes it on again.
        drop(next.map(|sender| sender.send(Turn(Arc::clone(self)))));
    }

    fn lock(&self) -> MutexGuard<'_, State> {
        self.state.lock().unwrap_or_else(PoisonError::into_inner)
    }
}

impl std::fmt::Debug for Turns {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        f.debug_struct("Turns").field("max_waiting", &self.max_waiting).finish_non_exhaustive()
    }
}

impl Drop for Turn {
    fn drop(&mut self) {
        self.0.pass_on();
    }
}

#[cfg(test)]
mod tests {
    #![allow(clippy::unwrap_used)]
    use super::*;

    fn tenant(name: &str) -> TenantId {
        TenantId::new(name).unwrap()
    }

    /// Who holds a turn, of those who asked.
    fn served(asked: &mut [(&'static str, oneshot::Receiver<Turn>)]) -> Vec<(&'static str, Turn)> {
        asked.iter_mut().filter_map(|(name, receiver)| Some((*name, receiver.try_recv().ok()?))).collect()
    }

    #[test]
    fn tenants_take_turns_and_nobody_fills_every_place() {
        let turns = Turns::new(1, 4);
        let (big, small) = (tenant("big"), tenant("small"));
        let mut first = turns.ask(&big).unwrap();
        let mut asked = vec![("big 1", turns.ask(&big).unwrap()), ("big 2", turns.ask(&big).unwrap())];
        assert_eq!(turns.ask(&big).err(), Some(Full), "half of the places");
        asked.push(("small 1", turns.ask(&small).unwrap()));
        asked.push(("small 2", turns.ask(&small).unwrap()));
        assert_eq!(turns.ask(&tenant("third")).err(), Some(Full), "all of the places");
        assert!(served(&mut asked).is_empty());

        drop(first.try_recv().unwrap());
        let mut order = Vec::new();
        while let Some((name, turn)) = served(&mut asked).pop() {
            order.push(name);
            drop(turn);
        }
        assert_eq!(order, ["big 1", "small 1", "big 2", "small 2"]);
        assert!(turns.ask(&big).unwrap().try_recv().is_ok());
    }

    #[test]
    fn half_of_what_nobody_wants_is_spare() {
        let turns = Turns::new(4, 1);
        let first = turns.ask(&tenant("a")).unwrap().try_recv().unwrap();
        let spare = turns.spare();
        assert_eq!((spare.len(), turns.spare().len()), (1, 1), "three, then two, were free");
        drop((first, spare));
        assert_eq!(turns.spare().len(), 2);
    }

    #[test]
    fn who_leaves_gives_up_the_place_and_the_turn() {
        let turns = Turns::new(1, 2);
        let held = turns.ask(&tenant("a")).unwrap().try_recv().unwrap();
        let left = turns.ask(&tenant("a")).unwrap();
        drop(left);
        let left = turns.ask(&tenant("a")).expect("the place is free again");
        let mut stays = turns.ask(&tenant("b")).unwrap();
        drop(left);
        drop(held);
        drop(stays.try_recv().unwrap());
        drop(turns.ask(&tenant("c")).unwrap());
        assert!(turns.ask(&tenant("c")).unwrap().try_recv().is_ok(), "a turn that nobody took is passed on");
    }
}
