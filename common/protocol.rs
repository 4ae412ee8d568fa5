//! What a client and the daemon say to each other: one message in each packet of a `SOCK_SEQPACKET` socket.
//!
//! The daemon greets with [`Hello`], the client asks for a grant ([`ToDaemon::Ask`]) and then for a tool
//! ([`ToDaemon::Start`]), and after that for what is in the tool's maps. A message is a tag and its fields, one after
//! the other, little endian. Whatever is not exactly that, a byte too many included, is refused. No version knows
//! another one's messages, and builds with different layouts of events count as different: the first fields of `Hello`
//! and `Ask` say so before anything else is read.

use std::fmt;

use anyhow::{Result, bail, ensure};
use cbpf_bpf::events::LAYOUT;

use crate::engine::{Rate, Sample};

/// Of the messages below. To be raised when one of them changes.
pub const VERSION: u16 = 2;
/// The first field of each side's first message.
const MAGIC: u32 = u32::from_le_bytes(*b"cbpf");
/// Length of the longest message, bytes.
pub const LONGEST: usize = 64 * 1024;

/// A value of a message.
trait Wire: Sized {
    fn put(&self, to: &mut Vec<u8>);
    /// Takes one off the front; `None` when it is none.
    fn take(from: &mut &[u8]) -> Option<Self>;
}

macro_rules! numbers {
    ($($t:ty),*) => { $(impl Wire for $t {
        fn put(&self, to: &mut Vec<u8>) {
            to.extend_from_slice(&self.to_le_bytes());
        }
        fn take(from: &mut &[u8]) -> Option<Self> {
            let (bytes, rest) = from.split_first_chunk()?;
            *from = rest;
            Some(Self::from_le_bytes(*bytes))
        }
    })* };
}
numbers!(u8, u16, u32, u64);

impl Wire for bool {
    fn put(&self, to: &mut Vec<u8>) {
        to.push((*self).into());
    }
    fn take(from: &mut &[u8]) -> Option<Self> {
        match u8::take(from)? {
            0 => Some(false),
            1 => Some(true),
            _ => None,
        }
    }
}

impl<T: Wire> Wire for Vec<T> {
    fn put(&self, to: &mut Vec<u8>) {
        (self.len() as u32).put(to);
        self.iter().for_each(|item| item.put(to));
    }
    fn take(from: &mut &[u8]) -> Option<Self> {
        let n = u32::take(from)? as usize;
        // Every item takes a byte at least, so a length that lies is found before anything is made for it.
        if n > from.len() {
            return None;
        }
        (0..n).map(|_| T::take(from)).collect()
    }
}

impl<T: Wire> Wire for Option<T> {
    fn put(&self, to: &mut Vec<u8>) {
        self.is_some().put(to);
        self.iter().for_each(|item| item.put(to));
    }
    fn take(from: &mut &[u8]) -> Option<Self> {
        Some(if bool::take(from)? { Some(T::take(from)?) } else { None })
    }
}

impl Wire for String {
    fn put(&self, to: &mut Vec<u8>) {
        self.as_bytes().to_vec().put(to);
    }
    fn take(from: &mut &[u8]) -> Option<Self> {
        Self::from_utf8(Vec::take(from)?).ok()
    }
}

impl<A: Wire, B: Wire> Wire for (A, B) {
    fn put(&self, to: &mut Vec<u8>) {
        self.0.put(to);
        self.1.put(to);
    }
    fn take(from: &mut &[u8]) -> Option<Self> {
        Some((A::take(from)?, B::take(from)?))
    }
}

impl<A: Wire, B: Wire, C: Wire> Wire for (A, B, C) {
    fn put(&self, to: &mut Vec<u8>) {
        self.0.put(to);
        self.1.put(to);
        self.2.put(to);
    }
    fn take(from: &mut &[u8]) -> Option<Self> {
        Some((A::take(from)?, B::take(from)?, C::take(from)?))
    }
}

impl Wire for [u8; 16] {
    fn put(&self, to: &mut Vec<u8>) {
        to.extend_from_slice(self);
    }
    fn take(from: &mut &[u8]) -> Option<Self> {
        let (bytes, rest) = from.split_first_chunk()?;
        *from = rest;
        Some(*bytes)
    }
}

