//! How long the disk takes to flush: it swings by a factor of thirty within minutes, and every latency with it.

use std::fs::File;
use std::io::Write;
use std::path::Path;
use std::time::Instant;

/// Median and 99th percentile of 200 appends of 4 KiB with fdatasync.
pub fn fdatasync(folder: &Path) -> String {
    let path = folder.join("probe");
    let mut file = File::create(&path).expect("a file for the probe");
    let mut times: Vec<f64> = (0..200)
        .map(|_| {
            let began = Instant::now();
            file.write_all(&[0; 4096]).expect("room for the probe");
            file.sync_data().expect("a disk that flushes");
            began.elapsed().as_secs_f64() * 1e3
        })
        .collect();
    let _ = std::fs::remove_file(path);
    times.sort_by(f64::total_cmp);
    format!("fdatasync p50 {:.2} ms, p99 {:.2} ms", times[100], times[198])
}
