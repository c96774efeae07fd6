//! An agent loop against an OpenAI-compatible endpoint: the model asks for tools until it has an answer.
//!
//! `cargo run -p lapwing-emitter --example agent -- http://127.0.0.1:7117 http://127.0.0.1:8000/v1/chat/completions`

use std::error::Error;
use std::time::Duration;

use lapwing_emitter::{Emitter, Interaction};
use reqwest::Client;
use serde_json::{Value, json};

/// The model may ask for tools so many times.
const MAX_TURNS: usize = 8;

/// Answers the prompt; what happens on the way is recorded.
pub async fn run(emitter: &Emitter, model_url: &str, prompt: &str) -> Result<String, Box<dyn Error>> {
    // The application chooses its TLS; the emitter brings its own and asks for nothing.
    let _ = rustls::crypto::ring::default_provider().install_default();
    let client = Client::new();
    let interaction = emitter.interaction().model("local-model").agent("weather-agent").prompt(prompt);
    let mut messages = vec![json!({"role": "user", "content": prompt})];
    for _ in 0..MAX_TURNS {
        let body = json!({"model": "local-model", "messages": messages, "tools": tools()});
        let request = client.post(model_url).header("content-type", "application/json").body(body.to_string());
        let answer: Value = match request.send().await {
            Ok(response) => serde_json::from_slice(&response.bytes().await?)?,
            Err(error) => {
                interaction.error("model_unreachable", "the model did not answer");
                return Err(error.into());
            }
        };
        let message = &answer["choices"][0]["message"];
        messages.push(message.clone());
        let calls = message["tool_calls"].as_array().cloned().unwrap_or_default();
        if calls.is_empty() {
            let text = message["content"].as_str().unwrap_or_default();
            interaction.respond(text);
            return Ok(text.to_owned());
        }
        messages.extend(calls.iter().map(|call| execute(&interaction, call)));
    }
    interaction.error("too_many_turns", "the model did not come to an end");
    Err("the model did not come to an end".into())
}

fn execute(interaction: &Interaction, call: &Value) -> Value {
    let (id, function) = (call["id"].as_str().unwrap_or_default(), &call["function"]);
    let name = function["name"].as_str().unwrap_or_default();
    let arguments = function["arguments"].as_str().and_then(|text| serde_json::from_str(text).ok());
    let arguments: Value = arguments.unwrap_or_default();
    let running = interaction.tool(name, arguments.clone()).call_id(id);
    let content = match (name, arguments["city"].as_str()) {
        ("weather", Some(city)) => {
            let output = format!("rain in {city}");
            running.ok(output.as_str());
            output
        }
        _ => {
            running.denied("the agent has no such tool");
            "no such tool".to_owned()
        }
    };
    json!({"role": "tool", "tool_call_id": id, "content": content})
}

fn tools() -> Value {
    let parameters = json!({"type": "object", "properties": {"city": {"type": "string"}}});
    json!([{"type": "function", "function": {"name": "weather", "parameters": parameters}}])
}

#[tokio::main(flavor = "current_thread")]
async fn main() -> Result<(), Box<dyn Error>> {
    let mut arguments = std::env::args().skip(1);
    let endpoint = arguments.next().unwrap_or_else(|| "http://127.0.0.1:7117".to_owned());
    let model_url = arguments.next().ok_or("name the url of a chat completions endpoint")?;
    let emitter = Emitter::builder().service("agent-example").to_http(&endpoint).build()?;
    run(&emitter, &model_url, "What is the weather in Paris?").await?;
    emitter.shutdown_async(Duration::from_secs(10)).await?;
    Ok(())
}
