//! Reading from Kafka.

use std::collections::{BTreeSet, VecDeque};
use std::time::Duration;

use async_trait::async_trait;
use bytes::Bytes;
use futures_util::{FutureExt, StreamExt};
use rdkafka::ClientConfig;
use rdkafka::consumer::{CommitMode, Consumer, StreamConsumer};
use rdkafka::error::{KafkaError, KafkaResult, RDKafkaErrorCode};
use rdkafka::message::{BorrowedMessage, Headers, Message as _};
use rdkafka::topic_partition_list::{Offset, TopicPartitionList};
use tokio::sync::mpsc::{self, UnboundedReceiver};
use tokio::task::spawn_blocking;
use tokio::time::{Instant, sleep, sleep_until, timeout};
use tracing::warn;

use super::calls::{Call, Calls};
use super::closing::Closing;
use super::context::{Event, Place, Rebalanced};
use super::error::bus_error;
use super::position::{self, Start, View};
use super::transaction::Transactions;
use super::{KafkaConfig, NETWORK_TIMEOUT};
use crate::{Batch, BusError, Checkpoint, Gap, Message, Record, Source, Subscription};

/// About how many bytes one batch holds at most.
const READ_BYTES: usize = 8 << 20;

/// How often a reader that keeps its own place looks for new partitions.
const DISCOVERY_INTERVAL: Duration = Duration::from_secs(30);

/// How long a commit is waited for. One that comes through later does no harm: it is of work that was done.
const COMMIT_TIMEOUT: Duration = Duration::from_secs(10);

/// How long nothing may work before the consumer is made anew.
const PATIENCE: Duration = Duration::from_secs(20);

/// How long a new consumer is waited with, so that two members of one name do not chase each other.
const RECONNECT_PAUSE: Duration = Duration::from_millis(500);

pub(super) type Reader = StreamConsumer<Rebalanced>;

/// Reads topics of Kafka: as a member of a group, or every partition from a checkpoint.
pub struct KafkaSource {
    config: ClientConfig,
    /// The consumer and those before it that are still being closed.
    consumers: Calls,
    pub(super) consumer: Closing,
    events: UnboundedReceiver<Event>,
    subscription: Subscription,
    owned: BTreeSet<Place>,
    /// What the group gave to this member, until it is taken.
    given: Option<BTreeSet<Place>>,
    /// The next offset of each partition that was begun.
    next: Checkpoint,
    /// Whether librdkafka stopped at a position that is not there. It does not say of which partition, so that all
    /// are begun again.
    lost_place: bool,
    /// Gaps that are to be reported, one a call.
    gaps: VecDeque<Gap>,
    /// Since when every attempt to read has failed.
    failing_since: Option<Instant>,
    /// Why this reader cannot go on.
    refused: Option<BusError>,
    discovered: Option<Instant>,
    /// What makes its effects transactional, if they are.
    pub(super) transactions: Option<Transactions>,
    /// Whether a transaction failed, after which the reader goes back to what its group has committed.
    pub(super) begin_again: bool,
}

impl std::fmt::Debug for KafkaSource {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        let Self { subscription, owned, .. } = self;
        f.debug_struct("KafkaSource").field("subscription", subscription).field("owned", owned).finish_non_exhaustive()
    }
}

impl KafkaSource {
    /// A reader. It does not wait for a broker. Must be called within a Tokio runtime.
    pub fn new(config: &KafkaConfig, subscription: Subscription) -> Result<Self, BusError> {
        Self::open(config, subscription, None)
    }

    /// As `new`; the instance is the name that a member has in its group, from one run to the next.
    pub(super) fn open(
        config: &KafkaConfig,
        subscription: Subscription,
        instance: Option<&str>,
    ) -> Result<Self, BusError> {
        subscription.check()?;
        // Without a group librdkafka assigns nothing, so a reader that keeps its own place has one in name only.
        let (group, next) = match &subscription.start {
            crate::Start::Group(group) => (group.clone(), Checkpoint::default()),
            crate::Start::Checkpoint(checkpoint) => (format!("{}-checkpoint", config.client_id), checkpoint.clone()),
        };
        let (config, consumers) = (config.consumer(&group, instance), Calls::default());
        let (consumer, events) = connect(&config, &subscription, consumers.begin()?)?;
        Ok(Self {
            config,
            consumers,
            consumer,
            events,
            subscription,
            owned: BTreeSet::new(),
            given: None,
            next,
            lost_place: false,
            gaps: VecDeque::new(),
            failing_since: None,
            refused: None,
            discovered: None,
            transactions: None,
            begin_again: false,
        })
    }

