//! How much memory there is.

use std::path::Path;

/// Share of the free memory that a sweep takes.
const SHARE: f64 = 0.85;

/// Where nothing is known.
const FALLBACK: u64 = 4 << 30;

/// Bytes that a sweep may take: a share of what is free, within the limit of the control group that a batch system or a container sets.
pub fn budget() -> u64 {
    let free = std::fs::read_to_string("/proc/meminfo").ok().and_then(|text| available(&text));
    let limit = control_group_room();
    let room = match (free, limit) {
        (Some(free), Some(limit)) => free.min(limit),
        (Some(room), None) | (None, Some(room)) => room,
        (None, None) => return FALLBACK,
    };
    (room as f64 * SHARE) as u64
}

/// `MemAvailable` of /proc/meminfo, in bytes.
fn available(text: &str) -> Option<u64> {
    let line = text.lines().find_map(|line| line.strip_prefix("MemAvailable:"))?;
    let kibibytes: u64 = line.trim().strip_suffix("kB")?.trim().parse().ok()?;
    Some(kibibytes << 10)
}

/// What the control groups of this process leave, the least of those above each other: version 2, then version 1.
fn control_group_room() -> Option<u64> {
    let own = std::fs::read_to_string("/proc/self/cgroup").ok()?;
    own.lines().filter_map(|line| group_of(line).and_then(|(root, path)| room_above(Path::new(root), path))).min()
}

/// Root and path of a line `0::/user.slice/x` (version 2) or `5:memory:/slurm/job_1` (version 1).
fn group_of(line: &str) -> Option<(&'static str, &str)> {
    let mut parts = line.splitn(3, ':');
    let (_, controllers, path) = (parts.next()?, parts.next()?, parts.next()?);
    let root = match controllers {
        "" => "/sys/fs/cgroup",
        list if list.split(',').any(|name| name == "memory") => "/sys/fs/cgroup/memory",
        _ => return None,
    };
    Some((root, path.trim_start_matches('/')))
}

fn room_above(root: &Path, path: &str) -> Option<u64> {
    let group = root.join(path);
    let number = |file: &Path| std::fs::read_to_string(file).ok()?.trim().parse::<u64>().ok();
    let room = |group: &Path| {
        let limit = number(&group.join("memory.max")).or_else(|| number(&group.join("memory.limit_in_bytes")))?;
        let used = number(&group.join("memory.current")).or_else(|| number(&group.join("memory.usage_in_bytes")));
        Some(limit.saturating_sub(used.unwrap_or(0)))
    };
    group.ancestors().take_while(|above| above.starts_with(root)).filter_map(room).min()
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn lines_of_the_kernel_are_read() {
        assert_eq!(available("MemTotal: 10 kB\nMemAvailable:    2048 kB\n"), Some(2 << 20));
        assert_eq!(available("MemTotal: 10 kB\n"), None);
        assert_eq!(group_of("0::/user.slice/a:b"), Some(("/sys/fs/cgroup", "user.slice/a:b")));
        assert_eq!(group_of("5:memory,cpu:/slurm/job_1"), Some(("/sys/fs/cgroup/memory", "slurm/job_1")));
        assert_eq!(group_of("5:pids:/slurm"), None);
        assert!(budget() > 0);
    }

    #[test]
    fn the_tightest_group_decides() {
        let root = tempfile::tempdir().expect("a temporary directory");
        let inner = root.path().join("job/step");
        std::fs::create_dir_all(&inner).expect("writable");
        let write = |name: &str, text: &str| std::fs::write(root.path().join(name), text).expect("writable");
        write("job/memory.max", "5000\n");
        write("job/memory.current", "1000\n");
        write("job/step/memory.max", "max\n");
        assert_eq!(room_above(root.path(), "job/step"), Some(4000));
        assert_eq!(room_above(root.path(), ""), None);
    }
}
