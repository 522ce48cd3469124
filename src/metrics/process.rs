//! What the system knows of this process, under the names that all programs use for it. Read from /proc, and so on Linux only;
//! elsewhere these stay 0.

use std::sync::atomic::Ordering;

use super::table::{Gauge, Sum, Table};

pub struct Process {
    cpu: Sum,
    resident: Gauge,
    started: Gauge,
    files: Gauge,
}

impl Process {
    pub(super) fn new(table: &mut Table) -> Self {
        Process {
            cpu: table.sum("process_cpu_seconds", "Seconds of a core that this process has used"),
            resident: table.gauge("process_resident_memory_bytes", "Memory of this process"),
            started: table.gauge(
                "process_start_time_seconds",
                "When it was started, in seconds since 1970",
            ),
            files: table.gauge("process_open_fds", "Files and sockets that it has open"),
        }
    }

    pub(super) fn update(&self) {
        let Some(read) = read() else { return };
        self.cpu.inner().store(read.cpu_seconds.to_bits(), Ordering::Relaxed);
        self.resident.set(read.resident_bytes);
        self.started.set(read.started);
        self.files.set(read.files);
    }
}

struct Reading {
    cpu_seconds: f64,
    resident_bytes: f64,
    started: f64,
    files: f64,
}

#[cfg(target_os = "linux")]
fn read() -> Option<Reading> {
    let own = std::fs::read_to_string("/proc/self/stat").ok()?;
    // The name of the program may hold anything; what follows it begins with field 3 (proc(5)).
    let fields: Vec<f64> = own
        .rsplit_once(')')?
        .1
        .split_whitespace()
        .map(|field| field.parse().unwrap_or(0.0))
        .collect();
    let field = |number: usize| fields.get(number - 3).copied();
    let ticks = rustix::param::clock_ticks_per_second() as f64;
    let system = std::fs::read_to_string("/proc/stat").ok()?;
    let booted: f64 = system
        .lines()
        .find_map(|line| line.strip_prefix("btime ")?.parse().ok())?;
    Some(Reading {
        cpu_seconds: (field(14)? + field(15)?) / ticks,
        started: booted + field(22)? / ticks,
        resident_bytes: field(24)? * rustix::param::page_size() as f64,
        files: std::fs::read_dir("/proc/self/fd").ok()?.count() as f64,
    })
}

#[cfg(not(target_os = "linux"))]
fn read() -> Option<Reading> {
    None
}
