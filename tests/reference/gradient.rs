//! A whole render and its gradient, two ways: by dual numbers and by the hand-written adjoints.

use super::number::{Dual, Num};
use super::project::{Gaussian, PARAMETERS, Splat, View, project};
use super::project_backward::{CameraSums, project_backward};
use super::rasterize::{Bands, Image, Upstream, rasterize, rasterize_backward};

/// Gradient of a scalar loss with respect to everything the image depends on.
#[derive(Clone, Debug)]
pub struct Gradient {
    /// One row per Gaussian, in the order of [`Gaussian::to_array`]; zero where culled.
    pub gaussians: Vec<[f64; PARAMETERS]>,
    pub background: [f64; 3],
    /// Left perturbation (ω, τ): (V, t) ← (exp(ω^) V, exp(ω^) t + τ).
    pub pose: [f64; 6],
}

/// Projects and composites `gaussians`, with the default boundary bands.
pub fn render<T: Num>(gaussians: &[Gaussian<T>], view: &View<T>) -> Image<T> {
    rasterize(&project_all(gaussians, view), view, Bands::default())
}

pub fn project_all<T: Num>(gaussians: &[Gaussian<T>], view: &View<T>) -> Vec<Option<Splat<T>>> {
    gaussians.iter().map(|g| project(g, view)).collect()
}

/// The gradient by hand-written adjoints: one forward and one backward pass.
pub fn analytic(gaussians: &[Gaussian<f64>], view: &View<f64>, upstream: &Upstream) -> Gradient {
    let splats = project_all(gaussians, view);
    let image = rasterize(&splats, view, Bands::default());
    let (splat_gradients, background) = rasterize_backward(&splats, view, &image, upstream);
    let mut camera = CameraSums::default();
    let rows = gaussians
        .iter()
        .enumerate()
        .map(|(i, g)| match splats[i] {
            Some(_) => project_backward(g, view, &splat_gradients[i], &mut camera),
            None => [0.0; PARAMETERS],
        })
        .collect();
    Gradient { gaussians: rows, background, pose: camera.pose(view) }
}

/// The gradient by dual numbers: one render per Gaussian with all its parameters as lanes, and one for the camera.
/// Costs some sixty renders per Gaussian: for small cases.
pub fn exact(gaussians: &[Gaussian<f64>], view: &View<f64>, upstream: &Upstream) -> Gradient {
    let (splats, lifted_view) = (project_all(gaussians, view), view.lift());
    let mut lifted: Vec<Option<Splat<Dual<PARAMETERS>>>> = splats.iter().map(|s| s.map(|s| s.lift())).collect();
    let rows = (0..gaussians.len())
        .map(|i| {
            let constant = lifted[i];
            lifted[i] = project(&seeded(&gaussians[i]), &lifted_view);
            let loss = upstream.loss(&rasterize(&lifted, &lifted_view, Bands::default()));
            lifted[i] = constant;
            loss.slope
        })
        .collect();

    let gaussians: Vec<Gaussian<Dual<9>>> = gaussians.iter().map(Gaussian::lift).collect();
    let slope = upstream.loss(&render(&gaussians, &seeded_view(view))).slope;
    Gradient {
        gaussians: rows,
        background: std::array::from_fn(|i| slope[i]),
        pose: std::array::from_fn(|i| slope[3 + i]),
    }
}

/// A Gaussian whose parameters are the independent variables.
fn seeded(g: &Gaussian<f64>) -> Gaussian<Dual<PARAMETERS>> {
    let flat = g.to_array();
    Gaussian::from_array(&std::array::from_fn(|lane| Dual::variable(flat[lane], lane)))
}

/// A view whose background (lanes 0 to 2) and pose (ω in lanes 3 to 5, τ in 6 to 8) are the independent variables.
pub fn seeded_view(view: &View<f64>) -> View<Dual<9>> {
    let mut lifted: View<Dual<9>> = view.lift();
    for axis in 0..3 {
        lifted.background[axis] = Dual::variable(view.background[axis], axis);
        lifted.translation[axis].slope[6 + axis] = 1.0;
        // d(exp(ω^) x)/dω_axis at zero = e_axis × x.
        let (next, after) = ((axis + 1) % 3, (axis + 2) % 3);
        lifted.translation[next].slope[3 + axis] = -view.translation[after];
        lifted.translation[after].slope[3 + axis] = view.translation[next];
        for column in 0..3 {
            lifted.rotation[next][column].slope[3 + axis] = -view.rotation[after][column];
            lifted.rotation[after][column].slope[3 + axis] = view.rotation[next][column];
        }
    }
    lifted
}
