//! Georeferenced captures: brought near the origin while their numbers are still in double precision.

use glam::DVec3;

use super::source::Listing;

/// A capture further from the origin than this many times its size is centred: in single precision, positions there are
/// coarser than a ten-thousandth of it.
const FAR: f64 = 1000.0;

/// Moves frames and points by the whole number of units that [`Listing`] is far from the origin, and returns what was
/// subtracted: zero for most captures. A part of a capture is moved as the whole is.
pub fn centre(listing: &mut Listing) -> DVec3 {
    let shift = listing.part_of.unwrap_or_else(|| distance_from_origin(listing));
    if shift == DVec3::ZERO {
        return shift;
    }
    for frame in &mut listing.frames {
        frame.pose.translation += frame.pose.rotation * shift;
    }
    listing.points.iter_mut().flat_map(|points| &mut points.positions).for_each(|point| *point -= shift);
    shift
}

fn distance_from_origin(listing: &Listing) -> DVec3 {
    let centres: Vec<DVec3> = listing.frames.iter().map(|frame| frame.pose.centre()).collect();
    let mean = centres.iter().sum::<DVec3>() / centres.len().max(1) as f64;
    let reach = centres.iter().map(|centre| centre.distance(mean)).fold(0.0, f64::max);
    let mut distances: Vec<f64> =
        listing.points.iter().flat_map(|points| &points.positions).map(|point| point.distance(mean)).collect();
    distances.sort_by(f64::total_cmp);
    let size = reach.max(distances.get(distances.len() / 2).copied().unwrap_or(0.0));
    if !mean.is_finite() || size < 1e-9 || mean.length() < FAR * size {
        return DVec3::ZERO;
    }
    let step = 10f64.powf(size.log10().ceil());
    (mean / step).round() * step
}