    /// Whether the group has put another member in this one's place. With an instance that is mostly this member
    /// itself: a broker that comes back does not know that the member which joins is the one that asked before.
    /// Another process of the same name shuts this one out of its transactions for good.
    fn was_replaced(&self) -> bool {
        matches!(self.consumer.client().fatal_error(), Some((RDKafkaErrorCode::FencedInstanceId, _)))
    }

    /// Whether nothing has worked for a while. Mostly the brokers are away and a new consumer does no harm; but
    /// librdkafka has also been seen to never get an answer again from a broker that was killed and came back.
    fn is_stuck(&mut self, error: &BusError) -> bool {
        error.is_retryable() && self.failing_since.get_or_insert_with(Instant::now).elapsed() > PATIENCE
    }

    /// Makes the consumer anew, which joins its group or goes on from its place.
    fn reconnect(&mut self) -> Result<(), BusError> {
        (self.consumer, self.events) = connect(&self.config, &self.subscription, self.consumers.begin()?)?;
        if self.in_group() {
            self.next = Checkpoint::default();
        }
        (self.given, self.owned, self.discovered, self.failing_since) = Default::default();
        Ok(())
    }

    fn in_group(&self) -> bool {
        matches!(self.subscription.start, crate::Start::Group(_))
    }

    /// Runs a call that may block on the blocking pool.
    async fn blocking<T: Send + 'static>(
        &self,
        call: impl FnOnce(&Reader) -> KafkaResult<T> + Send + 'static,
    ) -> Result<T, BusError> {
        let consumer = self.consumer.shared();
        let result = spawn_blocking(move || call(&consumer)).await;
        result.map_err(|error| BusError::Unavailable(error.to_string()))?.map_err(|error| bus_error(&error))
    }

    /// Brings the reader to where it can read, or says why it cannot.
    async fn settle(&mut self) -> Result<(), BusError> {
        self.take_events();
        if !self.in_group() && self.discovered.is_none_or(|last| last.elapsed() >= DISCOVERY_INTERVAL) {
            self.discover().await?;
        }
        if self.begin_again {
            self.go_back().await?;
        }
        if let Some(given) = self.given.clone() {
            self.begin(given).await?;
        }
        if self.lost_place {
            self.begin(self.owned.clone()).await?;
        }
        if let Some(refused) = &self.refused {
            return Err(refused.clone());
        }
        self.gaps.pop_front().map_or(Ok(()), |gap| Err(BusError::Gap(gap)))
    }

    pub(super) fn take_events(&mut self) {
        while let Ok(event) = self.events.try_recv() {
            self.take_event(event);
        }
    }

    fn take_event(&mut self, event: Event) {
        match event {
            Event::Assigned(places) => self.given.get_or_insert_default().extend(places),
            Event::Revoked(places) => {
                self.owned.retain(|place| !places.contains(place));
                self.given.iter_mut().for_each(|given| given.retain(|place| !places.contains(place)));
                let mut kept = Checkpoint::default();
                let owned = self.next.iter().filter(|(topic, partition, _)| self.owns(topic, *partition));
                owned.for_each(|(topic, partition, next)| kept.set(topic, partition, next));
                self.next = kept;
            }
        }
    }

    pub(super) fn owns(&self, topic: &str, partition: i32) -> bool {
        self.owned.contains(&(topic.to_owned(), partition))
    }

    /// Finds all partitions of the topics, and reads those that are new to this reader as well.
    async fn discover(&mut self) -> Result<(), BusError> {
        let topics = self.subscription.topics.clone();
        let found = self.blocking(move |consumer| partitions_of(consumer, &topics)).await?;
        if let Some((topic, partition, _)) = self.next.iter().find(|(topic, partition, _)| {
            self.subscription.topics.iter().any(|name| name == topic)
                && !found.contains(&(topic.to_string(), *partition))
        }) {
            self.refused = Some(position::above(topic, partition, self.next.next(topic, partition), 0));
        }
        if self.refused.is_none() && found.iter().any(|place| !self.owned.contains(place)) {
            self.begin(found).await?;
        }
        self.look_for_end(&self.views(self.owned.clone()).await?);
        self.discovered = Some(Instant::now());
        Ok(())
    }

    /// Notes that the place of this reader is behind the end of a partition, as it is when a topic was made anew.
    /// librdkafka does not tell: it waits for the topic that it knew.
    fn look_for_end(&mut self, views: &[(Place, View)]) {
        self.lost_place |= views.iter().any(|(_, view)| matches!(position::start(*view), Start::Above { .. }));
    }

    /// Reads again what the group has not committed, once no transaction is open that might still commit it.
    async fn go_back(&mut self) -> Result<(), BusError> {
        self.next = Checkpoint::default();
        self.begin(self.owned.clone()).await?;
        self.begin_again = false;
        Ok(())
    }

    /// Reads these partitions from where the reader or its group is in them. Their places are always given to
    /// librdkafka, since what it does by itself about a place that is not there is to skip.
    async fn begin(&mut self, places: BTreeSet<Place>) -> Result<(), BusError> {
        // A transaction that a killed process of this name left open hides what the group has committed until it ends.
        if let Some(transactions) = &mut self.transactions {
            transactions.settle().await?;
        }
        let again = list_of(&places.intersection(&self.owned).cloned().collect());
        let mut begun = TopicPartitionList::new();
        for ((topic, partition), view) in &self.views(places.clone()).await? {
            let next = Offset::Offset(self.accept(topic, *partition, *view));
            begun.add_partition_offset(topic, *partition, next).map_err(|error| bus_error(&error))?;
        }
        if self.refused.is_some() {
            return Ok(());
        }
        let result = if self.in_group() {
            let let_go = if again.count() > 0 { self.consumer.incremental_unassign(&again) } else { Ok(()) };
            let_go.and_then(|()| self.consumer.incremental_assign(&begun))
        } else {
            self.consumer.assign(&begun)
        };
        result.map_err(|error| bus_error(&error))?;
        self.owned.extend(places);
        self.given = None;
        self.lost_place = false;
        Ok(())
    }

    /// What each of the partitions holds, and where this reader or its group is in it.
    async fn views(&self, places: BTreeSet<Place>) -> Result<Vec<(Place, View)>, BusError> {
        let (next, in_group) = (self.next.clone(), self.in_group());
        self.blocking(move |consumer| {
            let committed = if in_group { committed(consumer, &places)? } else { Checkpoint::default() };
            let mut views = Vec::with_capacity(places.len());
            for (topic, partition) in places {
                let (low, end) = consumer.fetch_watermarks(&topic, partition, NETWORK_TIMEOUT)?;
                let position = next.next(&topic, partition).or_else(|| committed.next(&topic, partition));
                views.push(((topic, partition), View { position, low, end }));
            }
            Ok(views)
        })
        .await
    }

    /// Takes note of where a partition is read from, and of what that means.
    fn accept(&mut self, topic: &str, partition: i32, view: View) -> i64 {
        let next = match position::start(view) {
            Start::At(next) => next,
            Start::Behind { first, next } => {
                self.gaps.push_back(Gap { topic: topic.to_owned(), partition, first, next });
                next
            }
            Start::Above { end } => {
                self.refused = Some(position::above(topic, partition, view.position, end));
                return end;
            }
        };
        self.next.set(topic, partition, next);
        next
    }

    async fn read(&mut self, max: usize, deadline: Instant) -> Result<Vec<Message>, BusError> {
        self.settle().await?;
        self.receive(max, deadline).await
    }

    /// Waits for a message and takes those behind it. Nothing is awaited while messages are held.
    async fn receive(&mut self, max: usize, deadline: Instant) -> Result<Vec<Message>, BusError> {
        let consumer = self.consumer.shared();
        let mut stream = consumer.stream();
        let mut received = tokio::select! {
            biased;
            received = stream.next() => received,
            Some(event) = self.events.recv() => {
                self.take_event(event);
                None
            }
            () = sleep_until(deadline) => None,
        };
        let (mut messages, mut bytes) = (Vec::new(), 0);
        loop {
            match received {
                Some(Ok(message)) => {
                    bytes += message.payload_len();
                    messages.push(owned_message(&message));
                }
                Some(Err(KafkaError::MessageConsumption(RDKafkaErrorCode::AutoOffsetReset))) => {
                    self.lost_place = true;
                    break;
                }
                Some(Err(error)) if messages.is_empty() => return Err(bus_error(&error)),
                Some(Err(error)) => {
                    warn!(%error, "consumer met an error, what it had is delivered first");
                    break;
                }
                None => break,
            }
            if messages.len() >= max || bytes >= READ_BYTES {
                break;
            }
            received = stream.next().now_or_never().flatten();
        }
        self.take_events();
        messages.retain(|message| self.owns(&message.topic, message.partition));
        for message in &messages {
            self.next.set(&message.topic, message.partition, message.offset + 1);
        }
        Ok(messages)
    }
}

