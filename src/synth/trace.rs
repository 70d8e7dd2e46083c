//! The ray tracer: images of a described world.

use std::ops::Range;
use std::sync::Arc;

use glam::{DMat3, DVec2, DVec3, EulerRot, FloatExt, dvec2};
use rayon::prelude::*;

use super::describe::{Backdrop, Description, Material};
use super::light::{Lamp, SkyDome, fresnel, highlight, uncovered};
use super::motion::ObjectMotion;
use super::pattern::mix64;
use super::shape::Shape;
use crate::camera::Camera;

/// Share of the open sky's light that surfaces covering the sky are assumed to receive.
const BOUNCE: f64 = 0.45;

/// One solid placed in the world.
#[derive(Clone)]
struct Solid {
    shape: Shape,
    material: usize,
    motion: ObjectMotion,
    /// Place and turn (from its own axes to the world's) as described.
    at: DVec3,
    turn: DMat3,
    /// Whether the solid is visible at the world's time, and its place then.
    present: bool,
    centre: DVec3,
    /// From the world's axes to the solid's own.
    to_local: DMat3,
    half: DVec3,
    /// Radius of the sphere around the solid.
    reach: f64,
    /// Mean linear reflectance.
    tint: DVec3,
}

impl Solid {
    fn place(&mut self, time: f64) {
        let (turn, centre) = self.motion.place(self.at, time);
        self.present = self.motion.present(time);
        self.centre = centre;
        self.to_local = (turn * self.turn).transpose();
    }
}

/// A described world at one time, ready to trace.
#[derive(Clone)]
pub struct World {
    solids: Vec<Solid>,
    materials: Arc<Vec<Material>>,
    lamps: Arc<Vec<Lamp>>,
    sky: Arc<SkyDome>,
    background: Backdrop,
    samples: u32,
    /// Radiance of white matte surfaces in the open, for light that comes by way of other surfaces.
    bounced: DVec3,
    /// Factor of the camera on the light that it takes in.
    gain: DVec3,
    /// Share of the light that its lens loses in the farthest corner; it grows with the square of the distance.
    vignetting: f64,
}

/// The first surface along a ray.
#[derive(Clone, Copy)]
pub struct SurfaceHit {
    /// Distance along the ray, world units.
    pub distance: f64,
    pub position: DVec3,
    /// Unit outward normal in the world.
    pub normal: DVec3,
    solid: usize,
}

/// One pixel of a traced image.
#[derive(Clone, Copy, Default)]
pub struct Pixel {
    /// Display sRGB and straight alpha.
    pub colour: [u8; 4],
    /// Depth z at the pixel's centre; 0 where no surface is met.
    pub depth: f32,
    /// Unit normal in the world at the pixel's centre; 0 where no surface is met.
    pub normal: DVec3,
}

impl World {
    /// The world at the time 0.
    pub fn new(description: Description) -> Self {
        let names: Vec<String> = description.material.keys().cloned().collect();
        let materials: Vec<Material> = description.material.into_values().map(|m| m.into_inner()).collect();
        let solids = description.object.into_iter().map(|object| {
            let object = object.into_inner();
            let material = names.binary_search(&object.material).expect("the description was checked");
            let turn = object.turn * std::f64::consts::PI / 180.0;
            let half = object.shape.half_extent();
            let turn = DMat3::from_euler(EulerRot::ZYX, turn.z, turn.y, turn.x);
            let mut solid = Solid {
                tint: tint(&materials[material], half),
                material,
                at: object.at,
                turn,
                present: true,
                centre: object.at,
                to_local: turn.transpose(),
                half,
                reach: half.length(),
                shape: object.shape,
                motion: object.motion,
            };
            solid.place(0.0);
            solid
        });
        let solids = solids.collect();
        let lamps: Vec<Lamp> = description.light.iter().map(|l| Lamp::from(l.get_ref())).collect();
        let sky = SkyDome::from(description.sky.get_ref());
        let direct: DVec3 = lamps.iter().map(|l| l.power * l.direction.z.max(0.0)).sum();
        let bounced = BOUNCE * (direct + sky.open(DVec3::Z));
        let image = description.image.into_inner();
        Self {
            solids,
            materials: Arc::new(materials),
            lamps: Arc::new(lamps),
            sky: Arc::new(sky),
            background: image.background,
            samples: image.samples,
            bounced,
            gain: DVec3::ONE,
            vignetting: 0.0,
        }
    }

