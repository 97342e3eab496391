//! Coordination on three nodes: `scenes` says what holds of leases, each is a test; `bounds` what
//! holds of a keyspace that its contract bounds; `faults` what a node does whose host injects some;
//! `fates` what it says of requests whose answers were lost; `clocks` what a wrong one changes;
//! `engines` what a node does whose engine was replaced.

mod bounds;
mod clocks;
mod engines;
mod fates;
mod faults;
mod scenes;
mod stage;

macro_rules! tests {
    ($from:ident: $($name:ident),* $(,)?) => { $(#[test] fn $name() { $from::$name(); })* };
}

tests![clocks: a_clock_that_is_wrong_ends_no_key_and_keeps_none];
tests![engines: a_node_whose_engine_is_gone_asks_the_others];
tests![
    fates:
    a_call_is_answered_by_its_deadline,
    a_drop_is_answered_when_nobody_can_serve_what_was_dropped,
    a_drop_waits_for_those_who_could_serve_alone,
    a_node_that_is_behind_writes_into_the_keyspace_that_is_there_now,
    what_the_catalog_says_twice_is_no_answer_of_a_shard,
    a_node_that_is_behind_finds_what_it_has_not_heard_of,
];
tests![
    scenes:
    a_lease_ends_after_its_time_and_takes_its_keys_with_it,
    a_lease_that_is_kept_alive_lives_and_shows_what_is_left,
    a_new_leader_gives_a_lease_the_time_that_it_had_at_its_last_renewal,
    a_leader_that_comes_back_remembers_nothing,
    a_cluster_that_stood_still_ends_no_lease_for_that,
    a_cluster_that_is_starved_ends_no_lease_that_is_kept_alive,
    a_stopped_leader_keeps_nothing_alive,
    a_leader_that_is_cut_off_keeps_and_ends_nothing,
    nobody_leads_and_no_time_passes,
    a_restart_of_all_gives_a_lease_that_was_just_renewed_its_whole_time,
    what_was_noted_shortens_a_lease_at_the_next_leader,
    what_was_noted_of_a_short_lease_shortens_it_too,
    a_keep_alive_behind_a_checkpoint_goes_through_the_log,
    a_lease_whose_end_is_proposed_is_not_kept_alive,
    an_expiry_that_a_renewal_overtakes_ends_nothing,
    many_leases_are_read_page_by_page_and_end_lot_by_lot,
    a_sweep_goes_on_until_all_is_swept,
    what_is_applied_is_told,
    a_node_whose_host_watches_tells_what_changes,
    a_keep_alive_is_not_refused_because_of_others,
];
