//! Sky: what photos show above everything else, and the far shell that first Gaussians of it lie on.
//!
//! Nothing tells how far a sky is, so Gaussians that start at any depth along its rays stay there and hang in the air of
//! other views. On a shell far behind the capture they are where every camera sees them alike.

use anyhow::{Context, Result};
use glam::{DVec2, DVec3};
use rayon::prelude::*;

use super::config::{Choice, Config};
use super::frame::{normalisation, reach};
use super::tracks::Ray;
use crate::camera::{self, Camera};
use crate::dataset::{Capture, Coverage, Photo, Split};

/// Radius of the shell about the cameras' mean, in units of their reach (the distance of the farthest from the mean).
pub const SHELL: f64 = 20.0;
/// What lies farther away than this, in the same units, counts as sky once a scene is trained.
pub const FAR: f64 = 0.5 * SHELL;
/// Cells along a photo's longer side.
const CELLS: usize = 32;
/// Mean step of brightness from pixel to pixel, 0 to 255, up to which a cell is even.
const EVEN: f64 = 5.0;
/// Share of the photos' area that sky must fill to be one.
const SHARE: f64 = 0.05;
/// Photos that are looked at, and points that they are compared with.
const PHOTOS: usize = 32;
const POINTS: usize = 50_000;

/// The cells of a photo that show sky.
struct Cells {
    columns: usize,
    /// Pixels along a cell's side.
    side: usize,
    shows: Vec<bool>,
}

/// Where photos show sky, and the shell behind the capture.
pub struct Sky {
    photos: Vec<(usize, Cells)>,
    centre: DVec3,
    /// Radius of the shell, capture units.
    radius: f64,
}

impl Sky {
    /// The sky of a still capture that is not cut out of its background, where `--sky` does not say otherwise. What is found
    /// is said.
    ///
    /// # Errors
    /// A photo that cannot be read.
    pub fn find(capture: &Capture, config: &Config) -> Result<Option<Self>> {
        if config.sky == Choice::Off || capture.is_dynamic() || capture.is_cut_out() {
            return Ok(None);
        }
        let train: Vec<usize> = (0..capture.shots.len()).filter(|&i| capture.shots[i].split == Split::Train).collect();
        let cameras: Vec<Camera> = train.iter().map(|&shot| capture.shots[shot].camera).collect();
        let Some(up) = capture.up_by_gravity().or_else(|| camera::up(&cameras)) else { return Ok(None) };
        let places = capture.points.as_ref().map_or(&[][..], |points| &points.positions);
        let places: Vec<DVec3> =
            places.iter().step_by(places.len().div_ceil(POINTS).max(1)).map(|place| place.as_dvec3()).collect();
        let used = train.len().min(PHOTOS);
        let shots: Vec<usize> = (0..used).map(|k| train[k * train.len() / used]).collect();
        let look = |&shot: &usize| {
            let photo = capture.load(shot).context("while looking for sky")?;
            Ok((shot, Cells::of(&photo, &capture.shots[shot].camera, &places, up)))
        };
        let photos = shots.par_iter().map(look).collect::<Result<Vec<_>>>()?;
        let share = photos.iter().map(|(_, cells)| cells.share()).sum::<f64>() / photos.len().max(1) as f64;
        let (percent, on) = (100.0 * share, share >= SHARE);
        match config.sky {
            Choice::Auto if !on => return Ok(None),
            Choice::Auto => log::info!(
                "{percent:.0} % of the photos is sky: even, bright, above everything else and without points; its Gaussians start on a \
                 shell far behind the capture; --sky off for none"
            ),
            _ => log::info!("{percent:.0} % of the photos is sky"),
        }
        Ok(Some(Self { photos, centre: normalisation(capture).centre, radius: SHELL * reach(capture) }))
    }

    /// The distance along a ray to the shell, capture units, where its photo shows sky.
    pub fn distance(&self, capture: &Capture, ray: &Ray) -> Option<f64> {
        let (_, cells) = self.photos.iter().find(|(shot, _)| *shot == ray.shot)?;
        let origin = ray.at(capture, 0.0);
        cells.at(ray.pixel).then(|| to_sphere(origin - self.centre, ray.at(capture, 1.0) - origin, self.radius))
    }
}