    /// The world through a camera that takes in so many times the light, and whose lens loses a share of it in the corner.
    pub fn exposed(self, gain: DVec3, vignetting: f64) -> Self {
        Self { gain, vignetting, ..self }
    }

    /// The world at another time.
    pub fn at(&self, time: f64) -> Self {
        let mut world = self.clone();
        world.solids.iter_mut().for_each(|solid| solid.place(time));
        world
    }

    /// Position of the surface point `hit` of this world in the same world at another time; `None` if its solid is gone.
    pub fn carry(&self, hit: &SurfaceHit, then: &World) -> Option<DVec3> {
        let (here, there) = (&self.solids[hit.solid], &then.solids[hit.solid]);
        let local = here.to_local * (hit.position - here.centre);
        there.present.then(|| there.centre + there.to_local.transpose() * local)
    }

    /// Whether images have an alpha channel.
    pub fn transparent(&self) -> bool {
        matches!(self.background, Backdrop::Transparent)
    }

    /// Traces an image, row-major from the top left. A pixel is the mean of the linear radiances of its stratified
    /// samples (a box filter), each clipped at white, then encoded as sRGB. Depth and normal are of its centre alone.
    pub fn trace(&self, camera: &Camera) -> Vec<Pixel> {
        let (width, height) = (camera.lens.width as usize, camera.lens.height as usize);
        let mut pixels = vec![Pixel::default(); width * height];
        pixels.par_chunks_mut(width).enumerate().for_each(|(row, line)| {
            for (column, pixel) in line.iter_mut().enumerate() {
                *pixel = self.pixel(camera, dvec2(column as f64, row as f64));
            }
        });
        pixels
    }

    fn pixel(&self, camera: &Camera, corner: DVec2) -> Pixel {
        let (eye, forward, n) = (camera.pose.centre(), camera.pose.forward(), f64::from(self.samples));
        let (mut sum, mut covered, mut count) = (DVec3::ZERO, 0.0, 0.0);
        let mut ambient = Ambient::default();
        let gain = self.gain * (1.0 - self.vignetting * camera.lens.off_axis(corner + 0.5));
        for i in 0..self.samples {
            for j in 0..self.samples {
                // Stratified, and no two samples share a column or a row of the finer n² grid.
                let (i, j) = (f64::from(i), f64::from(j));
                let offset = dvec2(i + (j + 0.5) / n, j + (i + 0.5) / n) / n;
                let dir = camera.ray(corner + offset);
                // Transposed, so that the lobe's samples are not tied to the pixel's.
                let lobe = dvec2(j + 0.5, i + 0.5) * (2.0 / n) - 1.0;
                count += 1.0;
                let radiance = match self.hit(eye, dir) {
                    Some(hit) => self.shade(&hit, dir, lobe, &mut ambient),
                    None => match self.background {
                        Backdrop::Transparent => continue,
                        Backdrop::Sky => self.sky.radiance(dir, 0.0),
                        Backdrop::Plain(colour) => colour.0,
                    },
                };
                covered += 1.0;
                sum += (gain * radiance).min(DVec3::ONE);
            }
        }
        let [r, g, b] = (sum / f64::max(covered, 1.0)).to_array().map(encode);
        let mut pixel = Pixel { colour: [r, g, b, (covered / count * 255.0).round() as u8], ..Pixel::default() };
        let dir = camera.ray(corner + 0.5);
        if let Some(hit) = self.hit(eye, dir) {
            pixel.depth = (hit.distance * dir.dot(forward)) as f32;
            pixel.normal = hit.normal;
        }
        pixel
    }

