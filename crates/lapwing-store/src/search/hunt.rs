//! Looking for the first hits of a plan: segment by segment in the order of the hits, ending as soon as no later
//! one can change the page or the count, by one thread or, where it costs much, by several.
//!
//! Threads take pieces of segments from one queue. Each keeps the best of its piece by itself, and hands them in at
//! the end: the ranks of hits are all different, so the page does not depend on who was faster.

use std::cmp::Reverse;
use std::collections::VecDeque;
use std::ops::{ControlFlow, Range};
use std::sync::atomic::{AtomicBool, AtomicU64, Ordering::Relaxed};
use std::sync::{Arc, Mutex, MutexGuard, PoisonError};

use lapwing_event::Timestamp;
use tantivy::columnar::ColumnValues;
use tantivy::query::{EnableScoring, Weight};
use tantivy::{DateTime, DocAddress, DocId, SegmentReader};

use super::compile::Compiler;
use super::scan::{Stop, blocks, documents_of, each_scored};
use super::top::{Candidate, Rank, Top};
use super::turns::Turn;
use super::{Deadline, Plan, Scope, Sort, Span};
use crate::partition::View;
use crate::shared::Snapshot;
use crate::{SearchError, StoreConfig, schema};

/// What threads share a segment by, in documents.
const PIECE: u32 = 1 << 17;

/// What was found.
pub(super) struct Found {
    /// The page and one more, the first first.
    pub candidates: Vec<Candidate>,
    /// How many match …
    pub count: u64,
    /// … unless it was not all looked at.
    pub complete: bool,
}

/// Everything that the threads of a search share.
pub(super) struct Hunt<'a> {
    pub snapshot: &'a Snapshot,
    pub scope: &'a Scope,
    pub plan: &'a Plan,
    pub config: &'a StoreConfig,
    pub deadline: &'a Deadline,
    as_of: u64,
    after: Option<Rank>,
    limit: usize,
    count_up_to: u64,
    /// What segments are cut into, in documents.
    piece: u32,
    pieces: Mutex<Pieces>,
    top: Mutex<Top>,
    count: AtomicU64,
    complete: AtomicBool,
}

/// What is still to be looked at.
struct Pieces {
    /// Partitions by their place in the snapshot, the one with the first hits first.
    views: VecDeque<usize>,
    /// Of the partition that was opened last.
    pieces: VecDeque<Piece>,
    /// Whether segments are cut so that threads share them.
    cut: bool,
}

/// Documents of a segment.
struct Piece {
    view: usize,
    segment: u32,
    documents: Range<DocId>,
    /// Holds all of them.
    span: Span,
    /// No hit of it is before this.
    best: Rank,
}

impl<'a> Hunt<'a> {
    pub fn new(
        snapshot: &'a Snapshot,
        scope: &'a Scope,
        plan: &'a Plan,
        config: &'a StoreConfig,
        deadline: &'a Deadline,
    ) -> Self {
        // One more than the page, to know whether there is another.
        let limit = plan.size + 1;
        let pieces = Pieces { views: order(snapshot, plan), pieces: VecDeque::new(), cut: false };
        Self {
            snapshot,
            scope,
            plan,
            config,
            deadline,
            as_of: plan.cursor.as_ref().map_or(snapshot.next_seq, |cursor| cursor.as_of),
            after: plan.cursor.as_ref().map(|cursor| cursor.after),
            limit,
            count_up_to: plan.count_up_to.unwrap_or(config.count_up_to),
            piece: PIECE,
            pieces: Mutex::new(pieces),
            top: Mutex::new(Top::new(limit)),
            count: AtomicU64::new(0),
            complete: AtomicBool::new(true),
        }
    }

    /// Looks, with a thread more for each turn.
    pub fn run(self, helpers: &[Turn]) -> Result<Found, SearchError> {
        lock(&self.pieces).cut = !helpers.is_empty();
        std::thread::scope(|scope| {
            let helpers: Vec<_> = helpers.iter().map(|_| scope.spawn(|| Worker::new(&self).run())).collect();
            let own = Worker::new(&self).run();
            // A panic of a helper is one of this thread.
            let all = helpers
                .into_iter()
                .map(|helper| helper.join().unwrap_or_else(|cause| std::panic::resume_unwind(cause)));
            all.fold(own, Result::and)
        })?;
        let candidates = self.top.into_inner().unwrap_or_else(PoisonError::into_inner).into_sorted();
        let (count, complete) = (self.count.into_inner(), self.complete.into_inner());
        // What was counted beyond the limit depends on who was faster.
        let at_least = self.count_up_to.max(candidates.len() as u64);
        Ok(Found { candidates, count: if complete { count } else { count.min(at_least) }, complete })
    }

