//! What `emit` costs the application's thread.

fn main() {}
