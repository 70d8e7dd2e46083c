//! The appearance of photos on the device: forward, adjoint, Adam with the mean at the identity, and what is measured.

use dapple::gpu::{Buffer, Gpu, Recorder};
use dapple::render::FrameStatus;
use dapple::train::Config;
use dapple::train::appearance::kernels::{
    Appearance, BANDS, MeasureAppearance, RINGS, Shown, TransformPass, Transforms,
};
use dapple::train::schedule::{Schedule, bias_corrections};
use dapple::train::update::Step;
use glam::Vec4;

use crate::reference::adam::Moments;
use crate::reference::appearance::{Axis, Photo, State, Values, backward, falloff, measure, shown};
use crate::reference::cases::{Rng, narrow};
use crate::support::gpu;

const ALPHA: u32 = 1;
const MASK: u32 = 2;
const BACKGROUND: [f64; 3] = [0.25, 0.875, 0.5];
const RATE: f32 = 0.03;
const LENS_RATE: f32 = 0.004;
const LENS: [f64; 3] = [-0.25, 0.125, -0.375];

/// A lens's axis off the middle of an image of about as many rows as columns.
fn axis(count: usize) -> Axis {
    let width = (count as f64).sqrt().ceil();
    Axis { width: width as usize, at: [narrow(0.3 * width), narrow(0.6 * width)], corner: 0.8507 * width * width }
}

/// Photos with random transforms about the identity.
fn values(rng: &mut Rng, photos: usize) -> Vec<Values<f64>> {
    let mut all: Vec<Values<f64>> = (0..photos)
        .map(|_| std::array::from_fn(|_| std::array::from_fn(|_| narrow(0.3 * rng.unit() - 0.15))))
        .collect();
    for entry in 0..12 {
        let mean = all.iter().map(|v| v[entry / 4][entry % 4]).sum::<f64>() / photos as f64;
        all.iter_mut().for_each(|v| v[entry / 4][entry % 4] = narrow(v[entry / 4][entry % 4] - mean));
    }
    all
}

/// Random pixels of rgb and opacity, some beyond white or below black once they are transformed, and their gradient.
fn images(rng: &mut Rng, count: usize) -> (Vec<[f64; 4]>, Vec<[f64; 4]>) {
    let mut four =
        |low: f64, high: f64| -> [f64; 4] { std::array::from_fn(|_| narrow(low + (high - low) * rng.unit())) };
    let pixel = |[r, g, b, a]: [f64; 4]| [1.4 * r - 0.2, 1.4 * g - 0.2, 1.4 * b - 0.2, narrow(1.0 - a)].map(narrow);
    (0..count).map(|_| (pixel(four(0.0, 1.0)), four(-1.0, 1.0))).unzip()
}

fn vectors(rows: impl IntoIterator<Item = [f64; 4]>) -> Vec<Vec4> {
    rows.into_iter().map(|row| Vec4::from_array(row.map(|v| v as f32))).collect()
}

/// The device holds transmittance where the twin has opacity.
fn rendered(pixels: &[[f64; 4]]) -> Vec<Vec4> {
    vectors(pixels.iter().map(|&[r, g, b, opacity]| [r, g, b, 1.0 - opacity]))
}

/// Settings of a step through the lens.
fn settings(count: usize) -> Appearance {
    let (background, axis) = (Vec4::from_array([0.25, 0.875, 0.5, 0.0]), axis(count));
    let [axis_x, axis_y] = axis.at.map(|v| v as f32);
    let (width, reach) = (axis.width as u32, (1.0 / axis.corner) as f32);
    Appearance { pixels: count as u32, width, background, axis_x, axis_y, reach, ..Appearance::default() }
}

fn state(own: Vec<Values<f64>>) -> State {
    let moments = vec![[[Moments::default(); 4]; 3]; own.len()];
    State { values: own, moments, lens: LENS, lens_moments: [Moments::default(); 3] }
}

/// The transforms of photos on the device with what a step on one needs.
struct Rig {
    gpu: Gpu,
    pass: TransformPass,
    settings: Buffer<Appearance>,
    state: [Buffer<Vec4>; 3],
    step: Buffer<Step>,
    status: Buffer<FrameStatus>,
}

impl Rig {
    fn new(values: &[Values<f64>], pixels: usize) -> Self {
        let gpu = gpu();
        let lens = [LENS[0], LENS[1], LENS[2], 0.0];
        let rows = vectors(values.iter().flatten().copied().chain([lens]));
        let schedule = Schedule::new(&Config::default(), vec![0]);
        Self {
            pass: TransformPass::new(&gpu, pixels).unwrap(),
            settings: gpu.zeros("settings", 1).unwrap(),
            state: [
                gpu.upload("values", &rows).unwrap(),
                gpu.zeros("moments", rows.len()).unwrap(),
                gpu.zeros("moments", rows.len()).unwrap(),
            ],
            // Its own corrections are not those of a photo.
            step: gpu.upload("step", &[schedule.step(700, 1)]).unwrap(),
            status: gpu.zeros("status", 1).unwrap(),
            gpu,
        }
    }