macro_rules! record {
    ($(#[$about:meta])* $name:ident { $($(#[$doc:meta])* $field:ident: $t:ty,)* }) => {
        $(#[$about])*
        #[derive(Clone, Debug, PartialEq, Eq)]
        pub struct $name { $($(#[$doc])* pub $field: $t,)* }
        impl Wire for $name {
            fn put(&self, to: &mut Vec<u8>) {
                $(self.$field.put(to);)*
            }
            fn take(from: &mut &[u8]) -> Option<Self> {
                Some(Self { $($field: Wire::take(from)?,)* })
            }
        }
    };
}

macro_rules! messages {
    ($(#[$about:meta])* $name:ident { $($(#[$doc:meta])* $tag:literal $kind:ident($t:ty),)* }) => {
        $(#[$about])*
        #[derive(Clone, Debug, PartialEq, Eq)]
        pub enum $name { $($(#[$doc])* $kind($t),)* }
        impl Wire for $name {
            fn put(&self, to: &mut Vec<u8>) {
                match self {
                    $(Self::$kind(inner) => {
                        to.push($tag);
                        inner.put(to);
                    })*
                }
            }
            fn take(from: &mut &[u8]) -> Option<Self> {
                match u8::take(from)? {
                    $($tag => Some(Self::$kind(Wire::take(from)?)),)*
                    _ => None,
                }
            }
        }
        impl Message for $name {}
    };
}

/// No fields.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Nothing;
impl Wire for Nothing {
    fn put(&self, _: &mut Vec<u8>) {}
    fn take(_: &mut &[u8]) -> Option<Self> {
        Some(Self)
    }
}

record! {
    /// Which build speaks.
    Build {
        /// Always `cbpf`.
        magic: u32,
        /// [`VERSION`].
        version: u16,
        /// [`LAYOUT`].
        layout: u64,
    }
}

impl Build {
    /// This one.
    pub fn this() -> Self {
        Self { magic: MAGIC, version: VERSION, layout: LAYOUT }
    }

    /// The build that a first message names, whatever else may be in it: behind the tag.
    pub fn of(message: &[u8]) -> Option<Self> {
        Self::take(&mut message.get(1..)?).filter(|build| build.magic == MAGIC)
    }
}

record! {
    /// The daemon's greeting.
    Hello {
        /// The daemon's.
        build: Build,
        /// To be sent back: shows that who answers is there now.
        nonce: [u8; 16],
    }
}

record! {
    /// What a client asks for. Who it is, the daemon knows better.
    Ask {
        /// The client's.
        build: Build,
        /// Of the greeting.
        nonce: [u8; 16],
        /// As `Scope` numbers them; none: the widest that is given unasked.
        scope: Option<u8>,
        /// `-p`.
        pids: Vec<u32>,
        /// `-t`.
        tids: Vec<u32>,
        /// `-u`, as the client's user namespace numbers it.
        uid: Option<u32>,
        /// `-c`: the directory comes along as a descriptor.
        cgroup: bool,
        /// `-- COMMAND`.
        family: bool,
    }
}

record! {
    /// What was granted, and who the client is in the eyes of the kernel.
    Granted {
        /// The scope.
        scope: u8,
        /// Real uid.
        uid: u32,
        /// Root of its own user namespace?
        root: bool,
        /// Inode number of its pid namespace.
        pidns: u32,
        /// Depth of its pid namespace.
        level: u32,
        /// Is its user namespace the initial one?
        init_userns: bool,
        /// How its user namespace numbers uids: first, lower, count.
        uids: Option<Vec<(u32, u32, u32)>>,
    }
}

record! {
    /// A tool and how it is to be set up. Files of `functions` come along as descriptors, one for each, in order.
    Start {
        /// Its name.
        tool: String,
        /// By name, as they stand in memory.
        knobs: Vec<(String, Vec<u8>)>,
        /// Sizes of maps.
        entries: Vec<(String, u32)>,
        /// Frames of stacks, by map.
        depths: Vec<(String, u32)>,
        /// Offsets of functions, for each file.
        functions: Vec<Vec<u64>>,
        /// Perf events, by the program that runs at each.
        samples: Vec<(String, Event)>,
        /// Functions of the kernel.
        kernel_functions: Vec<String>,
        /// The sets to try; none: all.
        sets: Vec<u32>,
        /// Does the tool send events?
        events: bool,
        /// Size of the ring, bytes.
        buffer: u32,
    }
}

record! {
    /// A perf event.
    Event {
        /// Perf type.
        kind: u32,
        /// Its config.
        config: u64,
        /// Is the rate in events from one sample to the next? Else it is in samples a second.
        period: bool,
        /// How often to sample.
        rate: u64,
    }
}

impl From<Sample> for Event {
    fn from(sample: Sample) -> Self {
        let (period, rate) = match sample.rate {
            Rate::Hertz(hertz) => (false, hertz),
            Rate::Period(events) => (true, events),
        };
        Self { kind: sample.kind.0, config: sample.kind.1, period, rate }
    }
}

impl From<&Event> for Sample {
    fn from(event: &Event) -> Self {
        let rate = if event.period { Rate::Period(event.rate) } else { Rate::Hertz(event.rate) };
        Self { kind: (event.kind, event.config), rate }
    }
}

record! {
    /// The tool runs. The counts' descriptor comes along, and then the ring's if there is one.
    Started {
        /// The set of programs taken.
        set: u32,
        /// Why the ones before were not.
        passed_over: Vec<String>,
        /// Size of the ring, bytes; 0: none.
        ring: u32,
        /// Size of the counts, bytes.
        counts: u32,
        /// The verifier's cost of each program.
        insns: Vec<(String, u32)>,
    }
}

record! {
    /// A piece of a map: keys and values, alternating.
    Entries {
        /// Are these the last ones?
        last: bool,
        /// Size of a key, bytes.
        key: u32,
        /// Size of a value, bytes.
        value: u32,
        /// The entries.
        bytes: Vec<u8>,
    }
}

messages! {
    /// From client to daemon.
    ToDaemon {
        /// For a grant.
        1 Ask(Ask),
        /// For a tool to run.
        2 Start(Start),
        /// For all that is in a map.
        3 Read(String),
        /// For a child of the client's to be traced with its descendants.
        4 Adopt(u32),
        /// For the period of maxima to end.
        5 NextPeriod(Nothing),
        /// For the tool to stop. What it counted stays to be read.
        6 Detach(Nothing),
        /// For the stack that a map has under an id.
        7 Stack((String, u32)),
    }
}

messages! {
    /// From daemon to client.
    ToClient {
        /// At first.
        1 Hello(Hello),
        /// Answers `Ask`.
        2 Granted(Granted),
        /// Answers `Start`.
        3 Started(Started),
        /// Answers `Read`, more than once.
        4 Entries(Entries),
        /// Answers `Adopt`.
        5 Done(Nothing),
        /// Answers `NextPeriod`: which one has ended; and `Detach`: how many events were missed.
        6 Number(u64),
        /// Answers whatever could not be done; the grant lives on.
        7 Failed(String),
        /// No grant, and why.
        8 Refused(String),
        /// Not this scope, and why.
        9 ScopeRefused(String),
        /// The tool does not run on this kernel: the reason for each set.
        10 NotHere(Vec<String>),
        /// The grant has ended, and why.
        11 Ended(String),
        /// Answers `Stack`: the addresses of a process's functions, and the names of the kernel's.
        12 Frames((Vec<u64>, Vec<String>)),
    }
}

/// Something that fills a packet.
#[expect(private_bounds, reason = "nobody else makes messages")]
pub trait Message: Wire {
    /// As it travels.
    fn encode(&self) -> Vec<u8> {
        let mut bytes = Vec::new();
        self.put(&mut bytes);
        bytes
    }

    /// The message that `bytes` are, all of them.
    fn decode(bytes: &[u8]) -> Result<Self, Malformed> {
        let mut rest = bytes;
        match Self::take(&mut rest) {
            Some(message) if rest.is_empty() && bytes.len() <= LONGEST => Ok(message),
            _ => Err(Malformed),
        }
    }
}

/// Not a message of this version.
#[derive(Debug, PartialEq, Eq)]
pub struct Malformed;
impl fmt::Display for Malformed {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str("malformed message")
    }
}
impl std::error::Error for Malformed {}

/// Refuses, in words, a first message of another build.
pub fn same_build(message: &[u8], whose: &str) -> Result<()> {
    let Some(build) = Build::of(message) else { bail!("the {whose} does not speak cbpf's protocol") };
    let this = Build::this();
    ensure!(
        build.version == this.version,
        "the {whose} speaks version {} of the protocol, and this is version {VERSION}: install cbpf and cbpfd of the same release",
        build.version
    );
    ensure!(
        build.layout == this.layout,
        "the {whose} is of another build, whose events are laid out otherwise: install cbpf and cbpfd of the same release"
    );
    Ok(())
}

/// Reads bytes as a message of either side. What is taken for one must be that, byte for byte. For fuzzers; returns
/// whether a daemon would have understood.
pub fn try_bytes(bytes: &[u8]) -> bool {
    let to_daemon = ToDaemon::decode(bytes);
    if let Ok(message) = &to_daemon {
        assert_eq!(message.encode(), bytes);
    }
    if let Ok(message) = ToClient::decode(bytes) {
        assert_eq!(message.encode(), bytes);
    }
    let _ = same_build(bytes, "client");
    to_daemon.is_ok()
}

#[cfg(test)]
mod tests {
    use super::*;

    fn samples() -> Vec<ToDaemon> {
        vec![
            ToDaemon::Ask(Ask {
                build: Build::this(),
                nonce: [7; 16],
                scope: Some(2),
                pids: vec![1, 2],
                tids: vec![],
                uid: Some(0),
                cgroup: true,
                family: false,
            }),
            ToDaemon::Start(Start {
                tool: "opensnoop".into(),
                knobs: vec![("failed_only".into(), vec![1]), ("part".into(), b"cat".to_vec())],
                entries: vec![("hists".into(), 1)],
                depths: vec![("stacks".into(), 127)],
                functions: vec![vec![1, 2], vec![]],
                samples: vec![("sample".into(), Sample::cpu_clock(49).into())],
                kernel_functions: vec!["vfs_read".into()],
                sets: vec![1, 2],
                events: true,
                buffer: 4096,
            }),
            ToDaemon::Read("hists".into()),
            ToDaemon::Adopt(12),
            ToDaemon::NextPeriod(Nothing),
            ToDaemon::Detach(Nothing),
        ]
    }

    #[test]
    fn messages_come_back_as_they_went() {
        for message in samples() {
            assert_eq!(ToDaemon::decode(&message.encode()), Ok(message));
        }
        let started =
            Started { set: 1, passed_over: vec!["why".into()], ring: 4096, counts: 64, insns: vec![("p".into(), 9)] };
        let message = ToClient::Started(started);
        assert_eq!(ToClient::decode(&message.encode()), Ok(message));
    }

    #[test]
    fn a_message_that_is_cut_or_goes_on_is_none() {
        for message in samples() {
            let mut bytes = message.encode();
            for len in 0..bytes.len() {
                assert_eq!(ToDaemon::decode(&bytes[..len]), Err(Malformed), "{message:?} cut to {len}");
            }
            bytes.push(0);
            assert_eq!(ToDaemon::decode(&bytes), Err(Malformed));
        }
        assert_eq!(ToDaemon::decode(&[99]), Err(Malformed));
        // A length that lies costs nothing.
        assert_eq!(ToDaemon::decode(&[3, 0xff, 0xff, 0xff, 0xff, b'x']), Err(Malformed));
    }

    /// Mutates valid messages and makes up others: decoding never panics, ends soon, and what it takes for a message
    /// is one, byte for byte.
    #[test]
    fn no_bytes_confuse_the_decoder() {
        let mut state = 0x9e37_79b9_7f4a_7c15u64;
        let mut random = move || {
            state ^= state << 13;
            state ^= state >> 7;
            state ^= state << 17;
            state
        };
        let seeds: Vec<Vec<u8>> = samples().iter().map(Message::encode).collect();
        let begin = std::time::Instant::now();
        let mut taken = 0;
        for round in 0..200_000 {
            let mut bytes = match round % 4 {
                0 => (0..random() % 64).map(|_| random() as u8).collect(),
                _ => seeds[random() as usize % seeds.len()].clone(),
            };
            for _ in 0..random() % 4 {
                match (random() % 3, bytes.len()) {
                    (_, 0) => bytes.push(random() as u8),
                    (0, n) => bytes[random() as usize % n] = random() as u8,
                    (1, n) => bytes.truncate(random() as usize % n),
                    (_, n) => bytes.insert(random() as usize % n, random() as u8),
                }
            }
            taken += u32::from(try_bytes(&bytes));
        }
        assert!(taken > 1000, "{taken}");
        assert!(begin.elapsed().as_secs() < 60);
    }

    #[test]
    fn another_build_is_refused_in_words() {
        let hello = |build| ToClient::Hello(Hello { build, nonce: [0; 16] }).encode();
        assert!(same_build(&hello(Build::this()), "daemon").is_ok());
        let why = |build| same_build(&hello(build), "daemon").unwrap_err().to_string();
        assert!(why(Build { version: 9, ..Build::this() }).contains("version 9"));
        assert!(why(Build { layout: 1, ..Build::this() }).contains("another build"));
        assert!(why(Build { magic: 1, ..Build::this() }).contains("does not speak"));
        assert!(same_build(b"", "daemon").is_err());
    }
}
