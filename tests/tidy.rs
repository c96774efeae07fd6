//! The house rules that a compiler does not check.

use std::fs;
use std::path::PathBuf;

use config::{Config, File, FileFormat};
use serde_json::Value;

use crate::support::{files_below, repository};

/// Which of our crates each crate may import.
const MAY_IMPORT: &[(&str, &[&str])] = &[
    ("lapwing-event", &[]),
    ("lapwing-sanitizer", &["lapwing-event"]),
    ("lapwing-bus", &["lapwing-event"]),
    ("lapwing-store", &["lapwing-event"]),
    ("lapwing-detector", &["lapwing-event"]),
    ("lapwing-emitter", &["lapwing-event", "lapwing-sanitizer", "lapwing-bus"]),
    ("lapwing-ingest", &["lapwing-event", "lapwing-sanitizer", "lapwing-bus"]),
];

/// A source file, as its path below `crates/`, with its lines up to the tests.
fn sources() -> Vec<(String, Vec<String>)> {
    let crates = repository().join("crates");
    let is_source = |path: &PathBuf| {
        let path = path.to_string_lossy();
        path.ends_with(".rs") && path.contains("/src/") && !path.contains("/target/")
    };
    let read = |path: PathBuf| {
        let text = fs::read_to_string(&path).unwrap();
        let lines = text.lines().take_while(|line| !line.starts_with("#[cfg(test)]\nmod")).map(str::to_owned).collect();
        (path.strip_prefix(&crates).unwrap().to_string_lossy().into_owned(), lines)
    };
    files_below(&crates).into_iter().filter(is_source).map(read).collect()
}

#[test]
fn crates_import_only_in_the_allowed_directions() {
    for (name, allowed) in MAY_IMPORT {
        let manifest = fs::read_to_string(repository().join("crates").join(name).join("Cargo.toml")).unwrap();
        let dependencies = manifest.split("[dev-dependencies]").next().unwrap();
        for line in dependencies.lines().filter(|line| line.starts_with("lapwing-")) {
            let dependency = line.split(['.', ' ', '=']).next().unwrap();
            assert!(allowed.contains(&dependency), "{name} must not import {dependency}");
        }
    }
}

/// Whether a file, by its path below `crates/`, may name something.
type Allowed<'a> = &'a dyn Fn(&str) -> bool;

#[test]
fn each_library_is_named_only_where_it_belongs() {
    let binary = |path: &str| path.starts_with("lapwing/");
    let rules: &[(&str, Allowed<'_>)] = &[
        ("rdkafka::", &|path| path.starts_with("lapwing-bus/src/kafka")),
        ("tantivy::", &|path| path.starts_with("lapwing-store/")),
        ("axum::", &|path| path.contains("/api") || path.ends_with("/process.rs")),
        ("tonic::codec", &|path| path.starts_with("lapwing-ingest/src/api/")),
        ("opentelemetry_proto::", &|path| path.starts_with("lapwing-ingest/")),
        ("anyhow::", &binary),
        ("tracing_subscriber::fmt", &binary),
        ("env::var", &binary),
        ("tokio::signal", &binary),
        ("SystemTime::now", &|path| {
            binary(path) || ["lapwing-bus", "lapwing-emitter"].iter().any(|c| path.starts_with(c))
        }),
        ("SanitizedEvent::seal(", &|path| path.starts_with("lapwing-sanitizer/") || path.starts_with("lapwing-event/")),
    ];
    for (path, lines) in sources() {
        let code = lines.iter().filter(|line| !line.trim_start().starts_with("//"));
        let code =
            code.take_while(|line| !line.contains("#[cfg(test)]")).map(String::as_str).collect::<Vec<_>>().join("\n");
        for (name, allowed) in rules {
            assert!(!code.contains(name) || allowed(&path), "{path} must not name {name}");
        }
    }
}

#[test]
fn files_are_short_and_say_what_they_own() {
    for (path, lines) in sources() {
        if path.ends_with("/tests.rs") {
            continue;
        }
        let code = lines.iter().take_while(|line| !line.contains("#[cfg(test)]")).count();
        assert!(code <= 600, "{path} has {code} lines without its tests; split it by concept");
        assert!(lines.first().is_some_and(|line| line.starts_with("//!")), "{path} does not begin with //!");
    }
}

#[test]
fn nothing_is_left_unfinished_or_switched_off() {
    // The marks are put together here so that this file does not hold them.
    let marks = [["todo", "!("], ["unimplemented", "!("], ["// TO", "DO"], ["// FIX", "ME"], ["#[", "ignore"]]
        .map(|parts| parts.concat());
    let mut files = files_below(&repository().join("crates"));
    files.extend(files_below(&repository().join("tests")));
    for path in files.iter().filter(|path| path.extension().is_some_and(|extension| extension == "rs")) {
        if path.components().any(|part| part.as_os_str() == "target") {
            continue;
        }
        let text = fs::read_to_string(path).unwrap();
        for mark in &marks {
            assert!(!text.contains(mark), "{} has {mark}", path.display());
        }
    }
}

#[test]
fn commands_in_the_deployment_files_are_ones_that_exist() {
    let compose = fs::read_to_string(repository().join("deploy/compose.yaml")).unwrap();
    let dockerfile = fs::read_to_string(repository().join("deploy/Dockerfile")).unwrap();
    let help = crate::support::lapwing(&["--help"], &[]);
    let help = String::from_utf8(help.stdout).unwrap();
    let parsed = Config::builder().add_source(File::from_str(&compose, FileFormat::Yaml)).build().unwrap();
    let parsed: Value = parsed.try_deserialize().unwrap();
    for role in ["ingest", "store", "detector"] {
        let service = &parsed["services"][role];
        assert_eq!(service["command"], serde_json::json!([role]));
        assert!(help.contains(&format!("\n  {role} ")), "{role} is no command");
        let health = &service["healthcheck"]["test"];
        assert_eq!(
            (&health[1], &health[2], &health[3]),
            (&"lapwing".into(), &"health".into(), &"--url".into()),
            "{health}"
        );
    }
    assert!(dockerfile.contains("ENTRYPOINT [\"lapwing\"]"));

    // Every setting that the deployment passes in the environment is a key of the configuration.
    let words = compose.split(|c: char| !(c.is_ascii_uppercase() || c == '_'));
    for variable in words.filter(|word| word.starts_with("LAPWING__") && !word.ends_with("SECTION__KEY")) {
        let output = crate::support::lapwing(&["check"], &[(variable, "{}")]);
        let said = String::from_utf8_lossy(&output.stderr).into_owned();
        assert!(!said.contains("unknown field"), "{variable} is no key: {said}");
    }
}
