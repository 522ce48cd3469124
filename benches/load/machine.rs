//! What Linux says about processes: CPU time, memory, descriptors, and what everybody else used meanwhile.

use std::fs::read_to_string;
use std::time::{Duration, Instant};

/// A tick of the times in /proc: a hundredth of a second on every Linux of today.
const TICK: Duration = Duration::from_millis(10);
/// More than this of the machine used by strangers disturbs a run.
const DISTURBED: f64 = 0.05;

/// User and system time of a process so far, all threads.
pub fn cpu(pid: u32) -> Duration {
    ticks(pid, &[11, 12])
}

/// A PostgreSQL server: its parent process, the backends that have ended and those that live.
pub fn cpu_of_postgres(postmaster: u32) -> Duration {
    let living = processes().filter(|pid| parent(*pid) == Some(postmaster));
    ticks(postmaster, &[11, 12, 13, 14]) + living.map(cpu).sum::<Duration>()
}

pub fn parent(pid: u32) -> Option<u32> {
    stat(pid)?.split_whitespace().nth(1)?.parse().ok()
}

pub fn memory_mb(pid: u32) -> f64 {
    let status = read_to_string(format!("/proc/{pid}/status")).unwrap_or_default();
    let line = status.lines().find_map(|line| line.strip_prefix("VmRSS:"));
    let kb = line.and_then(|line| line.trim().split(' ').next()?.parse::<f64>().ok());
    kb.unwrap_or(0.0) / 1024.0
}

/// Open files and sockets. The program keeps others of its account out, so only root can count them.
pub fn descriptors(pid: u32) -> usize {
    let open = std::fs::read_dir(format!("/proc/{pid}/fd"));
    open.unwrap_or_else(|error| panic!("the descriptors of {pid} cannot be counted, which needs root: {error}"))
        .count()
}

/// What was used between two looks, by whom.
pub struct Meter {
    nodes: Vec<u32>,
    postmaster: Option<u32>,
    began: Instant,
    at_first: Look,
}

struct Look {
    nodes: Duration,
    database: Duration,
    harness: Duration,
    busy: Duration,
}

pub struct Used {
    pub nodes: Duration,
    pub database: Duration,
    pub harness: Duration,
    /// The part of the machine, 0 to 1, that went to others; kernel threads are among them.
    pub strangers: f64,
}

impl Used {
    pub fn is_disturbed(&self) -> bool {
        self.strangers > DISTURBED
    }
}

impl Meter {
    pub fn start(nodes: Vec<u32>, postmaster: Option<u32>) -> Meter {
        Meter {
            at_first: Look::now(&nodes, postmaster),
            nodes,
            postmaster,
            began: Instant::now(),
        }
    }

    pub fn read(&self) -> Used {
        let now = Look::now(&self.nodes, self.postmaster);
        let nodes = now.nodes.saturating_sub(self.at_first.nodes);
        let database = now.database.saturating_sub(self.at_first.database);
        let harness = now.harness.saturating_sub(self.at_first.harness);
        let others = now
            .busy
            .saturating_sub(self.at_first.busy)
            .saturating_sub(nodes + database + harness);
        let cores = std::thread::available_parallelism().map_or(1.0, |cores| cores.get() as f64);
        Used {
            nodes,
            database,
            harness,
            strangers: others.as_secs_f64() / (self.began.elapsed().as_secs_f64() * cores),
        }
    }
}

impl Look {
    fn now(nodes: &[u32], postmaster: Option<u32>) -> Look {
        Look {
            nodes: nodes.iter().map(|pid| cpu(*pid)).sum(),
            database: postmaster.map(cpu_of_postgres).unwrap_or_default(),
            harness: cpu(std::process::id()),
            busy: busy(),
        }
    }
}

/// Time that all processors together spent on anything but waiting, stolen time included.
fn busy() -> Duration {
    let stat = read_to_string("/proc/stat").unwrap_or_default();
    let line = stat.lines().next().and_then(|line| line.strip_prefix("cpu "));
    let times: Vec<u32> = line
        .unwrap_or_default()
        .split_whitespace()
        .filter_map(|field| field.parse().ok())
        .collect();
    // user nice system idle iowait irq softirq steal; guests are contained in user.
    let spent = times
        .iter()
        .take(8)
        .enumerate()
        .filter(|(index, _)| !matches!(index, 3 | 4));
    TICK * spent.map(|(_, ticks)| ticks).sum::<u32>()
}

fn processes() -> impl Iterator<Item = u32> {
    let entries = std::fs::read_dir("/proc").into_iter().flatten().flatten();
    entries.filter_map(|entry| entry.file_name().to_str()?.parse().ok())
}

/// What follows the name: state is field 0, the parent 1, utime and stime 11 and 12, those of ended children 13 and 14.
fn stat(pid: u32) -> Option<String> {
    let text = read_to_string(format!("/proc/{pid}/stat")).ok()?;
    Some(text.rsplit_once(')')?.1.to_owned())
}

fn ticks(pid: u32, fields: &[usize]) -> Duration {
    let Some(stat) = stat(pid) else {
        return Duration::ZERO;
    };
    let values: Vec<&str> = stat.split_whitespace().collect();
    let ticks = fields
        .iter()
        .filter_map(|field| values.get(*field)?.parse::<u32>().ok());
    TICK * ticks.sum::<u32>()
}
