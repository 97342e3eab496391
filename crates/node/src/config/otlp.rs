//! The `[otlp]` table: where traces and figures are exported to. Without an endpoint, nowhere.
//!
//! ```toml
//! [otlp]
//! endpoint = "http://127.0.0.1:4318"
//! traces   = true
//! metrics  = true
//! period   = "10s"      # between exports of figures
//! timeout  = "5s"       # of one attempt
//! queue    = 8192       # spans that may wait
//! sample   = 100        # every 100th request without a traceparent is traced; 0 for none
//! ```

use std::time::Duration;

use serde::Deserialize;

use super::{ConfigError, units::Time};
use crate::otlp::{Settings, Target};

/// The table as it is written.
#[derive(Clone, Debug, Default, Deserialize)]
#[serde(deny_unknown_fields, rename_all = "kebab-case", default)]
pub(super) struct Otlp {
    endpoint: Option<String>,
    traces: Option<bool>,
    metrics: Option<bool>,
    period: Option<Time>,
    timeout: Option<Time>,
    queue: Option<usize>,
    sample: Option<u64>,
}

impl Otlp {
    /// The settings; none without an endpoint.
    pub(super) fn read(&self) -> Result<Option<Settings>, ConfigError> {
        let Some(endpoint) = self.endpoint.as_deref().filter(|text| !text.is_empty()) else {
            return Ok(None);
        };
        let wrong = |key: &str, text| ConfigError::Wrong { place: format!("otlp.{key}"), text };
        let time = |key: &str, time: Option<Time>, default: u64, least: u64| {
            let time = time.map_or(Duration::from_secs(default), |time| time.0);
            let fits = (Duration::from_millis(least)..=Duration::from_secs(3600)).contains(&time);
            let text = || format!("{time:?}: {least}ms to one hour make sense");
            if fits { Ok(time) } else { Err(wrong(key, text())) }
        };
        let queue = self.queue.unwrap_or(8192);
        if !(1..=1 << 20).contains(&queue) {
            return Err(wrong("queue", format!("{queue}: 1 to {} spans make sense", 1 << 20)));
        }
        Ok(Some(Settings {
            target: Target::parse(endpoint).map_err(|text| wrong("endpoint", text))?,
            traces: self.traces.unwrap_or(true),
            metrics: self.metrics.unwrap_or(true),
            period: time("period", self.period, 10, 100)?,
            timeout: time("timeout", self.timeout, 5, 10)?,
            queue,
            sample: self.sample.unwrap_or(100),
        }))
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn read(text: &str) -> Result<Option<Settings>, ConfigError> {
        toml::from_str::<Otlp>(text).unwrap().read()
    }

    #[test]
    fn nothing_is_exported_unless_somebody_says_where() {
        assert_eq!(read("queue = 1\nperiod = \"1s\"").unwrap(), None);
        assert_eq!(read("endpoint = \"\"").unwrap(), None, "a variable can turn it off");
        let settings = read("endpoint = \"http://c:4318\"").unwrap().unwrap();
        assert!(settings.traces && settings.metrics);
        assert_eq!((settings.queue, settings.sample), (8192, 100));
        assert_eq!(settings.period, Duration::from_secs(10));
    }

    #[test]
    fn a_variable_and_a_flag_say_it_as_the_file_does() {
        let pair = |key: &str, value: &str| (key.to_owned(), value.to_owned());
        let cluster = "11111111111111111111111111111111";
        let flags = [pair("node", "1"), pair("cluster", cluster), pair("data", "d")];
        let variable = [pair("QUORATE_OTLP__ENDPOINT", "http://c:4318")];
        let flag = pair("otlp.endpoint", "http://f:4318");
        let load = |variables: &[(String, String)], flags: Vec<(String, String)>| {
            let config = super::super::Config::load(None, variables.to_vec(), flags).unwrap();
            config.otlp.map(|otlp| otlp.target.authority)
        };
        assert_eq!(load(&[], flags.to_vec()), None);
        assert_eq!(load(&variable, flags.to_vec()).as_deref(), Some("c:4318"));
        let flags = [flags.as_slice(), &[flag]].concat();
        assert_eq!(load(&variable, flags).as_deref(), Some("f:4318"));
    }

    #[test]
    fn what_makes_no_sense_is_refused_by_its_key() {
        for (text, key) in [
            ("endpoint = \"c:4318\"", "otlp.endpoint"),
            ("endpoint = \"http://c:1\"\nqueue = 0", "otlp.queue"),
            ("endpoint = \"http://c:1\"\nperiod = \"1ms\"", "otlp.period"),
            ("endpoint = \"http://c:1\"\ntimeout = \"100m\"", "otlp.timeout"),
        ] {
            let error = read(text).unwrap_err().to_string();
            assert!(error.contains(key) && error.contains("config-wrong"), "{error}");
        }
    }
}