#[async_trait]
impl Source for KafkaSource {
    async fn next_batch(&mut self, max: usize, wait: Duration) -> Result<Batch, BusError> {
        let now = Instant::now();
        let deadline = now.checked_add(wait).unwrap_or(now + Duration::from_secs(86_400));
        loop {
            let messages = match self.read(max.max(1), deadline).await {
                Err(error) if self.was_replaced() || self.is_stuck(&error) => {
                    warn!(%error, "the consumer does not get on any more, a new one takes its place");
                    self.reconnect()?;
                    sleep(RECONNECT_PAUSE).await;
                    continue;
                }
                read => read?,
            };
            self.failing_since = None;
            if !messages.is_empty() || (Instant::now() >= deadline && !self.lost_place && self.given.is_none()) {
                return Ok(Batch { messages });
            }
        }
    }

    async fn commit(&mut self, checkpoint: &Checkpoint) -> Result<(), BusError> {
        self.take_events();
        let mut list = TopicPartitionList::new();
        for (topic, partition, next) in checkpoint.iter().filter(|(topic, partition, _)| self.owns(topic, *partition)) {
            list.add_partition_offset(topic, partition, Offset::Offset(next)).map_err(|error| bus_error(&error))?;
        }
        if !self.in_group() || list.count() == 0 {
            return Ok(());
        }
        let commit = self.blocking(move |consumer| match consumer.commit(&list, CommitMode::Sync) {
            Err(KafkaError::ConsumerCommit(
                code @ (RDKafkaErrorCode::IllegalGeneration | RDKafkaErrorCode::UnknownMemberId),
            )) => {
                warn!(%code, "the group gave these partitions to another member, which reads them again");
                Ok(())
            }
            other => other,
        });
        // librdkafka itself waits for a coordinator for most of a minute.
        let committed = timeout(COMMIT_TIMEOUT, commit).await;
        committed.unwrap_or_else(|_| Err(BusError::Unavailable("the brokers did not answer a commit in time".into())))
    }

