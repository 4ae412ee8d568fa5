//! What each account has of the daemon: connections, sessions, and what its clients keep of sessions that are over.

use std::collections::{HashMap, HashSet};
use std::fs;
use std::os::fd::{AsRawFd as _, BorrowedFd};
use std::sync::Mutex;

use anyhow::{Context as _, Result, ensure};
use nix::sys::epoll::{Epoll, EpollCreateFlags, EpollEvent, EpollFlags};

use crate::locked;
use crate::peer::Account;

/// Connections at a time, or sessions, of all clients.
const MOST: u32 = 256;

pub struct Accounts {
    counts: Mutex<Counts>,
    /// What clients were given. An epoll set keeps nothing alive that it watches, and forgets what nobody has any more,
    /// neither as a descriptor nor mapped (epoll(7)); /proc says what it still knows. To ask for maps by their ids would
    /// take CAP_SYS_ADMIN.
    given: Epoll,
}

#[derive(Default)]
struct Counts {
    live: HashMap<(Account, What), u32>,
    /// Sessions that are over: their numbers in the epoll set.
    over: Vec<(Account, u64)>,
    next: u64,
}

#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash)]
pub enum What {
    Connection,
    Session,
}

/// One connection or session more of an account, for as long as this lives.
pub struct Counted<'a> {
    accounts: &'a Accounts,
    key: (Account, What),
    /// Its number in the epoll set, if its client was given something.
    given: Option<u64>,
}

impl Accounts {
    /// # Errors
    /// The kernel gives no epoll set.
    pub fn new() -> Result<Self> {
        Ok(Self { counts: Mutex::default(), given: Epoll::new(EpollCreateFlags::EPOLL_CLOEXEC)? })
    }

    /// Counts one more.
    ///
    /// # Errors
    /// The account has `most` of them, or the daemon has as many as it takes.
    pub fn count(&self, account: Account, what: What, most: u32) -> Result<Counted<'_>> {
        let mut counts = locked(&self.counts);
        let all: u32 = counts.live.iter().filter(|((_, w), _)| *w == what).map(|(_, n)| n).sum();
        ensure!(all < MOST, "the daemon has as many clients as it takes");
        let mut kept = 0;
        if what == What::Session && !counts.over.is_empty() {
            let held = self.held()?;
            counts.over.retain(|(_, number)| held.contains(number));
            kept = counts.over.iter().filter(|(of, _)| *of == account).count() as u32;
        }
        let n = counts.live.entry((account, what)).or_default();
        let has = match what {
            What::Connection => format!("{n} connections, and the daemon takes"),
            What::Session if kept == 0 => format!("{n} sessions, and the policy allows"),
            What::Session => format!("{n} sessions and keeps the rings of {kept} that are over, and the policy allows"),
        };
        ensure!(*n + kept < most, "{account} has {has} {most}");
        *n += 1;
        drop(counts);
        Ok(Counted { accounts: self, key: (account, what), given: None })
    }

    /// The sessions of which somebody still has something.
    fn held(&self) -> Result<HashSet<u64>> {
        let path = format!("/proc/self/fdinfo/{}", self.given.0.as_raw_fd());
        let text = fs::read_to_string(&path).with_context(|| format!("cannot read {path}"))?;
        let number = |line: &str| u64::from_str_radix(line.split("data:").nth(1)?.split_whitespace().next()?, 16).ok();
        let lines = text.lines().filter(|line| line.starts_with("tfd:"));
        lines.map(|line| number(line).with_context(|| format!("{path}: {line}"))).collect()
    }
}

impl Counted<'_> {
    /// The client is given these: the session counts for as long as anybody has one of them.
    ///
    /// # Errors
    /// The kernel does not watch them.
    pub fn gives(&mut self, fds: &[BorrowedFd<'_>]) -> Result<()> {
        let mut counts = locked(&self.accounts.counts);
        counts.next += 1;
        let number = counts.next;
        drop(counts);
        for fd in fds {
            self.accounts.given.add(fd, EpollEvent::new(EpollFlags::empty(), number))?;
        }
        self.given = Some(number);
        Ok(())
    }
}

impl Drop for Counted<'_> {
    fn drop(&mut self) {
        let mut counts = locked(&self.accounts.counts);
        if let Some(n) = counts.live.get_mut(&self.key) {
            *n -= 1;
            if *n == 0 {
                counts.live.remove(&self.key);
            }
        }
        if let Some(number) = self.given {
            counts.over.push((self.key.0, number));
        }
    }
}

#[cfg(test)]
mod tests {
    use std::fs::File;
    use std::os::fd::AsFd as _;

    use super::*;

    #[test]
    fn what_is_kept_counts() {
        let accounts = Accounts::new().expect("epoll");
        let session = |most| accounts.count(Account::Uid(7), What::Session, most);
        // A file that can be watched, as a ring can.
        let (theirs, ours) = nix::unistd::pipe().expect("pipe");
        let mut first = session(1).expect("the first");
        first.gives(&[theirs.as_fd()]).expect("watched");
        assert!(session(1).is_err());
        let kept = File::from(theirs.try_clone().expect("dup"));
        drop((theirs, first));
        let refused = session(1).err().map(|e| e.to_string());
        assert_eq!(
            refused.as_deref(),
            Some("uid 7 has 0 sessions and keeps the rings of 1 that are over, and the policy allows 1")
        );
        assert!(session(2).is_ok());
        assert!(accounts.count(Account::Uid(8), What::Session, 1).is_ok());
        assert!(accounts.count(Account::Uid(7), What::Connection, 1).is_ok());
        drop((kept, ours));
        assert!(session(1).is_ok());
    }
}
