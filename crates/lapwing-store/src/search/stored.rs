//! Events by the order in which they were stored, which is how an aggregation names single ones.

use std::collections::{BTreeMap, HashMap};
use std::ops::ControlFlow;

use tantivy::DocAddress;
use tantivy::query::EnableScoring;

use super::aggregate::fault;
use super::compile::Compiler;
use super::plan::all_time;
use super::run::read_hit;
use super::scan::blocks;
use super::{Deadline, Hit, Scope, bounds};
use crate::query::Query;
use crate::shared::Snapshot;
use crate::{SearchError, Store, StoreConfig, schema};

impl Store {
    /// The tenant's events with these sequence numbers, as far as they are there; the numbers say how often each is
    /// shown, all of which must fit on a page.
    pub(crate) async fn stored(
        &self,
        scope: &Scope,
        numbers: BTreeMap<u64, usize>,
    ) -> Result<HashMap<u64, Hit>, SearchError> {
        bounds::shown(numbers.values().sum()).map_err(fault)?;
        let (scope, config) = (scope.clone(), self.config.clone());
        self.within_limits(scope.tenant.clone(), move |snapshot, deadline| {
            find(snapshot, &scope, &numbers, &config, deadline)
        })
        .await
    }
}

fn find(
    snapshot: &Snapshot,
    scope: &Scope,
    numbers: &BTreeMap<u64, usize>,
    config: &StoreConfig,
    deadline: &Deadline,
) -> Result<HashMap<u64, Hit>, SearchError> {
    let (mut found, mut bytes) = (HashMap::new(), 0);
    for view in &snapshot.views {
        let failed = |source| SearchError::Index { partition: view.id.to_string(), source };
        let query = Compiler { view, scope, config, deadline, span: all_time() }.compile(&Query::All)?;
        let weight = query.weight(EnableScoring::disabled_from_searcher(&view.searcher)).map_err(failed)?;
        for (ord, segment) in view.searcher.segment_readers().iter().enumerate() {
            let column = segment.fast_fields().u64(schema::SEQ).map_err(failed)?;
            if numbers.range(column.min_value()..=column.max_value()).next().is_none() {
                continue;
            }
            let (column, mut places) = (column.first_or_default_col(0), Vec::new());
            blocks(weight.as_ref(), segment, &(0..segment.max_doc()), deadline, &mut |docs| {
                let numbered = docs.iter().map(|&doc| (column.get_val(doc), DocAddress::new(ord as u32, doc)));
                places.extend(numbered.filter(|(number, _)| numbers.contains_key(number)));
                ControlFlow::Continue(())
            })
            .map_err(|stop| stop.into_error(failed))?;
            for (number, address) in places {
                deadline.check()?;
                let hit = read_hit(view, address, number)?;
                bytes += hit.event.get().len() * numbers[&number];
                bounds::shown_bytes(bytes, config.max_page_bytes).map_err(fault)?;
                found.insert(number, hit);
            }
        }
    }
    Ok(found)
}
