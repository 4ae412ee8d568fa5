//! `cbpf doctor`: which grants this process has and what keeps it from the others, what the kernel has, and how each tool
//! would run here. It tries, for nothing else tells; what it loads is gone when it ends.

use std::collections::BTreeSet;

use anyhow::Result;
use cbpf_common::engine::{self, Plan, Refused};
use cbpf_common::features::{self, Process, Subprograms};
use cbpf_common::grant::{self, Grant, Request, Survey};
use cbpf_common::options::BUFFER;
use cbpf_common::owner::Scope;
use cbpf_common::proc::caps::{self, CAP_SYS_ADMIN};
use cbpf_common::session::Session;
use cbpf_common::token;
use clap::{Arg, ArgAction, ArgMatches, Command};
use comfy_table::{ContentArrangement, Table, presets};
use serde_json::{Value, json};

use crate::cli::run::{self, Status};
use crate::cli::tool::Entry;
use crate::registry::TOOLS;

/// Its command line.
pub fn command() -> Command {
    Command::new("doctor")
        .about("Say which grants are available here, what the kernel supports, and how each tool would run")
        .version(env!("CARGO_PKG_VERSION"))
        .arg(Arg::new("json").long("json").action(ArgAction::SetTrue).help("One JSON object"))
}

/// Looks, and prints what it has seen.
pub fn run(matches: &ArgMatches) -> Result<Status> {
    engine::listen(false);
    let report = Report::make()?;
    let text = if matches.get_flag("json") { format!("{}\n", report.json()) } else { report.text() };
    run::print(&text)
}

struct Report {
    process: Process,
    grants: Vec<Survey>,
    /// The one that tools would have unasked.
    grant: Option<(&'static str, Scope)>,
    /// Why the kernel's types cannot be read, if they cannot.
    types: Result<(), String>,
    features: Vec<features::Feature>,
    subprograms: Subprograms,
    tools: Vec<Row>,
}

/// How a tool would run.
struct Row {
    name: &'static str,
    /// The set, and the kinds of its programs.
    set: Option<(u32, String)>,
    /// Of maps and ring, bytes.
    memory: Option<u64>,
    /// Did it run?
    tried: bool,
    /// Why it does not run, or why the sets before were passed over.
    why: Vec<String>,
}

impl Report {
    fn make() -> Result<Self> {
        let grants = grant::survey();
        let grant = grant::negotiate(&Request::default()).ok();
        let types = features::types();
        let tools = TOOLS.iter().map(|tool| row(tool, grant.as_ref(), types.as_ref().ok())).collect();
        Ok(Self {
            process: Process::current()?,
            grant: grant.as_ref().map(|grant| (grant.name, grant.scope)),
            features: types.as_ref().map(|btf| features::features(btf)).unwrap_or_default(),
            types: types.map(drop).map_err(|e| format!("{e:#}")),
            subprograms: grant.and_then(|g| g.token).map_or(Subprograms::Unknown, |t| features::subprograms(&t)),
            grants,
            tools,
        })
    }

    /// Is the fault of token-loaded subprograms here? In words.
    fn warning(&self) -> Option<&'static str> {
        match self.subprograms {
            Subprograms::Faulty => Some(
                "this kernel (6.9 to 7.1 have the fault) crashes on a bad pointer in a subprogram that was loaded by a token. \
                 cbpf's programs have no subprograms; others who use the token should know",
            ),
            // Those who can delegate; the number is a hint, no more.
            Subprograms::Unknown
                if self.process.init_userns
                    && caps::has(self.process.caps, CAP_SYS_ADMIN)
                    && token::kernel_has_tokens()
                    && before_7_2(&features::release()) =>
            {
                Some(
                    "kernels from 6.9 to 7.1 crash on a bad pointer in a subprogram that was loaded by a token; where there is a \
                 token, doctor can tell. cbpf's programs have none, but whoever delegates lets others load theirs",
                )
            }
            _ => None,
        }
    }

