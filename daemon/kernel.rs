//! Names of kernel functions, from /proc/kallsyms: clients get names, and never an address.

use std::fs::File;
use std::io::BufReader;
use std::sync::OnceLock;

/// Functions by where they begin.
#[derive(Default)]
struct Functions {
    /// Address, and where the name begins in `names`.
    starts: Vec<(u64, u32)>,
    names: String,
}

/// As clients print it.
const UNKNOWN: &str = "[kernel]";

static FUNCTIONS: OnceLock<Functions> = OnceLock::new();

/// Is it an address of the kernel's half?
pub fn is_kernel(address: u64) -> bool {
    address >> 63 == 1
}

/// Names of the functions that a stack returns to, or one `[kernel]` where the kernel hides addresses from the daemon.
pub fn names(stack: &[u64]) -> Vec<String> {
    let functions = FUNCTIONS.get_or_init(|| {
        File::open("/proc/kallsyms").map(|file| Functions::read(BufReader::new(file))).unwrap_or_default()
    });
    // The address of a call's return may already be that of the next function.
    let name = |address: &u64| functions.name(address.saturating_sub(1)).unwrap_or(UNKNOWN).to_owned();
    let names: Vec<String> = stack.iter().map(name).collect();
    if names.iter().any(|name| name != UNKNOWN) {
        return names;
    }
    names.into_iter().take(1).collect()
}

impl Functions {
    fn read(text: impl std::io::BufRead) -> Self {
        let mut functions = Self::default();
        for line in text.lines().map_while(Result::ok) {
            let mut fields = line.split_ascii_whitespace();
            let (Some(address), Some("t" | "T" | "w" | "W"), Some(name)) =
                (fields.next(), fields.next(), fields.next())
            else {
                continue;
            };
            let Ok(address) = u64::from_str_radix(address, 16) else { continue };
            if is_kernel(address) {
                functions.starts.push((address, functions.names.len() as u32));
                functions.names.push_str(name);
                functions.names.push('\n');
            }
        }
        functions.starts.sort_unstable();
        functions
    }

    fn name(&self, address: u64) -> Option<&str> {
        let after = self.starts.partition_point(|(start, _)| *start <= address);
        let (_, at) = self.starts.get(after.checked_sub(1)?)?;
        self.names[*at as usize..].lines().next()
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn an_address_has_the_name_of_the_function_around_it() {
        let text = "ffffffff81000000 T first\nffffffff81000100 t second\t[module]\nffffffff81000080 d data\n0 T zero\n";
        let functions = Functions::read(text.as_bytes());
        assert_eq!(functions.name(0xffff_ffff_8100_0050), Some("first"));
        assert_eq!(functions.name(0xffff_ffff_8100_00ff), Some("first"));
        assert_eq!(functions.name(0xffff_ffff_8100_0100), Some("second"));
        assert_eq!(functions.name(0xffff_ffff_8000_0000), None);
        assert_eq!(Functions::default().name(1 << 63), None);
    }
}
