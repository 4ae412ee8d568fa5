//! cbpf in real containers, podman's: what is traced in one is its own work alone, by the daemon and by a token, and
//! without either cbpf says what is missing. Each test runs as `cbpf-suite podman NAME`, in a mount namespace where the
//! machine has the test's user; nothing of it is left behind.

use std::ffi::OsStr;
use std::fs::{self, Permissions};
use std::os::unix::fs::{PermissionsExt as _, chown, symlink};
use std::os::unix::process::CommandExt as _;
use std::path::{Path, PathBuf};
use std::process::{Command, Output, Stdio};
use std::time::{Duration, Instant};

use anyhow::{Context as _, Result, bail, ensure};
use nix::mount::{MsFlags, mount};
use nix::sys::signal::{Signal, kill};
use nix::unistd::Pid;
use serde_json::{Value, json};

use crate::case::{Case, Report, context_of, nothing_foreign, sums_add_up};
use crate::daemon::Daemon;
use crate::process::{self, Running, cbpf, own_exe, parse};

type Test = (&'static str, fn() -> Result<()>);

/// Every test, by name.
pub const TESTS: &[Test] = &[
    ("rootless, by the daemon", || by_daemon(true)),
    ("rootful without a user namespace, by the daemon", || by_daemon(false)),
    ("rootless, by a token", by_token),
    ("rootful with a user namespace, by a hook", by_hook),
    ("rootless, nothing", nothing),
    ("under profiles that refuse bpf()", refusing_profiles),
    ("the static cbpf alone", alone),
];

/// The tools that are run in containers.
const TOOLS: [&str; 5] = ["opensnoop", "runqlat", "biolatency", "tcpconnlat", "offcputime"];

/// The rootless user and its other uids; accounts of this number exist for the tests only.
const USER: u32 = 2301;
const SUBUIDS: &str = "cbpf-test:300000:65536\n";

/// Of `podman run`.
const RUN_OPTIONS: [&str; 6] = ["--ulimit", "nofile=1024:1024", "--ulimit", "nproc=1000:1000", "--network", "none"];

/// Runs a test in a process and a mount namespace of its own.
pub fn run(name: &str) -> Result<()> {
    for program in ["podman", "runc", "newuidmap"] {
        let there =
            std::env::split_paths(&std::env::var_os("PATH").unwrap_or_default()).any(|p| p.join(program).exists());
        ensure!(there, "no {program}: `make test` installs what the tests need");
    }
    process::run_apart(&["podman", name])
}

/// The other side of [`run`].
pub fn inside(name: &str) -> Result<()> {
    let (_, test) = TESTS.iter().find(|(of, _)| *of == name).with_context(|| format!("no test {name}"))?;
    // Whatever podman leaves running becomes our child.
    // SAFETY: numbers only.
    unsafe { libc::prctl(libc::PR_SET_CHILD_SUBREAPER, 1, 0, 0, 0) };
    test()
}

/// The static executable, as `make static` makes it or as `CBPF_STATIC` says.
fn static_cbpf() -> Result<PathBuf> {
    let target = format!("../{}-unknown-linux-gnu/release/cbpf", std::env::consts::ARCH);
    let path = match std::env::var_os("CBPF_STATIC") {
        Some(path) => path.into(),
        None => own_exe()?.parent().context("no folder")?.join(target),
    };
    ensure!(path.exists(), "no {}: `make static` makes it", path.display());
    Ok(path)
}

/// A podman with storage of its own, root's or the user's.
struct Podman {
    dir: PathBuf,
    rootless: bool,
}

impl Drop for Podman {
    fn drop(&mut self) {
        let _ = self.run(["rm", "-f", "-t", "0", "a", "b"]);
        // The process that keeps the user's namespaces, and any other that is left.
        let tasks = format!("/proc/self/task/{}/children", std::process::id());
        for _ in 0..50 {
            let children = fs::read_to_string(&tasks).unwrap_or_default();
            for pid in children.split_whitespace().filter_map(|pid| pid.parse().ok()).map(Pid::from_raw) {
                let comm = fs::read_to_string(format!("/proc/{pid}/comm")).unwrap_or_default();
                if comm.trim() != "cbpfd" {
                    let _ = kill(pid, Signal::SIGKILL);
                    let _ = nix::sys::wait::waitpid(pid, None);
                }
            }
            if fs::remove_dir_all(&self.dir).is_ok() || !self.dir.exists() {
                return;
            }
            std::thread::sleep(Duration::from_millis(20));
        }
        eprintln!("{} cannot be removed", self.dir.display());
    }
}

impl Podman {
    /// With an image `cbpf` of busybox and the static cbpf, and the workloads in `/suite`.
    fn new(rootless: bool) -> Result<Self> {
        // On a disk: there are reads past the page cache.
        let dir = PathBuf::from(format!("/var/tmp/cbpf-podman-{}", std::process::id()));
        fs::create_dir(&dir)?;
        let podman = Self { dir, rootless };
        let dir = &podman.dir;
        let open = |path: PathBuf, mode| -> Result<PathBuf> {
            fs::create_dir_all(&path)?;
            fs::set_permissions(&path, Permissions::from_mode(mode))?;
            Ok(path)
        };
        if rootless {
            podman.add_user()?;
        }
        open(dir.join("notes"), 0o777)?;
        let suite = open(dir.join("suite"), 0o755)?;
        fs::copy(own_exe()?, suite.join("cbpf-suite"))?;
        let root = open(dir.join("root"), 0o755)?;
        for path in ["tmp", "var/tmp"] {
            open(root.join(path), 0o1777)?;
        }
        for path in ["bin", "etc"] {
            open(root.join(path), 0o755)?;
        }
        fs::write(root.join("etc/passwd"), "root:x:0:0:root:/:/bin/sh\n")?;
        fs::copy(busybox()?, root.join("bin/busybox"))?;
        for name in ["sh", "sleep", "kill", "cat", "ls", "grep"] {
            symlink("busybox", root.join("bin").join(name))?;
        }
        fs::copy(static_cbpf()?, root.join("bin/cbpf"))?;
        podman.import(&root, "cbpf")?;
        Ok(podman)
    }

    /// Makes an image of a folder.
    fn import(&self, root: &Path, name: &str) -> Result<()> {
        let image = self.dir.join("image.tar");
        let tar = Command::new("tar").arg("-cf").arg(&image).arg("-C").arg(root).arg(".").status()?;
        ensure!(tar.success(), "tar: {tar}");
        self.ok([OsStr::new("import"), image.as_os_str(), OsStr::new(name)]).map(drop)
    }

    /// Accounts of the user, seen by this process and its children only.
    fn add_user(&self) -> Result<()> {
        let home = self.dir.join("home");
        for path in [home.clone(), self.dir.join("run")] {
            fs::create_dir(&path)?;
            fs::set_permissions(&path, Permissions::from_mode(0o700))?;
            chown(&path, Some(USER), Some(USER))?;
        }
        let account = format!("cbpf-test:x:{USER}:{USER}::{}:/bin/sh\n", home.display());
        let group = format!("cbpf-test:x:{USER}:\n");
        let with = |path: &str, line: &str| Ok::<_, anyhow::Error>(fs::read_to_string(path)? + line);
        let texts = [
            ("/etc/passwd", with("/etc/passwd", &account)?),
            ("/etc/group", with("/etc/group", &group)?),
            ("/etc/subuid", SUBUIDS.into()),
            ("/etc/subgid", SUBUIDS.into()),
        ];
        for (path, text) in texts {
            let own = self.dir.join(Path::new(path).file_name().context("no name")?);
            fs::write(&own, text)?;
            if !Path::new(path).exists() {
                fs::write(path, "")?; // as the package of useradd would
            }
            mount(Some(&own), path, None::<&str>, MsFlags::MS_BIND, None::<&str>).with_context(|| path.to_owned())?;
        }
        Ok(())
    }

    fn command<S: AsRef<OsStr>>(&self, args: impl IntoIterator<Item = S>) -> Command {
        let mut command = Command::new("podman");
        command.args(["--runtime", "runc", "--cgroup-manager=cgroupfs", "--storage-driver", "vfs"]);
        command.args(["--events-backend", "file", "--log-level", "error"]);
        command.env_clear().env("PATH", "/usr/sbin:/usr/bin:/sbin:/bin").current_dir("/").stdin(Stdio::null());
        if self.rootless {
            command.env("HOME", self.dir.join("home")).env("XDG_RUNTIME_DIR", self.dir.join("run"));
            command.uid(USER).gid(USER);
        } else {
            command.env("HOME", "/root");
            command.arg("--root").arg(self.dir.join("store")).arg("--runroot").arg(self.dir.join("run"));
            command.arg("--tmpdir").arg(self.dir.join("tmp"));
        }
        command.args(args);
        command
    }

    fn run<S: AsRef<OsStr>>(&self, args: impl IntoIterator<Item = S>) -> Result<Output> {
        self.command(args).output().context("podman")
    }

    /// The same of what must succeed; what it wrote.
    fn ok<S: AsRef<OsStr>>(&self, args: impl IntoIterator<Item = S>) -> Result<String> {
        let done = self.run(args)?;
        ensure!(done.status.success(), "podman: {}", String::from_utf8_lossy(&done.stderr));
        Ok(String::from_utf8_lossy(&done.stdout).trim().to_owned())
    }

    /// `podman run` with options of ours before `more`.
    fn run_args(&self, more: &[&str]) -> Vec<String> {
        let mount = |from: &str, to: &str, how: &str| format!("{}:{to}{how}", self.dir.join(from).display());
        let ours = [&["run"], &RUN_OPTIONS[..], &["-v"]].concat();
        let mut args: Vec<String> = ours.into_iter().map(str::to_owned).collect();
        args.extend([mount("notes", "/notes", ""), "-v".into(), mount("suite", "/suite", ":ro")]);
        // The workloads are not static: they bring the machine's libraries.
        for libraries in ["/lib64", "/lib/x86_64-linux-gnu", "/lib/aarch64-linux-gnu"] {
            if Path::new(libraries).exists() {
                args.extend(["-v".into(), format!("{libraries}:{libraries}:ro")]);
            }
        }
        args.extend(more.iter().map(|arg| (*arg).to_owned()));
        args
    }

    /// Starts a container that waits.
    fn start(&self, name: &str, options: &[&str]) -> Result<()> {
        let tail = ["cbpf", "/bin/sleep", "1000"];
        self.ok(self.run_args(&[&["-d", "--name", name], options, &tail].concat())).map(drop)
    }

    /// Runs cbpf in a new container, to its end: exit status, stdout and stderr.
    fn cbpf(&self, options: &[&str], args: &[&str]) -> Result<(Option<i32>, String, String)> {
        let done = self.run(self.run_args(&[&["--rm"], options, &["cbpf", "/bin/cbpf"], args].concat()))?;
        let text = |bytes: &[u8]| String::from_utf8_lossy(bytes).into_owned();
        Ok((done.status.code(), text(&done.stdout), text(&done.stderr)))
    }

    fn profile(&self, name: &str, profile: &Value) -> Result<String> {
        let path = self.dir.join(name);
        fs::write(&path, profile.to_string())?;
        Ok(format!("seccomp={}", path.display()))
    }

    /// Runs a tool in container `a`, and its workload there, in container `b` and on the host under the uid that the
    /// kernel knows root of `a` by. Its report must hold what was done in `a`, and nothing else.
    fn traced(&self, case: &Case, grant: &str) -> Result<()> {
        let tool = format!(
            "echo $$ > /notes/tool; exec /bin/cbpf {} --json --grant {grant} --scope container {}",
            case.tool,
            case.args.join(" ")
        );
        let running = match Running::start(&mut self.command(["exec", "a", "/bin/sh", "-c", &tool]))? {
            Ok(running) => running,
            Err((status, stderr)) => bail!("it ended before it began (exit status {status:?}): {stderr}"),
        };
        let notes = self.dir.join("notes");
        let work = |container: &str, who: &str| {
            let notes = if who == "own" { "/notes" } else { "''" };
            // A process of its own: what podman executes was the runtime's before, and did that one's work.
            let line = format!("/suite/cbpf-suite work {} {who} {} {notes} & echo $!; wait $!", case.tool, case.count);
            let mut command = self.command(["exec", container, "/bin/sh", "-c", &line]);
            command.stdout(Stdio::piped()).stderr(Stdio::piped()).spawn().context("podman")
        };
        let begin = Instant::now();
        let (own, foreign) = (work("a", "own")?, work("b", "foreign")?);
        let mut host = Command::new(own_exe()?);
        host.args(["work", case.tool, "foreign", &case.count.to_string(), ""]);
        let host = process::spawn(&mut host, Some(if self.rootless { USER } else { 0 }), 0)?.finish()?;
        let mut pids = Vec::new();
        for child in [own, foreign] {
            let done = child.wait_with_output()?;
            ensure!(done.status.success(), "the work: {}", String::from_utf8_lossy(&done.stderr));
            pids.push(String::from_utf8(done.stdout)?.trim().parse()?);
        }
        let seconds = begin.elapsed().as_secs_f64();
        let (lines, stderr) = running.stop_by(|| {
            let pid = fs::read_to_string(notes.join("tool"))?;
            self.ok(["exec", "a", "/bin/kill", "-INT", pid.trim()]).map(drop)
        })?;
        let report = Report {
            args: case.args,
            records: parse(&lines)?,
            count: case.count,
            owned: vec![pids[0]],
            seconds,
            stderr,
            notes,
        };
        nothing_foreign(&report, host, false)
            .and_then(|()| sums_add_up(&report))
            .and_then(|()| (case.check)(&report))
            .with_context(|| context_of(&report))
    }

    fn all_tools(&self, grant: &str) -> Result<()> {
        for tool in TOOLS {
            self.traced(crate::find(tool)?, grant).with_context(|| tool.to_owned())?;
        }
        Ok(())
    }
}

fn busybox() -> Result<PathBuf> {
    let paths = ["/bin/busybox", "/usr/bin/busybox"].map(PathBuf::from);
    paths.into_iter().find(|path| path.exists()).context("no busybox-static: `make test` installs it")
}

/// The option that mounts the daemon's socket where clients look for it.
fn socket(daemon: &Daemon) -> Result<String> {
    Ok(format!("{}:/run/cbpf", daemon.socket.parent().context("no folder")?.display()))
}

/// The engine's default profile refuses bpf(), and the container has nothing but the daemon's socket.
fn by_daemon(rootless: bool) -> Result<()> {
    let daemon = Daemon::start("")?;
    let podman = Podman::new(rootless)?;
    let socket = socket(&daemon)?;
    podman.start("a", &["-v", &socket])?;
    podman.start("b", &[])?;
    podman.all_tools("auto")?;
    let (status, _, stderr) = podman.cbpf(&["-v", &socket], &["opensnoop", "-d", "1"])?;
    ensure!(status == Some(0) && stderr.contains("cbpf: daemon grant, scope container"), "{stderr}");
    let (status, _, stderr) = podman.cbpf(&["-v", &socket], &["opensnoop", "--scope", "host", "-d", "1"])?;
    let words = "\n  daemon: --scope host: not allowed: the widest scope for this process is container\n";
    ensure!(status == Some(3) && stderr.contains(words), "{status:?}: {stderr}");
    // A user of the container sees its own tasks there.
    let (status, _, stderr) = podman.cbpf(&["-v", &socket, "--user", "1000"], &["opensnoop", "-d", "1"])?;
    ensure!(status == Some(0) && stderr.contains("cbpf: daemon grant, scope user"), "{stderr}");
    Ok(())
}

/// The engine's default profile, with bpf() allowed.
fn profile_with_bpf() -> Result<Value> {
    let path = ["/etc/containers/seccomp.json", "/usr/share/containers/seccomp.json"];
    let path = path.iter().find(|path| Path::new(path).exists()).context("podman has no default profile")?;
    let mut profile: Value = serde_json::from_slice(&fs::read(path)?)?;
    let rules = profile["syscalls"].as_array_mut().context("a profile without rules")?;
    for rule in rules.iter_mut() {
        if let Some(names) = rule["names"].as_array_mut() {
            names.retain(|name| name != "bpf");
        }
    }
    rules.push(json!({"names": ["bpf"], "action": "SCMP_ACT_ALLOW"}));
    Ok(profile)
}

fn by_token() -> Result<()> {
    let podman = Podman::new(true)?;
    let profile = podman.profile("with-bpf.json", &profile_with_bpf()?)?;
    let options = ["--cap-add", "BPF,PERFMON", "--security-opt", &profile];
    podman.start("a", &options)?;
    podman.start("b", &options)?;
    // Before the delegation the missing link is that.
    let exec = ["exec", "a", "/bin/cbpf", "opensnoop", "-d", "1"];
    let done = podman.run(exec)?;
    let stderr = String::from_utf8_lossy(&done.stderr);
    ensure!(done.status.code() == Some(3), "{stderr}");
    ensure!(stderr.contains("token: no bpffs with a delegation is mounted here"), "{stderr}");
    let pid = podman.ok(["inspect", "--format", "{{.State.Pid}}", "a"])?;
    let delegate = |args: &[&str]| {
        let done = Command::new(cbpf()?.with_file_name("cbpfd")).arg("delegate").args(args).output()?;
        ensure!(done.status.success(), "cbpfd delegate: {}", String::from_utf8_lossy(&done.stderr));
        Ok(String::from_utf8(done.stdout)?)
    };
    delegate(&["--pid", &pid, "--tools", &TOOLS.join(",")])?;
    podman.all_tools("auto")?;
    let done = podman.run(exec)?;
    let stderr = String::from_utf8_lossy(&done.stderr);
    ensure!(done.status.success() && stderr.contains("cbpf: token grant, scope container"), "{stderr}");
    // Who has no power in the container has none by the token.
    let done = podman.run(["exec", "--user", "1000", "a", "/bin/cbpf", "opensnoop", "-d", "1"])?;
    let stderr = String::from_utf8_lossy(&done.stderr);
    ensure!(done.status.code() == Some(3) && stderr.contains("token: this process has no CAP_BPF"), "{stderr}");
    ensure!(delegate(&["--list"])?.contains("/sys/fs/bpf"), "not in the list");
    delegate(&["--revoke", "--pid", &pid])?;
    ensure!(podman.run(exec)?.status.code() == Some(3), "the delegation was revoked");
    Ok(())
}

/// The hook that is shipped, at either of the stages that there are for it.
fn by_hook() -> Result<()> {
    let podman = Podman::new(false)?;
    let profile = podman.profile("with-bpf.json", &profile_with_bpf()?)?;
    let text = include_str!("../../packaging/oci-hooks/cbpf.json");
    let mut hook: Value = serde_json::from_str(text)?;
    ensure!(hook["hook"]["path"] == "/usr/sbin/cbpfd" && hook["stages"] == json!(["createRuntime"]), "{text}");
    hook["hook"]["path"] = json!(cbpf()?.with_file_name("cbpfd"));
    let hooks = podman.dir.join("hooks");
    fs::create_dir(&hooks)?;
    for stage in ["createRuntime", "poststart"] {
        hook["stages"] = json!([stage]);
        fs::write(hooks.join("cbpf.json"), hook.to_string())?;
        let run = |annotation: &str| {
            let hooks = hooks.display().to_string();
            let options =
                ["--rm", "--uidmap", "0:300000:65536", "--annotation", annotation, "--cap-add", "BPF,PERFMON"];
            let options = [&options[..], &["--security-opt", &profile]].concat();
            // The later stage comes while the container runs already.
            let script = ["cbpf", "/bin/sh", "-c", "sleep 1; exec /bin/cbpf opensnoop -- /bin/cat /etc/passwd"];
            let mut args = vec!["--hooks-dir".to_owned(), hooks];
            args.extend(podman.run_args(&[options, script.into()].concat()));
            podman.run(args)
        };
        let done = run("cbpf.delegate=true")?;
        let stderr = String::from_utf8_lossy(&done.stderr);
        ensure!(done.status.success() && stderr.contains("cbpf: token grant, scope container"), "{stage}: {stderr}");
        let done = run("cbpf.delegate=false")?;
        ensure!(done.status.code() == Some(3), "{stage}: {}", String::from_utf8_lossy(&done.stderr));
    }
    Ok(())
}

fn nothing() -> Result<()> {
    let podman = Podman::new(true)?;
    let (status, stdout, stderr) = podman.cbpf(&[], &["opensnoop"])?;
    let words = "cbpf opensnoop: no permission to trace\n  \
                   token: the bpf() system call is refused by a seccomp profile\n    \
                     fix: start the container with a profile that lets bpf through, or use the daemon, whose clients \
                 need none\n  \
                   daemon: /run/cbpf/cbpf.sock: No such file or directory\n    \
                     fix: start cbpfd on the host (systemctl enable --now cbpfd.socket); into a container, mount \
                 /run/cbpf\n  \
                   strict: this process has no CAP_BPF and no CAP_PERFMON\n    \
                     fix: sudo setcap cap_bpf,cap_perfmon+ep \"$(command -v cbpf)\", or run it as root\n";
    ensure!(status == Some(3) && stdout.is_empty() && stderr == words, "{status:?}: {stdout}{stderr}");
    Ok(())
}

/// Docker's default profile, from the sources that Debian has of it.
fn docker_profile() -> Result<Value> {
    let kept = Path::new(env!("CARGO_MANIFEST_DIR")).join("../build/docker-seccomp.json");
    if !kept.exists() {
        let work = kept.with_extension("new");
        fs::create_dir_all(&work)?;
        let script = "apt-get -qq -o APT::Sandbox::User=root download golang-github-docker-docker-dev >&2 && \
                      dpkg-deb --fsys-tarfile ./*.deb | tar -xO --wildcards '*/profiles/seccomp/default.json'";
        let done = Command::new("/bin/sh").args(["-c", script]).current_dir(&work).output()?;
        let text = String::from_utf8_lossy(&done.stderr);
        ensure!(done.status.success() && !done.stdout.is_empty(), "Docker's profile cannot be had: {text}");
        fs::write(work.join("profile"), &done.stdout)?;
        fs::rename(work.join("profile"), &kept)?;
        fs::remove_dir_all(&work)?;
    }
    Ok(serde_json::from_slice(&fs::read(kept)?)?)
}

fn refusing_profiles() -> Result<()> {
    let daemon = Daemon::start("")?;
    let podman = Podman::new(true)?;
    let socket = socket(&daemon)?;
    let deadly = json!({"defaultAction": "SCMP_ACT_ALLOW", "syscalls": [
        {"names": ["bpf", "perf_event_open"], "action": "SCMP_ACT_KILL_PROCESS"},
    ]});
    // With the capabilities, Docker's lets it through, and then the next link is missing.
    let profiles = [
        (
            podman.profile("docker.json", &docker_profile()?)?,
            "the bpf() system call is refused by a seccomp profile",
            "no bpffs with a delegation is mounted here",
        ),
        (
            podman.profile("deadly.json", &deadly)?,
            "a seccomp profile kills whoever calls bpf()",
            "a seccomp profile kills whoever calls bpf()",
        ),
    ];
    for (profile, without, with) in &profiles {
        let options = ["--security-opt", profile, "-v", &socket];
        let (status, stdout, stderr) = podman.cbpf(&options, &["opensnoop", "--", "/bin/cat", "/etc/passwd"])?;
        ensure!(status == Some(0) && stderr.contains("cbpf: daemon grant, scope container"), "{status:?}: {stderr}");
        ensure!(stdout.lines().any(|line| line.contains("cat") && line.ends_with(" /etc/passwd")), "{stdout}");
        // And in words where the daemon is not there, whatever powers the container has besides.
        for (caps, why) in [(&[][..], without), (&["--cap-add", "BPF,PERFMON,SYS_ADMIN"], with)] {
            let (status, _, stderr) = podman.cbpf(&[&options[..2], caps].concat(), &["opensnoop"])?;
            ensure!(status == Some(3) && stderr.contains(&format!("token: {why}\n")), "{status:?}: {stderr}");
        }
    }
    Ok(())
}

/// One file is all that a container needs, and it is small.
fn alone() -> Result<()> {
    let path = static_cbpf()?;
    let size = fs::metadata(&path)?.len();
    ensure!(size <= 6_000_000, "{} has {size} bytes", path.display());
    let daemon = Daemon::start("")?;
    let podman = Podman::new(true)?;
    let root = podman.dir.join("empty");
    fs::create_dir(&root)?;
    fs::copy(&path, root.join("cbpf"))?;
    podman.import(&root, "alone")?;
    let socket = socket(&daemon)?;
    // Nothing else is there to be traced.
    let traced = ["-v", &socket, "alone", "/cbpf", "opensnoop", "--", "/cbpf", "doctor"];
    let done = podman.run([&["run", "--rm"], &RUN_OPTIONS[..], &traced].concat())?;
    let (text, said) = (String::from_utf8_lossy(&done.stdout), String::from_utf8_lossy(&done.stderr));
    ensure!(done.status.success() && said.contains("cbpf: daemon grant, scope container"), "{}: {said}", done.status);
    let opened = text.lines().filter(|row| row.contains(" cbpf ") && row.ends_with(" /proc/self/status")).count();
    ensure!(opened > 0, "{text}{said}");
    Ok(())
}
