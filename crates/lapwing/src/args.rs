//! The command line.

use std::path::PathBuf;

use clap::{Args, Parser, Subcommand};

const EXAMPLES: &str = "\
Examples:
  lapwing up                                   everything in one process, data under ./lapwing-data
  lapwing demo                                 a scenario with an attack, against a running `up`
  lapwing emit app.jsonl                       send a file of JSON lines
  lapwing emit --follow --service shop app.log send it, and go on with what is appended
  lapwing search 'launch codes'                full text over prompts, answers, arguments, documents
  lapwing search 'kind:tool tool:send_mail'    by field
  lapwing tail 'kind:alert'                    watch as it comes in

Nothing has to be configured. config/lapwing.toml explains every key; any of them can be set in the
environment, for example LAPWING__SERVER__LISTEN=127.0.0.1:9000.";

/// The flight recorder and the watch for AI applications.
#[derive(Debug, Parser)]
#[command(name = "lapwing", version, after_help = EXAMPLES, propagate_version = true)]
pub struct Cli {
    /// Configuration file; without it $LAPWING_CONFIG, else config/lapwing.toml where it exists
    #[arg(long, global = true, value_name = "FILE")]
    pub config: Option<PathBuf>,
    /// With `up` and `store`: let Elasticsearch's clients make indices of any mapping, in memory and unsanitized. For
    /// tests of the API alone
    #[arg(long, global = true, hide_short_help = true)]
    pub dev_generic_index: bool,
    /// What to do
    #[command(subcommand)]
    pub command: Command,
}

/// What to do.
#[derive(Debug, Subcommand)]
pub enum Command {
    /// Run everything in one process, on an embedded bus: front door, sanitizer, store, detector
    Up,
    /// Run the ingest service: HTTP front door, and raw topic to clean topic
    Ingest,
    /// Run the store service: clean topic to index, and the search API; or look after its files
    Store {
        /// Instead of running the service
        #[command(subcommand)]
        action: Option<StoreAction>,
    },
    /// Run the detector service: clean topic to alerts; or replay the past with other settings
    Detector {
        /// Instead of running the service
        #[command(subcommand)]
        action: Option<DetectorAction>,
    },
    /// Send events: JSON objects, one a line or in an array, from a file or from standard input
    Emit(Emit),
    /// Search the store
    Search(Search),
    /// Show events as they become searchable
    Tail(Tail),
    /// Play a scenario against a running `lapwing up`: a guarded model, normal agents, and a hijacked one
    Demo(Demo),
    /// Manage API keys
    #[command(subcommand)]
    Keys(Keys),
    /// Check, test and list the detector's Sigma rules
    #[command(subcommand)]
    Rules(Rules),
    /// Print the JSON Schema of the event
    Schema,
    /// Read the configuration, report every fault in it, and print what is in force
    Check,
    /// Ask a server whether it is ready; for health checks of containers
    Health(Server),
}

/// Which server to talk to.
#[derive(Debug, Clone, Args)]
pub struct Server {
    /// The server's address; without it $LAPWING_URL, else http://127.0.0.1:7117
    #[arg(long, value_name = "URL")]
    pub url: Option<String>,
    /// The API key; better in $LAPWING_API_KEY, where other users of the machine cannot see it
    #[arg(long, value_name = "KEY", hide_short_help = true)]
    pub api_key: Option<String>,
}

/// Arguments of `emit`.
#[derive(Debug, Args)]
pub struct Emit {
    /// The file; `-` or nothing is standard input. With --follow, one or more
    pub files: Vec<PathBuf>,
    /// Go on sending what is appended to the files, through rotation and restarts, until SIGTERM
    #[arg(long, short, requires = "files")]
    pub follow: bool,
    /// The application whose events these are, for those that name no service themselves
    #[arg(long, value_name = "NAME")]
    pub service: Option<String>,
    /// Where to
    #[command(flatten)]
    pub server: Server,
}

