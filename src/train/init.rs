//! The initial Gaussians, and the normalised frame of training that they are in.

use anyhow::{Context, Result, bail, ensure};
use glam::{DVec2, DVec3, Vec3};

use crate::camera::nearest_to_axes;
use crate::dataset::{Capture, Split};
use crate::edit;
use crate::format::{self, Contents};
use crate::scene::{Clip, Normalisation, PointCloud, SH_C0, Scene, sh_coefficients};

use super::config::{Config, Init, Switch};
use super::init_motion;
use super::points;
use super::schedule::SplitMix;
use super::seeds;
use super::sky::Sky;
use super::surroundings::Surroundings;
use super::tracks::{self, Ray};
use crate::scene::stats::percentile;

/// Opacity and size of the initial Gaussians.
#[derive(Clone, Copy)]
struct Shape {
    opacity: f64,
    /// Factor on the distance to the nearest neighbours.
    scale: f64,
}

/// Points that lie where something is: Gaussians that touch each other cover it at once. Against 0.5 and 0.1, 3.4 dB
/// better after 1500 steps of one photo capture at 200 pixels (a single seed).
const SEEDS: Shape = Shape { opacity: 0.1, scale: 1.0 };
/// Points anywhere in a cube, most of them in empty space: small ones get out of the way sooner. The values of the MCMC
/// paper.
const DUST: Shape = Shape { opacity: 0.5, scale: 0.1 };

/// The step between a capture's times: the clip divided evenly among them; 0 in a static capture.
pub fn time_gap(capture: &Capture) -> f64 {
    let mut times: Vec<f32> = capture.shots.iter().filter_map(|shot| shot.time).collect();
    times.sort_by(f32::total_cmp);
    times.dedup();
    match times.as_slice() {
        [first, .., last] => f64::from(last - first) / (times.len() - 1) as f64,
        _ => 0.0,
    }
}

fn train_cameras(capture: &Capture) -> impl Iterator<Item = &crate::camera::Camera> {
    capture.shots.iter().filter(|shot| shot.split == Split::Train).map(|shot| &shot.camera)
}

/// Points to start from, the rays that the last of them lie on, and what their Gaussians look like.
type Seeds = (PointCloud, Vec<Ray>, Shape);

/// The first Gaussians.
///
/// # Errors
/// Points that were asked for and are not there, or more Gaussians than `cap_max`.
pub fn scene(capture: &Capture, config: &Config, frame: &Normalisation) -> Result<Scene> {
    let moving = capture.is_dynamic() && !config.r#static;
    let (mut points, rays, shape) = match given_or_random(capture, config)? {
        Some(Contents::Scene(loaded)) => return from_scene(loaded.scene, moving, config, frame),
        Some(Contents::Points(points)) => {
            // Sky and plain walls have no points: what fills them up keeps its share however many points there are.
            let most = (config.cap() as f64 / (1.0 + fill(capture, config))) as usize;
            match seeds::usable(points, capture, frame, most) {
                Some(points) => filled_up(seeds::coloured(points, capture), capture, config)?,
                None => random_points(capture, config)?,
            }
        }
        None => random_points(capture, config)?,
    };
    check_count(points.positions.len(), config)?;
    let found = if moving && config.velocity_init == Switch::On {
        tracks::triangulate(&rays, capture).context(init_motion::REMEDY)?
    } else {
        vec![None; rays.len()]
    };
    let first = points.positions.len() - rays.len();
    for ((position, ray), found) in points.positions[first..].iter_mut().zip(&rays).zip(&found) {
        if let Some(found) = found {
            *position = ray.at(capture, found.distance).as_vec3();
        }
    }
    let mut scene = from_points(&points, shape, config, frame);
    if moving {
        init_motion::spread(&mut scene, points.times.as_deref(), &found, capture, config, frame)?;
    }
    Ok(scene)
}