    /// A step on a photo, seen for the `seen`th time, and on its lens, where it has one, for the `through`th time; the
    /// image as shown and the gradient of the rendered one.
    fn step(
        &self,
        photo: usize,
        (seen, through): (u32, Option<u32>),
        kind: u32,
        pixels: &[[f64; 4]],
        upstream: &[[f64; 4]],
    ) -> [Vec<Vec4>; 2] {
        let (count, lens) = (pixels.len() as u32, self.state[0].len() as u32 - 1);
        let [correction1, correction2] = bias_corrections(seen - 1);
        let [lens_correction1, lens_correction2] = bias_corrections(through.unwrap_or(1) - 1);
        self.gpu.write(
            &self.settings,
            0,
            &[Appearance {
                photo: photo as u32,
                photos: lens / 3,
                target_kind: kind,
                lr: RATE,
                correction1,
                correction2,
                lens_lr: LENS_RATE,
                lens_correction1,
                lens_correction2,
                lens: through.map_or(0, |_| lens),
                ..settings(pixels.len())
            }],
        );
        let image = self.gpu.upload("image", &rendered(pixels)).unwrap();
        let gradient = self.gpu.upload("gradient", &vec![Vec4::NAN; pixels.len()]).unwrap();
        self.gpu.write(self.pass.shown().gradient, 0, &vectors(upstream.iter().copied()));
        let mut recorder = Recorder::new(&self.gpu, false);
        let [values, first, second] = &self.state;
        self.pass.record(&mut recorder, &self.settings, values, &image, count);
        let transforms = Transforms { values, moments: [first, second] };
        let shown = Shown { image: &image, gradient: &gradient };
        let marks = (&self.step, &self.status);
        self.pass.record_backward(&mut recorder, &self.settings, transforms, shown, count, marks);
        recorder.finish().unwrap();
        let image = self.gpu.read_range(self.pass.shown().image, 0, pixels.len()).unwrap();
        [image, self.gpu.read(&gradient).unwrap()]
    }

    fn read(&self, part: usize) -> Vec<Vec4> {
        self.gpu.read(&self.state[part]).unwrap()
    }
}

/// Relative L2 error.
fn error(got: &[Vec4], want: impl IntoIterator<Item = [f64; 4]>) -> f64 {
    let (mut difference, mut size) = (0.0, 0.0);
    for (got, want) in got.iter().zip(want) {
        for lane in 0..4 {
            difference += (f64::from(got[lane]) - want[lane]).powi(2);
            size += want[lane].powi(2);
        }
    }
    if size > 0.0 { (difference / size).sqrt() } else { f64::sqrt(difference) }
}

#[test]
fn a_photo_appears_and_its_gradient_agrees() {
    let mut rng = Rng::new(5);
    let mut worst = [0.0_f64; 4];
    // Around the pixels of a workgroup, and more workgroups than an invocation each of the sum.
    for count in [1, 63, 64, 65, 1023, 1024, 1025, 5000, 64 * 1024 + 1, 70_001] {
        for (kind, through) in [(0, None), (ALPHA, Some(1)), (MASK, Some(1)), (ALPHA, None), (0, Some(1))] {
            let (photos, photo) = (7, count % 7);
            let k = through.map_or([0.0; 3], |_| LENS);
            let own = values(&mut rng, photos);
            let rig = Rig::new(&own, count);
            let (pixels, upstream) = images(&mut rng, count);
            let [image, gradient] = rig.step(photo, (1, through), kind, &pixels, &upstream);
            let about = Photo { background: BACKGROUND, cut_out: kind == ALPHA };
            let want = pixels.iter().enumerate().map(|(index, &pixel)| {
                let gain = falloff(&k, axis(count).powers(index)).exp();
                let [r, g, b] = shown(&own[photo], gain, pixel, &about).map(|v| v.clamp(0.0, 1.0));
                [r, g, b, 1.0 - pixel[3]]
            });
            worst[0] = worst[0].max(error(&image, want));
            let lens = (&k, &axis(count));
            let (by_pixels, by_values, by_lens) = backward(&own[photo], lens, &pixels, &upstream, &about);
            worst[1] = worst[1].max(error(&gradient, by_pixels));
            // The first moment after the first step is a tenth of the gradient with the decay.
            let mut state = state(own);
            state.step(photo, &by_values, f64::from(RATE), 1);
            let moments = rig.read(1);
            let own = &moments[3 * photo..3 * photo + 3];
            worst[2] = worst[2].max(error(own, state.moments[photo].map(|row| row.map(|m| m.m))));
            if through.is_some() {
                state.lens_step(by_lens, f64::from(LENS_RATE), 1);
            }
            let [a, b, c] = state.lens_moments.map(|m| m.m);
            worst[3] = worst[3].max(error(&moments[3 * photos..], [[a, b, c, 0.0]]));
            assert!(worst.iter().all(|error| *error < 1e-4), "{count} pixels of kind {kind}: {worst:?}");
        }
    }
    eprintln!("appearance: relative errors of image, and of the gradients of it, the transform and the lens {worst:?}");
}

