//! Narrowing that cannot match, where that is certain: a trace that shows nothing should say why.

use std::ffi::CString;
use std::fs::{self, File};
use std::io::ErrorKind;
use std::os::unix::ffi::OsStrExt as _;
use std::os::unix::fs::MetadataExt as _;
use std::path::Path;
use std::ptr::null_mut;

use cbpf_common::grant::Grant;
use cbpf_common::options::Shared;
use cbpf_common::owner::Scope;
use cbpf_common::proc::Status;
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
        let status = Status::of(id);
        let why = status.map_or_else(|_| Some("there is no such task here".into()), |s| never(&s, option, id, own));
        let why = why.or_else(|| own.and_then(|_| untraceable(id)).map(Into::into));
        if let Some(why) = why.filter(|_| !shared.quiet) {
            say(format_args!("cbpf: {option} {id}: {why}"));
        }
    }
    Ok(())
}

/// Why a task of this status cannot match.
fn never(status: &Status, option: &str, id: u32, own: Option<u32>) -> Option<String> {
    if option == "-p" && status.tgid != id {
        return Some(format!("that is a thread of {}; -t takes threads", status.tgid));
    }
    let own = own?;
    // Real, effective and saved uid decide (cbpf-ownership(7)); the fourth is the file system's.
    let other = status.uids[..3].iter().find(|uid| **uid != own)?;
    Some(format!("it runs under uid {other}, and scope user is your own, {own}; a wider --scope has it"))
}

/// Says so of a command that scope `user` loses with its exec.
pub fn look_at(command: &Path, shared: &Shared, grant: &Grant) {
    if grant.scope == Scope::User
        && !shared.quiet
        && let Some(why) = gains(command)
    {
        say(format_args!("cbpf: {}: {why}: scope user has only what you could trace yourself", command.display()));
    }
}

/// Why the user could not trace a task of the same uid: the kernel asks the same before it tells of its namespaces
/// (PTRACE_MODE_READ_FSCREDS in namespaces(7)).
fn untraceable(id: u32) -> Option<&'static str> {
    let refused = match fs::read_link(format!("/proc/{id}/ns/user")) {
        Ok(name) => name.as_os_str().is_empty(), // as 5.10 refuses
        Err(e) => e.kind() == ErrorKind::PermissionDenied,
    };
    refused.then_some("scope user has only what you could trace yourself, and this is not (cbpf-ownership(7))")
}

/// What a program has that its user has not, or keeps from them: execve(2) makes of it what the user cannot trace.
fn gains(program: &Path) -> Option<&'static str> {
    let (Ok(about), Ok(path)) = (fs::metadata(program), CString::new(program.as_os_str().as_bytes())) else {
        return None;
    };
    // SAFETY: C strings; no more than the attribute's size is asked for.
    let capable = || unsafe { libc::getxattr(path.as_ptr(), c"security.capability".as_ptr(), null_mut(), 0) } > 0;
    match about.mode() {
        mode if mode & libc::S_ISUID != 0 && about.uid() != nix::unistd::getuid().as_raw() => Some("it is set-uid"),
        mode if mode & libc::S_ISGID != 0 && about.gid() != nix::unistd::getgid().as_raw() => Some("it is set-gid"),
        _ if capable() => Some("its file has capabilities"),
        _ if File::open(program).is_err_and(|e| e.kind() == ErrorKind::PermissionDenied) => Some("it cannot be read"),
        _ => None,
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn what_never_matches_is_told_apart() {
        let of = |uids| Status { tgid: 7, uids, ..Status::of("self").expect("status") };
        let status = of([1000, 0, 1000, 0]);
        assert_eq!(never(&status, "-p", 7, None), None);
        assert!(never(&status, "-p", 8, None).is_some_and(|why| why.contains("thread of 7")));
        assert!(never(&status, "-t", 8, Some(1000)).is_some_and(|why| why.contains("uid 0,")));
        assert_eq!(never(&of([5, 5, 5, 0]), "-p", 7, Some(5)), None);
    }
}
