//! How the kernel's functions are declared, from its types, and what of a call can be asked for.

use std::fmt;

use anyhow::{Context as _, Result, bail, ensure};
use cbpf_common::functions;
use libbpf_rs::HasSize as _;
use libbpf_rs::btf::types::{self, Composite, IntEncoding, MemberAttr};
use libbpf_rs::btf::{Btf, BtfKind, BtfType};

/// The kernel's types.
pub struct Kernel(Btf<'static>);

/// A function that calls of are wanted.
#[derive(Debug, PartialEq, Eq)]
pub struct Function {
    /// Its name.
    pub name: String,
    /// How many arguments it has.
    pub arguments: u32,
    /// What is wanted of a call.
    pub values: Vec<Value>,
}

/// Something of a call.
#[derive(Debug, PartialEq, Eq)]
pub struct Value {
    /// As it was asked for.
    pub name: String,
    /// The number of the argument, or [`RESULT`].
    pub root: u32,
    /// What to add to an address before reading what is there, for each time.
    pub offsets: Vec<u32>,
    /// What it is.
    pub shape: Shape,
    /// What must hold for a call to be shown.
    pub test: Option<(Test, i128)>,
}

/// What stands for the result among arguments: bpf/ksnoop.h.
pub const RESULT: u32 = 6;
/// The most times that something is read.
const STEPS: usize = 4;
/// The most arguments, and the most values that are wanted.
const ARGUMENTS: usize = 6;
const VALUES: usize = 8;

/// What a number is.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Shape {
    /// A number of this many bytes.
    Number {
        /// Its size.
        bytes: usize,
        /// May it be below 0?
        signed: bool,
    },
    /// True or false.
    Bool,
    /// An address; one that the viewer may see?
    Pointer {
        /// Of the process, or in scope host.
        shown: bool,
    },
}

impl Shape {
    /// The number that a register or a piece of memory holds.
    pub fn number(self, bits: u64) -> i128 {
        match self {
            Self::Number { bytes, signed } => {
                let shift = 64 - 8 * bytes.clamp(1, 8) as u32;
                if signed { ((bits << shift) as i64 >> shift).into() } else { (bits << shift >> shift).into() }
            }
            Self::Bool => i128::from(bits & 0xff != 0),
            Self::Pointer { .. } => bits.into(),
        }
    }
}

/// A value of a call, as it is printed.
pub struct Shown<'a> {
    /// Which.
    pub value: &'a Value,
    /// None: it was not told.
    pub number: Option<i128>,
}

impl fmt::Display for Shown<'_> {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "{}=", self.value.name)?;
        match (self.value.shape, self.number) {
            (Shape::Number { .. }, Some(number)) => write!(f, "{number}"),
            (Shape::Bool, Some(number)) => write!(f, "{}", number != 0),
            (Shape::Pointer { shown }, Some(number)) if shown || number == 0 => write!(f, "{number:#x}"),
            (Shape::Pointer { .. }, Some(_)) | (_, None) => f.write_str("-"),
        }
    }
}

/// A comparison.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Test {
    Equal,
    NotEqual,
    AtLeast,
    AtMost,
    Above,
    Below,
}

/// The longer ones first.
const TESTS: [(&str, Test); 6] = [
    ("==", Test::Equal),
    ("!=", Test::NotEqual),
    (">=", Test::AtLeast),
    ("<=", Test::AtMost),
    (">", Test::Above),
    ("<", Test::Below),
];

impl Test {
    /// Is it so?
    pub fn holds(self, is: i128, with: i128) -> bool {
        match self {
            Self::Equal => is == with,
            Self::NotEqual => is != with,
            Self::AtLeast => is >= with,
            Self::AtMost => is <= with,
            Self::Above => is > with,
            Self::Below => is < with,
        }
    }
}

fn name(ty: &BtfType<'_>) -> String {
    ty.name().unwrap_or_default().to_string_lossy().into_owned()
}

impl Kernel {
    /// Reads the types.
    pub fn read() -> Result<Self> {
        Ok(Self(cbpf_common::features::types()?))
    }