/// The distance from a point inside a sphere about zero to it, along a direction of any length, in that length.
fn to_sphere(from: DVec3, along: DVec3, radius: f64) -> f64 {
    let (a, b, c) = (along.length_squared(), from.dot(along), from.length_squared() - radius * radius);
    ((b * b - a * c).max(0.0).sqrt() - b) / a
}

impl Cells {
    /// Sky is what is even, as bright as the photo's mean at least, above the horizon, far from all points, and connected
    /// with an upper end of the photo through cells like it. `up` is a direction in the capture's frame.
    fn of(photo: &Photo, camera: &Camera, points: &[DVec3], up: DVec3) -> Self {
        let (width, height) = (photo.width as usize, photo.height as usize);
        let side = width.max(height).div_ceil(CELLS).max(2);
        let (columns, rows) = (width.div_ceil(side), height.div_ceil(side));
        let mut may = likely(photo, (columns, rows), side);
        let lens = camera.lens;
        let scale = DVec2::new(width as f64 / f64::from(lens.width), height as f64 / f64::from(lens.height));
        let rising = |column: usize, row: usize| {
            let middle = DVec2::new((column as f64 + 0.5) * side as f64, (row as f64 + 0.5) * side as f64);
            camera.ray(middle / scale).dot(up)
        };
        for (index, may) in may.iter_mut().enumerate() {
            *may &= rising(index % columns, index / columns) > 0.0;
        }
        for (pixel, _) in points.iter().filter_map(|&point| camera.project(point)) {
            let at = (pixel * scale / side as f64).floor();
            let near = |centre: f64, most: usize| {
                (centre - 1.0).max(0.0) as usize..((centre + 2.0).max(0.0) as usize).min(most)
            };
            for row in near(at.y, rows) {
                near(at.x, columns).for_each(|column| may[row * columns + column] = false);
            }
        }
        let shows = upward(&may, (columns, rows), rising);
        Self { columns, side, shows }
    }

    fn share(&self) -> f64 {
        self.shows.iter().filter(|&&shows| shows).count() as f64 / self.shows.len().max(1) as f64
    }

    fn at(&self, pixel: DVec2) -> bool {
        let (column, row) = (pixel.x as usize / self.side, pixel.y as usize / self.side);
        column < self.columns && self.shows.get(row * self.columns + column).copied().unwrap_or(false)
    }
}

/// Brightness of a photo, 0 to 255; `None` where it is masked or transparent.
fn grey(photo: &Photo, x: usize, y: usize) -> Option<f64> {
    let [r, g, b, cover] = photo.pixels[y * photo.width as usize + x];
    let shown = photo.coverage == Coverage::Opaque || cover >= 128;
    shown.then(|| (f64::from(r) + 2.0 * f64::from(g) + f64::from(b)) / 4.0)
}

/// The cells that are even and as bright as the photo's mean at least.
fn likely(photo: &Photo, (columns, rows): (usize, usize), side: usize) -> Vec<bool> {
    let (width, height) = (photo.width as usize, photo.height as usize);
    let mean_of = |values: &mut dyn Iterator<Item = f64>| {
        let (sum, count) = values.fold((0.0, 0.0), |(sum, count), value| (sum + value, count + 1.0));
        sum / f64::max(count, 1.0)
    };
    let mean = mean_of(&mut (0..width * height).filter_map(|i| grey(photo, i % width, i / width)));
    let is_even = |index: usize| {
        let (left, top) = (index % columns * side, index / columns * side);
        let inside = |x: usize, y: usize| x < width.min(left + side) && y < height.min(top + side);
        let all = || (top..height.min(top + side)).flat_map(|y| (left..width.min(left + side)).map(move |x| (x, y)));
        if all().any(|(x, y)| grey(photo, x, y).is_none()) {
            return false;
        }
        let step = |(a, b): ((usize, usize), (usize, usize))| {
            inside(b.0, b.1).then(|| Some((grey(photo, a.0, a.1)? - grey(photo, b.0, b.1)?).abs())).flatten()
        };
        let pairs = all().flat_map(|(x, y)| [((x, y), (x + 1, y)), ((x, y), (x, y + 1))]);
        mean_of(&mut pairs.filter_map(step)) <= EVEN
            && mean_of(&mut all().filter_map(|(x, y)| grey(photo, x, y))) >= mean
    };
    (0..columns * rows).map(is_even).collect()
}

