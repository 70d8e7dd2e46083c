//! Scan and sort as steps of a [`Plan`], in the form that needs no subgroups: [`Scan::run`](super::Scan::run) and
//! [`Sort::run`](super::Sort::run) as data. `tests/plan.rs` holds the two together.

use super::blocks::{Extent, GROUP_THREADS};
use super::form::Form;
use super::scan::{self, ScanApply, ScanSum};
use super::sort::{self, Digit, SortCount, SortScatter, digits, widest_digit};
use crate::gpu::plan::{Plan, PlanBuffer, Size, Step, Work};

const FORM: Form = Form::Workgroup;

/// Capacities that are not fixed are multiples of this, so that all sizes are whole.
pub const PLANNED_UNIT: u64 = sort_block() * scan_block() / LEAST_DIGITS;

/// Values of the narrowest digit that a planned sort may have.
const LEAST_DIGITS: u64 = 16;

const fn scan_block() -> u64 {
    (GROUP_THREADS * scan::ROWS) as u64
}

const fn sort_block() -> u64 {
    (GROUP_THREADS * sort::rows(FORM)) as u64
}

/// The cut into blocks for a capacity, and how many there are.
fn extent(plan: &mut Plan, capacity: Size, block: u64) -> (PlanBuffer, Size) {
    let blocks = capacity.over(block);
    let words = vec![capacity, blocks, Size::Fixed(block)];
    debug_assert_eq!(4 * words.len(), size_of::<Extent>());
    (plan.filled("extent", words), blocks)
}

/// The buffers of a scan; see [`Scan`](super::Scan).
pub struct PlannedScan {
    extent: PlanBuffer,
    blocks: Size,
    sums: PlanBuffer,
}

impl PlannedScan {
    /// A scan of at most `capacity` elements.
    pub fn new(plan: &mut Plan, capacity: Size) -> Self {
        let (extent, blocks) = extent(plan, capacity, scan_block());
        Self { extent, blocks, sums: plan.buffer::<u32>("scan sums", blocks) }
    }

    /// As [`Scan::run`](super::Scan::run).
    pub fn run(
        &self,
        plan: &mut Plan,
        input: PlanBuffer,
        output: PlanBuffer,
        count: PlanBuffer,
        total: PlanBuffer,
    ) -> [Step; 2] {
        let work = Work::Workgroups(self.blocks);
        let shared = [("extent", self.extent), ("count", count), ("input", input), ("sums", self.sums)];
        let sum = plan.step::<ScanSum<'static>>(&FORM.constants(), &shared, work);
        let whole = [shared.as_slice(), &[("output", output), ("total", total)]].concat();
        [sum, plan.step::<ScanApply<'static>>(&FORM.constants(), &whole, work)]
    }
}

/// The buffers of a sort; see [`Sort`](super::Sort).
pub struct PlannedSort {
    extent: PlanBuffer,
    blocks: Size,
    digits: Vec<PlanBuffer>,
    /// Keys and values, twice.
    pairs: [(PlanBuffer, PlanBuffer); 2],
    counts: PlanBuffer,
    counts_number: PlanBuffer,
    offsets: PlanBuffer,
    total: PlanBuffer,
    scan: PlannedScan,
}

impl PlannedSort {
    /// A sort of at most `capacity` pairs by the low `bits` bits of their keys, a multiple of the digits' width.
    pub fn new(plan: &mut Plan, capacity: Size, bits: u32) -> Self {
        let (extent, blocks) = extent(plan, capacity, sort_block());
        let digits = digits(bits, widest_digit(FORM));
        let values = digits.iter().map(|digit| u64::from(digit.mask) + 1).max().unwrap_or(1);
        assert_eq!(values, LEAST_DIGITS, "digits of one width divide {bits} bits");
        let counts = blocks.times(values);
        let mut pair = || (plan.buffer::<u32>("sort keys", capacity), plan.buffer::<u32>("sort values", capacity));
        let pairs = [pair(), pair()];
        let word = |Digit { shift, mask }: &Digit| [*shift, *mask].map(|word| Size::Fixed(word.into())).to_vec();
        Self {
            extent,
            blocks,
            digits: digits.iter().map(|digit| plan.filled("digit", word(digit))).collect(),
            pairs,
            counts: plan.buffer::<u32>("sort counts", counts),
            counts_number: plan.buffer::<u32>("sort counts", Size::Fixed(1)),
            offsets: plan.buffer::<u32>("sort counts", counts),
            total: plan.buffer::<u32>("sort counts", Size::Fixed(1)),
            scan: PlannedScan::new(plan, counts),
        }
    }

    /// Keys and values before the sort.
    pub fn input(&self) -> (PlanBuffer, PlanBuffer) {
        self.pairs[0]
    }

    /// Keys and values after it.
    pub fn output(&self) -> (PlanBuffer, PlanBuffer) {
        self.pairs[self.digits.len() % 2]
    }

    /// As [`Sort::run`](super::Sort::run).
    pub fn run(&self, plan: &mut Plan, count: PlanBuffer) -> Vec<Step> {
        let work = Work::Workgroups(self.blocks);
        let scatter_form = [FORM.constants().as_slice(), &[("ROWS", sort::rows(FORM))]].concat();
        let mut steps = Vec::new();
        for (index, digit) in self.digits.iter().enumerate() {
            let (keys, values) = self.pairs[index % 2];
            let (new_keys, new_values) = self.pairs[(index + 1) % 2];
            let shared = [("extent", self.extent), ("digit", *digit), ("count", count), ("keys", keys)];
            let counts = [("counts", self.counts), ("counts_number", self.counts_number)];
            let whole = [shared.as_slice(), &counts].concat();
            steps.push(plan.step::<SortCount<'static>>(&FORM.constants(), &whole, work));
            steps.extend(self.scan.run(plan, self.counts, self.offsets, self.counts_number, self.total));
            let moved =
                [("values", values), ("offsets", self.offsets), ("new_keys", new_keys), ("new_values", new_values)];
            let whole = [shared, moved].concat();
            steps.push(plan.step::<SortScatter<'static>>(&scatter_form, &whole, work));
        }
        steps
    }
}
