//! Twin of what the viewer does to a rendered image and to a model: pixels of a display mode, Gaussians of a style.

use dapple::render::{DELETED, PreviewSettings, SELECTED, SplatStyle};
use glam::{DVec3, Vec3, dvec3};

/// Anchors of viridis and inferno (matplotlib), a quarter apart.
const VIRIDIS: [[u8; 3]; 5] = [[68, 1, 84], [59, 82, 139], [33, 145, 140], [94, 201, 98], [253, 231, 37]];
const INFERNO: [[u8; 3]; 5] = [[0, 0, 4], [87, 16, 110], [188, 55, 84], [249, 142, 9], [252, 255, 164]];

/// The colours of the wheel of optical flow (Baker et al. 2007), 55 in all: steps from each corner to the next.
const WHEEL: [(usize, [f64; 3]); 6] = [
    (15, [1.0, 0.0, 0.0]),
    (6, [1.0, 1.0, 0.0]),
    (4, [0.0, 1.0, 0.0]),
    (11, [0.0, 1.0, 1.0]),
    (13, [0.0, 0.0, 1.0]),
    (6, [1.0, 0.0, 1.0]),
];

fn ramp(anchors: &[[u8; 3]; 5], (low, high): (f64, f64), value: f64) -> DVec3 {
    let position = ((value - low) / (high - low).max(f64::from(f32::MIN_POSITIVE))).clamp(0.0, 1.0) * 4.0;
    let first = (position as usize).min(3);
    let anchor = |i: usize| DVec3::from_array(anchors[i].map(f64::from)) / 255.0;
    anchor(first).lerp(anchor(first + 1), position - first as f64)
}

fn wheel(x: f64, y: f64) -> DVec3 {
    let colours: Vec<DVec3> = (0..6)
        .flat_map(|i| {
            let ((steps, from), (_, to)) = (WHEEL[i], WHEEL[(i + 1) % 6]);
            (0..steps).map(move |k| DVec3::from(from).lerp(DVec3::from(to), k as f64 / steps as f64))
        })
        .collect();
    let size = x.hypot(y);
    if size == 0.0 {
        return DVec3::ONE;
    }
    let turn = ((-y).atan2(-x) / std::f64::consts::PI + 1.0) * 27.0;
    let low = (turn as usize).min(54);
    let hue = colours[low].lerp(colours[(low + 1) % 55], turn - low as f64);
    if size <= 1.0 { DVec3::ONE - size * (DVec3::ONE - hue) } else { 0.75 * hue }
}

/// The display-referred colour of a pixel of features and transmittance, before it is clamped and rounded. `mode` as in
/// `Shown`; `range` are the values at the ends of a ramp; `unit` is the length of the image's unit in the scene's.
pub fn pixel([x, y, z, w]: [f64; 4], mode: u32, range: (f64, f64), unit: f64) -> DVec3 {
    let (features, alpha) = (dvec3(x, y, z), 1.0 - w);
    match mode {
        1 if alpha <= 0.0 => DVec3::ZERO,
        1 => ramp(&VIRIDIS, range, x / alpha * unit),
        2 => features.normalize_or_zero() * 0.5 + 0.5,
        3 => DVec3::splat(alpha),
        4 => ramp(&INFERNO, range, x),
        5 if alpha <= 0.0 => DVec3::splat(0.5),
        5 => features / alpha * (unit * 0.5 / range.1) + 0.5,
        6 => DVec3::ONE.lerp(wheel(x / alpha.max(1e-6) / range.1, y / alpha.max(1e-6) / range.1), alpha),
        _ => features,
    }
}

/// A Gaussian as it is shown: logit, log-scale, and whether it has the colour of the selection.
pub fn shown(mean: Vec3, logit: f32, log_scale: Vec3, state: u32, change: &PreviewSettings) -> (f64, DVec3, bool) {
    let (mut logit, mut log_scale) = (f64::from(logit), log_scale.as_dvec3());
    match change.form {
        SplatStyle::Splat => log_scale += f64::from(change.size).ln(),
        SplatStyle::Centre => {
            let (eye, dot) = change.eye;
            log_scale = DVec3::splat((f64::from(dot) * mean.as_dvec3().distance(eye.as_dvec3())).ln());
            logit = if logit < -4.0 { logit } else { 9.0 };
        }
        SplatStyle::Solid => {
            log_scale += f64::from(change.size).ln();
            logit = if logit < 0.0 { logit } else { 9.0 };
        }
    }
    let outside = |(low, high): (Vec3, Vec3)| mean.cmplt(low).any() || mean.cmpgt(high).any();
    if change.crop.is_some_and(outside) {
        logit = if change.dim_outside { logit.min(-4.0) } else { -30.0 };
    }
    if state & DELETED != 0 {
        logit = -30.0;
    }
    (logit, log_scale, state & SELECTED != 0)
}