/// The cells that hang together with one at an end of the photo that is its upper one there.
fn upward(may: &[bool], (columns, rows): (usize, usize), rising: impl Fn(usize, usize) -> f64) -> Vec<bool> {
    let beside = |index: usize| {
        let (column, row) = ((index % columns) as i64, (index / columns) as i64);
        let inside = move |(c, r): (i64, i64)| (0..columns as i64).contains(&c) && (0..rows as i64).contains(&r);
        [(1, 0), (-1, 0), (0, 1), (0, -1)].map(|(x, y)| {
            let (on, back) = ((column + x, row + y), (column - x, row - y));
            (inside(on).then(|| on.1 as usize * columns + on.0 as usize), inside(back).then_some(back))
        })
    };
    let at_upper_end = |index: usize| {
        let here = rising(index % columns, index / columns);
        beside(index).iter().any(|(on, back)| {
            on.is_none() && back.is_some_and(|(column, row)| here >= rising(column as usize, row as usize))
        })
    };
    let mut open: Vec<usize> = (0..may.len()).filter(|&index| may[index] && at_upper_end(index)).collect();
    let mut shows = vec![false; may.len()];
    open.iter().for_each(|&index| shows[index] = true);
    while let Some(index) = open.pop() {
        for next in beside(index).into_iter().filter_map(|(on, _)| on) {
            if may[next] && !std::mem::replace(&mut shows[next], true) {
                open.push(next);
            }
        }
    }
    shows
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::camera::{Lens, Pose};

    /// Sky over a textured ground, and a bright even board on it that does not reach the upper end.
    fn photo(size: usize) -> Photo {
        let pixel = |i: usize| {
            let (x, y) = (i % size, i / size);
            let board = (size / 4..size / 2).contains(&x) && (size / 4 + 8..size / 2 - 8).contains(&y);
            let frame = (size / 4 - 8..size / 2 + 8).contains(&x) && (size / 4..size / 2).contains(&y);
            match () {
                () if board => [250, 250, 250, 255],
                () if frame => [20, 20, 20, 255],
                () if y < size / 2 => [150, 180, 230, 255],
                () => [[40, 60, 20, 255], [130, 110, 90, 255]][(x + y) % 2],
            }
        };
        Photo {
            width: size as u32,
            height: size as u32,
            pixels: (0..size * size).map(pixel).collect(),
            coverage: Coverage::Opaque,
        }
    }

    #[test]
    fn sky_is_what_is_even_and_reaches_the_upper_end() {
        let lens = Lens::from_fov_x(1.0, 256, 256);
        let camera = Camera { pose: Pose::look_at(DVec3::ZERO, DVec3::X, DVec3::Z), lens };
        let cells = Cells::of(&photo(256), &camera, &[], DVec3::Z);
        assert!(cells.at(DVec2::new(200.0, 10.0)) && cells.at(DVec2::new(10.0, 60.0)), "sky");
        assert!(!cells.at(DVec2::new(96.0, 96.0)), "the board");
        assert!(!cells.at(DVec2::new(128.0, 200.0)), "the ground");
        assert!((cells.share() - 0.4).abs() < 0.1, "{}", cells.share());
        // Turned over, the sky is below, and nothing is above.
        let over = Camera { pose: Pose::look_at(DVec3::ZERO, DVec3::X, -DVec3::Z), lens };
        assert_eq!(Cells::of(&photo(256), &over, &[], DVec3::Z).share(), 0.0);
        // Where a point is seen is something near.
        let wall = camera.pose.centre() + 5.0 * camera.ray(DVec2::new(200.0, 10.0));
        let with_point = Cells::of(&photo(256), &camera, &[wall], DVec3::Z);
        assert!(!with_point.at(DVec2::new(200.0, 10.0)) && with_point.at(DVec2::new(10.0, 60.0)));
    }

    #[test]
    fn rays_end_on_the_shell() {
        for (from, along) in [(DVec3::ZERO, DVec3::X), (DVec3::new(0.3, -0.9, 0.2), DVec3::new(1.0, 2.0, -0.5))] {
            let at = from + along * to_sphere(from, along, 20.0);
            assert!((at.length() - 20.0).abs() < 1e-9 && (at - from).dot(along) > 0.0);
        }
    }
}
