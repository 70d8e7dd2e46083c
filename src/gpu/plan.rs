//! Dispatches as data, for a host that is not this one, such as a web page, to replay.
//!
//! A [`Plan`] has buffers with their sizes, the composed text of kernels, and programs: lists of dispatches by the
//! buffers that they bind. Sizes that are known only where the plan runs, such as the pixels of an image, are formulas
//! of quantities that the plan's maker names.

use std::collections::BTreeMap;

use serde::{Serialize, Serializer};

use super::check::check;
use super::kernel::{Access, Element, Field, Kernel, Shape};
use super::wgsl::{Constants, constant};

/// Workgroups of a row of a folded dispatch; see `shaders/shared/math/grid.wgsl`.
pub(super) const GRID_ROW: u32 = constant("math/grid", "GRID_ROW") as u32;

/// A number, perhaps of a quantity that is known later.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Serialize)]
#[serde(untagged)]
pub enum Size {
    Fixed(u64),
    /// ceil(quantity · factor / divisor): the quantity's name, factor and divisor.
    Of(&'static str, u64, u64),
}

impl Size {
    /// A quantity itself.
    pub const fn of(quantity: &'static str) -> Self {
        Self::Of(quantity, 1, 1)
    }

    #[must_use]
    pub fn times(self, factor: u64) -> Self {
        match self {
            Self::Fixed(value) => Self::Fixed(value * factor),
            Self::Of(quantity, times, per) => Self::Of(quantity, times * factor, per),
        }
    }

    /// Divided and rounded up. Of a quantity that was divided before, the two roundings are one: the maker of the plan
    /// sees to it that they agree.
    #[must_use]
    pub fn over(self, divisor: u64) -> Self {
        match self {
            Self::Fixed(value) => Self::Fixed(value.div_ceil(divisor)),
            Self::Of(quantity, times, per) => Self::Of(quantity, times, per * divisor),
        }
    }

    /// The number, given those of the quantities.
    pub fn value(self, quantity: impl Fn(&str) -> u64) -> u64 {
        match self {
            Self::Fixed(value) => value,
            Self::Of(name, times, per) => (quantity(name) * times).div_ceil(per),
        }
    }
}

/// Index of a buffer in its plan.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Serialize)]
#[serde(transparent)]
pub struct PlanBuffer(pub usize);

/// A buffer of a plan: zeroed, but for `words`.
#[derive(Clone, Debug, Serialize)]
pub struct BufferPlan {
    pub name: &'static str,
    /// At least one byte; buffers are made in multiples of 16.
    pub bytes: Size,
    /// What it holds from the start: 32-bit words.
    #[serde(skip_serializing_if = "Vec::is_empty")]
    pub words: Vec<Size>,
}

/// A kernel in one variant.
#[derive(Clone, Debug, Serialize)]
pub struct PipelinePlan {
    pub name: &'static str,
    /// Composed WGSL with an entry point `main`.
    pub code: String,
    /// How it uses its bindings, which are those of group 0 in order.
    #[serde(serialize_with = "accesses")]
    pub bindings: Vec<Access>,
}

fn accesses<S: Serializer>(bindings: &[Access], serializer: S) -> Result<S::Ok, S::Error> {
    // The names that WebGPU has.
    serializer.collect_seq(bindings.iter().map(|access| match access {
        Access::Uniform => "uniform",
        Access::Read => "read-only-storage",
        Access::Write => "storage",
    }))
}

/// How many workgroups a dispatch has.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Serialize)]
#[serde(rename_all = "snake_case")]
pub enum Groups {
    /// Folded into rows of [`Plan::grid_row`].
    Direct(Size),
    /// As the first three words of a buffer say.
    Indirect(PlanBuffer),
}

/// One dispatch.
#[derive(Clone, Debug, Serialize)]
pub struct Step {
    /// Index in [`Plan::pipelines`].
    pub pipeline: usize,
    pub buffers: Vec<PlanBuffer>,
    pub groups: Groups,
}

/// Where the fields of a struct lie, in bytes, by name; its size is under the empty name.
pub type Offsets = BTreeMap<&'static str, usize>;

/// The offsets of a struct that host and shaders share.
pub fn offsets<T: Element>() -> Offsets {
    let Shape::Struct { size, fields, .. } = T::SHAPE else { return Offsets::new() };
    let field = |field: &Field| (field.name, field.offset);
    fields.iter().map(field).chain([("", size)]).collect()
}

/// The unit of work of a dispatch, and how many there are.
#[derive(Clone, Copy, Debug)]
pub enum Work {
    Invocations(Size),
    Workgroups(Size),
    Indirect(PlanBuffer),
}

/// Dispatches as data; see the [module](self).
#[derive(Clone, Debug, Serialize)]
pub struct Plan {
    pub grid_row: u32,
    pub buffers: Vec<BufferPlan>,
    pub pipelines: Vec<PipelinePlan>,
    /// Lists of dispatches, by name.
    pub programs: BTreeMap<&'static str, Vec<Step>>,
}

impl Default for Plan {
    fn default() -> Self {
        Self { grid_row: GRID_ROW, buffers: Vec::new(), pipelines: Vec::new(), programs: BTreeMap::new() }
    }
}

impl Plan {
    /// Adds a buffer of `len` elements.
    pub fn buffer<T: Element>(&mut self, name: &'static str, len: Size) -> PlanBuffer {
        self.add(BufferPlan { name, bytes: len.times(size_of::<T>() as u64), words: Vec::new() })
    }

    /// Adds a buffer that holds `words` from the start.
    pub fn filled(&mut self, name: &'static str, words: Vec<Size>) -> PlanBuffer {
        self.add(BufferPlan { name, bytes: Size::Fixed(4 * words.len() as u64), words })
    }

    fn add(&mut self, buffer: BufferPlan) -> PlanBuffer {
        self.buffers.push(buffer);
        PlanBuffer(self.buffers.len() - 1)
    }

    /// A dispatch of a kernel in a variant. `buffers` are by the names of the variant's bindings, in their order.
    ///
    /// # Panics
    /// On bindings that the variant does not have, or a kernel that does not compose: bugs, which a test finds.
    pub fn step<K: Kernel>(&mut self, constants: &Constants, buffers: &[(&str, PlanBuffer)], work: Work) -> Step {
        let declaration = K::DECLARATION;
        let whole = declaration.constants_with(constants);
        let bindings = declaration.bindings_with(&whole);
        let (given, known): (Vec<&str>, Vec<&str>) =
            (buffers.iter().map(|(name, _)| *name).collect(), bindings.iter().map(|binding| binding.name).collect());
        assert_eq!(given, known, "the bindings of {}", declaration.name);
        let checked = check(&declaration, constants).unwrap_or_else(|problem| panic!("{problem}"));
        let same = |pipeline: &PipelinePlan| pipeline.code == checked.source;
        let pipeline = self.pipelines.iter().position(same).unwrap_or_else(|| {
            let bindings = bindings.iter().map(|binding| binding.access).collect();
            self.pipelines.push(PipelinePlan { name: declaration.name, code: checked.source, bindings });
            self.pipelines.len() - 1
        });
        let groups = match work {
            Work::Invocations(size) => Groups::Direct(size.over(checked.invocations.into())),
            Work::Workgroups(size) => Groups::Direct(size),
            Work::Indirect(arguments) => Groups::Indirect(arguments),
        };
        Step { pipeline, buffers: buffers.iter().map(|(_, buffer)| *buffer).collect(), groups }
    }
}
