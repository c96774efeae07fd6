//! A consumer that nobody has to wait for when its owner lets it go.

use std::ops::Deref;
use std::sync::Arc;

use super::calls::Call;
use super::source::Reader;

/// A consumer that is closed on the blocking pool, since it leaves its group first; it counts until that is done.
pub(super) struct Closing(Option<(Arc<Reader>, Call)>);

impl Closing {
    pub fn new(consumer: Reader, counted: Call) -> Self {
        Self(Some((Arc::new(consumer), counted)))
    }

    pub fn shared(&self) -> Arc<Reader> {
        self.0.as_ref().map(|(consumer, _)| Arc::clone(consumer)).expect(OPEN)
    }
}

impl Deref for Closing {
    type Target = Reader;

    fn deref(&self) -> &Reader {
        self.0.as_ref().map(|(consumer, _)| consumer).expect(OPEN)
    }
}

impl Drop for Closing {
    fn drop(&mut self) {
        let consumer = self.0.take();
        if let Ok(runtime) = tokio::runtime::Handle::try_current() {
            runtime.spawn_blocking(move || drop(consumer));
        }
    }
}

const OPEN: &str = "the consumer is taken only when its owner is dropped";
