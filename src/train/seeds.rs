//! First points of a capture that cannot be used as they are: too many, far astray, unseen, or without colour.

use std::collections::HashSet;

use glam::{DVec3, Vec3};

use crate::dataset::{Capture, Coverage, Split};
use crate::scene::{Normalisation, PointCloud};

/// Points further away than this many times the cameras' reach are mistakes of whoever wrote them.
const ASTRAY: f64 = 1e6;
/// With fewer points in view than this, random ones are the better start.
const FEWEST: usize = 32;
/// Photos that points take their colours from; each has to be decoded.
const PHOTOS: usize = 32;
/// Colours this near to the usual one are no colours of their own, where nearly all points have them.
const EQUAL: f32 = 2.0 / 255.0;

fn keep(points: PointCloud, mut wanted: impl FnMut(usize) -> bool) -> PointCloud {
    let kept: Vec<usize> = (0..points.positions.len()).filter(|&i| wanted(i)).collect();
    PointCloud {
        positions: kept.iter().map(|&i| points.positions[i]).collect(),
        colours: kept.iter().map(|&i| points.colours[i]).collect(),
        times: points.times.map(|times| kept.iter().map(|&i| times[i]).collect()),
    }
}

/// The points that training can start from, at most `most`, evenly taken from those there are; what is left out is said.
/// `None` where too few of them are in view.
pub fn usable(points: PointCloud, capture: &Capture, frame: &Normalisation, most: usize) -> Option<PointCloud> {
    let count = points.positions.len();
    let near = |position: Vec3| position.is_finite() && frame.apply(position.as_dvec3()).length() <= ASTRAY;
    let points = if points.positions.iter().all(|&position| near(position)) {
        points
    } else {
        let places = points.positions.clone();
        keep(points, |i| near(places[i]))
    };
    let left = points.positions.len();
    if left < count {
        log::warn!("{} of {count} first points are beyond {ASTRAY:e} times the cameras' reach; left out", count - left);
    }
    let seen = in_view(&points.positions, capture);
    if seen < FEWEST {
        log::warn!("only {seen} of {count} first points are in view of a camera; training starts at random instead");
        return None;
    }
    if left <= most {
        return Some(points);
    }
    log::warn!("{left} first points are more than --cap-max leaves room for; {most} of them are taken, evenly");
    Some(keep(points, |i| (i + 1) * most / left > i * most / left))
}

/// Whether so many points are in view that training starts from them.
pub fn enough(positions: &[Vec3], capture: &Capture) -> bool {
    in_view(positions, capture) >= FEWEST
}

/// The number of places of points that a training camera has in its image, counted up to [`FEWEST`].
fn in_view(positions: &[Vec3], capture: &Capture) -> usize {
    let cameras: Vec<_> =
        capture.shots.iter().filter(|shot| shot.split == Split::Train).map(|shot| shot.camera).collect();
    let mut places = HashSet::new();
    for position in positions {
        let in_image = |camera: &crate::camera::Camera| {
            let size = glam::dvec2(f64::from(camera.lens.width), f64::from(camera.lens.height));
            camera
                .project(position.as_dvec3())
                .is_some_and(|(pixel, _)| pixel.cmpge(glam::DVec2::ZERO).all() && pixel.cmplt(size).all())
        };
        if cameras.iter().any(in_image) {
            places.insert(position.to_array().map(f32::to_bits));
        }
        if places.len() >= FEWEST {
            break;
        }
    }
    places.len()
}

/// The points of a block in its cell and margin; all of a capture that is no block.
pub fn own(points: PointCloud, capture: &Capture) -> PointCloud {
    let Some((cell, _)) = capture.block.as_ref().and_then(|block| block.cell.as_ref()) else { return points };
    let places = points.positions.clone();
    keep(points, |i| cell.reaches(places[i].as_dvec3()))
}

/// Gives points their colours from the photos, where nearly all have one colour, as black of a program that wrote none.
pub fn coloured(mut points: PointCloud, capture: &Capture) -> PointCloud {
    let usual = |channel: usize| {
        let mut values: Vec<f32> = points.colours.iter().map(|colour| colour[channel]).collect();
        values.sort_by(f32::total_cmp);
        values.get(values.len() / 2).copied().unwrap_or(0.0)
    };
    let usual = Vec3::new(usual(0), usual(1), usual(2));
    let plain = points.colours.iter().filter(|colour| (**colour - usual).abs().max_element() <= EQUAL).count();
    // Points of a clip are grey where nothing is known, and their surroundings move.
    if capture.is_dynamic() || (plain as f64) < 0.95 * points.colours.len() as f64 {
        return points;
    }
    log::warn!("the first points have no colours of their own; they take them from the photos");
    let train: Vec<usize> = (0..capture.shots.len()).filter(|&i| capture.shots[i].split == Split::Train).collect();
    let used = train.len().min(PHOTOS);
    let (mut sums, mut counts) = (vec![Vec3::ZERO; points.positions.len()], vec![0.0f32; points.positions.len()]);
    for shot in (0..used).map(|k| train[k * train.len() / used]) {
        let Ok(photo) = capture.load(shot) else { continue };
        let camera = capture.shots[shot].camera;
        let places = points.positions.iter().map(|position| position.as_dvec3());
        for ((place, sum), count) in places.zip(&mut sums).zip(&mut counts) {
            if let Some(colour) = colour_at(&photo, camera.project(place).map(|(pixel, _)| pixel)) {
                *sum += colour;
                *count += 1.0;
            }
        }
    }
    for ((colour, sum), count) in points.colours.iter_mut().zip(sums).zip(counts) {
        *colour = if count > 0.0 { sum / count } else { Vec3::splat(0.5) };
    }
    points
}