    /// The nearest surface along the ray from `origin` in the unit direction `dir`.
    pub fn hit(&self, origin: DVec3, dir: DVec3) -> Option<SurfaceHit> {
        let mut nearest = None;
        let mut limit = f64::INFINITY;
        for (index, solid) in self.solids.iter().enumerate().filter(|(_, solid)| solid.present) {
            let centre = solid.centre - origin;
            let along = centre.dot(dir);
            let off = centre.length_squared() - along * along;
            if along < -solid.reach || along - solid.reach > limit || off > solid.reach * solid.reach {
                continue;
            }
            let (o, d) = (solid.to_local * -centre, solid.to_local * dir);
            if let Some(t) = solid.shape.intersect(solid.half, o, d, limit) {
                limit = t;
                nearest = Some(index);
            }
        }
        let index = nearest?;
        let solid = &self.solids[index];
        let position = origin + dir * limit;
        let local = solid.to_local * (position - solid.centre);
        let normal = solid.to_local.transpose() * solid.shape.normal(local);
        Some(SurfaceHit { distance: limit, position, normal, solid: index })
    }

    /// Linear radiance towards the origin of the ray `dir` that made `hit`. `lobe`, in -1..=1, picks the sample of glossy
    /// reflections.
    fn shade(&self, hit: &SurfaceHit, dir: DVec3, lobe: DVec2, ambient: &mut Ambient) -> DVec3 {
        let solid = &self.solids[hit.solid];
        let material = &self.materials[solid.material];
        let view = -dir;
        let albedo = self.albedo(hit);
        let f0 = DVec3::splat(0.04).lerp(albedo, material.metal);
        let diffuse = albedo * (1.0 - material.metal);
        let shiny = material.roughness < 1.0;

        let mut light = ambient.get(hit, || self.ambient(hit));
        let mut gloss = DVec3::ZERO;
        for lamp in self.lamps.iter() {
            let facing = hit.normal.dot(lamp.direction);
            if facing <= 0.0 {
                continue;
            }
            let seen = self.visible(hit, lamp.direction, lamp.spread, -1.0).0;
            light += lamp.power * facing * seen;
            if shiny && seen > 0.0 {
                gloss += highlight(lamp, hit.normal, view, f0, material.roughness) * seen;
            }
        }
        let mut kept = DVec3::ONE;
        if shiny {
            let reflectance = fresnel(f0, hit.normal.dot(view), material.roughness);
            // A rough dielectric scatters part of its reflection, which the body colour then stands for.
            let strength = reflectance * (1.0 - material.roughness).lerp(1.0, material.metal);
            kept -= strength;
            gloss += strength * self.reflection(hit, dir, material.roughness, lobe);
        }
        diffuse * light * kept + gloss
    }

    /// Pattern colour at a hit, linear.
    fn albedo(&self, hit: &SurfaceHit) -> DVec3 {
        let solid = &self.solids[hit.solid];
        let local = solid.to_local * (hit.position - solid.centre);
        let pattern = &self.materials[solid.material].pattern;
        pattern.colour(local, solid.to_local * hit.normal).clamp(DVec3::ZERO, DVec3::ONE)
    }

    /// Radiance that a glossy surface reflects: from other solids, taken as matte, or the sky. The samples of a pixel share out a lobe about as
    /// wide as GGX's, the same for all pixels and so without noise.
    fn reflection(&self, hit: &SurfaceHit, dir: DVec3, roughness: f64, lobe: DVec2) -> DVec3 {
        let mirror = dir - 2.0 * dir.dot(hit.normal) * hit.normal;
        let (u, v) = mirror.any_orthonormal_pair();
        let spread = roughness * roughness;
        let mirrored = (mirror + spread * (lobe.x * u + lobe.y * v)).normalize();
        let Some(other) = self.hit(hit.position + hit.normal * 1e-5, mirrored) else {
            return self.sky.radiance(mirrored, spread);
        };
        let mut light = self.sky.open(other.normal) * 0.7;
        for lamp in self.lamps.iter() {
            let facing = other.normal.dot(lamp.direction);
            if facing > 0.0 {
                light += lamp.power * facing * self.visible(&other, lamp.direction, lamp.spread, -1.0).0;
            }
        }
        self.albedo(&other) * light
    }

    /// Light from the sky and from the surfaces that cover it, as the radiance of a white matte surface.
    fn ambient(&self, hit: &SurfaceHit) -> DVec3 {
        self.sky.gather(hit.normal, |direction, radiance| {
            // The cones are wider than many solids are thick, so a covered axis counts as all covered.
            let (seen, blocker) = self.visible(hit, direction, self.sky.spread, 0.0);
            let covering = blocker.map_or(DVec3::ZERO, |b| self.solids[b].tint * self.bounced);
            radiance * seen + covering * (1.0 - seen)
        })
    }

