//! Stand-in.
use crate::camera::Camera;
use crate::gpu::Gpu;
use crate::model::Model;
use anyhow::Result;
use glam::{Vec3, Vec4};

#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Channel {
    Color,
    Depth,
    Alpha,
    Normal,
}
#[derive(Clone, Debug)]
pub struct RenderOptions {
    pub background: Vec3,
    pub channel: Channel,
    pub sh_degree: u32,
    pub antialiased: bool,
    pub near: f32,
}
#[derive(Clone, Debug)]
pub struct Rendered {
    pub width: u32,
    pub height: u32,
    pub pixels: Vec<Vec4>,
}
pub struct Renderer;
impl Renderer {
    pub fn new(_gpu: &Gpu) -> Result<Self> {
        Ok(Self)
    }
    pub fn render(&mut self, model: &Model, camera: &Camera, options: &RenderOptions) -> Result<Rendered> {
        let (width, height) = (camera.lens.width, camera.lens.height);
        let mut pixels = vec![options.background.extend(1.0); (width * height) as usize];
        let mut depth = vec![f64::INFINITY; pixels.len()];
        if options.channel != Channel::Color {
            pixels.fill(Vec4::W);
        }
        let scene = &model.0;
        for i in 0..scene.len() {
            let Some((p, z)) = camera.project(scene.means[i].as_dvec3()) else { continue };
            for dy in -1..=1 {
                for dx in -1..=1 {
                    let (x, y) = (p.x as i64 + dx, p.y as i64 + dy);
                    if z < f64::from(options.near) || x < 0 || y < 0 || x >= i64::from(width) || y >= i64::from(height)
                    {
                        continue;
                    }
                    let at = (y * i64::from(width) + x) as usize;
                    if z < depth[at] {
                        depth[at] = z;
                        let sh = &scene.sh[i * scene.sh_stride()..];
                        let value = match options.channel {
                            Channel::Color => Vec3::from_slice(sh) * crate::scene::SH_C0 + 0.5,
                            Channel::Depth => Vec3::splat(z as f32),
                            Channel::Alpha => Vec3::ONE,
                            Channel::Normal => Vec3::Z,
                        };
                        pixels[at] = value.extend(0.0);
                    }
                }
            }
        }
        Ok(Rendered { width, height, pixels })
    }
}