    fn ty(&self, id: libbpf_rs::btf::TypeId) -> Option<BtfType<'_>> {
        self.0.type_by_id::<BtfType<'_>>(id)
    }

    fn find(&self, name: &str) -> Result<types::FuncProto<'_>> {
        // By name the first type of any kind is found, and a struct may have a function's name.
        let named = |func: &types::Func<'_>| func.name().is_some_and(|of| of == name);
        let func = self.0.type_by_name::<types::Func<'_>>(name);
        let Some(func) = func.or_else(|| self.0.type_by_kind::<types::Func<'_>>().find(named)) else {
            functions::in_kernel(name)?;
            bail!("{name} is a function of a module, or the kernel has no types for it: its arguments are not known");
        };
        func.next_type().and_then(|ty| types::FuncProto::try_from(ty).ok()).context("a function without a type")
    }

    /// `inner`, which may be a name with stars and brackets, as something of a type.
    fn declare(&self, ty: BtfType<'_>, inner: &str) -> String {
        let with = |word: String| if inner.is_empty() { word } else { format!("{word} {inner}") };
        let Some(to) = ty.next_type().filter(|_| ty.kind() != BtfKind::Typedef) else {
            return match ty.kind() {
                BtfKind::Struct => with(format!("struct {}", name(&ty))),
                BtfKind::Union => with(format!("union {}", name(&ty))),
                BtfKind::Enum | BtfKind::Enum64 => with(format!("enum {}", name(&ty))),
                BtfKind::Array => match types::Array::try_from(ty) {
                    Ok(array) => self.declare(array.contained_type(), &format!("{inner}[{}]", array.capacity())),
                    Err(_) => with("?".into()),
                },
                BtfKind::Void => with("void".into()),
                _ => with(name(&ty)),
            };
        };
        match ty.kind() {
            BtfKind::Ptr if matches!(to.kind(), BtfKind::FuncProto | BtfKind::Array) => {
                self.declare(to, &format!("(*{inner})"))
            }
            BtfKind::Ptr => self.declare(to, &format!("*{inner}")),
            BtfKind::Const if to.kind() == BtfKind::Ptr => self.declare(to, &format!("const {inner}")),
            BtfKind::Const => format!("const {}", self.declare(to, inner)),
            BtfKind::TypeTag if name(&ty) == "user" => self.declare(to, &format!("__user {inner}")),
            BtfKind::FuncProto => {
                let arguments = types::FuncProto::try_from(ty).map(|proto| self.arguments(&proto)).unwrap_or_default();
                self.declare(to, &format!("{inner}({})", arguments.join(", ")))
            }
            _ => self.declare(to, inner),
        }
    }

    fn arguments(&self, proto: &types::FuncProto<'_>) -> Vec<String> {
        let argument = |p: types::FuncProtoParam<'_>| match self.ty(p.ty) {
            Some(ty) if ty.kind() != BtfKind::Void => self.declare(ty, &p.name.unwrap_or_default().to_string_lossy()),
            _ => "...".into(), // what else there may be
        };
        proto.iter().map(argument).collect()
    }

    /// How a function is declared.
    pub fn prototype(&self, name: &str) -> Result<String> {
        let proto = self.find(name)?;
        let arguments = self.arguments(&proto);
        let arguments = if arguments.is_empty() { "void".into() } else { arguments.join(", ") };
        let inner = format!("{name}({arguments})");
        Ok(proto.next_type().map_or_else(|| inner.clone(), |result| self.declare(result, &inner)))
    }

    /// What a type's numbers are; `None` for what is no number.
    fn shape(&self, ty: BtfType<'_>, host: bool) -> Option<Shape> {
        let plain = ty.skip_mods_and_typedefs();
        match plain.kind() {
            BtfKind::Int => {
                let int = types::Int::try_from(plain).ok()?;
                let bytes = usize::from(int.bits / 8);
                Some(match int.encoding {
                    IntEncoding::Bool => Shape::Bool,
                    _ if bytes > 8 => return None,
                    encoding => {
                        Shape::Number { bytes, signed: matches!(encoding, IntEncoding::Signed | IntEncoding::Char) }
                    }
                })
            }
            BtfKind::Enum => {
                let list = types::Enum::try_from(plain).ok()?;
                Some(Shape::Number { bytes: list.size(), signed: list.is_signed() })
            }
            BtfKind::Enum64 => {
                Some(Shape::Number { bytes: 8, signed: types::Enum64::try_from(plain).ok()?.is_signed() })
            }
            BtfKind::Ptr => {
                let user = plain.next_type().is_some_and(|to| to.kind() == BtfKind::TypeTag && name(&to) == "user");
                Some(Shape::Pointer { shown: host || user })
            }
            _ => None,
        }
    }

    /// What `NAME` or `NAME(ARG, ...)` asks for.
    pub fn function(&self, text: &str, host: bool) -> Result<Function> {
        let (name, list) = match text.trim().split_once('(') {
            Some((name, rest)) => (name.trim(), Some(rest.strip_suffix(')').context("the list has no end: )")?)),
            None => (text.trim(), None),
        };
        let proto = self.find(name)?;
        ensure!(
            proto.len() <= ARGUMENTS,
            "it has {} arguments, and only the first {ARGUMENTS} are in registers",
            proto.len()
        );
        let mut roots = Vec::new();
        for (n, argument) in proto.iter().enumerate() {
            let ty = self.ty(argument.ty).context("an argument without a type")?;
            let plain = ty.skip_mods_and_typedefs().kind();
            ensure!(
                !matches!(plain, BtfKind::Struct | BtfKind::Union),
                "it is called with a structure, not with its address"
            );
            roots.push((argument.name.unwrap_or_default().to_string_lossy().into_owned(), n as u32, ty));
        }
        let result = proto.next_type().filter(|ty| ty.kind() != BtfKind::Void);
        roots.extend(result.map(|ty| ("return".to_owned(), RESULT, ty)));
        let values: Vec<Value> = match list {
            Some(list) => list.split(',').map(|word| self.value(&roots, word.trim(), host)).collect::<Result<_>>()?,
            None => roots.iter().map(|(word, ..)| self.value(&roots, word, host)).collect::<Result<_>>()?,
        };
        ensure!(values.len() <= VALUES, "at most {VALUES} values of a call");
        Ok(Function { name: name.into(), arguments: proto.len() as u32, values })
    }

    fn value(&self, roots: &[(String, u32, BtfType<'_>)], text: &str, host: bool) -> Result<Value> {
        let (path, test) = split_test(text)?;
        let end = path.find("->").unwrap_or(path.len());
        let Some((_, root, ty)) = roots.iter().find(|(name, ..)| *name == path[..end]) else {
            let known: Vec<&str> = roots.iter().map(|(name, ..)| &**name).collect();
            bail!("no argument {:?}; there are {}", &path[..end], known.join(", "));
        };
        ensure!(host || end == path.len(), "{path}: what an address leads to is shown with --scope host only");
        let (mut ty, mut offsets) = (*ty, Vec::new());
        for step in path[end..].split("->").skip(1) {
            let plain = ty.skip_mods_and_typedefs();
            ensure!(plain.kind() == BtfKind::Ptr, "{path}: what is before ->{step} is no pointer");
            ty = plain.next_type().context("a pointer to nothing")?;
            let mut offset = 0;
            for member in step.split('.') {
                let (at, of) =
                    self.member(ty, member).with_context(|| format!("{path}: no member {member} that can be read"))?;
                (offset, ty) = (offset + at, of);
            }
            offsets.push(offset);
        }
        ensure!(offsets.len() <= STEPS, "{path}: at most {STEPS} times ->");
        let shape = self.shape(ty, host).with_context(|| format!("{path} is no number: name one of its members"))?;
        Ok(Value { name: path.into(), root: *root, offsets, shape, test })
    }

    /// Where a member is, bytes, and its type; not one of a part of a byte.
    fn member(&self, ty: BtfType<'_>, wanted: &str) -> Option<(u32, BtfType<'_>)> {
        let composite = Composite::try_from(ty.skip_mods_and_typedefs()).ok()?;
        for member in composite.iter() {
            let MemberAttr::Normal { offset } = member.attr else { continue };
            let of = self.ty(member.ty)?;
            match member.name.filter(|name| !name.is_empty()) {
                Some(name) if name == wanted => return Some((offset / 8, of)),
                Some(_) => {}
                None => {
                    if let Some((at, of)) = self.member(of, wanted) {
                        return Some((offset / 8 + at, of));
                    }
                }
            }
        }
        None
    }
}

/// Splits `a->b >= 3`.
fn split_test(text: &str) -> Result<(&str, Option<(Test, i128)>)> {
    let arrow = |at: usize| text[..at].ends_with('-');
    let Some(at) = text.char_indices().find(|(at, c)| "=!<>".contains(*c) && !arrow(*at)).map(|(at, _)| at) else {
        return Ok((text, None));
    };
    let (sign, test) =
        TESTS.iter().find(|(sign, _)| text[at..].starts_with(sign)).context("compare with == != > >= < <=")?;
    let value = text[at + sign.len()..].trim();
    let (minus, digits) = value.strip_prefix('-').map_or((false, value), |rest| (true, rest));
    let number = match digits.strip_prefix("0x") {
        Some(hex) => i128::from_str_radix(hex, 16),
        None => digits.parse(),
    };
    let number = number.ok().filter(|_| !digits.starts_with('+')).with_context(|| format!("{value:?} is no number"))?;
    Ok((text[..at].trim(), Some((*test, if minus { -number } else { number }))))
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn functions_are_declared_as_in_c() {
        let kernel = Kernel::read().unwrap();
        let vfs_read = kernel.prototype("vfs_read").unwrap();
        assert!(
            vfs_read.starts_with("ssize_t vfs_read(struct file *file, char ") && vfs_read.ends_with("loff_t *pos)"),
            "{vfs_read}"
        );
        assert!(kernel.prototype("no_such_function").is_err());
    }

    #[test]
    fn what_is_wanted_of_a_call() {
        let kernel = Kernel::read().unwrap();
        let all = kernel.function("vfs_read", false).unwrap();
        let names: Vec<_> = all.values.iter().map(|v| (&*v.name, v.root)).collect();
        assert_eq!(names, [("file", 0), ("buf", 1), ("count", 2), ("pos", 3), ("return", RESULT)]);
        assert_eq!(all.values[0].shape, Shape::Pointer { shown: false });
        let some = kernel.function("vfs_read(count >= 0x10, return == -1)", false).unwrap();
        assert_eq!(some.values[0].test, Some((Test::AtLeast, 16)));
        assert_eq!(some.values[1].test, Some((Test::Equal, -1)));
        let why = |text: &str, host| format!("{:#}", kernel.function(text, host).unwrap_err());
        assert!(why("vfs_read(file->f_flags)", false).contains("--scope host only"));
        assert!(why("vfs_read(other)", false).contains("there are file, buf, count, pos, return"));
        assert!(why("vfs_read(count", false).contains("no end"));
        assert!(why("vfs_read(count > x)", false).contains("is no number"));
        assert!(why("vfs_read(file->f_path)", true).contains("is no number"));
        assert!(why("vfs_read(file->nothing)", true).contains("no member"));
        let chain =
            kernel.function("vfs_read(file->f_flags, file->f_inode->i_ino, file->f_path.dentry)", true).unwrap();
        assert_eq!(chain.values.iter().map(|v| v.offsets.len()).collect::<Vec<_>>(), [1, 2, 1]);
        assert_eq!(chain.values[0].shape, Shape::Number { bytes: 4, signed: false });
    }

    #[test]
    fn numbers_have_their_size_and_sign() {
        assert_eq!(Shape::Number { bytes: 4, signed: true }.number(0xffff_fffe), -2);
        assert_eq!(Shape::Number { bytes: 4, signed: false }.number(0x7_ffff_fffe), 0xffff_fffe);
        assert_eq!(Shape::Number { bytes: 8, signed: true }.number(u64::MAX), -1);
        let show = |shape: Shape, bits| {
            let value = Value { name: "x".into(), root: 0, offsets: Vec::new(), shape, test: None };
            Shown { value: &value, number: Some(shape.number(bits)) }.to_string()
        };
        assert_eq!(show(Shape::Bool, 0x101), "x=true");
        assert_eq!(show(Shape::Pointer { shown: false }, 5), "x=-");
        assert_eq!(show(Shape::Pointer { shown: false }, 0), "x=0x0");
        assert_eq!(split_test("a->b <= -7").unwrap(), ("a->b", Some((Test::AtMost, -7))));
        assert_eq!(split_test("a->b").unwrap(), ("a->b", None));
        assert!(split_test("a = 7").is_err());
    }
}