#[test]
fn transforms_learn_about_the_identity() {
    let mut rng = Rng::new(6);
    for photos in [1, 2, 63, 64, 65, 200] {
        let own = values(&mut rng, photos);
        let rig = Rig::new(&own, 300);
        let mut state = state(own);
        for turn in 0..12_u32 {
            let (photo, seen) = (turn as usize * 31 % photos, 1 + turn / 3);
            let (pixels, upstream) = images(&mut rng, 300);
            rig.step(photo, (seen, Some(turn + 1)), 0, &pixels, &upstream);
            let about = Photo { background: BACKGROUND, cut_out: false };
            let lens = (&state.lens, &axis(300));
            let (_, by_values, by_lens) = backward(&state.values[photo], lens, &pixels, &upstream, &about);
            state.step(photo, &by_values, f64::from(RATE), seen);
            state.lens_step(by_lens, f64::from(LENS_RATE), turn + 1);
        }
        let mut got = rig.read(0);
        let lens = got.pop().expect("the lens");
        let off = (0..3).map(|i| (f64::from(lens[i]) - state.lens[i]).abs()).fold(0.0, f64::max);
        assert!(off < 2e-5 && lens.w == 0.0, "{photos} photos: the lens is off by {off:.2e}");
        let off = got.iter().zip(state.values.iter().flatten()).flat_map(|(got, want)| {
            let got = got.to_array();
            (0..4).map(move |i| (f64::from(got[i]) - want[i]).abs()).collect::<Vec<_>>()
        });
        let off = off.fold(0.0, f64::max);
        assert!(off < 2e-5, "{photos} photos: off by {off:.2e}");
        for row in 0..3 {
            let mean: Vec4 = got.iter().skip(row).step_by(3).sum::<Vec4>() / photos as f32;
            assert!(mean.abs().max_element() < 3e-8, "{photos} photos: the mean of row {row} is {mean}");
        }
    }
}

#[test]
fn a_frame_that_does_not_count_changes_nothing() {
    let mut rng = Rng::new(8);
    let own = values(&mut rng, 3);
    let rig = Rig::new(&own, 100);
    let (pixels, mut upstream) = images(&mut rng, 100);
    let before = rig.read(0);
    rig.gpu.write(&rig.status, 0, &[FrameStatus { overflowed: 1, ..FrameStatus::default() }]);
    rig.step(1, (1, Some(1)), 0, &pixels, &upstream);
    assert_eq!((rig.read(0), rig.read(1)), (before, vec![Vec4::ZERO; 10]), "a frame that overflowed");
    rig.gpu.write(&rig.status, 0, &[FrameStatus::default()]);
    upstream[3][1] = f64::NAN;
    rig.step(1, (1, Some(1)), 0, &pixels, &upstream);
    assert_eq!(rig.read(1), [Vec4::ZERO; 10], "a gradient that is not finite");
    assert_eq!(rig.gpu.read(&rig.status).unwrap()[0].non_finite, 1);
}

#[test]
fn bands_and_rings_are_measured() {
    const PARTS: usize = BANDS + RINGS;
    let (gpu, mut rng) = (gpu(), Rng::new(9));
    let pipeline = gpu.pipeline::<MeasureAppearance>(&[]).unwrap();
    for count in [1, 15, 16, 17, 1023, 40_000] {
        for kind in [0, ALPHA, MASK] {
            let (pixels, _) = images(&mut rng, count);
            let texels: Vec<[u8; 4]> =
                (0..count).map(|_| std::array::from_fn(|_| (256.0 * rng.unit()) as u8)).collect();
            let settings = Appearance { photo: 2, photos: 4, target_kind: kind, ..settings(count) };
            let appearance = gpu.upload("settings", &[settings]).unwrap();
            let image = gpu.upload("image", &rendered(&pixels)).unwrap();
            let target_image = gpu.upload("target", bytemuck::cast_slice::<_, u32>(&texels)).unwrap();
            let measured = gpu.upload("measured", &[Vec4::NAN; 4 * PARTS * 2]).unwrap();
            let mut recorder = Recorder::new(&gpu, false);
            recorder.stage("measure", |pass| {
                let (appearance, image) = (&appearance, &image);
                let kernel = MeasureAppearance { appearance, image, target_image: &target_image, measured: &measured };
                pipeline.dispatch_groups(pass, &kernel, PARTS as u32);
            });
            recorder.finish().unwrap();
            let photo: Vec<[f64; 4]> = texels.iter().map(|texel| texel.map(|v| f64::from(v) / 255.0)).collect();
            let about = Photo { background: BACKGROUND, cut_out: kind == ALPHA };
            let want = measure(&pixels, &photo, &about, &axis(count));
            let all = gpu.read(&measured).unwrap();
            let got = &all[4 * PARTS..6 * PARTS];
            assert!(error(got, want.into_iter().flatten()) < 1e-5, "{count} pixels of kind {kind}");
            assert!(
                all[..4 * PARTS].iter().chain(&all[6 * PARTS..]).all(|v| v.is_nan()),
                "other photos are left alone"
            );
        }
    }
}
