//! Every call of the Rust client `etcd-client`, against Quorate or against etcd itself.
//!
//! ```sh
//! cargo run -p client -- --endpoint 127.0.0.1:2379,127.0.0.1:22379,127.0.0.1:32379
//! cargo run -p client -- --endpoint ... --reference     # it is etcd: nothing may differ
//! ```
//!
//! Each case is a function whose name says what must hold. What Quorate does otherwise on purpose
//! is in [`differences`], with the reason; a case that stands there and passes is a failure too.

mod ambient;
mod auth;
mod case;
mod cluster;
mod differences;
mod election;
mod kv;
mod lease;
mod lock;
mod maintenance;
mod read;
mod txn;
mod watch;

use case::{Stage, Tally};
use clap::Parser;

/// Call everything that the Rust client has.
#[derive(Debug, Parser)]
struct Arguments {
    /// All nodes, `host:port`, separated by commas.
    #[arg(long, value_delimiter = ',', default_value = "127.0.0.1:2379")]
    endpoint: Vec<String>,
    /// The server is etcd.
    #[arg(long)]
    reference: bool,
    /// Only cases whose name contains this.
    #[arg(long, default_value = "")]
    only: String,
}

/// Runs cases in turn, each by the name of its function.
macro_rules! run {
    ($tally:ident, $stage:ident; $($room:ident: $($case:ident)*;)*) => {
        $($(
            let name = format!("{}: {}", stringify!($room), stringify!($case).replace('_', " "));
            if $tally.wants(&name) {
                let found = tokio::time::timeout(case::LIMIT, $room::$case(&$stage)).await;
                $tally.note(name, found);
            }
        )*)*
    };
}

#[tokio::main]
async fn main() -> std::process::ExitCode {
    let arguments = Arguments::parse();
    let stage = match Stage::open(&arguments.endpoint).await {
        Ok(stage) => stage,
        Err(error) => {
            eprintln!("{}: {error}", arguments.endpoint.join(","));
            return std::process::ExitCode::FAILURE;
        }
    };
    let mut tally = Tally::new(arguments.reference, arguments.only);
    run! { tally, stage;
        kv: put_answers_with_what_it_replaced a_put_may_keep_the_value_or_the_lease
            deletes_answer_with_what_they_removed requests_without_a_key_are_refused
            a_request_is_limited_to_one_and_a_half_mebibytes
            what_is_compacted_cannot_be_read a_prefix_of_the_client_is_a_namespace;
        read: ranges_prefixes_and_everything limits_say_whether_there_is_more
            all_targets_sort_in_both_orders keys_only_and_counts the_past_is_readable
            bounds_of_revisions_filter any_node_answers_a_serializable_read
            ranges_as_a_stream;
        txn: every_target_and_every_comparison_decides branches_answer_operation_by_operation
            transactions_nest a_key_is_put_once_only ranges_compare_every_key;
        lease: grants_choose_an_id_or_take_one a_lease_is_granted_once
            a_keep_alive_gives_the_whole_time_again a_keep_alive_of_nothing_ends
            time_to_live_tells_time_and_keys leases_are_listed
            revoking_removes_the_keys a_lease_that_ends_removes_its_keys
            unknown_leases_are_refused;
        watch: events_come_in_order_with_what_was_before filters_leave_kinds_out
            the_past_is_replayed the_future_is_waited_for many_watches_share_a_stream
            an_id_is_taken_once a_cancelled_watch_is_silent progress_is_reported_on_request
            large_answers_come_in_fragments a_compacted_start_is_refused
            a_transaction_is_one_answer;
        lock: a_lock_excludes a_lock_ends_with_its_lease the_same_lease_holds_the_same_key
            a_lock_without_a_lease_is_held places_are_in_order;
        election: one_leads_and_others_wait a_leader_proclaims_and_observers_see
            nobody_leads_an_election_without_candidates the_former_leader_cannot_proclaim;
        maintenance: status_tells_where_the_cluster_stands hashes_agree_between_nodes
            a_snapshot_downloads_to_its_last_byte alarms_can_be_listed
            a_raised_alarm_stops_puts_until_it_is_cleared defragment_is_accepted
            leadership_moves_on_request a_downgrade_can_be_validated;
        cluster: members_are_listed_with_their_addresses members_come_and_go
            members_can_be_updated
            endpoints_of_a_client_can_change;
        auth: roles_and_permissions users_and_their_roles
            what_is_not_permitted_is_refused_once_it_is_enabled;
    }
    tally.end()
}
