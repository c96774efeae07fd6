//! What belongs to the process that made it, and must be left alone in a forked child.

use std::mem::forget;

/// Something with a thread or with locks behind it. In a forked child that thread is not there and those locks may
/// be held for ever, so that the value is neither used nor dropped there.
pub(crate) struct Owned<T> {
    value: Option<T>,
    process: u32,
}

impl<T> Owned<T> {
    /// Owned by this process.
    pub(crate) fn new(value: T) -> Self {
        Self { value: Some(value), process: std::process::id() }
    }

    /// The value, in the process that made it.
    pub(crate) fn get(&self) -> Option<&T> {
        self.value.as_ref().filter(|_| !self.is_inherited())
    }

    /// Takes the value out, in the process that made it.
    pub(crate) fn take(&mut self) -> Option<T> {
        if self.is_inherited() { None } else { self.value.take() }
    }

    /// Takes the value out in a forked child, to be handed over.
    pub(crate) fn take_inherited(&mut self) -> Option<T> {
        if self.is_inherited() { self.value.take() } else { None }
    }

    fn is_inherited(&self) -> bool {
        self.process != std::process::id()
    }
}

impl<T> Drop for Owned<T> {
    fn drop(&mut self) {
        if self.is_inherited() {
            forget(self.value.take());
        }
    }
}