/// The colour of a photo at a pixel position; `None` outside it, and where it is masked or transparent.
fn colour_at(photo: &crate::dataset::Photo, pixel: Option<glam::DVec2>) -> Option<Vec3> {
    let size = glam::dvec2(f64::from(photo.width), f64::from(photo.height));
    let pixel = pixel.filter(|pixel| pixel.cmpge(glam::DVec2::ZERO).all() && pixel.cmplt(size).all())?;
    let [r, g, b, cover] = photo.pixels[pixel.y as usize * photo.width as usize + pixel.x as usize];
    let shown = photo.coverage == Coverage::Opaque || cover >= 128;
    shown.then(|| Vec3::new(r.into(), g.into(), b.into()) / 255.0)
}

/// Points of a file that are in a georeferenced capture's own coordinates, brought to where the capture was moved.
pub fn shifted(mut points: PointCloud, shift: DVec3) -> PointCloud {
    for position in &mut points.positions {
        let moved = position.as_dvec3() - shift;
        // Those of an earlier run are there already.
        if moved.length_squared() < position.as_dvec3().length_squared() {
            *position = moved.as_vec3();
        }
    }
    points
}

#[cfg(test)]
mod tests {
    use super::*;

    /// A capture of one photo, left half red and right half green, by a camera at the origin that looks along z.
    fn capture() -> (tempfile::TempDir, Capture) {
        let root = tempfile::tempdir().unwrap();
        let file = |name: &str, text: &str| std::fs::write(root.path().join(name), text).unwrap();
        file("cameras.txt", "1 PINHOLE 40 40 40 40 20 20\n");
        file("images.txt", "1 1 0 0 0 0 0 0 1 a.png\n\n");
        let colour = |x| if x < 20 { [255, 0, 0] } else { [0, 255, 0] };
        image::RgbImage::from_fn(40, 40, |x, _| image::Rgb(colour(x))).save(root.path().join("a.png")).unwrap();
        let options = crate::dataset::CaptureOptions { test_every: 0, ..Default::default() };
        let capture = Capture::open(root.path(), &options).unwrap();
        (root, capture)
    }

    fn cloud(positions: Vec<Vec3>) -> PointCloud {
        PointCloud { colours: vec![Vec3::ZERO; positions.len()], positions, times: None }
    }

    #[test]
    fn points_without_colours_take_those_of_the_photos() {
        let (_root, capture) = capture();
        let places = [Vec3::new(-0.2, 0.1, 1.0), Vec3::new(0.3, 0.0, 2.0), Vec3::new(0.0, 0.0, -1.0)];
        let coloured = coloured(cloud(places.to_vec()), &capture);
        assert_eq!(coloured.colours, [Vec3::X, Vec3::Y, Vec3::splat(0.5)]);
        let own = PointCloud { colours: vec![Vec3::X, Vec3::Y, Vec3::Z], ..cloud(places.to_vec()) };
        assert_eq!(super::coloured(own.clone(), &capture).colours, own.colours);
    }

    #[test]
    fn points_are_used_where_enough_are_in_view() {
        let (_root, capture) = capture();
        let frame = Normalisation { centre: DVec3::ZERO, scale: 1.0 };
        let grid = |z: f32| (0..100).map(|i| Vec3::new((i % 10) as f32 * 0.01, (i / 10) as f32 * 0.01, z)).collect();
        let count =
            |points: Vec<Vec3>| usable(cloud(points), &capture, &frame, 1000).map(|points| points.positions.len());
        assert_eq!(count(grid(1.0)), Some(100));
        assert_eq!(count(grid(-1.0)), None, "behind the camera");
        assert_eq!(count(vec![Vec3::Z; 100]), None, "all in one place");
        let stray = [Vec3::splat(1e30), Vec3::new(f32::NAN, 0.0, 0.0), Vec3::new(0.0, 0.0, 2e6)];
        let mut points: Vec<Vec3> = grid(1.0);
        points.extend(stray);
        assert_eq!(count(points), Some(100));
        let thinned = usable(cloud(grid(1.0)), &capture, &frame, 40).unwrap();
        assert_eq!(thinned.positions.len(), 40);
    }

    #[test]
    fn points_are_kept_evenly() {
        let positions: Vec<Vec3> = (0..10).map(|i| Vec3::splat(i as f32)).collect();
        let cloud =
            PointCloud { colours: positions.clone(), positions, times: Some((0..10).map(|i| i as f32).collect()) };
        let most = 4;
        let kept = keep(cloud, |i| (i + 1) * most / 10 > i * most / 10);
        assert_eq!(kept.times, Some(vec![2.0, 4.0, 7.0, 9.0]));
        assert_eq!((kept.positions.len(), kept.colours[3]), (4, Vec3::splat(9.0)));
    }
}
