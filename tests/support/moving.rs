//! Scenes in motion that tests make.

use dapple::scene::{Curves, Motion, Scene};
use glam::Vec3;

use super::made;
use super::random::Rng;

/// A scene within what all formats hold, whose Gaussians move; every third has a gate.
pub fn scene(n: usize, sh_degree: u32) -> Scene {
    let mut rng = Rng::new(7 * n as u64 + u64::from(sh_degree));
    let mut number = |low: f64, high: f64| rng.range(low, high) as f32;
    let mut motion = Motion::default();
    for i in 0..n {
        motion.velocities.push(Vec3::new(number(-1.0, 1.0), number(-1.0, 1.0), number(-1.0, 1.0)));
        motion.centres.push(number(0.0, 1.0));
        motion.log_durations.push(number(-3.0, 0.0));
        motion.gates.push(if i % 3 == 0 { number(0.6, 0.9) } else { Motion::NO_GATE });
    }
    Scene { motion: Some(motion), ..made::scene(n, sh_degree) }
}

/// The scene with every Gaussian on a curve.
pub fn curved(n: usize, degree: u32) -> Scene {
    let mut scene = scene(n, degree);
    let motion = scene.motion.as_mut().expect("it moves");
    let turned = |v: &Vec3| Vec3::new(-2.0 * v.y, 3.0 * v.z, v.x);
    motion.curves = Some(Curves {
        accelerations: motion.velocities.iter().map(|v| 2.0 * turned(v)).collect(),
        angular_velocities: motion.velocities.iter().map(turned).collect(),
    });
    scene
}