/// [`given`], where a capture's points that cannot be read are said, and left out.
fn given_or_random(capture: &Capture, config: &Config) -> Result<Option<Contents>> {
    match given(capture, config) {
        Err(error) if config.init == Init::Auto => {
            log::warn!("{error:#}; training starts at random");
            Ok(None)
        }
        found => found,
    }
}

/// The points or Gaussians that the options and the capture give; `None` to start from random points.
fn given(capture: &Capture, config: &Config) -> Result<Option<Contents>> {
    let seed_points = || -> Result<Option<PointCloud>> {
        match (&capture.points, &capture.points_file) {
            (Some(points), _) if !points.positions.is_empty() => Ok(Some(points.clone())),
            (_, Some(path)) => {
                read_points(path).map(|points| Some(seeds::own(seeds::shifted(points, capture.shift), capture)))
            }
            _ => Ok(None),
        }
    };
    Ok(match &config.init {
        Init::Auto => {
            let points = seed_points()?;
            let none = "the capture's file of first points holds none";
            ensure!(points.as_ref().is_none_or(|points| !points.positions.is_empty()), none);
            points.map(Contents::Points)
        }
        Init::Sfm => {
            let none = "the capture has no points to start from; use --init random, or --init FILE.ply";
            let points = seed_points()?.with_context(|| format!("{}: {none}", capture.root.display()))?;
            Some(Contents::Points(points))
        }
        Init::Random => None,
        Init::File(path) => Some(match format::read_any(path)? {
            Contents::Points(points) => {
                ensure!(
                    !points.positions.is_empty(),
                    "{}: the file holds no points; use --init random",
                    path.display()
                );
                Contents::Points(seeds::shifted(points, capture.shift))
            }
            scene @ Contents::Scene(_) => scene,
        }),
    })
}

/// The first Gaussians of a run; those of a block behind the coarse ones around it. A block starts
/// from the coarse Gaussians inside it and as many of its points as there is room for, unless the options say otherwise.
///
/// # Errors
/// Those of [`scene`].
pub fn first(
    capture: &Capture,
    config: &Config,
    frame: &Normalisation,
    surroundings: Option<Surroundings>,
) -> Result<Scene> {
    let Some(Surroundings { outside, inside, .. }) = surroundings else { return scene(capture, config, frame) };
    let mut all = placed(outside, false, config, frame)?;
    let around = all.len();
    if config.init == Init::Auto {
        let room = config.cap().saturating_sub(inside.len());
        edit::append(&mut all, placed(inside, false, config, frame)?)?;
        if let (1.., Some(Contents::Points(points))) = (room, given_or_random(capture, config)?)
            && let Some(points) = seeds::usable(points, capture, frame, room)
        {
            edit::append(&mut all, from_points(&seeds::coloured(points, capture), SEEDS, config, frame))?;
        }
    } else {
        edit::append(&mut all, scene(capture, config, frame)?)?;
    }
    check_count(all.len() - around, config)?;
    Ok(all)
}

/// How many points or Gaussians training will start from that the options and the capture give; 0 where it starts from
/// random ones, of which there are as many as there is room for.
///
/// # Errors
/// Points that were asked for and are not there.
pub fn given_count(capture: &Capture, config: &Config) -> Result<usize> {
    let inside = match config.init {
        Init::Auto => Surroundings::of(capture, config)?.map_or(0, |surroundings| surroundings.inside.len()),
        _ => 0,
    };
    let given = match given(capture, config) {
        // Said when they are placed.
        Err(_) if config.init == Init::Auto => None,
        given => given?,
    };
    Ok(inside
        + match given {
            Some(Contents::Scene(loaded)) => loaded.scene.len(),
            Some(Contents::Points(points)) if seeds::enough(&points.positions, capture) => points.positions.len(),
            _ => 0,
        })
}

/// Given Gaussians to train, in the frame of training.
fn from_scene(scene: Scene, moving: bool, config: &Config, frame: &Normalisation) -> Result<Scene> {
    check_count(scene.len(), config)?;
    placed(scene, moving, config, frame)
}

