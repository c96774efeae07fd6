//! From an OTLP export to records of the raw topic and the answer: pure, without HTTP and without the bus.

mod check;
mod decode;
mod value;

#[cfg(test)]
mod tests;

use lapwing_bus::Record;
use lapwing_event::otlp::{Origin, map_logs, map_span};
use lapwing_event::{Arrival, Event, MAX_EVENT_BYTES, Rejection, encode};
use opentelemetry_proto::tonic::collector::metrics::v1::ExportMetricsServiceRequest;
use opentelemetry_proto::tonic::common::v1::InstrumentationScope;
use opentelemetry_proto::tonic::metrics::v1::metric::Data;
use opentelemetry_proto::tonic::resource::v1::Resource;

pub use check::check_any_export;
pub(crate) use decode::{DecodeFault, Export, Format, Signal, decode};

use crate::receipt::RejectionClass;
use crate::record::event_record;

/// What an export came to.
#[derive(Debug, Default)]
pub(crate) struct Exported {
    /// What goes to the raw topic.
    pub records: Vec<Record>,
    /// Why items were refused, for the counters.
    pub rejections: Vec<RejectionClass>,
    /// Items that are not of GenAI. They are taken in the protocol's sense, and not kept.
    pub dropped: usize,
    /// The protocol's partial success: how many items were refused, and which and why.
    pub rejected: usize,
    pub message: String,
}

/// The answer names at most this many refused items.
const MAX_NAMED: usize = 8;

/// Maps an export of at most `max_items` spans or log records; none if it has more.
pub(crate) fn take_in_export(export: Export, max_items: usize, arrival: &Arrival) -> Option<Exported> {
    let mut exported = Exported::default();
    match export {
        Export::Traces(request) => {
            let scopes = request.resource_spans.iter().flat_map(|resource| &resource.scope_spans);
            if scopes.map(|scope| scope.spans.len()).sum::<usize>() > max_items {
                return None;
            }
            let mut index = 0;
            for mut resource in request.resource_spans {
                for scope in std::mem::take(&mut resource.scope_spans) {
                    let origin = origin(resource.resource.clone(), scope.scope);
                    for span in scope.spans {
                        exported.take("span", index, map_span(value::span(span), &origin, arrival));
                        index += 1;
                    }
                }
            }
        }
        Export::Logs(request) => {
            let scopes = request.resource_logs.iter().flat_map(|resource| &resource.scope_logs);
            if scopes.map(|scope| scope.log_records.len()).sum::<usize>() > max_items {
                return None;
            }
            let mut first = 0;
            for mut resource in request.resource_logs {
                for scope in std::mem::take(&mut resource.scope_logs) {
                    let origin = origin(resource.resource.clone(), scope.scope);
                    let records = scope.log_records.len();
                    let logs = scope.log_records.into_iter().map(value::log).collect();
                    exported.take_logs(first, map_logs(logs, &origin, arrival));
                    first += records;
                }
            }
        }
        Export::Metrics(request) => exported.refuse_metrics(&request),
    }
    Some(exported)
}

fn origin(resource: Option<Resource>, scope: Option<InstrumentationScope>) -> Origin {
    let resource = value::attributes(resource.map(|resource| resource.attributes).unwrap_or_default());
    Origin::new(resource, &scope.map(|scope| scope.name).unwrap_or_default())
}

impl Exported {
    fn take(&mut self, item: &str, index: usize, events: Result<Vec<Event>, Rejection>) {
        let records = events.and_then(|events| events.into_iter().map(record).collect::<Result<Vec<_>, _>>());
        match records {
            Ok(records) if records.is_empty() => self.dropped += 1,
            Ok(records) => self.records.extend(records),
            Err(rejection) => self.reject(item, index, &rejection),
        }
    }

    fn take_logs(&mut self, first: usize, mapped: lapwing_event::otlp::MappedLogs) {
        self.dropped += mapped.dropped;
        for (event, records) in mapped.events {
            match record(event) {
                Ok(record) => self.records.push(record),
                Err(rejection) => {
                    records.iter().for_each(|index| self.reject("log record", first + index, &rejection));
                }
            }
        }
        for (index, rejection) in mapped.rejected {
            self.reject("log record", first + index, &rejection);
        }
    }

    fn reject(&mut self, item: &str, index: usize, rejection: &Rejection) {
        self.rejected += 1;
        self.rejections.push(match rejection.field.as_str() {
            "$" => RejectionClass::TooLarge,
            _ => RejectionClass::of(rejection),
        });
        match self.rejected {
            1..=MAX_NAMED => {
                let separator = if self.message.is_empty() { "" } else { "; " };
                self.message += &format!("{separator}{item} {index}: {rejection}");
            }
            _ if self.message.ends_with('…') => {}
            _ => self.message += "; …",
        }
    }

    fn refuse_metrics(&mut self, request: &ExportMetricsServiceRequest) {
        let scopes = request.resource_metrics.iter().flat_map(|resource| &resource.scope_metrics);
        let points = scopes.flat_map(|scope| &scope.metrics).map(|metric| match &metric.data {
            Some(Data::Gauge(data)) => data.data_points.len(),
            Some(Data::Sum(data)) => data.data_points.len(),
            Some(Data::Histogram(data)) => data.data_points.len(),
            Some(Data::ExponentialHistogram(data)) => data.data_points.len(),
            Some(Data::Summary(data)) => data.data_points.len(),
            None => 0,
        });
        self.rejected = points.sum();
        if self.rejected > 0 {
            self.message = "metrics are not kept; send traces and logs".to_owned();
        }
    }
}

/// The event's record; one that is too long goes without what it can do without.
fn record(mut event: Event) -> Result<Record, Rejection> {
    let mut encoded = encode(&event);
    if encoded.len() > MAX_EVENT_BYTES {
        event.drop_bulk();
        encoded = encode(&event);
    }
    match encoded.len() {
        length if length > MAX_EVENT_BYTES => {
            let reason = format!("is {length} bytes long as an event; at most {MAX_EVENT_BYTES} are taken");
            Err(Rejection::new("$", reason))
        }
        _ => Ok(event_record(&event, encoded)),
    }
}