    /// The visible part of a round light around `dir`, `spread` = tangent of its angular radius, and the solid that hides
    /// the most of it. Walks the central ray and keeps the smallest ratio of clearance to the light cone's radius, which
    /// is exact for a straight edge and free of noise for all others. All is dark where the ratio falls to `dark`.
    fn visible(&self, hit: &SurfaceHit, dir: DVec3, spread: f64, dark: f64) -> (f64, Option<usize>) {
        let (mut gap, mut blocker) = (1.0, None);
        let start = hit.position + hit.normal * 1e-4;
        for (index, solid) in self.solids.iter().enumerate() {
            if !solid.present || index == hit.solid && solid.shape.is_convex() {
                continue;
            }
            let centre = solid.centre - start;
            let (along, reach) = (centre.dot(dir), solid.reach);
            // Only what comes nearer the axis than `gap` light radii matters from here on.
            let wide = reach + (along + reach) * spread * gap;
            if along < -reach || wide < 0.0 || centre.length_squared() - along * along > wide * wide {
                continue;
            }
            let (o, d) = (solid.to_local * -centre, solid.to_local * dir);
            // A ray that starts beyond one side of the solid's box and leaves it fast enough stays clear of it.
            let beyond = o.abs().cmpge(solid.half) & (d * o.signum()).cmpge(DVec3::splat(spread * gap));
            if beyond.any() {
                continue;
            }
            let start = (along - reach).max(0.01 * reach);
            let nearer = clearance(&solid.shape, o, d, start..along + reach, spread, (gap, dark));
            if nearer < gap {
                (gap, blocker) = (nearer, Some(index));
            }
            if gap <= dark {
                break;
            }
        }
        (uncovered((gap - dark) / (1.0 - dark)), blocker)
    }
}

/// The smallest ratio of signed distance to light-cone radius in a range of distances along a ray, from `gap` down to `dark`.
fn clearance(shape: &Shape, origin: DVec3, dir: DVec3, range: Range<f64>, spread: f64, (gap, dark): (f64, f64)) -> f64 {
    let mut gap = gap;
    let mut t = range.start;
    for _ in 0..64 {
        if t > range.end || gap <= dark {
            break;
        }
        let distance = shape.distance(origin + dir * t);
        gap = gap.min(distance / (spread * t));
        // The least step, a part of the penumbra's width, carries the walk through the surface.
        t += distance.abs().max(0.3 * spread * t).max(1e-3 * range.end);
    }
    gap.max(dark)
}

/// Ambient light found in one pixel: samples of the same smooth surface share it, since it varies slowly.
#[derive(Default)]
struct Ambient(Vec<(usize, DVec3, DVec3)>);

impl Ambient {
    fn get(&mut self, hit: &SurfaceHit, find: impl FnOnce() -> DVec3) -> DVec3 {
        let known = self.0.iter().find(|(solid, normal, _)| *solid == hit.solid && normal.dot(hit.normal) > 0.95);
        known.map(|k| k.2).unwrap_or_else(|| {
            let light = find();
            self.0.push((hit.solid, hit.normal, light));
            light
        })
    }
}

/// The mean colour of a material over a box of half size `half`.
fn tint(material: &Material, half: DVec3) -> DVec3 {
    const PROBES: u64 = 128;
    let part = |k: u64| (mix64(k) >> 11) as f64 / (1u64 << 52) as f64 - 1.0;
    let probe = |k: u64| half * DVec3::new(part(3 * k), part(3 * k + 1), part(3 * k + 2));
    (0..PROBES).map(|k| material.pattern.colour(probe(k), DVec3::X)).sum::<DVec3>() / PROBES as f64
}

/// Linear radiance to 8-bit display sRGB (IEC 61966-2-1).
fn encode(linear: f64) -> u8 {
    let x = linear.clamp(0.0, 1.0);
    let encoded = if x <= 0.003_130_8 { 12.92 * x } else { 1.055 * x.powf(1.0 / 2.4) - 0.055 };
    (encoded * 255.0).round() as u8
}