    async fn lag(&mut self) -> Result<u64, BusError> {
        self.take_events();
        let views = self.views(self.owned.clone()).await?;
        self.look_for_end(&views);
        let behind = |View { position, low, end }: View| (end - position.unwrap_or(low).max(low)).max(0) as u64;
        Ok(views.into_iter().map(|(_, view)| behind(view)).sum())
    }
}

impl Drop for KafkaSource {
    fn drop(&mut self) {
        // The group waits for this member to take what it was given, also if it is about to leave.
        self.events.close();
        self.take_events();
        let Some(given) = self.given.take() else { return };
        if let Err(error) = self.consumer.incremental_assign(&list_of(&given)) {
            warn!(%error, "what the group gave could not be taken before leaving it");
        }
    }
}

/// A consumer, in its group if it has one, and what it tells of the group.
fn connect(
    config: &ClientConfig,
    subscription: &Subscription,
    counted: Call,
) -> Result<(Closing, UnboundedReceiver<Event>), BusError> {
    let (sender, events) = mpsc::unbounded_channel();
    let consumer: KafkaResult<Reader> = config.create_with_context(Rebalanced(sender));
    let consumer = consumer.map_err(|error| bus_error(&error))?;
    if let crate::Start::Group(_) = subscription.start {
        let topics: Vec<&str> = subscription.topics.iter().map(String::as_str).collect();
        consumer.subscribe(&topics).map_err(|error| bus_error(&error))?;
    }
    Ok((Closing::new(consumer, counted), events))
}

fn partitions_of(consumer: &Reader, topics: &[String]) -> KafkaResult<BTreeSet<Place>> {
    let mut places = BTreeSet::new();
    for name in topics {
        let metadata = consumer.fetch_metadata(Some(name), NETWORK_TIMEOUT)?;
        for topic in metadata.topics() {
            if let Some(error) = topic.error() {
                return Err(KafkaError::MetadataFetch(error.into()));
            }
            places.extend(topic.partitions().iter().map(|partition| (name.clone(), partition.id())));
        }
    }
    Ok(places)
}

fn committed(consumer: &Reader, places: &BTreeSet<Place>) -> KafkaResult<Checkpoint> {
    let mut committed = Checkpoint::default();
    for element in consumer.committed_offsets(list_of(places), NETWORK_TIMEOUT)?.elements() {
        element.error()?;
        if let Offset::Offset(next) = element.offset() {
            committed.set(element.topic(), element.partition(), next);
        }
    }
    Ok(committed)
}

fn list_of(places: &BTreeSet<Place>) -> TopicPartitionList {
    let mut list = TopicPartitionList::with_capacity(places.len());
    for (topic, partition) in places {
        list.add_partition(topic, *partition);
    }
    list
}

fn owned_message(message: &BorrowedMessage<'_>) -> Message {
    let headers = message.headers().into_iter().flat_map(|headers| headers.iter());
    let headers =
        headers.map(|header| (header.key.to_owned(), Bytes::copy_from_slice(header.value.unwrap_or_default())));
    Message {
        topic: message.topic().to_owned(),
        partition: message.partition(),
        offset: message.offset(),
        timestamp_ms: message.timestamp().to_millis().unwrap_or_default(),
        record: Record {
            key: message.key().map(Bytes::copy_from_slice),
            value: Bytes::copy_from_slice(message.payload().unwrap_or_default()),
            headers: headers.collect(),
        },
    }
}
