//! The least an application does: say what was asked and what was answered.
//!
//! `cargo run -p lapwing-emitter --example bare -- http://127.0.0.1:7117 [key]`

use std::error::Error;
use std::time::Duration;

use lapwing_emitter::Emitter;

/// One interaction, sent to the endpoint.
pub fn run(endpoint: &str, key: Option<&str>) -> Result<(), Box<dyn Error>> {
    let builder = Emitter::builder().service("bare-example").to_http(endpoint);
    let emitter = key.into_iter().fold(builder, |builder, key| builder.api_key(key)).build()?;
    {
        let interaction = emitter.interaction().model("gpt-4o").user("u-17").prompt("What is the capital of France?");
        interaction.respond("Paris.");
    }
    emitter.flush(Duration::from_secs(10))?;
    Ok(())
}

fn main() -> Result<(), Box<dyn Error>> {
    let mut arguments = std::env::args().skip(1);
    let endpoint = arguments.next().unwrap_or_else(|| "http://127.0.0.1:7117".to_owned());
    run(&endpoint, arguments.next().as_deref())
}