    /// What to look at next.
    fn next(&self) -> Result<Option<Piece>, SearchError> {
        let mut pieces = lock(&self.pieces);
        loop {
            while let Some(piece) = pieces.pieces.pop_front() {
                if !self.is_done(piece.best) {
                    return Ok(Some(piece));
                }
            }
            let Some(at) = pieces.views.pop_front() else { return Ok(None) };
            let view = &self.snapshot.views[at];
            let first = view.times.map(|(first, last)| match self.plan.sort {
                Sort::OldestFirst => first,
                Sort::NewestFirst | Sort::BestFirst => last,
            });
            if first.is_some_and(|time| self.is_done(Rank::highest(self.plan.sort, time))) {
                // Nor can any that comes later.
                pieces.views.clear();
                continue;
            }
            let failed = |source| SearchError::Index { partition: view.id.to_string(), source };
            pieces.pieces = self.cut(at, view, pieces.cut).map_err(failed)?;
        }
    }

    /// The pieces of a partition, the one with the first hits first.
    fn cut(&self, at: usize, view: &View, share: bool) -> tantivy::Result<VecDeque<Piece>> {
        let mut pieces = Vec::new();
        for (ord, segment) in view.searcher.segment_readers().iter().enumerate() {
            let Range { mut start, end } = documents_of(segment, self.plan.span)?;
            let times = times(segment)?;
            let time = |doc| Timestamp::from_nanos(times.get_val(doc).into_timestamp_nanos());
            while start < end {
                let stop = if share { end.min(start.saturating_add(self.piece)) } else { end };
                let (latest, earliest) = (time(start), time(stop - 1));
                let span = match share {
                    true => Span { from: earliest, to: Timestamp::from_nanos(latest.nanos().saturating_add(1)) },
                    false => self.plan.span,
                };
                let first = if self.plan.sort == Sort::OldestFirst { earliest } else { latest };
                let best = Rank::highest(self.plan.sort, first);
                pieces.push(Piece { view: at, segment: ord as u32, documents: start..stop, span, best });
                start = stop;
            }
        }
        pieces.sort_by_key(|piece| Reverse(piece.best));
        Ok(pieces.into())
    }

    /// Whether nothing of this rank or less can change the page or the count. What is then left out is not counted.
    fn is_done(&self, best: Rank) -> bool {
        let done = self.enough() && !lock(&self.top).admits(best);
        if done {
            self.complete.store(false, Relaxed);
        }
        done
    }

    /// Whether the count needs no more.
    fn enough(&self) -> bool {
        self.plan.sort != Sort::BestFirst && self.count.load(Relaxed) >= self.count_up_to
    }
}

/// The partitions that the span touches, the one with the first hits first.
fn order(snapshot: &Snapshot, plan: &Plan) -> VecDeque<usize> {
    let views = snapshot.views.iter().enumerate();
    let touched = views.filter(|(_, view)| view.times.is_some_and(|times| plan.span.touches(times)));
    let mut order: Vec<usize> = touched.map(|(at, _)| at).collect();
    // Parts of one day overlap, so their names do not tell.
    let times = |at: &usize| snapshot.views[*at].times;
    match plan.sort {
        Sort::OldestFirst => order.sort_by_key(|at| times(at).map(|(first, _)| first)),
        Sort::NewestFirst | Sort::BestFirst => order.sort_by_key(|at| Reverse(times(at).map(|(_, last)| last))),
    }
    order.into()
}

/// One thread of a search.
struct Worker<'a> {
    hunt: &'a Hunt<'a>,
    /// The query of the piece before, which is that of the next one more often than not.
    weight: Option<((usize, Span), Box<dyn Weight>)>,
}

impl<'a> Worker<'a> {
    fn new(hunt: &'a Hunt<'a>) -> Self {
        Self { hunt, weight: None }
    }

