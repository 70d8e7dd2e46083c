//! Scan, sort and reduce on the adapter of this machine, in each of their forms, against the CPU.

use dapple::gpu::{Gpu, Recorder};
use dapple::primitives::{Form, Reduce, Scan, Sort, in_one_subgroup};

use crate::support::gpu;
use crate::support::random::Rng;

/// Runs one compute pass and waits for it.
fn run(gpu: &Gpu, record: impl FnOnce(&mut wgpu::ComputePass<'_>)) {
    let mut recorder = Recorder::new(gpu, false);
    recorder.stage("test", record);
    recorder.finish().unwrap();
}

fn keys(random: &mut Rng, n: usize) -> Vec<u32> {
    (0..n).map(|_| random.next_u32()).collect()
}

/// Sorts on the GPU; the values are the indices, so they show whether equal keys kept their order.
fn sorted(gpu: &Gpu, sort: &Sort, keys: &[u32]) -> (Vec<u32>, Vec<u32>) {
    let count = gpu.upload("count", &[keys.len() as u32]).unwrap();
    let indices: Vec<u32> = (0..keys.len() as u32).collect();
    gpu.write(sort.keys(), 0, keys);
    gpu.write(sort.values(), 0, &indices);
    run(gpu, |pass| sort.run(pass, &count));
    let read = |buffer| gpu.read_range(buffer, 0, keys.len()).unwrap();
    (read(sort.sorted_keys()), read(sort.sorted_values()))
}

/// The standard library's stable sort by the low `bits` bits.
fn expected(keys: &[u32], bits: u32) -> (Vec<u32>, Vec<u32>) {
    let mask = u32::MAX >> (32 - bits);
    let mut order: Vec<u32> = (0..keys.len() as u32).collect();
    order.sort_by_key(|&i| keys[i as usize] & mask);
    (order.iter().map(|&i| keys[i as usize]).collect(), order)
}

fn check_sort(gpu: &Gpu, sort: &Sort, keys: &[u32], bits: u32, what: &str) {
    let (got, want) = (sorted(gpu, sort, keys), expected(keys, bits));
    if got != want {
        let at = (0..keys.len()).find(|&i| got.0[i] != want.0[i] || got.1[i] != want.1[i]).unwrap();
        panic!(
            "{what}: first difference at {at} of {}: ({:#x}, {}), not ({:#x}, {})",
            keys.len(),
            got.0[at],
            got.1[at],
            want.0[at],
            want.1[at]
        );
    }
}

/// Nothing, one, and a little less than, just, and a little more than the blocks of some form, and several blocks: 64
/// and 4096 elements (scan), 1024, 2048 and 3584 (sort), and the block that the serial forms stretch beyond.
fn sizes() -> Vec<usize> {
    let edges = [64, 256, 1024, 2048, 3584, 4096, 65_536].into_iter().flat_map(|block| [block - 1, block, block + 1]);
    [0, 1, 2, 9, 30_000, 70_001].into_iter().chain(edges).collect()
}

#[test]
fn sorts_every_size_and_pattern() {
    let gpu = gpu();
    let mut random = Rng::new(1);
    for form in Form::ALL {
        // Sorters are used again and again: what an earlier run left must not matter.
        let sort = Sort::with_form(&gpu, 70_001, 12, form).unwrap();
        for n in sizes() {
            check_sort(&gpu, &sort, &keys(&mut random, n), 12, &format!("{form:?} random"));
            check_sort(&gpu, &sort, &vec![7; n], 12, &format!("{form:?} all equal"));
            let reversed: Vec<u32> = (0..n as u32).rev().map(|i| i >> 5).collect();
            check_sort(&gpu, &sort, &reversed, 12, &format!("{form:?} reversed"));
            let few: Vec<u32> = keys(&mut random, n).iter().map(|key| (key % 3) << 10).collect();
            check_sort(&gpu, &sort, &few, 12, &format!("{form:?} few distinct"));
        }
    }
}

#[test]
fn sorts_more_than_a_million() {
    let gpu = gpu();
    let keys = keys(&mut Rng::new(5), 1_300_001);
    for (form, bits) in [(Form::Serial, 32), (Form::Subgroups, 13), (Form::Workgroup, 13)] {
        let sort = Sort::with_form(&gpu, 1_500_000, bits, form).unwrap();
        check_sort(&gpu, &sort, &keys, bits, &format!("{form:?}"));
    }
}

#[test]
fn sorts_only_what_is_counted_and_never_more_than_fits() {
    let gpu = gpu();
    let keys = keys(&mut Rng::new(6), 5_000);
    for form in Form::ALL {
        let sort = Sort::with_form(&gpu, keys.len(), 32, form).unwrap();
        for (count, sorted) in [(3_000, 3_000), (5_001, 5_000), (u32::MAX, 5_000)] {
            gpu.write(sort.keys(), 0, &keys);
            let count = gpu.upload("count", &[count]).unwrap();
            run(&gpu, |pass| sort.run(pass, &count));
            let mut want = keys[..sorted].to_vec();
            want.sort_unstable();
            assert!(gpu.read_range(sort.sorted_keys(), 0, sorted).unwrap() == want, "{form:?}, {sorted} of 5000");
        }
    }
}

#[test]
fn sorts_by_the_low_bits_only() {
    let gpu = gpu();
    let keys = keys(&mut Rng::new(2), 9_000);
    for form in Form::ALL {
        for bits in 1..=32 {
            let sort = Sort::with_form(&gpu, keys.len(), bits, form).unwrap();
            check_sort(&gpu, &sort, &keys, bits, &format!("{form:?} {bits} bits"));
        }
    }
}

/// As many tiles as a Gaussian can meet: few enough that no block's sum wraps, enough that totals do.
fn tile_counts(random: &mut Rng, n: usize) -> Vec<u32> {
    keys(random, n).iter().map(|key| key & 0x1_ffff).collect()
}

/// Exclusive prefix sums modulo 2^32, and their total, which stays at 2^32 − 1.
fn prefix_sums(input: &[u32]) -> (Vec<u32>, u32) {
    let mut sum = 0u32;
    let before = |&value: &u32| {
        let before = sum;
        sum = sum.wrapping_add(value);
        before
    };
    let total = input.iter().map(|value| u64::from(*value)).sum::<u64>().min(u32::MAX.into());
    (input.iter().map(before).collect(), total as u32)
}

fn check_scan(gpu: &Gpu, scan: &Scan, input: &[u32], what: &str) {
    let n = input.len();
    let count = gpu.upload("count", &[n as u32]).unwrap();
    let total = gpu.upload("total", &[99]).unwrap();
    let input_buffer = gpu.upload("input", input).unwrap();
    let output = gpu.zeros("output", n).unwrap();
    run(gpu, |pass| scan.run(pass, &input_buffer, &output, &count, &total));
    let got = (gpu.read(&output).unwrap(), gpu.read(&total).unwrap()[0]);
    assert!(got == prefix_sums(input), "{what}: {n} elements");
}

#[test]
fn scans_every_size() {
    let gpu = gpu();
    let mut random = Rng::new(3);
    for form in Form::ALL {
        let scan = Scan::with_form(&gpu, 2_000_001, form).unwrap();
        for n in sizes().into_iter().chain([1_048_576, 2_000_001]) {
            check_scan(&gpu, &scan, &tile_counts(&mut random, n), &format!("{form:?}"));
        }
        // Totals around 2^32, each over many blocks.
        for last in [295, 296] {
            let mut input = vec![2147; 2_000_001];
            input[2_000_000] = 967_000 + last;
            check_scan(&gpu, &scan, &input, &format!("{form:?}, up to {last}"));
        }
    }
}

#[test]
fn scans_only_what_is_counted_and_never_more_than_fits() {
    let gpu = gpu();
    let input = tile_counts(&mut Rng::new(7), 5_000);
    let input_buffer = gpu.upload("input", &input).unwrap();
    for form in Form::ALL {
        let scan = Scan::with_form(&gpu, input.len(), form).unwrap();
        for (count, n) in [(0, 0), (4_500, 4_500), (5_001, 5_000), (u32::MAX, 5_000)] {
            let output = gpu.upload("output", &vec![77; 6_000]).unwrap();
            let count = gpu.upload("count", &[count]).unwrap();
            let total = gpu.zeros("total", 1).unwrap();
            run(&gpu, |pass| scan.run(pass, &input_buffer, &output, &count, &total));
            let (mut want, sum) = prefix_sums(&input[..n]);
            want.resize(6_000, 77);
            assert!(gpu.read(&output).unwrap() == want, "{form:?}, {n} of 5000");
            assert_eq!(gpu.read(&total).unwrap(), [sum], "{form:?}, {n} of 5000");
        }
    }
}

/// The way the renderer chains them: what one pass counts on the GPU, the next takes as its number of elements.
#[test]
fn a_total_is_the_count_of_what_follows_in_the_same_pass() {
    let gpu = gpu();
    let ones: Vec<u32> = keys(&mut Rng::new(8), 10_000).iter().map(|key| key & 1).collect();
    let number = ones.iter().sum::<u32>() as usize;
    let keys = keys(&mut Rng::new(9), 10_000);
    for form in Form::ALL {
        let scan = Scan::with_form(&gpu, ones.len(), form).unwrap();
        let sort = Sort::with_form(&gpu, keys.len(), 32, form).unwrap();
        let [input, output] = [&ones, &vec![0; ones.len()]].map(|data| gpu.upload("flags", data).unwrap());
        let [count, total] = [ones.len() as u32, 0].map(|value| gpu.upload("count", &[value]).unwrap());
        gpu.write(sort.keys(), 0, &keys);
        run(&gpu, |pass| {
            scan.run(pass, &input, &output, &count, &total);
            sort.run(pass, &total);
        });
        let mut want = keys[..number].to_vec();
        want.sort_unstable();
        assert!(gpu.read_range(sort.sorted_keys(), 0, number).unwrap() == want, "{form:?}");
    }
}

dapple::kernel! {
    /// Marks every workgroup by its flat index.
    pub Fold = "../tests/fold.wgsl" [] { write marks: u32 }
}

#[test]
fn folded_grids_reach_every_workgroup_once() {
    let gpu = gpu();
    let fold = gpu.pipeline::<Fold>(&[]).unwrap();
    for groups in [1, 32_768, 32_769, 65_536, 100_001] {
        let marks = gpu.zeros::<u32>("marks", groups as usize).unwrap();
        run(&gpu, |pass| fold.dispatch_groups(pass, &Fold { marks: &marks }, groups));
        assert!(gpu.read(&marks).unwrap() == (1..=groups).collect::<Vec<_>>(), "{groups} workgroups");
    }
}

/// A capacity of which no adapter here could hold the elements, but whose grid it can run.
#[test]
fn capacities_beyond_65535_workgroups_scan_a_few_elements() {
    let gpu = gpu();
    let input = keys(&mut Rng::new(10), 9_000);
    for form in Form::ALL {
        let scan = Scan::with_form(&gpu, 4096 * 70_000, form).unwrap();
        check_scan(&gpu, &scan, &input, &format!("{form:?}"));
    }
}

#[test]
fn sums_rows_in_a_fixed_order() {
    let gpu = gpu();
    let mut random = Rng::new(4);
    for (capacity, width) in [(1, 1), (32, 2), (40_000, 1), (40_000, 3), (33_000, 10)] {
        let reduce = Reduce::new(&gpu, capacity, width).unwrap();
        for n in [0, 1, 31, 32, 33, 1023, 1024, 1025, 40_000] {
            let rows: Vec<f32> =
                keys(&mut random, n * width).iter().map(|&key| key as f32 * 2f32.powi(-32) - 0.25).collect();
            let count = gpu.upload("count", &[n as u32]).unwrap();
            let input = gpu.upload("input", &rows).unwrap();
            let output = gpu.upload("output", &vec![9.0f32; width]).unwrap();
            run(&gpu, |pass| reduce.run(pass, &input, &output, &count));
            let got = gpu.read(&output).unwrap();
            let want = tree_sums(&rows[..n.min(capacity) * width], capacity, width);
            assert!(same_bits(&got, &want), "{n} of {capacity} x {width}: {got:?}, not {want:?}");
        }
    }
}

fn same_bits(a: &[f32], b: &[f32]) -> bool {
    a.iter().map(|x| x.to_bits()).eq(b.iter().map(|x| x.to_bits()))
}

/// The order that `Reduce` promises: at each level, sum s adds rows s, s + sums, s + 2 sums, ..., 32 at most.
fn tree_sums(rows: &[f32], capacity: usize, width: usize) -> Vec<f32> {
    let (mut rows, mut capacity) = (rows.to_vec(), capacity);
    loop {
        let sums = (rows.len() / width).div_ceil(32).max(1);
        let mut next = vec![0.0f32; sums * width];
        for (i, value) in rows.iter().enumerate() {
            next[i % (sums * width)] += value;
        }
        rows = next;
        capacity = capacity.div_ceil(32);
        if capacity <= 1 {
            return rows;
        }
    }
}

#[test]
fn row_sums_are_accurate() {
    let gpu = gpu();
    let rows: Vec<f32> = keys(&mut Rng::new(11), 2_000_000).iter().map(|&key| key as f32 * 2f32.powi(-32)).collect();
    let reduce = Reduce::new(&gpu, rows.len(), 1).unwrap();
    let count = gpu.upload("count", &[rows.len() as u32]).unwrap();
    let (input, output) = (gpu.upload("input", &rows).unwrap(), gpu.zeros::<f32>("output", 1).unwrap());
    run(&gpu, |pass| reduce.run(pass, &input, &output, &count));
    let want: f64 = rows.iter().map(|&x| f64::from(x)).sum();
    let got = f64::from(gpu.read(&output).unwrap()[0]);
    // One running sum in f32 is off by 4e-6.
    assert!((got / want - 1.0).abs() < 5e-7, "{got}, not {want}");
}

#[test]
fn workgroups_in_one_subgroup_are_told_from_others() {
    let gpu = gpu();
    let (least, most) = (gpu.info().subgroup_min_size, gpu.info().subgroup_max_size);
    for lanes in [8, 16, 32] {
        let whole = in_one_subgroup(&gpu, lanes).unwrap();
        assert!(!whole || (gpu.subgroups() && lanes <= most), "{}: {lanes} of {most}", gpu.describe());
        // Mesa's software driver runs what it says up to vectors of 512 bits.
        if gpu.is_software() && most <= 16 {
            assert_eq!(whole, gpu.subgroups() && lanes <= least, "{}: {lanes} of {least}", gpu.describe());
        }
        assert!(!in_one_subgroup(&gpu.without_subgroups(), lanes).unwrap());
    }
}
