//! What a delegation must hold, what cbpf says where it holds less, and what `cbpf doctor` says with each grant.

use std::io::{BufRead as _, BufReader, Read as _, Write as _};
use std::os::fd::{AsRawFd as _, FromRawFd as _};
use std::os::unix::net::UnixStream;
use std::path::Path;
use std::process::Command;

use anyhow::{Context as _, Result, bail, ensure};
use cbpf_common::engine;
use cbpf_common::token::Masks;
use nix::mount::{MsFlags, mount};
use serde_json::{Value, json};

use crate::case::own_uid;
use crate::cases::CASES;
use crate::process::{self, cbpf, own_exe};
use crate::{Expected, daemon, expected};

/// The first uid of the test's user namespaces.
const USERNS_FIRST: u32 = 0x2000_0000;

/// How it ended and what it wrote.
struct Done {
    status: i64,
    stdout: String,
    stderr: String,
}

/// Runs cbpf as root of a container with a user namespace, to which these masks are delegated.
fn in_container(masks: Option<&Masks>, args: &[&str]) -> Result<Done> {
    let (mut ours, theirs) = UnixStream::pair()?;
    process::keep_over_exec(&theirs)?;
    let mut command = Command::new(own_exe()?);
    command.args(["delegated", &theirs.as_raw_fd().to_string()]).args(args);
    let container = process::spawn_in_userns(&mut command, USERNS_FIRST)?;
    drop(theirs);
    if let Some(m) = masks {
        // In a process of its own, because it forks.
        let numbers = [container.pid(), m.cmds, m.maps, m.progs, m.attachs].map(|n| n.to_string());
        process::output(Command::new(own_exe()?).arg("delegate").args(numbers))?;
    }
    ours.write_all(b"ready\n")?;
    let mut answer = String::new();
    ours.read_to_string(&mut answer)?;
    container.finish()?;
    let answer: Value = serde_json::from_str(&answer).with_context(|| answer.clone())?;
    let text = |key: &str| answer[key].as_str().unwrap_or_default().to_owned();
    Ok(Done { status: answer["status"].as_i64().context("killed")?, stdout: text("stdout"), stderr: text("stderr") })
}

/// The other side of [`in_container`].
pub fn delegated(fd: i32, args: &[&str]) -> Result<()> {
    // SAFETY: the descriptor was passed to this process for this purpose.
    let mut outside = unsafe { UnixStream::from_raw_fd(fd) };
    BufReader::new(outside.try_clone()?).read_line(&mut String::new())?;
    let none = None::<&str>;
    mount(none, "/", none, MsFlags::MS_REC | MsFlags::MS_PRIVATE, none)?;
    mount(Some("proc"), "/proc", Some("proc"), MsFlags::empty(), none)?;
    let done =
        Command::new(cbpf()?).args(args).env_remove("CBPF_TOKEN_PATH").env("CBPF_SOCKET", "/nowhere").output()?;
    let text = |bytes: &[u8]| String::from_utf8_lossy(bytes).into_owned();
    let answer = json!({"status": done.status.code(), "stdout": text(&done.stdout), "stderr": text(&done.stderr)});
    Ok(outside.write_all(answer.to_string().as_bytes())?)
}

/// Delegates what five numbers say: a process and the masks.
pub fn delegate(numbers: &[&str]) -> Result<()> {
    let numbers = numbers.iter().map(|n| n.parse::<u64>()).collect::<Result<Vec<_>, _>>()?;
    let [pid, cmds, maps, progs, attachs] = numbers[..] else { bail!("five numbers") };
    cbpfd::delegate(pid.try_into()?, &Masks { cmds, maps, progs, attachs }, Path::new("/sys/fs/bpf"))?;
    Ok(())
}

/// Each of a mask's bits as a mask of its own.
fn pieces(masks: &Masks) -> Vec<Masks> {
    let bits = |mask: u64| (0..64).map(|bit| 1 << bit).filter(move |bit| mask & bit != 0);
    let none = Masks::default();
    bits(masks.cmds)
        .map(|cmds| Masks { cmds, ..none })
        .chain(bits(masks.maps).map(|maps| Masks { maps, ..none }))
        .chain(bits(masks.progs).map(|progs| Masks { progs, ..none }))
        .chain(bits(masks.attachs).map(|attachs| Masks { attachs, ..none }))
        .collect()
}

/// Are there tokens on that kernel?
fn has_tokens(kernel: &str) -> Result<bool> {
    Ok(expected("token", kernel, CASES[0].tool)?.is_some())
}

/// With all that a tool needs it runs; with any one piece less it is refused in words that name the piece.
pub fn one_piece_missing(kernel: &str) -> Result<()> {
    let tool = ["opensnoop", "-d", "0.1", "--grant", "token"];
    let without = in_container(None, &tool)?;
    let why = if has_tokens(kernel)? {
        "token: no bpffs with a delegation is mounted here"
    } else {
        "token: this kernel has no BPF tokens; they came with Linux 6.9"
    };
    ensure!(without.status == 3 && without.stderr.contains(why), "{}: {}", without.status, without.stderr);
    if !has_tokens(kernel)? {
        return Ok(());
    }
    let needs = engine::lacks("opensnoop", &Masks::default())?;
    let whole = in_container(Some(&needs), &tool)?;
    ensure!(whole.status == 0 && whole.stderr.contains("token grant"), "{}: {}", whole.status, whole.stderr);
    let named = |path| in_container(Some(&needs), &[&tool[..], &["--token", path]].concat());
    let right = named("/sys/fs/bpf")?;
    ensure!(right.status == 0 && right.stderr.contains("token grant"), "{}: {}", right.status, right.stderr);
    let wrong = named("/proc")?;
    ensure!(wrong.status == 3 && wrong.stderr.contains("token: /proc"), "{}: {}", wrong.status, wrong.stderr);
    let pieces = pieces(&needs);
    ensure!(pieces.len() >= 8, "{pieces:?}");
    for piece in pieces {
        let name = piece.options().join(" ");
        let done = in_container(Some(&piece.lacks(&needs)), &tool)?;
        let words = format!("token: /sys/fs/bpf delegates too little for opensnoop: no {name}\n");
        ensure!(done.status == 3 && done.stderr.contains(&words), "without {name}: {}: {}", done.status, done.stderr);
    }
    Ok(())
}

