//! Programs that run under the user's uid, and that the user could not trace: the owner of what they do is whoever they
//! act for.

use std::ffi::CString;
use std::fs::{self, Permissions};
use std::io::{self, Read as _};
use std::os::unix::ffi::OsStrExt as _;
use std::os::unix::fs::PermissionsExt as _;
use std::os::unix::process::CommandExt as _;
use std::path::Path;
use std::process::{Command, Stdio};

use anyhow::{Context as _, Result, ensure};
use nix::mount::{MsFlags, mount, umount};

use crate::case::{become_owner, own_uid};
use crate::process::{self, Running, cbpf};

/// A way to run a program that is root's.
struct Way {
    name: &'static str,
    mode: u32,
    /// It has CAP_NET_RAW, as ping may have.
    capable: bool,
    /// In a user namespace that the user makes for it.
    userns: bool,
    /// Why what it does is not shown, as the user is told.
    hidden: Option<&'static str>,
}

const PLAIN: Way = Way { name: "plain", mode: 0o755, capable: false, userns: false, hidden: None };
const WAYS: [Way; 6] = [
    PLAIN,
    Way { name: "set-uid", mode: 0o4755, hidden: Some("it is set-uid"), ..PLAIN },
    Way { name: "set-gid", mode: 0o2755, hidden: Some("it is set-gid"), ..PLAIN },
    Way { name: "capable", capable: true, hidden: Some("its file has capabilities"), ..PLAIN },
    // The kernel does not let one look into what runs then.
    Way { name: "unreadable", mode: 0o711, hidden: Some("it cannot be read"), ..PLAIN },
    Way { name: "namespace", userns: true, ..PLAIN },
];

/// `struct vfs_ns_cap_data`'s predecessor, version 2: CAP_NET_RAW, effective.
const NET_RAW: [u32; 5] = [0x0200_0001, 1 << 13, 0, 0, 0];

/// The workload.
pub fn open(file: &str) -> Result<()> {
    ensure!(fs::File::open(file).is_err(), "{file} is there");
    Ok(())
}

/// Makes a program of that kind.
fn make(way: &Way, program: &Path) -> Result<()> {
    fs::copy(process::own_exe()?, program)?;
    fs::set_permissions(program, Permissions::from_mode(way.mode))?;
    if way.capable {
        let value: Vec<u8> = NET_RAW.iter().flat_map(|word| word.to_le_bytes()).collect();
        let path = CString::new(program.as_os_str().as_bytes())?;
        let name = c"security.capability".as_ptr();
        // SAFETY: C strings, and as many bytes as are said.
        let set = unsafe { libc::setxattr(path.as_ptr(), name, value.as_ptr().cast(), value.len(), 0) };
        ensure!(set == 0, "setxattr: {}", io::Error::last_os_error());
    }
    Ok(())
}

/// The command that runs the program in that way, as the user.
fn command(way: &Way, program: &Path, args: &[&str]) -> Command {
    let mut command = Command::new(program);
    command.args(args);
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
    command
}

/// The user's opensnoop.
fn opensnoop(args: &[&str]) -> Result<Command> {
    let mut tool = Command::new(cbpf()?);
    tool.args(["opensnoop", "--json", "--grant", "strict", "--scope", "user"]).args(args);
    become_owner(&mut tool);
    Ok(tool)
}

/// Of all those programs, opensnoop shows its user what those do that the user could trace, and says why it does not
/// show the others.
pub fn test() -> Result<()> {
    // Where programs can have another uid than their caller's.
    let dir = std::env::temp_dir().join(format!("cbpf-traceable-{}", std::process::id()));
    fs::create_dir(&dir)?;
    mount(Some("tmpfs"), &dir, Some("tmpfs"), MsFlags::empty(), Some("mode=755"))?;
    let result = WAYS.iter().try_for_each(|way| make(way, &dir.join(way.name))).and_then(|()| {
        shown(&dir)?;
        WAYS.iter().try_for_each(|way| told(way, &dir.join(way.name)).context(way.name))
    });
    umount(&dir)?;
    fs::remove_dir(&dir)?;
    result
}

fn shown(dir: &Path) -> Result<()> {
    let name = |way: &Way| format!("/no-such-file-{}", way.name);
    let running = Running::start(&mut opensnoop(&[])?)?.map_err(|(_, stderr)| anyhow::anyhow!(stderr))?;
    for way in &WAYS {
        process::output(&mut command(way, &dir.join(way.name), &["open", &name(way)])).context(way.name)?;
    }
    let rows = running.stop()?.0;
    for way in &WAYS {
        let rows = rows.iter().filter(|row| row["path"] == name(way)).count();
        ensure!(rows == usize::from(way.hidden.is_none()), "{}: {rows} rows of its open", way.name);
    }
    Ok(())
}

/// As the command, and as a process that runs.
fn told(way: &Way, program: &Path) -> Result<()> {
    let said = |tool: &mut Command| Ok::<_, anyhow::Error>(String::from_utf8(tool.output()?.stderr)?);
    let by_command = said(opensnoop(&["--"])?.arg(program).args(["open", "/no-such-file"]))?;
    let mut child = command(way, program, &["threads"])
        .stdin(Stdio::piped())
        .stdout(Stdio::piped())
        .stderr(Stdio::null())
        .spawn()?;
    // Until it has executed.
    child.stdout.as_mut().context("stdout")?.read_exact(&mut [0])?;
    let by_pid = said(&mut opensnoop(&["-p", &child.id().to_string(), "-d", "0.1"])?);
    child.kill()?;
    child.wait()?;
    let by_pid = by_pid?;
    match way.hidden {
        Some(why) => {
            let why = format!("{}: {why}: scope user has only what you could trace yourself", way.name);
            ensure!(by_command.contains(&why), "by command: {by_command}");
        }
        None => ensure!(!by_command.contains("scope user has only"), "by command: {by_command}"),
    }
    let warned = by_pid.contains("cbpf: -p ") && by_pid.contains("scope user");
    ensure!(warned == way.hidden.is_some(), "by -p: {by_pid}");
    Ok(())
}
