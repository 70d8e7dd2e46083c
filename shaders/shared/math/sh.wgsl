// Real spherical harmonics with the Condon-Shortley phase, bands 1 to 3 (docs/algorithms.md A.3), of unit directions x,
// y, z. `Real` is f32 or vec4f.
const SH_C0: f32 = 0.28209479177387814;
const SH_C1: f32 = 0.4886025119029199;

fn sh_band_1(x: Real, y: Real, z: Real) -> array<Real, 3> {
    return array<Real, 3>(-SH_C1 * y, SH_C1 * z, -SH_C1 * x);
}

fn sh_band_2(x: Real, y: Real, z: Real) -> array<Real, 5> {
    return array<Real, 5>(
        1.0925484305920792 * x * y,
        -1.0925484305920792 * y * z,
        0.31539156525252005 * (2.0 * z * z - x * x - y * y),
        -1.0925484305920792 * x * z,
        0.5462742152960396 * (x * x - y * y),
    );
}

fn sh_band_3(x: Real, y: Real, z: Real) -> array<Real, 7> {
    let xx = x * x;
    let yy = y * y;
    let zz = z * z;
    return array<Real, 7>(
        -0.5900435899266435 * y * (3.0 * xx - yy),
        2.890611442640554 * x * y * z,
        -0.4570457994644658 * y * (4.0 * zz - xx - yy),
        0.3731763325901154 * z * (2.0 * zz - 3.0 * xx - 3.0 * yy),
        -0.4570457994644658 * x * (4.0 * zz - xx - yy),
        1.445305721320277 * z * (xx - yy),
        -0.5900435899266435 * x * (xx - 3.0 * yy),
    );
}
