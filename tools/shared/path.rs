//! Paths as the programs send them (bpf/include/path.bpf.h).

use cbpf_common::out::Mark;

/// Puts a walk's components together: they come leaf first, each with its NUL, and behind them stands how the walk ended.
/// A path that does not reach the task's root begins without a `/` and is marked as cut. `None`: there is no walk.
pub fn assemble(walked: &[u8]) -> Option<(Vec<u8>, Mark)> {
    let (end, components) = walked.split_last()?;
    let rooted = *end == b'r';
    let components = components.strip_suffix(b"\0").unwrap_or(components);
    let mut path = Vec::with_capacity(walked.len());
    for component in components.rsplit(|b| *b == 0).filter(|c| !c.is_empty()) {
        if rooted || !path.is_empty() {
            path.push(b'/');
        }
        path.extend_from_slice(component);
    }
    if rooted && path.is_empty() {
        path.push(b'/');
    }
    Some((path, if rooted { Mark::Whole } else { Mark::Cut }))
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn components_are_turned_around() {
        assert_eq!(assemble(b""), None);
        assert_eq!(assemble(b"r"), Some((b"/".to_vec(), Mark::Whole)));
        assert_eq!(assemble(b"c\0b\0a\0r"), Some((b"/a/b/c".to_vec(), Mark::Whole)));
        assert_eq!(assemble(b"c\0b\0d"), Some((b"b/c".to_vec(), Mark::Cut)));
        assert_eq!(assemble(b"l"), Some((Vec::new(), Mark::Cut)));
    }
}