/// How it is said that a kernel lacks what a set of programs needs.
const LACKS: [&str; 6] = [
    "cannot attach ",
    "is not found in vmlinux BTF",
    "failed to resolve CO-RE relocation",
    "failed to find kernel BTF type ID",
    "-EPERM (this kernel, or this grant, lets no programs be put at functions",
    // 5.10's trampolines have no arguments that point to numbers: ksnoop's fourth of vfs_read().
    "invalid bpf_context access",
];

/// Does the doctor say of each tool what kernels.md says?
fn agrees(done: &Done, grant: &str, kernel: &str) -> Result<Value> {
    ensure!(done.status == 0 && done.stderr.is_empty(), "{}: {}", done.status, done.stderr);
    let report: Value = serde_json::from_str(&done.stdout)?;
    ensure!(report["grant"]["grant"] == grant, "{}", report["grant"]);
    for case in CASES {
        let rows = report["tools"].as_array().context("no tools")?;
        let row = rows.iter().find(|row| row["tool"] == case.tool).context("no row")?;
        let works = matches!(expected(grant, kernel, case.tool)?, Some(Expected::Works));
        // What the machine lacks a device for is not tried.
        let tried = row["tried"] == true;
        ensure!(row["runs"] == works && (tried || !works), "kernels.md does not say so: {row}");
        ensure!(works || row["why"].as_array().is_some_and(|why| !why.is_empty()), "no reason: {row}");
        ensure!(!tried || row["memory"].as_u64() > Some(0), "{row}");
        let why = row["why"].as_array().context("no why")?.iter().filter_map(Value::as_str);
        let mut passed_over = why.filter_map(|why| why.strip_prefix("passed over: "));
        // Whatever else is said is said by the verifier: of a program that it should have taken.
        let lacking = |why: &str| LACKS.iter().any(|words| why.contains(words));
        ensure!(passed_over.all(lacking), "not for want of something: {row}");
    }
    Ok(report)
}

fn doctor(command: &mut Command) -> Result<Done> {
    let done = command.args(["doctor", "--json"]).env_remove("CBPF_TOKEN_PATH").output()?;
    let text = |bytes: Vec<u8>| String::from_utf8_lossy(&bytes).into_owned();
    let status = done.status.code().context("killed")?.into();
    Ok(Done { status, stdout: text(done.stdout), stderr: text(done.stderr) })
}

/// Without any privilege, as root, with the daemon, and by a token.
pub fn doctors(kernel: &str) -> Result<()> {
    let mut nobody = Command::new(cbpf()?);
    process::become_user(nobody.env("CBPF_SOCKET", "/nowhere"), own_uid(), Vec::new());
    let done = doctor(&mut nobody)?;
    ensure!(done.status == 0, "{}: {}", done.status, done.stderr);
    let report: Value = serde_json::from_str(&done.stdout)?;
    ensure!(report["grant"].is_null(), "{report}");
    let grants = report["grants"].as_array().context("no grants")?;
    let said = |of: &Value| of["why"].as_str().is_some_and(|w| !w.is_empty()) && of["fix"].is_string();
    ensure!(grants.len() == 3 && grants.iter().all(|of| of["there"] == false && said(of)), "{grants:?}");
    let tools = report["tools"].as_array().context("no tools")?;
    ensure!(tools.iter().all(|row| row["tried"] == false), "{tools:?}");
    ensure!(tools.iter().any(|row| row["tool"] == "opensnoop" && row["runs"] == true), "{tools:?}");

    agrees(&doctor(Command::new(cbpf()?).env("CBPF_SOCKET", "/nowhere"))?, "strict", kernel).context("as root")?;
    if expected("daemon", kernel, CASES[0].tool)?.is_some() {
        let grant = daemon::grant()?;
        let mut client = Command::new(cbpf()?);
        client.env("CBPF_SOCKET", grant.trim_start_matches("daemon:"));
        process::become_user(&mut client, own_uid(), Vec::new());
        agrees(&doctor(&mut client)?, "daemon", kernel).context("with the daemon")?;
    }
    if has_tokens(kernel)? {
        let mut all = Masks::default();
        for case in CASES {
            all = all.with(&engine::tool_needs(case.tool)?);
        }
        let report =
            agrees(&in_container(Some(&all), &["doctor", "--json"])?, "token", kernel).context("by a token")?;
        // Known of these kernels; see `features::Subprograms`.
        let faulty = &report["kernel"]["faulty_subprograms"];
        match kernel {
            "6.12" => ensure!(*faulty == true, "{faulty}"),
            "7.x" => ensure!(*faulty == false, "{faulty}"),
            _ => ensure!(faulty.is_boolean(), "{faulty}"),
        }
    }
    Ok(())
}
