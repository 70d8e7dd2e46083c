//! Real spherical harmonics to degree 3 (docs/algorithms.md A.3).

use super::number::Num;

/// Coefficients of degree 3.
pub const COEFFICIENTS: usize = 16;

pub const C0: f64 = 0.28209479177387814;
const C1: f64 = 0.4886025119029199;
const C2: [f64; 3] = [1.0925484305920792, 0.31539156525252005, 0.5462742152960396];
const C3: [f64; 5] = [0.5900435899266435, 2.890611442640554, 0.4570457994644658, 0.3731763325901154, 1.445305721320277];

/// Number of coefficients in use at `degree`.
pub fn coefficients(degree: u32) -> usize {
    ((degree + 1) * (degree + 1)) as usize
}

/// Y_k of a unit direction, k = 0..16.
pub fn basis<T: Num>([x, y, z]: [T; 3]) -> [T; COEFFICIENTS] {
    let (xx, yy, zz) = (x * x, y * y, z * z);
    [
        T::constant(C0),
        y.times(-C1),
        z.times(C1),
        x.times(-C1),
        (x * y).times(C2[0]),
        (y * z).times(-C2[0]),
        (zz.times(2.0) - xx - yy).times(C2[1]),
        (x * z).times(-C2[0]),
        (xx - yy).times(C2[2]),
        (y * (xx.times(3.0) - yy)).times(-C3[0]),
        (x * y * z).times(C3[1]),
        (y * (zz.times(4.0) - xx - yy)).times(-C3[2]),
        (z * (zz.times(2.0) - xx.times(3.0) - yy.times(3.0))).times(C3[3]),
        (x * (zz.times(4.0) - xx - yy)).times(-C3[2]),
        (z * (xx - yy)).times(C3[4]),
        (x * (xx - yy.times(3.0))).times(-C3[0]),
    ]
}

/// (∂x, ∂y, ∂z) of [`basis`], x, y, z taken as independent: the table's columns.
pub fn basis_gradient([x, y, z]: [f64; 3]) -> [[f64; 3]; COEFFICIENTS] {
    let (xx, yy, zz) = (x * x, y * y, z * z);
    let scaled = |k: f64, g: [f64; 3]| g.map(|v| v * k);
    [
        [0.0; 3],
        [0.0, -C1, 0.0],
        [0.0, 0.0, C1],
        [-C1, 0.0, 0.0],
        scaled(C2[0], [y, x, 0.0]),
        scaled(-C2[0], [0.0, z, y]),
        scaled(C2[1], [-2.0 * x, -2.0 * y, 4.0 * z]),
        scaled(-C2[0], [z, 0.0, x]),
        scaled(C2[2], [2.0 * x, -2.0 * y, 0.0]),
        scaled(-C3[0], [6.0 * x * y, 3.0 * (xx - yy), 0.0]),
        scaled(C3[1], [y * z, x * z, x * y]),
        scaled(-C3[2], [-2.0 * x * y, 4.0 * zz - xx - 3.0 * yy, 8.0 * y * z]),
        scaled(C3[3], [-6.0 * x * z, -6.0 * y * z, 3.0 * (2.0 * zz - xx - yy)]),
        scaled(-C3[2], [4.0 * zz - 3.0 * xx - yy, -2.0 * x * y, 8.0 * x * z]),
        scaled(C3[4], [2.0 * x * z, -2.0 * y * z, xx - yy]),
        scaled(-C3[0], [3.0 * (xx - yy), -6.0 * x * y, 0.0]),
    ]
}
