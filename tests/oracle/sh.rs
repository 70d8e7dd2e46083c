//! The table of spherical harmonics.

use crate::reference::cases::Rng;
use crate::reference::number::Dual;
use crate::reference::sh;

#[test]
fn sh_gradient_table_matches_duals() {
    let mut rng = Rng::new(1);
    for _ in 0..50 {
        let d: [f64; 3] = rng.normals();
        let by_dual = sh::basis(std::array::from_fn(|i| Dual::<3>::variable(d[i], i)));
        for (k, row) in sh::basis_gradient(d).iter().enumerate() {
            for axis in 0..3 {
                assert!((row[axis] - by_dual[k].slope[axis]).abs() < 1e-12, "Y_{k}, axis {axis}");
            }
        }
    }
}

/// Orthonormality over the sphere, by a product rule that is exact for polynomials of degree 6.
#[test]
fn sh_basis_is_orthonormal() {
    let nodes = [(-0.8611363115940526, 0.3478548451374538), (-0.3399810435848563, 0.6521451548625461)];
    let nodes = nodes.iter().flat_map(|&(z, w)| [(z, w), (-z, w)]);
    let mut gram = [[0.0; 16]; 16];
    for (z, weight) in nodes {
        for step in 0..12 {
            let angle = std::f64::consts::TAU * f64::from(step) / 12.0;
            let r = f64::sqrt(1.0 - z * z);
            let y = sh::basis([r * angle.cos(), r * angle.sin(), z]);
            for (i, row) in gram.iter_mut().enumerate() {
                for (j, entry) in row.iter_mut().enumerate() {
                    *entry += weight * std::f64::consts::TAU / 12.0 * y[i] * y[j];
                }
            }
        }
    }
    for (i, row) in gram.iter().enumerate() {
        for (j, entry) in row.iter().enumerate() {
            let expected = if i == j { 1.0 } else { 0.0 };
            assert!((entry - expected).abs() < 1e-12, "<Y_{i}, Y_{j}> = {entry}");
        }
    }
}
