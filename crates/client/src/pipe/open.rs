//! The open pipes of a client, one per address.

use std::{
    collections::BTreeMap,
    io,
    sync::{Arc, Mutex, MutexGuard, PoisonError},
};

use super::connection::Pipe;

/// Pipes by address.
#[derive(Debug, Default)]
pub struct Pipes {
    places: Mutex<BTreeMap<String, Arc<Place>>>,
}

#[derive(Debug, Default)]
struct Place {
    pipe: Mutex<Option<Arc<Pipe>>>,
    /// One caller opens; those who want the same pipe wait for it.
    opening: tokio::sync::Mutex<()>,
}

impl Pipes {
    /// The pipe to an address; opens one if there is none.
    ///
    /// # Errors
    /// If none can be opened.
    pub async fn to(&self, address: &str) -> io::Result<Arc<Pipe>> {
        let place = self.place(address);
        if let Some(pipe) = place.open() {
            return Ok(pipe);
        }
        let _turn = place.opening.lock().await;
        if let Some(pipe) = place.open() {
            return Ok(pipe);
        }
        let pipe = Arc::new(Pipe::open(address).await?);
        *place.pipe() = Some(Arc::clone(&pipe));
        Ok(pipe)
    }

    /// Opens a new pipe next time: this one has proved to be of no use. Calls that are under way
    /// on it are not disturbed.
    pub fn forget(&self, address: &str) {
        *self.place(address).pipe() = None;
    }

    fn place(&self, address: &str) -> Arc<Place> {
        let mut places = self.places.lock().unwrap_or_else(PoisonError::into_inner);
        match places.get(address) {
            Some(place) => Arc::clone(place),
            None => Arc::clone(places.entry(address.to_owned()).or_default()),
        }
    }
}

impl Place {
    fn pipe(&self) -> MutexGuard<'_, Option<Arc<Pipe>>> {
        self.pipe.lock().unwrap_or_else(PoisonError::into_inner)
    }

    fn open(&self) -> Option<Arc<Pipe>> {
        self.pipe().as_ref().filter(|pipe| pipe.is_open()).cloned()
    }
}
