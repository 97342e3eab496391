//! A keyspace that comes and goes: one client makes it, drops it and makes it anew, others write into
//! it and read what they wrote.
//!
//! ```text
//!   landlord   make ─▶ wait ─▶ drop ─▶ wait ─▶ make …      each until it is known how it ended
//!   tenants    write, read, write …                        each under a key of its own
//!   register   when the keyspace may have been gone        what a read may show, and may not
//! ```
//!
//! A name is not a place: a node that has not heard of a drop still knows where the keyspace was, and
//! the replicas there may not have heard of it either. What was dropped must not come back, and what
//! is written into the new one must not go to the old one.
//!
//! Every fifth seed carries it, others than those with etcd's model. The rest run as if it were not
//! there.

mod landlord;
mod register;
mod tenant;

use std::{cell::RefCell, rc::Rc};

use kernel::Rng;
use sim::Plan;

use crate::actor::Actor;
use register::Register;

/// The keyspace.
const KEYSPACE: &str = "let";
/// How many write and read.
const TENANTS: u64 = 3;

/// Whether the run of a seed has it.
#[must_use]
pub fn carries(seed: u64) -> bool {
    seed % 5 == 2
}

/// Whoever makes, drops and uses the keyspace.
#[must_use]
pub fn actors(plan: &Plan) -> Vec<Box<dyn Actor>> {
    let rng = Rng::new(plan.seed).fork("tenancy");
    let register = Rc::new(RefCell::new(Register::default()));
    let landlord = landlord::Landlord::new(&plan.options, rng.fork("landlord"), register.clone());
    let mut all: Vec<Box<dyn Actor>> = vec![Box::new(landlord)];
    for id in 0..TENANTS {
        let rng = rng.fork(&format!("tenant {id}"));
        all.push(Box::new(tenant::Tenant::new(id, plan.options.nodes, rng, register.clone())));
    }
    all
}