    fn run(mut self) -> Result<(), SearchError> {
        while let Some(piece) = self.hunt.next()? {
            self.hunt.deadline.check()?;
            self.search(&piece)?;
        }
        Ok(())
    }

    fn search(&mut self, piece: &Piece) -> Result<(), SearchError> {
        let hunt = self.hunt;
        let Hunt { snapshot, plan, deadline, .. } = *hunt;
        let view = &snapshot.views[piece.view];
        let failed = |source| SearchError::Index { partition: view.id.to_string(), source };
        let weight = self.weight(view, piece)?;
        let segment = view.searcher.segment_reader(piece.segment);
        let mut finds = Finds::new(hunt, piece, segment).map_err(failed)?;
        match plan.sort {
            Sort::BestFirst => each_scored(weight, segment, &piece.documents, deadline, &mut |doc, score| {
                finds.visit(doc, score);
            }),
            Sort::NewestFirst | Sort::OldestFirst => {
                blocks(weight, segment, &piece.documents, deadline, &mut |docs| finds.block(docs))
            }
        }
        .map_err(|stop: Stop| stop.into_error(failed))?;
        finds.hand_in();
        Ok(())
    }

    fn weight(&mut self, view: &View, piece: &Piece) -> Result<&dyn Weight, SearchError> {
        let Hunt { scope, plan, config, deadline, .. } = *self.hunt;
        let key = (piece.view, piece.span);
        let weight = match self.weight.take() {
            Some((of, weight)) if of == key => weight,
            _ => {
                let failed = |source| SearchError::Index { partition: view.id.to_string(), source };
                let query = Compiler { view, scope, config, deadline, span: piece.span }.compile(&plan.query)?;
                let scoring = match plan.sort {
                    Sort::BestFirst => EnableScoring::enabled_from_searcher(&view.searcher),
                    Sort::NewestFirst | Sort::OldestFirst => EnableScoring::disabled_from_searcher(&view.searcher),
                };
                query.weight(scoring).map_err(failed)?
            }
        };
        Ok(self.weight.insert((key, weight)).1.as_ref())
    }
}

/// The best of one piece.
struct Finds<'a> {
    hunt: &'a Hunt<'a>,
    place: (usize, u32),
    times: Arc<dyn ColumnValues<DateTime>>,
    seqs: Arc<dyn ColumnValues<u64>>,
    top: Top,
    /// What is not better than this is not on the page, whatever this piece has.
    floor: Option<Rank>,
    /// Matches that the hunt does not know of.
    count: u64,
}

impl<'a> Finds<'a> {
    fn new(hunt: &'a Hunt<'a>, piece: &Piece, segment: &SegmentReader) -> tantivy::Result<Self> {
        Ok(Self {
            hunt,
            place: (piece.view, piece.segment),
            times: times(segment)?,
            seqs: segment.fast_fields().u64(schema::SEQ)?.first_or_default_col(0),
            top: Top::new(hunt.limit),
            floor: lock(&hunt.top).floor(),
            count: 0,
        })
    }

    /// Documents in the order of the segment, newest first; breaks where those behind them change nothing.
    fn block(&mut self, docs: &[DocId]) -> ControlFlow<()> {
        docs.iter().for_each(|&doc| self.visit(doc, 0.0));
        self.hunt.count.fetch_add(std::mem::take(&mut self.count), Relaxed);
        let Some(&last) = docs.last() else { return ControlFlow::Continue(()) };
        if self.hunt.plan.sort != Sort::NewestFirst || !self.hunt.enough() {
            return ControlFlow::Continue(());
        }
        let best = Rank::highest(Sort::NewestFirst, self.time(last));
        if self.floor.is_none_or(|floor| best > floor) && self.top.admits(best) {
            return ControlFlow::Continue(());
        }
        self.hunt.complete.store(false, Relaxed);
        ControlFlow::Break(())
    }

    /// Counts a match and keeps it if it may be on the page.
    fn visit(&mut self, doc: DocId, score: f32) {
        let seq = self.seqs.get_val(doc);
        if seq >= self.hunt.as_of {
            return;
        }
        self.count += 1;
        let rank = Rank::of(self.hunt.plan.sort, self.time(doc), score, seq);
        if self.hunt.after.is_none_or(|after| rank < after) {
            let (view, segment) = self.place;
            self.top.push(Candidate { rank, seq, view, address: DocAddress::new(segment, doc) });
        }
    }

