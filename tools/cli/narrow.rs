//! Narrowing that cannot match, where that is certain: a trace that shows nothing should say why.

use std::fs;

use cbpf_common::grant::Grant;
use cbpf_common::options::Shared;
use cbpf_common::owner::Scope;
use cbpf_common::say::say;

use crate::cli::run::Usage;

/// Refuses another's uid in scope `user`, and says so of processes and threads that are not there or another's: those may
/// yet come, or change.
pub fn look(shared: &Shared, grant: &Grant) -> Result<(), Usage> {
    let own = grant.viewer.uids.inside(grant.viewer.uid).filter(|_| grant.scope == Scope::User);
    if let (Some(own), Some(uid)) = (own, shared.uid)
        && uid != own
    {
        return Err(Usage(format!("-u {uid}: scope user is your own uid, {own}; a wider --scope has others")));
    }
    let listed = [("-p", &shared.pids), ("-t", &shared.tids)];
    for (option, id) in listed.into_iter().flat_map(|(option, ids)| ids.iter().map(move |id| (option, *id))) {
        let status = fs::read_to_string(format!("/proc/{id}/status"));
        let why = status.map_or_else(|_| Some("there is no such task here".into()), |s| never(&s, option, id, own));
        if let Some(why) = why.filter(|_| !shared.quiet) {
            say(format_args!("cbpf: {option} {id}: {why}"));
        }
    }
    Ok(())
}

/// Why a task of this `/proc/ID/status` cannot match.
fn never(status: &str, option: &str, id: u32, own: Option<u32>) -> Option<String> {
    let numbers = |key: &str| -> Vec<u32> {
        let line = status.lines().find_map(|line| line.strip_prefix(key));
        line.unwrap_or_default().split_whitespace().map_while(|n| n.parse().ok()).collect()
    };
    if let ("-p", [tgid]) = (option, &numbers("Tgid:")[..])
        && *tgid != id
    {
        return Some(format!("that is a thread of {tgid}; -t takes threads"));
    }
    let own = own?;
    // Real, effective and saved uid decide (cbpf-ownership(7)); the fourth is the file system's.
    let other = numbers("Uid:").into_iter().take(3).find(|uid| *uid != own)?;
    Some(format!("it runs under uid {other}, and scope user is your own, {own}; a wider --scope has it"))
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn what_never_matches_is_told_apart() {
        let status = "Name:\tsh\nTgid:\t7\nPid:\t7\nUid:\t1000\t0\t1000\t0\n";
        assert_eq!(never(status, "-p", 7, None), None);
        assert!(never(status, "-p", 8, None).is_some_and(|why| why.contains("thread of 7")));
        assert!(never(status, "-t", 8, Some(1000)).is_some_and(|why| why.contains("uid 0,")));
        assert_eq!(never("Tgid:\t7\nUid:\t5\t5\t5\t0\n", "-p", 7, Some(5)), None);
    }
}