    fn json(&self) -> Value {
        let scopes = |survey: &Survey| match &survey.scopes {
            Ok(scopes) => {
                let scopes: Vec<Value> = scopes
                    .iter()
                    .map(|(scope, given)| json!({"scope": scope.name(), "given": given.is_ok(), "why": given.as_ref().err()}))
                    .collect();
                json!({"grant": survey.grant, "there": true, "scopes": scopes, "why": null, "fix": null})
            }
            Err(missing) => {
                json!({"grant": survey.grant, "there": false, "scopes": [], "why": missing.why, "fix": missing.fix})
            }
        };
        let features: Vec<Value> =
            self.features.iter().map(|f| json!({"name": f.name, "there": f.there, "use": f.use_})).collect();
        let settings: serde_json::Map<String, Value> =
            features::settings().into_iter().map(|(name, value)| (name.to_owned(), value.into())).collect();
        let tools: Vec<Value> = self
            .tools
            .iter()
            .map(|row| {
                json!({
                    "tool": row.name, "runs": row.set.is_some(), "tried": row.tried, "set": row.set.as_ref().map(|s| s.0),
                    "hooks": row.set.as_ref().map(|s| &s.1), "memory": row.memory, "why": row.why,
                })
            })
            .collect();
        json!({
            "type": "doctor",
            "schema": 1,
            "process": {
                "capabilities": format!("{:x}", self.process.caps), "seccomp": self.process.seccomp,
                "initial_user_namespace": self.process.init_userns, "initial_pid_namespace": self.process.init_pidns,
            },
            "grants": self.grants.iter().map(scopes).collect::<Vec<_>>(),
            "grant": self.grant.map(|(name, scope)| json!({"grant": name, "scope": scope.name()})),
            "kernel": {
                "release": features::release(), "types": self.types.as_ref().err(), "features": features, "settings": settings,
                "faulty_subprograms": match self.subprograms {
                    Subprograms::Sound => Some(false),
                    Subprograms::Faulty => Some(true),
                    Subprograms::Unknown => None,
                },
            },
            "tools": tools,
        })
    }

    fn text(&self) -> String {
        let mut text = String::from("Grants, in the order tried\n");
        let mut table = table();
        for survey in &self.grants {
            match &survey.scopes {
                Ok(scopes) => {
                    let given: Vec<&str> = scopes.iter().filter(|(_, g)| g.is_ok()).map(|(s, _)| s.name()).collect();
                    table.add_row([survey.grant, "yes", &format!("scopes: {}", given.join(", "))]);
                    for why in scopes.iter().filter_map(|(_, given)| given.as_ref().err()) {
                        table.add_row(["", "", why]);
                    }
                }
                Err(missing) => {
                    table.add_row([survey.grant, "no", &missing.why]);
                    table.add_row(["", "", &format!("fix: {}", missing.fix)]);
                }
            }
        }
        text += &format!("{}\n\nKernel {}\n", table.trim_fmt(), features::release());
        let mut table = self::table();
        if let Err(why) = &self.types {
            table.add_row(["types", "no", why]);
        }
        for feature in &self.features {
            table.add_row([feature.name, if feature.there { "yes" } else { "no" }, feature.use_]);
        }
        for (name, value) in features::settings() {
            table.add_row([name, &value, ""]);
        }
        text += &format!("{}\n", table.trim_fmt());
        if let Some(warning) = self.warning() {
            let mut table = self::table();
            table.add_row(["warning:", warning]);
            text += &format!("{}\n", table.trim_fmt());
        }
        text += &match self.grant {
            Some((name, scope)) => {
                format!("\nTools, as they would run with the {name} grant in scope {}\n", scope.name())
            }
            None => "\nTools, by what the kernel's types say: without a grant none was tried\n".into(),
        };
        let mut table = self::table();
        table.set_header(["TOOL", "SET", "HOOKS", "MEMORY", ""]);
        for row in &self.tools {
            let (set, hooks) = row.set.as_ref().map_or(("-".into(), "-"), |(set, hooks)| (set.to_string(), hooks));
            let memory = row.memory.map_or("-".into(), |bytes| format!("{} KiB", bytes.div_ceil(1024)));
            table.add_row([row.name, &set, hooks, &memory, &row.why.join("; ")]);
        }
        text + &format!("{}\n", table.trim_fmt())
    }
}

