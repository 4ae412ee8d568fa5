//! What the verifier has to do for each program, which is what cbpf's start costs. `tests/verifier.txt` holds it in
//! instructions; a program that comes to need more than a quarter more fails, and so does one that is not in it.

use std::collections::BTreeMap;
use std::fmt::Write as _;
use std::fs;

use anyhow::{Context as _, Result, ensure};
use cbpf_bpf::events::{cbpf_owner, cbpf_scope};
use cbpf_common::engine::{self, Options, Plan};

use crate::cases::CASES;

const FILE: &str = concat!(env!("CARGO_MANIFEST_DIR"), "/verifier.txt");
const HEAD: &str = "\
# What the verifier has to do for each program: instructions that it looked at, by case. `make verifier` writes this
# file, and the suite fails when a number grows by more than a quarter.
#   user: scope user, no options. options: every switch on. narrow: scope container with everything narrowed.
";

/// Knobs that are numbers and that the tool always sets.
const ALWAYS: &[(&str, &str, u32)] = &[("execsnoop", "max_args", 20)];

/// Switches that contradict another one, which stays on.
const OFF: &[(&str, &str)] = &[("offcputime", "kernel_threads_only")];

const VARIANTS: [&str; 3] = ["user", "options", "narrow"];

/// `(tool, program, variant)` and its cost.
type Costs = BTreeMap<(String, String, String), u32>;

fn owner(variant: &str) -> cbpf_owner {
    let user = cbpf_owner { scope: cbpf_scope::CBPF_USER.0, uid: 1000, self_: 1, ..Default::default() };
    if variant != "narrow" {
        return user;
    }
    let all = user.pids.len() as u32;
    cbpf_owner {
        scope: cbpf_scope::CBPF_CGROUP.0,
        cgroup: 1,
        io_cgroup: 1,
        in_cgroup: 1,
        pidns: 1,
        level: 1,
        family: 1,
        has_only_uid: 1,
        npids: all,
        ntids: all,
        ..user
    }
}

fn plan(tool: &str, variant: &str) -> Result<Plan> {
    let mut plan = Plan::new(tool)?;
    plan.events();
    for (_, knob, value) in ALWAYS.iter().filter(|(of, ..)| *of == tool) {
        plan.knob(knob, *value);
    }
    if variant == "options" {
        for knob in cbpf_bpf::object(tool).context("no object")?.knobs()? {
            let name: &'static str = knob.name.leak(); // a few names, once
            if OFF.contains(&(tool, name)) {
                continue;
            }
            match knob.size {
                1 => plan.knob(name, true),
                9.. => plan.knob(name, "x"), // text
                _ => &mut plan,
            };
        }
    }
    Ok(plan)
}

fn measure() -> Result<Costs> {
    engine::listen(false);
    let mut costs = Costs::new();
    for tool in CASES.iter().map(|case| case.tool) {
        for variant in VARIANTS {
            let options = Options { buffer: 4096, token: None, memory: u64::MAX };
            let sets = engine::verify(&plan(tool, variant)?, &owner(variant), options)
                .with_context(|| format!("{tool} {variant}"))?;
            for (program, insns) in
                sets.iter().map(engine::Loaded::verified_insns).collect::<Result<Vec<_>>>()?.concat()
            {
                // These stand in every object.
                let tool = if program.starts_with("family_") { "(all)" } else { tool };
                costs.insert((tool.into(), program, variant.into()), insns);
            }
        }
    }
    Ok(costs)
}

/// Major and minor number of the running kernel: another one's verifier counts otherwise.
fn kernel() -> Result<String> {
    let release = fs::read_to_string("/proc/sys/kernel/osrelease")?;
    Ok(release.trim().split('.').take(2).collect::<Vec<_>>().join("."))
}

fn line((tool, program, variant): &(String, String, String), insns: u32) -> String {
    format!("{tool:<16}{program:<20}{variant:<10}{insns:>7}\n")
}

/// Writes the file anew.
pub fn write() -> Result<()> {
    let mut text = String::from(HEAD);
    writeln!(text, "{:<16}{:<20}{:<10}{:>7}", "tool", "program", "case", kernel()?)?;
    measure()?.iter().for_each(|(what, insns)| text += &line(what, *insns));
    fs::write(FILE, text).context(FILE)
}

/// Compares with the file. A reason says why it cannot be compared.
pub fn test() -> Result<Option<String>> {
    let text = fs::read_to_string(FILE).context(FILE)?;
    let mut rows =
        text.lines().filter(|line| !line.starts_with('#')).map(|line| line.split_whitespace().collect::<Vec<_>>());
    let (of, here) = (rows.next().and_then(|head| head.last().copied()).context("no head")?, kernel()?);
    if of != here {
        return Ok(Some(format!("tests/verifier.txt is of kernel {of}, this is {here}")));
    }
    let mut known = Costs::new();
    for row in rows {
        let [tool, program, variant, insns] = row[..] else { anyhow::bail!("verifier.txt: {row:?}") };
        known.insert((tool.into(), program.into(), variant.into()), insns.parse()?);
    }
    let measured = measure()?;
    let mut wrong = String::new();
    for (what, insns) in &measured {
        match known.get(what) {
            Some(before) if u64::from(*insns) * 4 <= u64::from(*before) * 5 => {}
            Some(before) => write!(wrong, "\n{before} before: {}", line(what, *insns).trim_end())?,
            None => write!(wrong, "\nnot in the file: {}", line(what, *insns).trim_end())?,
        }
    }
    for (what, insns) in known.iter().filter(|(what, _)| !measured.contains_key(what)) {
        write!(wrong, "\nno such program any more: {}", line(what, *insns).trim_end())?;
    }
    ensure!(wrong.is_empty(), "if it must be so, put it into tests/verifier.txt (`make verifier` does):{wrong}");
    Ok(None)
}