/// Arguments of `search`.
#[derive(Debug, Args)]
pub struct Search {
    /// The query; words, "a phrase", field:value, ranges such as latency_ms:>1000, AND OR NOT
    #[arg(default_value = "*")]
    pub query: String,
    /// From when: RFC 3339, epoch milliseconds, or now-15m
    #[arg(long, default_value = "now-24h")]
    pub from: String,
    /// Until when, exclusive
    #[arg(long)]
    pub to: Option<String>,
    /// How many hits
    #[arg(short = 'n', long, default_value_t = 20)]
    pub limit: usize,
    /// Print the events as JSON lines
    #[arg(long)]
    pub json: bool,
    /// Print the alerts among them as OCSF Detection Findings, a JSON line each
    #[arg(long, conflicts_with = "json")]
    pub ocsf: bool,
    /// Where to look
    #[command(flatten)]
    pub server: Server,
}

/// Arguments of `tail`.
#[derive(Debug, Args)]
pub struct Tail {
    /// The query, as for `search`
    #[arg(default_value = "*")]
    pub query: String,
    /// Print the events as JSON lines
    #[arg(long)]
    pub json: bool,
    /// Where to look
    #[command(flatten)]
    pub server: Server,
}

/// Arguments of `demo`.
#[derive(Debug, Args)]
pub struct Demo {
    /// How many normal agent sessions to play before the attack
    #[arg(long, default_value_t = 300, value_parser = clap::value_parser!(u32).range(50..=5000))]
    pub sessions: u32,
    /// The seed of the scenario; the same seed plays the same sessions
    #[arg(long, default_value_t = 7)]
    pub seed: u64,
    /// Where to look for what was played, if the store is another process
    #[arg(long, value_name = "URL")]
    pub store_url: Option<String>,
    /// Where to play
    #[command(flatten)]
    pub server: Server,
}

/// What to do with the store's files.
#[derive(Debug, Subcommand)]
pub enum StoreAction {
    /// Merge and seal every partition; no server may use the store meanwhile
    Compact(StoreFiles),
    /// Compare every file with its checksum and its seal; a server may run. Fails and names what is broken
    Verify(StoreFiles),
    /// Show partitions, events and sizes; a server may run
    Stats(StoreFiles),
    /// Read the bus from its beginning at the next start, after a topic was made anew; no server may use the store
    /// meanwhile. What is stored already is not stored again
    ForgetPosition(StoreFiles),
}

/// Which store, and how to print what was found.
#[derive(Debug, Args)]
pub struct StoreFiles {
    /// The store's folder; without it, index under data.dir
    #[arg(long, value_name = "DIR")]
    pub dir: Option<PathBuf>,
    /// Print as JSON
    #[arg(long)]
    pub json: bool,
}

/// What to do with API keys.
#[derive(Debug, Subcommand)]
pub enum Keys {
    /// Make a key and print it, once
    Create {
        /// The tenant whose data the key reaches
        #[arg(long, default_value = "default")]
        tenant: String,
        /// What the key may do: ingest, search, review, admin
        #[arg(long, value_delimiter = ',', default_value = "ingest,search")]
        scopes: Vec<String>,
        /// The key ends after this many days; without it, never
        #[arg(long, value_name = "DAYS")]
        expires: Option<u32>,
        /// What it is for
        #[arg(long, default_value = "")]
        note: String,
    },
    /// List the keys, without their secrets
    List,
    /// End a key now
    Revoke {
        /// The key's id, as `list` shows it
        id: String,
    },
}

/// What to do with the detector instead of running it.
#[derive(Debug, Subcommand)]
pub enum DetectorAction {
    /// Run the stored past through the settings in force and through others, and print which alerts would change
    Replay(Replay),
}

/// Arguments of `detector replay`.
#[derive(Debug, Args)]
pub struct Replay {
    /// From when: RFC 3339, epoch milliseconds, or now-7d
    #[arg(long, default_value = "now-7d")]
    pub from: String,
    /// Until when, exclusive
    #[arg(long)]
    pub to: Option<String>,
    /// The file with the other settings; its `detector` section counts
    #[arg(long, value_name = "FILE")]
    pub candidate: PathBuf,
    /// Where the past is stored
    #[command(flatten)]
    pub server: Server,
}

/// What to do with rules. Without a path, those of the configuration; the built-in ones are always among them.
#[derive(Debug, Subcommand)]
pub enum Rules {
    /// Read the rules and report every fault with its file and line
    Check {
        /// A file or folder with rules
        path: Option<PathBuf>,
    },
    /// Run the examples that the rules carry: what must fire, and what must not
    Test {
        /// A file or folder with rules
        path: Option<PathBuf>,
    },
    /// List the rules
    List {
        /// A file or folder with rules
        path: Option<PathBuf>,
    },
}