/// Gaussians in the frame of training, of the run's degree, with motion where the run has it.
fn placed(mut scene: Scene, moving: bool, config: &Config, frame: &Normalisation) -> Result<Scene> {
    scene.normalise(frame);
    scene.motion = moving.then(|| scene.motion.unwrap_or_else(|| init_motion::steady(scene.means.len())));
    with_degree(scene, config.degree())
}

/// Random points for each given one: none where the images have no background.
fn fill(capture: &Capture, config: &Config) -> f64 {
    if capture.is_cut_out() { 0.0 } else { config.init_fill }
}

/// Given points, and random ones behind them where the images have a background.
fn filled_up(mut points: PointCloud, capture: &Capture, config: &Config) -> Result<Seeds> {
    let room = config.cap() - points.positions.len();
    let count = (points.positions.len() as f64 * fill(capture, config)) as usize;
    let (filled, rays) = ray_points(capture, count.min(room), &median(&points.positions), FILL_DEPTHS, config)?;
    points.positions.extend(filled.positions);
    points.colours.extend(filled.colours);
    if let (Some(times), Some(more)) = (&mut points.times, filled.times) {
        times.extend(more);
    }
    Ok((points, rays, SEEDS))
}

fn read_points(path: &std::path::Path) -> Result<PointCloud> {
    match format::read_any(path)? {
        Contents::Points(points) => Ok(points),
        Contents::Scene(_) => bail!("{}: the file holds Gaussians, not points", path.display()),
    }
}

fn check_count(count: usize, config: &Config) -> Result<()> {
    ensure!(count > 0, "there is nothing to start from: the initial points are empty; use --init random");
    ensure!(
        count <= config.cap(),
        "--cap-max {} is below the {count} initial points; raise it to at least {count}, or use --init random",
        config.cap()
    );
    Ok(())
}

/// Points without structure: along the rays of the training images, with their colours; or, where an extent is given or
/// the images are cut out of their background, uniform in a cube around what the cameras look at.
fn random_points(capture: &Capture, config: &Config) -> Result<Seeds> {
    let count = (config.init_points as usize).min(config.cap());
    let (centre, distance) = focus(capture);
    if config.init_extent.is_none() && !capture.is_cut_out() {
        let (points, rays) = ray_points(capture, count, &centre, RANDOM_DEPTHS, config)?;
        return Ok((points, rays, SEEDS));
    }
    let extent = config.init_extent.unwrap_or(RANDOM_EXTENT * distance);
    Ok((points::random_points(count, centre.as_vec3(), Vec3::splat(extent as f32), config.seed), Vec::new(), DUST))
}

/// Range of depths that random points take along the images' rays, as factors on the distance to what is looked at.
const RANDOM_DEPTHS: (f64, f64) = (0.5, 6.0);
/// The same for points that fill what the capture's own points leave empty: mostly walls and sky without texture.
const FILL_DEPTHS: (f64, f64) = (1.2, 8.0);
/// Images that such points take their colours from; each has to be decoded.
const RAY_IMAGES: usize = 32;

fn median(points: &[Vec3]) -> DVec3 {
    let middle = |axis: usize| percentile(points.iter().map(|point| f64::from(point[axis])), 50).unwrap_or_default();
    DVec3::new(middle(0), middle(1), middle(2))
}

