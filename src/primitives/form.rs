//! The forms of scan and sort.

use crate::gpu::Gpu;

/// How the kernels are written; the results are the same.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Form {
    /// Each invocation works through a block of its own: for software adapters, where barriers and traffic between
    /// lanes cost more than all else.
    Serial,
    /// A workgroup shares a block, with subgroup operations of any subgroup size.
    Subgroups,
    /// A workgroup shares a block through workgroup memory alone.
    Workgroup,
}

impl Form {
    pub const ALL: [Self; 3] = [Self::Serial, Self::Subgroups, Self::Workgroup];

    /// The form that suits an adapter.
    pub fn of(gpu: &Gpu) -> Self {
        match (gpu.is_software(), gpu.subgroups()) {
            (true, _) => Self::Serial,
            (false, true) => Self::Subgroups,
            (false, false) => Self::Workgroup,
        }
    }

    /// The constants that choose this form in a shader.
    pub(super) fn constants(self) -> [(&'static str, u32); 2] {
        [("SERIAL", (self == Self::Serial).into()), ("SUBGROUPS", (self == Self::Subgroups).into())]
    }
}
