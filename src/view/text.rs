//! Numbers as people read them.

/// A count with thin spaces between its thousands.
pub fn grouped(count: u64) -> String {
    let digits = count.to_string();
    let head = (digits.len() - 1) % 3 + 1;
    let mut text = digits[..head].to_string();
    for at in (head..digits.len()).step_by(3) {
        text = text + "\u{202f}" + &digits[at..at + 3];
    }
    text
}

/// Bytes in the unit that suits them.
pub fn bytes(count: u64) -> String {
    let units = ["B", "KiB", "MiB", "GiB"];
    let power = (0..4).rev().find(|&power| count >= 1 << (10 * power)).unwrap_or(0);
    let value = count as f64 / f64::from(1u32 << (10 * power));
    if power == 0 { format!("{count} B") } else { format!("{value:.1} {}", units[power]) }
}

/// The absolute path: the window does not show in which folder it was started.
pub fn full_path(path: &std::path::Path) -> String {
    std::path::absolute(path).unwrap_or_else(|_| path.to_path_buf()).display().to_string()
}

/// A number with three significant digits.
pub fn short(value: f32) -> String {
    let size = if value == 0.0 { 0 } else { value.abs().log10().floor() as i32 };
    let digits = (2 - size).clamp(0, 6) as usize;
    format!("{value:.digits$}")
}

/// Steps a second.
pub fn pace(steps_a_second: f64) -> String {
    if steps_a_second >= 10.0 { format!("{steps_a_second:.0} steps/s") } else { format!("{steps_a_second:.1} steps/s") }
}

/// A number of seconds as hours, minutes and seconds.
pub fn duration(seconds: f64) -> String {
    let seconds = seconds.round().clamp(0.0, 1e9) as u64;
    match (seconds / 3600, seconds / 60 % 60, seconds % 60) {
        (0, 0, s) => format!("{s} s"),
        (0, m, s) => format!("{m}:{s:02} min"),
        (h, m, _) => format!("{h} h {m} min"),
    }
}

/// The last part of a path.
pub fn file_name(path: &std::path::Path) -> String {
    path.file_name().map_or_else(|| path.display().to_string(), |name| name.to_string_lossy().into_owned())
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn numbers_read_well() {
        assert_eq!(grouped(1_234_567), "1\u{202f}234\u{202f}567");
        assert_eq!(grouped(12), "12");
        assert_eq!((bytes(12), bytes(3 << 19), bytes(5 << 30)), ("12 B".into(), "1.5 MiB".into(), "5.0 GiB".into()));
        assert_eq!((short(0.0), short(1234.5), short(0.01234)), ("0.00".into(), "1234".into(), "0.0123".into()));
        assert_eq!((duration(3.2), duration(75.0)), ("3 s".into(), "1:15 min".into()));
        assert_eq!(duration(7260.0), "2 h 1 min");
        assert_eq!((pace(0.42), pace(120.4)), ("0.4 steps/s".into(), "120 steps/s".into()));
    }
}
