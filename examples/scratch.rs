use dapple::{dataset::*, gpu::Gpu, train::config::Config, train::*};
use std::sync::Arc;
fn main() -> anyhow::Result<()> {
    env_logger::init();
    let args: Vec<String> = std::env::args().collect();
    let steps: u32 = args[2].parse()?;
    let res: u32 = args[3].parse()?;
    let cap: u32 = args[4].parse()?;
    let white = args.get(5).is_some_and(|s| s == "white");
    let stop: u32 = args.get(6).map_or(steps, |s| s.parse().unwrap());
    let capture = Arc::new(Capture::open(
        std::path::Path::new(&args[1]),
        &CaptureOptions { max_resolution: Some(res), test_every: 8, strict: false },
    )?);
    let gpu = Gpu::open(None)?;
    let t0 = std::time::Instant::now();
    let config = Config {
        steps,
        seed: 1,
        cap_max: cap,
        background: if white { "white".parse()? } else { Config::default().background },
        ..Config::default()
    };
    let mut tr = Trainer::new(&gpu, capture.clone(), config)?;
    println!("setup {:.2}", t0.elapsed().as_secs_f64());
    for (k, v) in tr.stage_times()? {
        println!("  {k}: {v:.2} ms");
    }
    let t0 = std::time::Instant::now();
    for s in 0..stop {
        tr.step()?;
        if (s + 1) % (stop / 10).max(1) == 0 {
            println!("{:?} {:.2} s", tr.statistics()?, t0.elapsed().as_secs_f64());
        }
    }
    let st = tr.stage_times()?;
    let sum: f64 = st.iter().map(|s| s.1).sum();
    for (k, v) in st {
        println!("  {k}: {v:.2} ms");
    }
    println!("sum {sum:.2}");
    let mut ps = 0.0;
    let mut n = 0.0;
    for (i, s) in capture.shots.iter().enumerate().filter(|(_, s)| s.split == Split::Test) {
        let r = tr.render_view(&s.camera)?;
        let p = capture.load(i)?;
        let bg = if white { 1.0 } else { 0.0 };
        let mut se = 0.0f64;
        for (a, b) in r.pixels.iter().zip(&p.pixels) {
            for c in 0..3 {
                let al = if p.coverage == Coverage::Alpha { b[3] as f64 / 255. } else { 1.0 };
                let t = b[c] as f64 / 255.0 + (1.0 - al) * bg;
                se += ((a[c].clamp(0., 1.) as f64) - t).powi(2);
            }
        }
        let psnr = -10.0 * (se / (r.pixels.len() as f64 * 3.0)).log10();
        ps += psnr;
        n += 1.0;
        if n == 1.0 {
            let mut im = image::RgbImage::new(r.width * 2, r.height);
            for y in 0..r.height {
                for x in 0..r.width {
                    let v = r.pixels[(y * r.width + x) as usize];
                    im.put_pixel(x, y, image::Rgb([0, 1, 2].map(|c| (v[c].clamp(0., 1.) * 255.0) as u8)));
                    let b = p.pixels[(y * r.width + x) as usize];
                    im.put_pixel(r.width + x, y, image::Rgb([b[0], b[1], b[2]]));
                }
            }
            im.save("/tmp/scratch.png")?;
        }
    }
    println!("psnr {:.3}", ps / n);
    for (k, v) in tr.gpu_bytes() {
        println!("  {k}: {v}");
    }
    Ok(())
}
