//! Paths as the programs send them (bpf/include/path.bpf.h).

use cbpf_common::out::Mark;

/// A path in pieces, as [`Row::pieces`](cbpf_common::out::Row::pieces) takes them: no string of it is made.
#[derive(Clone, Copy, Debug)]
pub struct Path<'a> {
    /// Leaf first, with a NUL between two.
    components: &'a [u8],
    rooted: bool,
    /// What comes after the components.
    name: &'a [u8],
}

impl<'a> Path<'a> {
    /// A name as it was passed.
    pub fn passed(name: &'a [u8]) -> Self {
        Self { components: b"", rooted: false, name }
    }

    /// What a walk has come by: components, leaf first, each with its NUL, and behind them how it ended. `None`: there was
    /// no walk. A path that does not reach the task's root begins without a `/` and is [`Mark::Cut`].
    pub fn walked(walked: &'a [u8]) -> Option<(Self, Mark)> {
        let (end, components) = walked.split_last()?;
        let (components, rooted) = (components.strip_suffix(b"\0").unwrap_or(components), *end == b'r');
        Some((Self { components, rooted, name: b"" }, if rooted { Mark::Whole } else { Mark::Cut }))
    }

    /// A name in this directory.
    pub fn join(self, name: &'a [u8]) -> Self {
        Self { name, ..self }
    }

    /// Is nothing known of it?
    pub fn is_empty(self) -> bool {
        self.components.is_empty() && !self.rooted && self.name.is_empty()
    }

    /// From the root on.
    pub fn pieces(self) -> impl Iterator<Item = &'a [u8]> + Clone {
        let slash = |needed: bool| if needed { b"/" } else { b"".as_slice() };
        let bare = self.components.is_empty();
        let components = self.components.rsplit(|b| *b == 0).filter(|component| !component.is_empty());
        let before_name = slash(if bare { self.rooted } else { !self.name.is_empty() });
        let walked = components.enumerate().flat_map(move |(i, component)| [slash(self.rooted || i > 0), component]);
        walked.chain([before_name, self.name])
    }
}

#[cfg(test)]
pub fn text(path: Path<'_>) -> String {
    String::from_utf8_lossy(&path.pieces().collect::<Vec<_>>().concat()).into_owned()
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn components_are_turned_around() {
        let walked = |bytes| Path::walked(bytes).map(|(path, mark)| (text(path), text(path.join(b"x")), mark));
        let is = |dir: &str, file: &str, mark| Some((dir.into(), file.into(), mark));
        assert_eq!(walked(b""), None);
        assert_eq!(walked(b"r"), is("/", "/x", Mark::Whole));
        assert_eq!(walked(b"c\0b\0a\0r"), is("/a/b/c", "/a/b/c/x", Mark::Whole));
        assert_eq!(walked(b"c\0b\0d"), is("b/c", "b/c/x", Mark::Cut));
        assert_eq!(walked(b"l"), is("", "x", Mark::Cut));
    }
}
