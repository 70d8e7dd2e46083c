//! A binary USD layer that tests make, and the same as text.

/// Names in the layer; the first is never that of a property, whose index has a sign.
const TOKENS: [&str; 14] = [
    "",
    "upAxis",
    "Z",
    "typeName",
    "ParticleField3DGaussianSplat",
    "default",
    "g",
    "positions",
    "orientations",
    "scales",
    "opacities",
    "radiance:sphericalHarmonicsDegree",
    "radiance:sphericalHarmonicsCoefficients",
    "xformOpOrder",
];
const N: usize = 20;

/// The arrays: name, kind of value, numbers of an element, numbers.
fn arrays() -> Vec<(usize, u64, usize, Vec<f32>)> {
    let numbers = |n: usize, k: f32| (0..n).map(|i| 0.1 + (i as f32 * k).fract()).collect();
    vec![
        (7, 24, 3, numbers(3 * N, 0.37)),
        (8, 17, 4, numbers(4 * N, 0.73)),
        (9, 24, 3, numbers(3 * N, 0.21)),
        (12, 24, 3, numbers(3 * N, 0.59)),
    ]
}

/// The opacities, of few values.
fn opacity(i: usize) -> f32 {
    [0.25, 0.5, 0.75][i % 3]
}

pub fn text() -> String {
    let mut text = String::from("#usda 1.0\n(upAxis = \"Z\")\ndef ParticleField3DGaussianSplat \"g\" {\n");
    for (name, _, width, numbers) in arrays() {
        let rows: Vec<String> = numbers.chunks(width).map(|row| format!("{row:?}").replace(['[', ']'], "")).collect();
        text += &format!("float[] {} = [({})]\n", TOKENS[name], rows.join("), ("));
    }
    let opacities: Vec<f32> = (0..N).map(opacity).collect();
    text + &format!("float[] opacities = {opacities:?}\nint {} = 0\n}}\n", TOKENS[11])
}

/// A block of LZ4 with literals alone, as `TfFastCompression` stores it.
fn stored(bytes: &[u8]) -> Vec<u8> {
    let mut out = vec![0, (bytes.len().min(15) << 4) as u8];
    if let Some(mut more) = bytes.len().checked_sub(15) {
        while more >= 255 {
            out.push(255);
            more -= 255;
        }
        out.push(more as u8);
    }
    out.extend(bytes);
    out
}

fn sized(bytes: &[u8]) -> Vec<u8> {
    [&(bytes.len() as u64).to_le_bytes(), bytes].concat()
}

/// Compressed integers, each difference in four bytes but for zeros, which are the usual one.
fn integers(values: &[i32]) -> Vec<u8> {
    let mut codes = vec![0_u8; values.len().div_ceil(4)];
    let (mut data, mut last) = (Vec::new(), 0);
    for (i, value) in values.iter().enumerate() {
        if *value != last {
            codes[i / 4] |= 3 << (2 * (i % 4));
            data.extend((value - last).to_le_bytes());
        }
        last = *value;
    }
    sized(&stored(&[&[0; 4], &codes[..], &data].concat()))
}

/// Version 0.8 of the same layer.
pub fn layer() -> Vec<u8> {
    let mut file = b"PXR-USDC\x00\x08\x00\0\0\0\0\0".to_vec();
    file.resize(88, 0);
    let count = |n: usize| (n as u64).to_le_bytes();
    let token = |index: u64| 1 << 62 | 11 << 48 | index;
    // The fields of the root, of the prim and of each attribute: a name and a value.
    let mut fields: Vec<(i32, u64)> = vec![(1, token(2)), (3, token(4))];
    let mut names = vec![0, 6];
    for (name, kind, width, numbers) in arrays() {
        fields.push((5, 1 << 63 | kind << 48 | file.len() as u64));
        file.extend(count(numbers.len() / width));
        for row in numbers.chunks(width) {
            // The real part of a quaternion is the last.
            let row = if kind == 17 { [row[1], row[2], row[3], row[0]].to_vec() } else { row.to_vec() };
            file.extend(row.iter().flat_map(|v| v.to_le_bytes()));
        }
        names.push(-(name as i32));
    }
    fields.push((5, 1 << 63 | 1 << 61 | 8 << 48 | file.len() as u64));
    file.extend([&count(N)[..], b"t", &3_u32.to_le_bytes()].concat());
    (0..3).for_each(|i| file.extend(opacity(i).to_le_bytes()));
    file.extend(integers(&(0..N as i32).map(|i| i % 3).collect::<Vec<_>>()));
    fields.push((5, 1 << 62 | 3 << 48));
    names.extend([-10, -11]);
    let n = names.len();
    let every: Vec<i32> = (0..n as i32).collect();
    let jumps: Vec<i32> = (0..n)
        .map(|i| {
            if i < 2 {
                -1
            } else if i + 1 < n {
                0
            } else {
                -2
            }
        })
        .collect();
    let kinds: Vec<i32> = (0..n).map(|i| if i < 2 { 7 - i as i32 } else { 1 }).collect();
    let sets: Vec<i32> = (0..n as i32).flat_map(|i| [i, -1]).collect();
    let starts: Vec<i32> = (0..n as i32).map(|i| 2 * i).collect();
    let tokens: Vec<u8> = TOKENS.iter().flat_map(|token| [token.as_bytes(), b"\0"].concat()).collect();
    let keys: Vec<i32> = fields.iter().map(|field| field.0).collect();
    let values: Vec<u8> = fields.iter().flat_map(|field| field.1.to_le_bytes()).collect();
    let sections = [
        ("TOKENS", [&count(TOKENS.len())[..], &count(tokens.len()), &sized(&stored(&tokens))].concat()),
        ("FIELDS", [&count(n)[..], &integers(&keys), &sized(&stored(&values))].concat()),
        ("FIELDSETS", [&count(2 * n)[..], &integers(&sets)].concat()),
        ("PATHS", [&count(n)[..], &count(n), &integers(&every), &integers(&names), &integers(&jumps)].concat()),
        ("SPECS", [&count(n)[..], &integers(&every), &integers(&starts), &integers(&kinds)].concat()),
    ];
    let mut table = count(sections.len()).to_vec();
    for (name, bytes) in sections {
        let mut entry = name.as_bytes().to_vec();
        entry.resize(16, 0);
        table.extend([&entry[..], &count(file.len()), &count(bytes.len())].concat());
        file.extend(bytes);
    }
    let start = count(file.len());
    file[16..24].copy_from_slice(&start);
    file.extend(table);
    file
}
