//! Planted bugs of leases, clocks and routing are caught: a scene that holds fails as soon as its
//! bug is planted.
//!
//! One test, because a bug is planted for the whole process:
//! `cargo test -p database --features mutants --test mutants`
#![cfg(feature = "mutants")]

#[path = "leases/clocks.rs"]
mod clocks;
#[path = "leases/engines.rs"]
mod engines;
#[allow(dead_code, reason = "some of what it says catches no bug of its own")]
#[path = "leases/fates.rs"]
mod fates;
#[allow(dead_code, reason = "some scenes catch no bug of their own")]
#[path = "leases/scenes.rs"]
mod scenes;
#[allow(dead_code, reason = "nobody counts here what nodes keep")]
#[path = "leases/stage.rs"]
mod stage;

use std::panic::catch_unwind;

use kernel::bug::{Bug, plant};

#[test]
fn every_bug_breaks_its_scene() {
    let scenes: [(Bug, fn()); 13] = [
        (Bug::LeaseTimeUnproven, scenes::a_cluster_that_stood_still_ends_no_lease_for_that),
        (
            Bug::LeaseNotFrozen,
            scenes::a_new_leader_gives_a_lease_the_time_that_it_had_at_its_last_renewal,
        ),
        (Bug::KeepAliveUnconfirmed, scenes::a_leader_that_is_cut_off_keeps_and_ends_nothing),
        (Bug::CheckpointIgnored, scenes::what_was_noted_shortens_a_lease_at_the_next_leader),
        (Bug::ExpiryIgnoresRenewal, scenes::an_expiry_that_a_renewal_overtakes_ends_nothing),
        (Bug::KeepAliveWhileEnding, scenes::a_lease_whose_end_is_proposed_is_not_kept_alive),
        (Bug::KeepAliveNotLogged, scenes::a_keep_alive_behind_a_checkpoint_goes_through_the_log),
        (Bug::OwnClock, clocks::a_clock_that_is_wrong_ends_no_key_and_keeps_none),
        (Bug::DropUnheard, fates::a_drop_waits_for_those_who_could_serve_alone),
        (Bug::CallForgotten, fates::a_call_is_answered_by_its_deadline),
        (Bug::AnswerOfAnother, fates::what_the_catalog_says_twice_is_no_answer_of_a_shard),
        (Bug::OldEngineBelieved, engines::a_node_whose_engine_is_gone_asks_the_others),
        (Bug::CatalogBelieved, fates::a_node_that_is_behind_finds_what_it_has_not_heard_of),
    ];
    for (bug, scene) in scenes {
        plant(None);
        assert!(catch_unwind(scene).is_ok(), "{bug:?}: its scene does not hold");
        plant(Some(bug));
        assert!(catch_unwind(scene).is_err(), "{bug:?} breaks nothing");
    }
}
