//! Hashing passwords: slow on purpose, so beside the node's own work and a few at a time.
//!
//! ```text
//!   logins ─▶ waiting: at most so many, else "too many requests" ─▶ at work: half the processors
//! ```
//!
//! bcrypt, as in etcd: what an etcd has hashed is good here, and a hash takes four KiB of memory, so
//! that a flood of logins costs processor time alone, of which it gets no more than its share.

use std::{num::NonZeroU32, sync::Arc};

use tokio::sync::Semaphore;

use crate::{
    ambient,
    etcd::grpc::{Code, Status},
};

/// bcrypt looks at no more bytes than that.
const PASSWORD_BYTES_MAX: usize = 72;

/// Where passwords are hashed.
#[derive(Clone, Debug)]
pub struct Passwords {
    cost: u32,
    waiting: Arc<Semaphore>,
    at_work: Arc<Semaphore>,
}

impl Passwords {
    /// With bcrypt's cost, and so many logins at most that wait.
    #[must_use]
    pub fn new(cost: NonZeroU32, waiting_max: usize) -> Passwords {
        let at_work = (ambient::processors() / 2).max(1);
        Passwords {
            cost: cost.get(),
            waiting: Arc::new(Semaphore::new(waiting_max)),
            at_work: Arc::new(Semaphore::new(at_work)),
        }
    }

    /// What a password hashes to.
    ///
    /// # Errors
    /// If the password is too long, or too many wait.
    pub async fn hash(&self, password: String) -> Result<String, Status> {
        if password.len() > PASSWORD_BYTES_MAX {
            let text = "quorate: a password has at most 72 bytes";
            return Err(Status::new(Code::InvalidArgument, text));
        }
        let cost = self.cost;
        let hashed = self.work(move || {
            let salt = ambient::random::<16>().ok()?;
            let parts = bcrypt::hash_with_salt(password, cost, salt).ok()?;
            Some(parts.to_string())
        });
        hashed.await?.ok_or_else(broken)
    }

    /// Whether a password hashes to this. Without a hash none does, and it takes as long to find
    /// out: nobody learns by the time which users there are.
    ///
    /// # Errors
    /// If too many wait.
    pub async fn verify(&self, password: String, hash: Option<String>) -> Result<bool, Status> {
        let cost = self.cost;
        self.work(move || match hash {
            Some(hash) if password.len() <= PASSWORD_BYTES_MAX => {
                bcrypt::verify(password, &hash).unwrap_or(false)
            }
            _ => {
                let _ = bcrypt::hash_with_salt("", cost, [0; 16]);
                false
            }
        })
        .await
    }

    /// Whoever has begun is counted until the work is done, even if nobody waits for it any more.
    async fn work<T: Send + 'static>(
        &self,
        work: impl FnOnce() -> T + Send + 'static,
    ) -> Result<T, Status> {
        let full = |_| Status::new(Code::ResourceExhausted, "etcdserver: too many requests");
        let waiting = Arc::clone(&self.waiting).try_acquire_owned().map_err(full)?;
        let at_work = Arc::clone(&self.at_work).acquire_owned().await.map_err(|_| broken())?;
        let done = ambient::block(move || {
            let done = work();
            drop((waiting, at_work));
            done
        });
        done.await.ok_or_else(broken)
    }
}

fn broken() -> Status {
    Status::new(Code::Internal, "quorate: a password could not be hashed")
}

#[cfg(test)]
mod tests {
    use super::*;

    fn passwords(waiting_max: usize) -> Passwords {
        Passwords::new(NonZeroU32::new(4).unwrap(), waiting_max)
    }

    #[tokio::test]
    async fn a_password_is_what_was_hashed() {
        let passwords = passwords(4);
        let hash = passwords.hash("pass".into()).await.unwrap();
        assert_ne!(hash, passwords.hash("pass".into()).await.unwrap(), "salted");
        let is = async |password: &str, hash: Option<&str>| {
            let (password, hash) = (password.to_owned(), hash.map(str::to_owned));
            passwords.verify(password, hash).await.unwrap()
        };
        assert!(is("pass", Some(&hash)).await);
        assert!(!is("past", Some(&hash)).await && !is("pass", None).await);
        assert!(!is("", Some("")).await && !is("pass", Some("none")).await);
        assert!(!is(&"p".repeat(73), Some(&hash)).await);
        assert!(passwords.hash("p".repeat(73)).await.is_err());
    }

    /// As an etcd 3.5 stored it.
    #[tokio::test]
    async fn hashes_of_etcd_are_known() {
        let hash = ETCD.to_owned();
        assert!(passwords(1).verify("pw".into(), Some(hash)).await.unwrap());
    }

    const ETCD: &str = "$2a$04$mjl2DWrEA7L03zBYOrscY.bVaMUZS/re.unqGbaQR52gjmv5ecNKq";

    #[tokio::test]
    async fn too_many_are_sent_away() {
        let passwords = passwords(0);
        let refused = passwords.hash("pass".into()).await.unwrap_err();
        assert_eq!(refused.code, Code::ResourceExhausted);
    }
}
