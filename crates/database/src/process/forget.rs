//! Forgetting overwritten versions that are older than the contract keeps them.
//!
//! ```text
//!   a turn of upkeep     forgets up to 1,000, four times a second
//!   not enough?          then each batch forgets twice as many as it made, until that is caught up
//! ```
//!
//! So however fast versions are made, those that are too old are forgotten faster, and no step is
//! long.

use kernel::bug::{Bug, planted};
use store::{Batch, engine::Engine, mvcc::collect};

use crate::shard::Shard;

use super::{Core, past};

/// A step that is made whatever happens.
pub fn turn<E: Engine>(core: &mut Core<E>, shard: &mut Shard) {
    step(core, shard, core.settings.forget_max);
}

/// A batch made so many overwritten versions.
pub fn made<E: Engine>(core: &mut Core<E>, shard: &mut Shard, versions: usize) {
    if shard.forgotten.behind && versions > 0 {
        kernel::sometimes!("history: what is too old is forgotten with every batch");
        step(core, shard, (2 * versions).min(versions + core.settings.forget_max));
    }
}

fn step<E: Engine>(core: &mut Core<E>, shard: &mut Shard, max: usize) {
    let (history_s, _) = shard.windows();
    if history_s == 0 {
        return;
    }
    let kept_s = if planted(Bug::ForgottenTooSoon) { history_s / 2 } else { history_s };
    let horizon = past::horizon(shard.applied.timestamp, kept_s);
    let (mut batch, place) = (Batch::new(), shard.forgotten.place.take());
    let done = collect(&core.engine, shard.space, &mut batch, horizon, place, max);
    let done = done.and_then(|collected| {
        shard.forgotten.behind = !collected.done;
        shard.forgotten.place = collected.place;
        if collected.removed > 0 { core.engine.write(batch) } else { Ok(()) }
    });
    if let Err(error) = done {
        core.engine_failed(&error);
    }
}
