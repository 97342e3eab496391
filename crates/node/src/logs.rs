//! Log lines: for people or as JSON, to standard error.

use tracing_subscriber::{EnvFilter, fmt};

use crate::config::{Config, ConfigError, LogFormat};

/// Sends log lines of this process to standard error. Only the first call in a process counts.
///
/// # Errors
/// If the filter of the configuration makes no sense.
pub fn start(config: &Config) -> Result<(), ConfigError> {
    let filter = EnvFilter::try_new(&config.log_filter).map_err(|error| ConfigError::Wrong {
        place: "log-filter".to_owned(),
        text: error.to_string(),
    })?;
    // A line that cannot be written is lost. Saying so on standard error, where it could not be written,
    // would end the thread that had something to say: the worker, when the disk is full.
    let writer = std::io::stderr;
    let builder = fmt().with_env_filter(filter).with_writer(writer).log_internal_errors(false);
    // Somebody else may have set a subscriber, a test for example: theirs stays.
    let _ = match config.log {
        LogFormat::Text => builder.try_init(),
        LogFormat::Json => builder.json().flatten_event(true).try_init(),
    };
    Ok(())
}
