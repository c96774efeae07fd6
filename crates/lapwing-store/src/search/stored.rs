//! Events by the order in which they were stored, which is how an aggregation names single ones.

use std::collections::{BTreeSet, HashMap};
use std::ops::ControlFlow;

use tantivy::DocAddress;
use tantivy::query::EnableScoring;

use super::compile::Compiler;
use super::plan::all_time;
use super::run::read_hit;
use super::scan::blocks;
use super::{Deadline, Hit, Scope};
use crate::query::Query;
use crate::shared::Snapshot;
use crate::{SearchError, Store, StoreConfig, schema};

impl Store {
    /// The tenant's events with these sequence numbers, as far as they are there.
    pub(crate) async fn stored(&self, scope: &Scope, numbers: BTreeSet<u64>) -> Result<HashMap<u64, Hit>, SearchError> {
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
    numbers: &BTreeSet<u64>,
    config: &StoreConfig,
    deadline: &Deadline,
) -> Result<HashMap<u64, Hit>, SearchError> {
    let mut found = HashMap::new();
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
                places.extend(numbered.filter(|(number, _)| numbers.contains(number)));
                ControlFlow::Continue(())
            })
            .map_err(|stop| stop.into_error(failed))?;
            for (number, address) in places {
                found.insert(number, read_hit(view, address, number)?);
            }
        }
    }
    Ok(found)
}
