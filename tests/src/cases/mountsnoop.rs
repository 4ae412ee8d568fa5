//! Calls of the old and of the new mount interface that fail, by a caller who may not mount, or on what is not there.

use std::ffi::CString;
use std::hint::black_box;
use std::ptr::null;

use anyhow::{Result, ensure};
use serde_json::Value;

use crate::case::{Case, Report, Work};

pub const CASE: Case = Case { tool: "mountsnoop", args: &["-d"], count: 20, work, check, extra_caps: &[] };

const ENOENT: i64 = -2;
const EBADF: i64 = -9;

/// Its number, also where the kernel does not know it yet.
const OPEN_TREE_ATTR: libc::c_long = 467;

fn work(w: &Work) -> Result<()> {
    for n in 0..w.count {
        let c = |what: &str| CString::new(format!("{what}-{}-{n}", w.who));
        let (source, target, key, data) = (c("source")?, c("/nowhere")?, c("key")?, c(&"d".repeat(3000))?);
        // Not the constant: what nobody has looked at may not be in memory, and the kernel does not get as far.
        let attr = black_box([1, 0, 0, 0u64]); // set MOUNT_ATTR_RDONLY
        // SAFETY: all pointers are to C strings or to a struct, or 1 or NULL, which the kernel refuses.
        let failed = unsafe {
            let fs = c"cbpf-fs".as_ptr();
            let flags = libc::MS_RDONLY | libc::MS_NOSUID;
            [
                libc::syscall(libc::SYS_mount, source.as_ptr(), target.as_ptr(), fs, flags, data.as_ptr()),
                libc::syscall(libc::SYS_mount, null::<u8>(), target.as_ptr(), null::<u8>(), libc::MS_BIND, 1),
                libc::syscall(libc::SYS_umount2, target.as_ptr(), libc::MNT_DETACH),
                libc::syscall(libc::SYS_fsconfig, -1, 1, key.as_ptr(), data.as_ptr(), 0),
                libc::syscall(libc::SYS_fsconfig, -1, 2, key.as_ptr(), c"\x01\x02".as_ptr(), 2),
                libc::syscall(OPEN_TREE_ATTR, -1, target.as_ptr(), 1, attr.as_ptr(), size_of_val(&attr)),
                libc::syscall(OPEN_TREE_ATTR, -1, target.as_ptr(), 1, 1, size_of_val(&attr)),
                libc::syscall(libc::SYS_move_mount, -1, key.as_ptr(), libc::AT_FDCWD, target.as_ptr(), 4),
            ]
        };
        ensure!(failed == [-1; 8], "{failed:?}");
    }
    Ok(())
}

fn check(report: &Report) -> Result<()> {
    let find = |n: u64, op: &str, more: &dyn Fn(&Value) -> bool| -> Result<Vec<&Value>> {
        let target = format!("/nowhere-own-{n}");
        let of = |r: &&Value| {
            r["op"] == op && (r["target"] == *target || r["key"] == format!("key-own-{n}")) && more(r)
        };
        let rows: Vec<_> = report.owned_of("event").filter(of).collect();
        ensure!(rows.len() == report.owned.len(), "{op} of {target} was seen {} times", rows.len());
        let right = |r: &&Value| {
            r["comm"] == "wk-own" && r["mnt_ns"].as_u64() > Some(0) && r["lat_us"].as_f64() > Some(0.0)
        };
        ensure!(rows.iter().all(right), "{rows:?}");
        Ok(rows)
    };
    for n in 0..report.count {
        // Who may not mount hears that instead.
        let in_vain = |r: &Value| [-1, ENOENT].contains(&r["ret"].as_i64().unwrap_or(0));
        let cut = |r: &Value, key: &str| {
            r[key].as_str().is_some_and(|data| data.len() == 2047 && data.ends_with('d')) && r[format!("{key}_cut")] == true
        };
        for row in find(n, "mount", &|r| r["source"] == format!("source-own-{n}"))? {
            ensure!(row["flags"] == "MS_RDONLY | MS_NOSUID" && row["fs"] == "cbpf-fs", "{row}");
            ensure!(in_vain(row) && cut(row, "data"), "{row}");
        }
        for row in find(n, "mount", &|r| r["source"].is_null())? {
            ensure!(row["flags"] == "MS_BIND" && row["fs"].is_null() && row["ret"].as_i64() < Some(0), "{row}");
            // Not an address of this process.
            ensure!(row["data"].is_null() && row["data_fault"] == true, "{row}");
        }
        for row in find(n, "umount", &|_| true)? {
            ensure!(row["flags"] == "MNT_DETACH" && in_vain(row), "{row}");
        }
        for row in find(n, "fsconfig", &|r| r["cmd"] == "FSCONFIG_SET_STRING")? {
            ensure!(row["fd"] == -1 && cut(row, "value") && row["ret"].as_i64() < Some(0), "{row}");
        }
        for row in find(n, "fsconfig", &|r| r["cmd"] == "FSCONFIG_SET_BINARY")? {
            ensure!(row["value"].is_null() && row["value_fault"] == true && row["aux"] == 2, "{row}");
        }
        for row in find(n, "open_tree_attr", &|r| r["attrs"] == "set MOUNT_ATTR_RDONLY")? {
            ensure!(row["fd"] == -1 && row["flags"] == "OPEN_TREE_CLONE" && row["ret"].as_i64() < Some(0), "{row}");
        }
        find(n, "open_tree_attr", &|r| r["attrs"].is_null() && r["attrs_fault"] == true)?;
        for row in find(n, "move_mount", &|r| r["source"] == format!("key-own-{n}"))? {
            ensure!(row["fd"] == -1 && row["to_fd"] == -100 && row["flags"] == "MOVE_MOUNT_F_EMPTY_PATH", "{row}");
            ensure!([-1, EBADF, ENOENT].contains(&row["ret"].as_i64().unwrap_or(0)), "{row}");
        }
    }
    let rows = report.owned_of("event").count() as u64;
    ensure!(rows == 8 * report.expected(), "{rows} rows");
    Ok(())
}