    fn time(&self, doc: DocId) -> Timestamp {
        Timestamp::from_nanos(self.times.get_val(doc).into_timestamp_nanos())
    }

    fn hand_in(self) {
        self.hunt.count.fetch_add(self.count, Relaxed);
        let mut top = lock(&self.hunt.top);
        self.top.into_sorted().into_iter().for_each(|candidate| top.push(candidate));
    }
}

fn times(segment: &SegmentReader) -> tantivy::Result<Arc<dyn ColumnValues<DateTime>>> {
    Ok(segment.fast_fields().date(schema::TIME)?.first_or_default_col(DateTime::from_timestamp_nanos(0)))
}

fn lock<T>(of: &Mutex<T>) -> MutexGuard<'_, T> {
    of.lock().unwrap_or_else(PoisonError::into_inner)
}

#[cfg(test)]
mod tests {
    #![allow(clippy::unwrap_used)]
    use lapwing_event::{Content, Event, EventId, Kind, SanitizedEvent, TenantId};

    use super::*;
    use crate::Store;
    use crate::query::parse_query;
    use crate::search::Turns;

    const START: i64 = 1_795_501_800_000;
    const PROMPTS: [&str; 4] =
        ["send the order", "the order of the mail", "mail the refund", "order the refund the order"];

    /// Three events of each second, in uneven order; the prompt goes by the number.
    fn events() -> Vec<SanitizedEvent> {
        let event = |number: u64| {
            let at = Timestamp::from_millis(START + (number * 17 % 60 / 3 * 1_000) as i64);
            let mut event = Event::new(Kind::Llm, EventId::derived(at, &[&number.to_be_bytes()]), at, "shop");
            let prompt = Some(PROMPTS[number as usize % PROMPTS.len()].to_owned());
            event.content = Some(Content { prompt, ..Content::default() });
            event.sanitization =
                Some(serde_json::from_str(r#"{"policy_version":"test","status":"ok","total":0}"#).unwrap());
            SanitizedEvent::decode(&lapwing_event::encode(&event)).unwrap()
        };
        (0..60).map(event).collect()
    }

    #[tokio::test]
    async fn pieces_find_what_whole_segments_do() {
        let dir = tempfile::tempdir().unwrap();
        let store = Store::open(dir.path(), StoreConfig::default(), &mut Default::default()).unwrap();
        for (n, batch) in events().chunks(25).enumerate() {
            store.append(batch.to_vec(), n.to_string()).await.unwrap();
            store.flush().await.unwrap();
        }
        let scope = Scope::new(TenantId::default(), Timestamp::from_millis(START + 60_000));
        let (snapshot, deadline) = (store.shared.snapshot(), Deadline::new(60_000));
        let look = |plan: &Plan, piece: u32, helpers: &[Turn]| {
            let mut hunt = Hunt::new(&snapshot, &scope, plan, &store.config, &deadline);
            hunt.piece = piece;
            hunt.run(helpers).unwrap()
        };
        let helpers = Turns::new(4, 1).spare();
        for (query, matches) in [("\"the order\"", 45), ("\"the refund\"", 30), ("mail NOT \"mail the\"", 15), ("", 60)]
        {
            for (from, to) in [(0, 60), (3, 17), (5, 6), (19, 19), (40, 50)] {
                for sort in [Sort::NewestFirst, Sort::OldestFirst, Sort::BestFirst] {
                    let span = Span {
                        from: Timestamp::from_millis(START + from * 1_000),
                        to: Timestamp::from_millis(START + to * 1_000),
                    };
                    let plan = Plan::over_all_time(parse_query(query, scope.now).unwrap(), sort);
                    let plan = Plan { span, size: 7, count_up_to: Some(1_000), ..plan };
                    let (whole, cut) = (look(&plan, PIECE, &[]), look(&plan, 2, &helpers));
                    assert_eq!(
                        (cut.count, cut.complete),
                        (whole.count, whole.complete),
                        "{query} {from} {to} {sort:?}"
                    );
                    assert_eq!(cut.candidates, whole.candidates, "{query} {from} {to} {sort:?}");
                    assert!((from, to) != (0, 60) || cut.count == matches, "{query} {}", cut.count);
                }
            }
        }
        store.close().await.unwrap();
    }
}
