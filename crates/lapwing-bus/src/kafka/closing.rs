//! A consumer that nobody has to wait for when its owner lets it go.

use std::ops::Deref;
use std::sync::Arc;

use super::calls::Call;
use super::source::Reader;

/// A consumer that is closed on the blocking pool, since it leaves its group first.
pub(super) struct Closing(Option<Shared>);

/// A consumer as calls hold it. It counts as one of the calls under way until the last of them has come back and it
/// is closed.
#[derive(Clone)]
pub(super) struct Shared(Arc<(Reader, Call)>);

impl Closing {
    pub fn new(consumer: Reader, counted: Call) -> Self {
        Self(Some(Shared(Arc::new((consumer, counted)))))
    }

    pub fn shared(&self) -> Shared {
        self.0.clone().expect(OPEN)
    }
}

impl Deref for Shared {
    type Target = Reader;

    fn deref(&self) -> &Reader {
        &self.0.0
    }
}

impl Deref for Closing {
    type Target = Reader;

    fn deref(&self) -> &Reader {
        self.0.as_ref().expect(OPEN)
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
