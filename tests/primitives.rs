//! Scan, sort and reduce on the adapter of this machine, in each of their forms, against the CPU.

use dapple::gpu::{Gpu, Recorder};
use dapple::primitives::{Form, Reduce, Scan, Sort};

fn gpu() -> Gpu {
    Gpu::open(None).expect("these tests need a Vulkan, Metal or DX12 adapter; a software one will do")
}

/// A small generator with a fixed seed (splitmix64).
struct Random(u64);

impl Random {
    fn next(&mut self) -> u32 {
        self.0 = self.0.wrapping_add(0x9e37_79b9_7f4a_7c15);
        let z = (self.0 ^ (self.0 >> 30)).wrapping_mul(0xbf58_476d_1ce4_e5b9);
        let z = (z ^ (z >> 27)).wrapping_mul(0x94d0_49bb_1331_11eb);
        ((z ^ (z >> 31)) >> 32) as u32
    }

    fn keys(&mut self, n: usize) -> Vec<u32> {
        (0..n).map(|_| self.next()).collect()
    }
}

/// Sorts on the GPU; the values are the indices, so they show whether equal keys kept their order.
fn sorted(gpu: &Gpu, sort: &Sort, keys: &[u32]) -> (Vec<u32>, Vec<u32>) {
    let count = gpu.upload("count", &[keys.len() as u32]).unwrap();
    let indices: Vec<u32> = (0..keys.len() as u32).collect();
    gpu.write(sort.keys(), 0, keys);
    gpu.write(sort.values(), 0, &indices);
    let mut recorder = Recorder::new(gpu, false);
    recorder.stage("sort", |pass| sort.run(pass, &count));
    recorder.finish().unwrap();
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

const SIZES: [usize; 14] = [0, 1, 7, 255, 256, 257, 2047, 2048, 2049, 4095, 4096, 4097, 30_000, 70_001];

#[test]
fn sorts_every_size_and_pattern() {
    let gpu = gpu();
    let mut random = Random(1);
    for form in Form::ALL {
        let sort = Sort::with_form(&gpu, 70_001, 32, form).unwrap();
        for n in SIZES {
            check_sort(&gpu, &sort, &random.keys(n), 32, &format!("{form:?} random"));
            check_sort(&gpu, &sort, &vec![7; n], 32, &format!("{form:?} all equal"));
            let reversed: Vec<u32> = (0..n as u32).rev().collect();
            check_sort(&gpu, &sort, &reversed, 32, &format!("{form:?} reversed"));
            let few: Vec<u32> = random.keys(n).iter().map(|key| (key % 3) << 30).collect();
            check_sort(&gpu, &sort, &few, 32, &format!("{form:?} few distinct"));
        }
    }
}

#[test]
fn sorts_by_the_low_bits_only() {
    let gpu = gpu();
    let keys = Random(2).keys(9_000);
    for form in Form::ALL {
        for bits in 1..=32 {
            let sort = Sort::with_form(&gpu, keys.len(), bits, form).unwrap();
            check_sort(&gpu, &sort, &keys, bits, &format!("{form:?} {bits} bits"));
        }
    }
}

/// Exclusive prefix sums and their total, modulo 2^32.
fn prefix_sums(input: &[u32]) -> (Vec<u32>, u32) {
    let mut sum = 0u32;
    let before = |&value: &u32| {
        let before = sum;
        sum = sum.wrapping_add(value);
        before
    };
    (input.iter().map(before).collect(), sum)
}

fn check_scan(gpu: &Gpu, scan: &Scan, input: &[u32], what: &str) {
    let n = input.len();
    let count = gpu.upload("count", &[n as u32]).unwrap();
    let total = gpu.upload("total", &[99]).unwrap();
    let input_buffer = gpu.upload("input", input).unwrap();
    let output = gpu.zeros("output", n).unwrap();
    let mut recorder = Recorder::new(gpu, false);
    recorder.stage("scan", |pass| scan.run(pass, &input_buffer, &output, &count, &total));
    recorder.finish().unwrap();
    let got = (gpu.read(&output).unwrap(), gpu.read(&total).unwrap()[0]);
    assert!(got == prefix_sums(input), "{what}: {n} elements");
}

#[test]
fn scans_every_size() {
    let gpu = gpu();
    let mut random = Random(3);
    for form in Form::ALL {
        let scan = Scan::with_form(&gpu, 1_100_000, form).unwrap();
        for n in SIZES.into_iter().chain([1_048_576, 1_100_000]) {
            check_scan(&gpu, &scan, &random.keys(n), &format!("{form:?}"));
        }
    }
}

#[test]
fn sums_rows_in_a_fixed_order() {
    let gpu = gpu();
    let mut random = Random(4);
    for width in [1, 3, 10] {
        let reduce = Reduce::new(&gpu, 40_000, width).unwrap();
        for n in [0, 1, 31, 32, 33, 1023, 1024, 1025, 40_000] {
            let rows: Vec<f32> = random.keys(n * width).iter().map(|&key| key as f32 * 2f32.powi(-32)).collect();
            let count = gpu.upload("count", &[n as u32]).unwrap();
            let input = gpu.upload("input", &rows).unwrap();
            let output = gpu.upload("output", &vec![9.0f32; width]).unwrap();
            let run = || {
                let mut recorder = Recorder::new(&gpu, false);
                recorder.stage("reduce", |pass| reduce.run(pass, &input, &output, &count));
                recorder.finish().unwrap();
                gpu.read(&output).unwrap()
            };
            let got = run();
            for (column, sum) in got.iter().enumerate() {
                let want: f64 = rows.iter().skip(column).step_by(width).map(|&x| f64::from(x)).sum();
                // A tree over n terms rounds about log2(n) times; 32 roundings a level, three levels.
                assert!((f64::from(*sum) - want).abs() <= want * 1e-5, "{n} x {width}: {sum}, not {want}");
            }
            assert_eq!(
                got.iter().map(|x| x.to_bits()).collect::<Vec<_>>(),
                run().iter().map(|x| x.to_bits()).collect::<Vec<_>>()
            );
        }
    }
}
