//! Strings that somebody else chose, made harmless.
//!
//! A file name may hold any byte but `/` and NUL. Printed as it is, it could start a row of its own, colour the terminal or
//! turn the text around. The escaped form is valid UTF-8 on one line, free of control and bidi characters, and reversible:
//! a literal backslash is doubled, so whatever follows a single one was put there by cbpf.

/// Whether a string is the whole truth.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub enum Mark {
    /// It is complete.
    #[default]
    Whole,
    /// It is longer than what the event holds.
    Cut,
    /// It could not be read; there are no bytes.
    Fault,
}

/// Follows a string that was cut. No string can forge it: a backslash of its own would be doubled.
pub(super) const CUT: &[u8] = br"\...";
/// Stands for a string that could not be read.
pub(super) const FAULT: &[u8] = br"\?";

const HEX: &[u8; 16] = b"0123456789abcdef";

/// The bytes before the first NUL: what C means by an array of characters.
#[must_use]
pub fn until_nul(bytes: &[u8]) -> &[u8] {
    let end = bytes.iter().position(|&b| b == 0).unwrap_or(bytes.len());
    &bytes[..end]
}

/// Appends `bytes` in the escaped form: `\n`, `\t`, `\r`, `\e`, `\\`, `\xNN` for any other control byte and for bytes that
/// are not UTF-8, `\u{NNNN}` for control and bidi characters beyond ASCII.
pub fn text(out: &mut Vec<u8>, bytes: &[u8]) {
    escape::<false>(out, bytes);
}

/// The same in double quotes, with `"` as `\"`.
pub(super) fn quoted(out: &mut Vec<u8>, bytes: &[u8]) {
    out.push(b'"');
    escape::<true>(out, bytes);
    out.push(b'"');
}

fn escape<const QUOTE: bool>(out: &mut Vec<u8>, bytes: &[u8]) {
    walk(out, bytes, |out, odd| match odd {
        Odd::Char('\n') => out.extend(br"\n"),
        Odd::Char('\t') => out.extend(br"\t"),
        Odd::Char('\r') => out.extend(br"\r"),
        Odd::Char('\x1b') => out.extend(br"\e"),
        Odd::Char('\\') => out.extend(br"\\"),
        Odd::Char('"') if QUOTE => out.extend(br#"\""#),
        Odd::Char('"') => out.push(b'"'),
        Odd::Char(c) if c.is_ascii() => byte(out, c as u8),
        Odd::Char(c) => {
            out.extend(br"\u{");
            digits(out, c as u32, 4);
            out.push(b'}');
        }
        Odd::Invalid(bytes) => bytes.iter().for_each(|&b| byte(out, b)),
    });

    fn byte(out: &mut Vec<u8>, b: u8) {
        out.extend(br"\x");
        digits(out, b.into(), 2);
    }
}

/// Appends the bytes of all pieces as a JSON string and says whether it holds them all: what is not UTF-8 became U+FFFD.
/// The characters that deceive a reader are escaped here too, since JSON lines end up on terminals as well.
pub(super) fn json<'a>(out: &mut Vec<u8>, pieces: impl IntoIterator<Item = &'a [u8]>) -> bool {
    out.push(b'"');
    let mut faithful = true;
    pieces.into_iter().for_each(|piece| faithful &= json_part(out, piece));
    out.push(b'"');
    faithful
}

/// The same without the quotes.
pub(super) fn json_part(out: &mut Vec<u8>, bytes: &[u8]) -> bool {
    let mut faithful = true;
    walk(out, bytes, |out, odd| match odd {
        Odd::Char('\n') => out.extend(br"\n"),
        Odd::Char('\t') => out.extend(br"\t"),
        Odd::Char('\r') => out.extend(br"\r"),
        Odd::Char('\\') => out.extend(br"\\"),
        Odd::Char('"') => out.extend(br#"\""#),
        Odd::Char(c) => {
            out.extend(br"\u");
            digits(out, c as u32, 4);
        }
        Odd::Invalid(_) => {
            faithful = false;
            out.extend("\u{fffd}".as_bytes());
        }
    });
    faithful
}

/// Appends the bytes of all pieces as a JSON string of hexadecimal digits, two a byte.
pub(super) fn hex<'a>(out: &mut Vec<u8>, pieces: impl IntoIterator<Item = &'a [u8]>) {
    out.push(b'"');
    pieces.into_iter().flatten().for_each(|&b| digits(out, b.into(), 2));
    out.push(b'"');
}

