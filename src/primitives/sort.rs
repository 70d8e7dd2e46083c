//! Stable radix sort of pairs.

use super::blocks::{Blocks, Extent};
use super::form::Form;
use super::scan::Scan;
use crate::gpu::{Buffer, Gpu, GpuError, Pipeline};
use crate::{kernel, shared};

shared! {
    /// The bits that one pass orders by.
    pub struct Digit {
        pub shift: u32,
        pub mask: u32,
    }
}

kernel! {
    /// How many keys of each block have each digit.
    pub SortCount = "primitives/sort_count.wgsl" [SERIAL = 1 in [0, 1], SUBGROUPS = 0 in [0, 1]] {
        uniform extent: Extent, uniform digit: Digit, read count: u32, read keys: u32,
        write counts: u32, write counts_number: u32
    }
}

kernel! {
    /// Moves each pair to its place by one digit.
    pub SortScatter = "primitives/sort_scatter.wgsl" [SERIAL = 1 in [0, 1], SUBGROUPS = 0 in [0, 1], ROWS = 14 in [8, 14]] {
        uniform extent: Extent, uniform digit: Digit, read count: u32, read keys: u32, read values: u32,
        write offsets: u32, write new_keys: u32, write new_values: u32
    }
}

/// A key and a value for each element.
#[derive(Debug)]
struct Pairs {
    keys: Buffer<u32>,
    values: Buffer<u32>,
}

/// A stable sort of (key, value) pairs by the low bits of the keys. It owns two sets of buffers and moves the pairs
/// between them, a pass for each digit.
#[derive(Debug)]
pub struct Sort {
    blocks: Blocks,
    digits: Vec<Buffer<Digit>>,
    pairs: [Pairs; 2],
    counts: Buffer<u32>,
    counts_number: Buffer<u32>,
    offsets: Buffer<u32>,
    total: Buffer<u32>,
    count: Pipeline<SortCount<'static>>,
    scan: Scan,
    scatter: Pipeline<SortScatter<'static>>,
}

/// Least keys of a block in the serial form.
const SERIAL_BLOCK: u32 = 1024;

/// Widest digit of a form, in bits.
pub(super) fn widest_digit(form: Form) -> u32 {
    match form {
        Form::Serial => 11,
        Form::Subgroups => 8,
        Form::Workgroup => 4,
    }
}

/// Keys that a thread of the workgroup forms takes: as many as 16 KiB of workgroup memory allow with 256 digits, and
/// what was usual without subgroups.
pub(super) const fn rows(form: Form) -> u32 {
    if matches!(form, Form::Workgroup) { 8 } else { 14 }
}

/// Cuts `bits` bits into digits of nearly equal width, the lowest first.
pub(super) fn digits(bits: u32, widest: u32) -> Vec<Digit> {
    let passes = bits.div_ceil(widest);
    let edge = |pass: u32| bits * pass / passes;
    (0..passes).map(|p| Digit { shift: edge(p), mask: (1 << (edge(p + 1) - edge(p))) - 1 }).collect()
}

impl Sort {
    /// A sort of at most `capacity` pairs by the low `bits` bits of their keys (1 to 32), in the form that suits the
    /// adapter.
    pub fn new(gpu: &Gpu, capacity: usize, bits: u32) -> Result<Self, GpuError> {
        Self::with_form(gpu, capacity, bits, Form::of(gpu))
    }

    /// A sort in a form of the caller's choice.
    pub fn with_form(gpu: &Gpu, capacity: usize, bits: u32, form: Form) -> Result<Self, GpuError> {
        assert!((1..=32).contains(&bits), "keys have 1 to 32 bits, not {bits}");
        let blocks = Blocks::new(gpu, form, capacity, rows(form), SERIAL_BLOCK)?;
        let digits = digits(bits, widest_digit(form));
        let most = digits.iter().map(|digit| digit.mask as usize + 1).max().unwrap_or(0) * blocks.number;
        let pairs =
            || Ok(Pairs { keys: gpu.zeros("sort keys", capacity)?, values: gpu.zeros("sort values", capacity)? });
        Ok(Self {
            blocks,
            digits: digits.iter().map(|digit| gpu.upload("sort digit", &[*digit])).collect::<Result<_, _>>()?,
            pairs: [pairs()?, pairs()?],
            counts: gpu.zeros("sort counts", most)?,
            counts_number: gpu.zeros("sort counts", 1)?,
            offsets: gpu.zeros("sort counts", most)?,
            total: gpu.zeros("sort counts", 1)?,
            count: gpu.pipeline::<SortCount>(&form.constants())?,
            scan: Scan::with_form(gpu, most, form)?,
            scatter: gpu.pipeline::<SortScatter>(&[form.constants().as_slice(), &[("ROWS", rows(form))]].concat())?,
        })
    }

    /// Where the keys go before [`Sort::run`], `[capacity]`; it overwrites them. Bits above those sorted by are
    /// ignored, and stay with their key.
    pub fn keys(&self) -> &Buffer<u32> {
        &self.pairs[0].keys
    }

    /// Where the values go before [`Sort::run`], `[capacity]`; it overwrites them.
    pub fn values(&self) -> &Buffer<u32> {
        &self.pairs[0].values
    }

    /// The keys in order after [`Sort::run`], `[capacity]`: the same buffer as [`Sort::keys`] or another.
    pub fn sorted_keys(&self) -> &Buffer<u32> {
        &self.pairs[self.digits.len() % 2].keys
    }

    /// The values in the order of their keys after [`Sort::run`], `[capacity]`.
    pub fn sorted_values(&self) -> &Buffer<u32> {
        &self.pairs[self.digits.len() % 2].values
    }

    /// Records the sort of the first `count[0]` pairs. Pairs with equal keys keep their order; elements from
    /// `count[0]` on are left undefined. A count above the capacity is taken as the capacity.
    pub fn run(&self, pass: &mut wgpu::ComputePass<'_>, count: &Buffer<u32>) {
        let Self { blocks, counts, counts_number, offsets, .. } = self;
        let extent = &blocks.extent;
        for (index, digit) in self.digits.iter().enumerate() {
            let Pairs { keys, values } = &self.pairs[index % 2];
            let Pairs { keys: new_keys, values: new_values } = &self.pairs[(index + 1) % 2];
            blocks.dispatch(&self.count, pass, &SortCount { extent, digit, count, keys, counts, counts_number });
            self.scan.run(pass, counts, offsets, counts_number, &self.total);
            let scatter = SortScatter { extent, digit, count, keys, values, offsets, new_keys, new_values };
            blocks.dispatch(&self.scatter, pass, &scatter);
        }
    }
}