/// `count` points on random rays of training images, at depths log-uniform in `range` times the camera's distance from
/// `centre`, each of its pixel's colour; and their rays. Those where a photo shows sky end on its shell.
fn ray_points(
    capture: &Capture,
    count: usize,
    centre: &DVec3,
    range: (f64, f64),
    config: &Config,
) -> Result<(PointCloud, Vec<Ray>)> {
    let shots: Vec<usize> = (0..capture.shots.len()).filter(|&i| capture.shots[i].split == Split::Train).collect();
    let used = shots.len().min(RAY_IMAGES);
    let sky = if count > 0 { Sky::find(capture, config)? } else { None };
    let mut random = SplitMix::new(config.seed ^ 0x7a75);
    let mut points = PointCloud { times: capture.is_dynamic().then(Vec::new), ..PointCloud::default() };
    let mut rays = Vec::with_capacity(count);
    for k in 0..used {
        let shot = shots[k * shots.len() / used];
        let picture = capture.load(shot).with_context(|| "while colouring the initial points".to_string())?;
        let camera = capture.shots[shot].camera;
        let typical = camera.pose.centre().distance(*centre);
        for _ in k * count / used..(k + 1) * count / used {
            let (x, y) = (random.unit() * f64::from(picture.width), random.unit() * f64::from(picture.height));
            let distance = typical * (range.0.ln() + random.unit() * (range.1 / range.0).ln()).exp();
            let pixel = picture.pixels[y as usize * picture.width as usize + x as usize];
            let ray = Ray { shot, pixel: DVec2::new(x, y), distance, typical };
            let distance = sky.as_ref().and_then(|sky| sky.distance(capture, &ray)).unwrap_or(distance);
            let ray = Ray { distance, ..ray };
            points.positions.push(ray.at(capture, distance).as_vec3());
            rays.push(ray);
            points.colours.push(Vec3::new(f32::from(pixel[0]), f32::from(pixel[1]), f32::from(pixel[2])) / 255.0);
            points.times.iter_mut().for_each(|times| times.push(capture.shots[shot].time.unwrap_or(0.0)));
        }
    }
    Ok((points, rays))
}

/// Half side of the random cube in units of the cameras' median distance from what they look at: the ±1.3 of the
/// synthetic NeRF scenes, whose cameras are at 4.03.
const RANDOM_EXTENT: f64 = 1.3 / 4.03;

/// The point nearest to all training cameras' axes, in the least-squares sense, and the median distance to it.
fn focus(capture: &Capture) -> (DVec3, f64) {
    let (mut ahead, mut count) = (DVec3::ZERO, 0.0);
    for camera in train_cameras(capture) {
        ahead += camera.pose.centre() + camera.pose.forward();
        count += 1.0;
    }
    // Parallel axes meet nowhere: one unit ahead of the cameras then.
    let nearest = nearest_to_axes(train_cameras(capture), |determinant| determinant.abs() > 1e-6 * count);
    let centre = nearest.unwrap_or(ahead / f64::max(count, 1.0));
    let distances = train_cameras(capture).map(|camera| camera.pose.centre().distance(centre));
    (centre, percentile(distances, 50).unwrap_or(1.0).max(1e-6))
}

/// One isotropic Gaussian a point, sized by the distance to its neighbours (docs/algorithms.md E.2).
fn from_points(points: &PointCloud, shape: Shape, config: &Config, frame: &Normalisation) -> Scene {
    let means: Vec<Vec3> = points.positions.iter().map(|p| frame.apply(p.as_dvec3()).as_vec3()).collect();
    let distances = points::neighbour_distances(&means);
    let stride = 3 * sh_coefficients(config.degree());
    let opacity = config.init_opacity.unwrap_or(shape.opacity);
    let factor = config.init_scale.unwrap_or(shape.scale) as f32;
    let logit = (opacity / (1.0 - opacity)).ln() as f32;
    let mut sh = vec![0.0; means.len() * stride];
    for (row, colour) in sh.chunks_exact_mut(stride).zip(&points.colours) {
        row[..3].copy_from_slice(&((*colour - 0.5) / SH_C0).to_array());
    }
    Scene {
        quaternions: vec![[1.0, 0.0, 0.0, 0.0]; means.len()],
        log_scales: distances.iter().map(|d| Vec3::splat((d * factor).ln())).collect(),
        logits: vec![logit; means.len()],
        sh,
        sh_degree: config.degree(),
        antialiased: config.antialiased,
        motion: None,
        up: None,
        clip: Clip::default(),
        means,
    }
}

/// The same scene with its spherical harmonics cut or filled up with zeros to `degree`.
fn with_degree(mut scene: Scene, degree: u32) -> Result<Scene> {
    scene.set_sh_degree(degree);
    scene.validate()?;
    Ok(scene)
}
