//! What the frames of a run say: said once, before anything is laid out.

use std::collections::BTreeMap;

use bytes::Bytes;

use crate::audit::{Record, Recorder, What};

/// The words of every frame that is drawn.
pub(super) struct Frames {
    words: BTreeMap<u64, String>,
}

impl Frames {
    pub(super) fn new(
        recorder: &Recorder,
        label: &dyn Fn(&Bytes) -> Option<String>,
        terse: bool,
    ) -> Frames {
        let mut words = BTreeMap::new();
        for record in recorder.iter() {
            if let What::Sent { frame, bytes, .. } = &record.what {
                let length = || (!terse).then(|| format!("{} B", bytes.len()));
                if let Some(text) = label(bytes).or_else(length) {
                    words.insert(*frame, text);
                }
            }
        }
        Frames { words }
    }

    /// What a frame says; `None` if it is not drawn, or was sent before all that is known.
    pub(super) fn words(&self, frame: u64) -> Option<&str> {
        self.words.get(&frame).map(String::as_str)
    }

    /// Whether an event is drawn, as far as frames are concerned.
    pub(super) fn shown(&self, record: &Record) -> bool {
        match &record.what {
            What::Sent { frame, .. }
            | What::Delivered { frame, .. }
            | What::Dropped { frame, .. } => self.words.contains_key(frame),
            _ => true,
        }
    }
}
