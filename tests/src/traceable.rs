//! Programs that run under the user's uid, and that the user could not trace: the owner of what they do is whoever they
//! act for.

use std::fs::{self, Permissions};
use std::io;
use std::os::unix::ffi::OsStrExt as _;
use std::os::unix::fs::{PermissionsExt as _, chown};
use std::os::unix::process::CommandExt as _;
use std::path::Path;
use std::process::Command;

use anyhow::{Context as _, Result, ensure};
use nix::mount::{MsFlags, mount, umount};
use serde_json::Value;

use crate::case::{CAP_BPF, CAP_PERFMON, CAP_SYS_RESOURCE, own_uid};
use crate::process::{self, Running, cbpf};

/// A way to run a program.
struct Way {
    name: &'static str,
    mode: u32,
    /// Of the file; None: the user's own.
    owner: Option<u32>,
    /// It has CAP_NET_RAW, as ping may have.
    capable: bool,
    /// In a user namespace that the user makes for it.
    userns: bool,
    seen: bool,
}

const PLAIN: Way = Way { name: "plain", mode: 0o755, owner: Some(0), capable: false, userns: false, seen: true };
const WAYS: [Way; 6] = [
    PLAIN,
    Way { name: "set-uid", mode: 0o4755, seen: false, ..PLAIN },
    Way { name: "set-gid", mode: 0o2755, seen: false, ..PLAIN },
    Way { name: "capable", capable: true, seen: false, ..PLAIN },
    // The kernel does not let one look into what runs then.
    Way { name: "unreadable", mode: 0o711, seen: false, ..PLAIN },
    Way { name: "namespace", userns: true, ..PLAIN },
];

/// `struct vfs_ns_cap_data`'s predecessor, version 2: CAP_NET_RAW, effective.
const NET_RAW: [u32; 5] = [0x0200_0001, 1 << 13, 0, 0, 0];

/// The workload.
pub fn open(file: &str) -> Result<()> {
    ensure!(fs::File::open(file).is_err(), "{file} is there");
    Ok(())
}

/// Runs the program in that way, as the user.
fn run(way: &Way, program: &Path) -> Result<()> {
    fs::copy(process::own_exe()?, program)?;
    chown(program, way.owner, way.owner)?;
    fs::set_permissions(program, Permissions::from_mode(way.mode))?;
    if way.capable {
        let value: Vec<u8> = NET_RAW.iter().flat_map(|word| word.to_le_bytes()).collect();
        let path = std::ffi::CString::new(program.as_os_str().as_bytes())?;
        let name = c"security.capability".as_ptr();
        // SAFETY: C strings, and as many bytes as are said.
        let set = unsafe { libc::setxattr(path.as_ptr(), name, value.as_ptr().cast(), value.len(), 0) };
        ensure!(set == 0, "setxattr: {}", io::Error::last_os_error());
    }
    let mut command = Command::new(program);
    command.args(["open", &name_of(way)]);
    process::become_user(&mut command, own_uid(), Vec::new());
    if way.userns {
        // SAFETY: a system call between fork and exec.
        unsafe {
            command.pre_exec(|| match libc::unshare(libc::CLONE_NEWUSER) {
                0 => Ok(()),
                _ => Err(io::Error::last_os_error()),
            });
        }
    }
    process::output(&mut command).with_context(|| way.name)?;
    Ok(())
}

/// The file that is looked for in that way.
fn name_of(way: &Way) -> String {
    format!("/no-such-file-{}", way.name)
}

/// Of all those programs, opensnoop shows its user what those do that the user could trace.
pub fn test() -> Result<()> {
    // Where programs can have another uid than their caller's.
    let dir = std::env::temp_dir().join(format!("cbpf-traceable-{}", std::process::id()));
    fs::create_dir(&dir)?;
    mount(Some("tmpfs"), &dir, Some("tmpfs"), MsFlags::empty(), Some("mode=755"))?;
    let shown = shown(&dir);
    umount(&dir)?;
    fs::remove_dir(&dir)?;
    let shown = shown?;
    for way in &WAYS {
        let rows = shown.iter().filter(|row| row["path"] == name_of(way)).count();
        ensure!(rows == usize::from(way.seen), "{}: {rows} rows of its open", way.name);
    }
    Ok(())
}

fn shown(dir: &Path) -> Result<Vec<Value>> {
    let mut tool = Command::new(cbpf()?);
    tool.args(["opensnoop", "--json", "--grant", "strict", "--scope", "user"]);
    process::become_user(&mut tool, own_uid(), process::available(&[CAP_BPF, CAP_PERFMON, CAP_SYS_RESOURCE]));
    let running = Running::start(&mut tool)?.map_err(|(_, stderr)| anyhow::anyhow!(stderr))?;
    for way in &WAYS {
        run(way, &dir.join(way.name))?;
    }
    Ok(running.stop()?.0)
}
