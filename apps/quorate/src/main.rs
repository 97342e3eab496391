//! The binary.
//!
//! ```text
//!   main ─▶ cli (arguments) ─▶ commands/… (one file each) ─▶ show (tables, JSON)
//!                                   │                          exit (codes that mean something)
//!                                   ├─ server   one node: database, HTTP gateway
//!                                   ├─ dev      several servers on this machine
//!                                   └─ others   clients of a cluster
//! ```
#![forbid(unsafe_code)]

mod all;
mod ambient;
mod backend;
mod bench;
mod cli;
mod commands;
mod dev;
mod everybody;
mod exit;
mod show;
mod signal;

use std::process::ExitCode;

use clap::Parser;

#[global_allocator]
static ALLOCATOR: tikv_jemallocator::Jemalloc = tikv_jemallocator::Jemalloc;

fn main() -> ExitCode {
    match commands::run(cli::Cli::parse()) {
        Ok(()) => ExitCode::SUCCESS,
        Err(failure) => {
            failure.print();
            failure.code()
        }
    }
}
