//#use layout/status
// Relocation of dead Gaussians and growth of the population (3D Gaussian Splatting as Markov Chain Monte Carlo;
// docs/algorithms.md E.6, E.7). With GROW = 0 every dead Gaussian draws a living source by weight and becomes its copy;
// with GROW = 1 `added` new ones, appended at the end, draw from all.

struct Refine {
    // Gaussians before growth, and how many are added.
    gaussians: u32,
    added: u32,
    seed: u32,
    step: u32,
    // Weight of opacity 1 in the draw: small enough for the sum of all to fit 32 bits.
    weight_scale: f32,
    // Gaussians of at most this opacity are dead, and no copy gets a lower one.
    dead_opacity: f32,
    // Whether the duration shrinks as the scales do: 1 or 0.
    share_duration: u32,
    // Coefficients of the spherical harmonics stored beyond the constant one.
    sh_rest: u32,
    // The first Gaussians, of this number, are neither targets nor sources.
    around: u32,
    // Gaussians of a longer duration than that of this logarithm are drawn less often: by their ratio to this power.
    usual_log_duration: f32,
    duration_power: f32,
    // How far the draw goes by the force on a Gaussian instead of its opacity: 0 to 1.
    force: f32,
}

const NO_SOURCE: u32 = 0xffffffffu;

// Whether a Gaussian with this index is to become a copy.
fn is_target(index: u32, weight: u32, refine: Refine) -> bool {
    if (GROW != 0u) {
        return index >= refine.gaussians && index < refine.gaussians + refine.added;
    }
    return index >= refine.around && index < refine.gaussians && weight == 0u;
}