/// The lowest `count` hexadecimal digits of a value.
fn digits(out: &mut Vec<u8>, value: u32, count: usize) {
    out.extend((0..count).rev().map(|i| HEX[(value >> (4 * i)) as usize & 0xf]));
}

/// Characters beyond ASCII, all of four digits at most, that move the cursor or reorder or hide what stands around them.
fn deceives(c: char) -> bool {
    matches!(
        c,
        '\u{80}'..='\u{9f}'
            | '\u{61c}'
            | '\u{200e}'..='\u{200f}'
            | '\u{2028}'..='\u{202e}'
            | '\u{2066}'..='\u{206f}'
            | '\u{feff}'
    )
}

/// What needs a second look.
enum Odd<'a> {
    Char(char),
    /// A longest run that begins like a character and is none.
    Invalid(&'a [u8]),
}

/// Copies what is harmless in every dialect and hands over everything else.
fn walk(out: &mut Vec<u8>, bytes: &[u8], mut odd: impl FnMut(&mut Vec<u8>, Odd<'_>)) {
    // Nearly every name ends here.
    let (plain, rest) = bytes.split_at(clean(bytes));
    out.extend_from_slice(plain);
    for chunk in rest.utf8_chunks() {
        let valid = chunk.valid();
        let mut done = 0;
        for (at, c) in valid.char_indices() {
            if c == '\\' || c == '"' || c.is_ascii_control() || deceives(c) {
                out.extend_from_slice(&valid.as_bytes()[done..at]);
                odd(out, Odd::Char(c));
                done = at + c.len_utf8();
            }
        }
        out.extend_from_slice(&valid.as_bytes()[done..]);
        if !chunk.invalid().is_empty() {
            odd(out, Odd::Invalid(chunk.invalid()));
        }
    }
}

/// How many bytes at the beginning mean themselves in every dialect.
fn clean(bytes: &[u8]) -> usize {
    let odd = |b: u8| !(b' '..0x7f).contains(&b) | (b == b'\\') | (b == b'"');
    // No early exit inside a block, so that it becomes a handful of vector instructions.
    let (blocks, _) = bytes.as_chunks::<16>();
    let skip = 16 * blocks.iter().take_while(|block| !block.iter().fold(false, |any, &b| any | odd(b))).count();
    skip + bytes[skip..].iter().take_while(|&&b| !odd(b)).count()
}

#[cfg(test)]
mod tests {
    use super::*;

    fn escaped(bytes: &[u8]) -> String {
        let mut out = Vec::new();
        text(&mut out, bytes);
        String::from_utf8(out).expect("escaped text is UTF-8")
    }

    fn json_of(bytes: &[u8]) -> (String, bool) {
        let mut out = Vec::new();
        let faithful = json(&mut out, [bytes]);
        (String::from_utf8(out).expect("JSON is UTF-8"), faithful)
    }

    /// The inverse that a reader of the documentation would write.
    fn unescape(s: &str) -> Vec<u8> {
        let mut out = Vec::new();
        let mut chars = s.chars();
        while let Some(c) = chars.next() {
            if c != '\\' {
                out.extend(c.encode_utf8(&mut [0; 4]).as_bytes());
                continue;
            }
            match chars.next().unwrap() {
                'n' => out.push(b'\n'),
                't' => out.push(b'\t'),
                'r' => out.push(b'\r'),
                'e' => out.push(0x1b),
                '\\' => out.push(b'\\'),
                '"' => out.push(b'"'),
                'x' => {
                    let hex: String = chars.by_ref().take(2).collect();
                    out.push(u8::from_str_radix(&hex, 16).unwrap());
                }
                'u' => {
                    let hex: String = chars.by_ref().skip(1).take_while(|&c| c != '}').collect();
                    let c = char::from_u32(u32::from_str_radix(&hex, 16).unwrap()).unwrap();
                    out.extend(c.encode_utf8(&mut [0; 4]).as_bytes());
                }
                other => panic!("unknown escape \\{other}"),
            }
        }
        out
    }

    fn is_harmless(s: &str) -> bool {
        !s.chars().any(|c| c.is_control() || deceives(c))
    }

    fn check(bytes: &[u8]) {
        let plain = escaped(bytes);
        assert!(is_harmless(&plain), "{bytes:?} gives {plain:?}");
        assert_eq!(unescape(&plain), bytes, "{plain:?}");

        let mut out = Vec::new();
        quoted(&mut out, bytes);
        let quotes = String::from_utf8(out).unwrap();
        let inner = quotes.strip_prefix('"').unwrap().strip_suffix('"').unwrap();
        assert_eq!(unescape(inner), bytes);
        assert!(!inner.replace(r"\\", "").replace(r#"\""#, "").contains('"'), "{quotes}");

        let (json, faithful) = json_of(bytes);
        assert!(is_harmless(&json), "{bytes:?} gives {json:?}");
        assert_eq!(serde_json::from_str::<String>(&json).unwrap(), String::from_utf8_lossy(bytes));
        assert_eq!(faithful, std::str::from_utf8(bytes).is_ok());
    }

    /// xorshift: the same "random" bytes in every run.
    pub(crate) struct Dice(pub u64);
    impl Dice {
        fn next(&mut self) -> u64 {
            self.0 ^= self.0 << 13;
            self.0 ^= self.0 >> 7;
            self.0 ^= self.0 << 17;
            self.0
        }
    }

    #[test]
    fn a_plain_name_stays_as_it_is() {
        let plain = "/usr/lib/x86_64-linux-gnu/libc.so.6 \"quoted\" ü 漢字 🦀";
        assert_eq!(escaped(plain.as_bytes()), plain);
        assert_eq!(json_of("漢字".as_bytes()), ("\"漢字\"".into(), true));
    }

    #[test]
    fn hostile_names_are_spelled_out() {
        assert_eq!(escaped(b"a\nb\tc\rd\x1b[31me\\n"), r"a\nb\tc\rd\e[31me\\n");
        assert_eq!(escaped(b"\x00\x07\x7f"), r"\x00\x07\x7f");
        assert_eq!(escaped(b"\xff\xc3(\xe6\xbc"), r"\xff\xc3(\xe6\xbc");
        assert_eq!(
            escaped("\u{85}\u{61c}\u{202e}\u{2066}\u{feff}".as_bytes()),
            r"\u{0085}\u{061c}\u{202e}\u{2066}\u{feff}"
        );
        assert_eq!(json_of("\x1b\u{9b}\u{202e}\"".as_bytes()).0, r#""\u001b\u009b\u202e\"""#);
    }

    #[test]
    fn every_pair_of_bytes_is_harmless_and_reversible_at_every_place_of_a_block() {
        for pair in 0..=u16::MAX {
            check(&pair.to_be_bytes());
        }
        for b in 0..=255 {
            for place in 0..40 {
                let mut name = [b'a'; 40];
                name[place] = b;
                check(&name);
            }
        }
    }

    #[test]
    fn random_bytes_are_harmless_and_reversible() {
        let mut dice = Dice(0x9e37_79b9_7f4a_7c15);
        for _ in 0..20_000 {
            let len = dice.next() % 48;
            // Mostly bytes from which interesting things are made.
            let hot = b"\\\\\"nxeu{}\n\x1b\xe2\x80\xae\xc2\x9b\xf0\x9f\xa6\x80\xed\xa0a";
            let bytes: Vec<u8> = (0..len)
                .map(|_| match dice.next() % 4 {
                    0 => dice.next() as u8,
                    _ => hot[dice.next() as usize % hot.len()],
                })
                .collect();
            check(&bytes);
        }
    }

    #[test]
    fn every_character_is_harmless_and_reversible() {
        for c in '\0'..=char::MAX {
            check(c.encode_utf8(&mut [0; 4]).as_bytes());
        }
    }

    #[test]
    fn an_array_of_characters_ends_at_its_nul() {
        assert_eq!(until_nul(b"bash\0\0garbage"), b"bash");
        assert_eq!(until_nul(b"sixteen bytes ok"), b"sixteen bytes ok");
        assert_eq!(until_nul(b""), b"");
    }
}