/// Is it the release of a kernel before 7.2?
fn before_7_2(release: &str) -> bool {
    let mut numbers = release.split(['.', '-']).map_while(|part| part.parse::<u32>().ok());
    (numbers.next().unwrap_or(0), numbers.next().unwrap_or(0)) < (7, 2)
}

fn table() -> Table {
    let mut table = Table::new();
    table.load_style(presets::NOTHING).set_content_arrangement(ContentArrangement::Dynamic);
    table
}

/// What the first of the tool's plans that can be carried out says, or all of them together.
fn row(tool: &Entry, grant: Option<&Grant>, types: Option<&libbpf_rs::btf::Btf<'_>>) -> Row {
    let mut row = Row { name: tool.name, set: None, memory: None, tried: false, why: Vec::new() };
    let host = grant.is_some_and(|grant| grant.scope == Scope::Host);
    for plan in (tool.plans)(host) {
        if let Err(e) = plan.and_then(|plan| outlook(&plan, grant, types, host, &mut row)) {
            row.why.push(format!("{e:#}"));
        }
        if row.set.is_some() {
            break;
        }
    }
    row
}

fn outlook(
    plan: &Plan,
    grant: Option<&Grant>,
    types: Option<&libbpf_rs::btf::Btf<'_>>,
    host: bool,
    row: &mut Row,
) -> Result<()> {
    let outlook = engine::outlook(plan, host, BUFFER)?;
    row.memory = Some(outlook.memory);
    let hooks = |set: u32| {
        let sections = outlook.sets.iter().filter(|(number, _)| *number == set).flat_map(|(_, sections)| sections);
        let kinds: BTreeSet<&str> = sections.filter_map(|section| section.split('/').next()).collect();
        Vec::from_iter(kinds).join(" ")
    };
    if let Some(grant) = grant {
        row.tried = true;
        // A daemon gives one session for each grant.
        let again = Request { only: Some(grant.name.into()), scope: Some(grant.scope), ..Default::default() };
        let started = grant::negotiate(&again).and_then(|grant| Session::start(plan, &grant, BUFFER));
        match started {
            Ok(session) => {
                let (set, passed_over) = session.set();
                row.set = Some((set, hooks(set)));
                row.why = passed_over.iter().map(|why| format!("passed over: {why}")).collect();
            }
            Err(e) => match e.downcast::<Refused>() {
                Ok(refused) => row.why.extend(refused.reasons),
                Err(e) => return Err(e),
            },
        }
    } else if let Some(btf) = types {
        for (set, sections) in &outlook.sets {
            match sections.iter().find(|section| features::has_hook(btf, section) == Some(false)) {
                Some(absent) => row.why.push(format!("this kernel has no {absent}")),
                None if sections.is_empty() => {
                    row.why.push("it has a meaning for the whole machine only (--scope host)".into());
                }
                None => {
                    row.set = Some((*set, hooks(*set)));
                    break;
                }
            }
        }
    }
    Ok(())
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn releases_are_compared_by_number() {
        assert!(before_7_2("6.18.44-x") && before_7_2("7.1.0") && !before_7_2("7.2.12-cloud") && !before_7_2("10.0"));
    }

    #[test]
    fn a_report_has_a_row_for_every_tool_and_a_reason_for_every_refusal() {
        let report = Report::make().unwrap();
        assert_eq!(report.tools.len(), TOOLS.len());
        assert!(report.tools.iter().all(|row| row.set.is_some() || !row.why.is_empty()));
        let (text, json) = (report.text(), report.json());
        for tool in TOOLS {
            assert!(text.contains(tool.name) && json.to_string().contains(tool.name), "{}", tool.name);
        }
        assert_eq!(json["grants"].as_array().map(Vec::len), Some(3));
        assert_eq!(json["type"], "doctor");
    }
}
