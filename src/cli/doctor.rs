//! `dapple doctor`: the machine as Dapple finds it, for reports of faults, and what is likely to help.

use std::path::Path;
use std::process::{Command, ExitCode, Stdio};

use anyhow::{Result, ensure};
use glam::{DVec3, Vec3};
use serde_json::{Value, json};

use crate::camera::{Camera, Lens, Pose};
use crate::gpu::Gpu;
use crate::gpu::adapter::{Ability, abilities};
use crate::render::{Channel, SceneView};
use crate::scene::Scene;

/// Variables that change which drivers are found or used.
const VARIABLES: [&str; 8] = [
    "VK_DRIVER_FILES",
    "VK_ICD_FILENAMES",
    "VK_LOADER_DRIVERS_DISABLE",
    "MESA_VK_DEVICE_SELECT",
    "LP_NUM_THREADS",
    "LP_NATIVE_VECTOR_WIDTH",
    "DISPLAY",
    "WAYLAND_DISPLAY",
];
/// Folders in which Vulkan's loader looks for drivers on Linux.
const DRIVERS: [&str; 3] = ["/usr/share/vulkan/icd.d", "/etc/vulkan/icd.d", "/usr/local/share/vulkan/icd.d"];
/// The storage buffers that Dapple's kernels bind at most, and the least that WebGPU promises for the size of one.
const BUFFERS: u32 = 8;
const BYTES: u64 = 128 << 20;

/// Print adapters, drivers, limits and versions, try the GPU, and say what may help; for issue reports
///
/// The exit code is 1 where no adapter works.
#[derive(clap::Args)]
pub struct Args {
    /// Print JSON: {"version", "system", "adapters", "device", "tools", "environment", "remedies"}
    #[arg(long)]
    json: bool,
    /// GPU adapter to try: its index, part of its name, or back end and one of these (`vulkan:0`)
    #[arg(long)]
    adapter: Option<String>,
}

pub fn run(args: &Args) -> Result<ExitCode> {
    let abilities = abilities();
    let tried = probe(args.adapter.as_deref());
    let remedies = remedies(&abilities, &tried);
    let facts = json!({
        "version": env!("CARGO_PKG_VERSION"),
        "features": if cfg!(feature = "viewer") { "cli, viewer" } else { "cli" },
        "system": system(),
        "adapters": abilities.iter().map(adapter).collect::<Vec<_>>(),
        "device": match &tried {
            Ok(device) => json!({ "works": true, "name": device }),
            Err(error) => json!({ "works": false, "error": format!("{error:#}") }),
        },
        "tools": { "ffmpeg": first_line("ffmpeg", "-version"), "colmap": first_line("colmap", "-h") },
        "drivers": driver_files(),
        "environment": environment(),
        "remedies": remedies,
    });
    if args.json {
        println!("{facts:#}");
    } else {
        print(&facts);
    }
    Ok(if tried.is_ok() { ExitCode::SUCCESS } else { ExitCode::FAILURE })
}

/// Renders one Gaussian, and returns the device that did.
fn probe(adapter: Option<&str>) -> Result<String> {
    let gpu = Gpu::open(adapter)?;
    let scene = Scene {
        means: vec![Vec3::ZERO],
        quaternions: vec![[1.0, 0.0, 0.0, 0.0]],
        log_scales: vec![Vec3::splat(-1.0)],
        logits: vec![4.0],
        sh: vec![1.0; 3],
        ..Scene::default()
    };
    let pose = Pose::look_at(DVec3::new(0.0, 0.0, 3.0), DVec3::ZERO, DVec3::Y);
    let camera = Camera { pose, lens: Lens::from_fov_x(0.7, 64, 64) };
    let mut view = SceneView::new(&gpu, scene, &[camera], Vec3::ZERO, Channel::Color)?;
    let image = view.render(&camera, 0.0)?;
    let brightest = image.pixels.iter().map(|pixel| pixel.x).fold(0.0, f32::max);
    ensure!(brightest > 0.1, "the GPU renders a wrong image ({brightest} at its brightest); update its driver");
    Ok(gpu.describe())
}

fn system() -> Value {
    let text = |path: &str| std::fs::read_to_string(path).unwrap_or_default();
    let release = text("/etc/os-release");
    let named = release.lines().find_map(|line| line.strip_prefix("PRETTY_NAME=")).map(|name| name.trim_matches('"'));
    let memory = text("/proc/meminfo");
    let kilobytes = memory.lines().find_map(|line| line.strip_prefix("MemTotal:")?.split_whitespace().next());
    let kernel = text("/proc/sys/kernel/osrelease");
    json!({
        "os": named.unwrap_or(std::env::consts::OS),
        "kernel": Some(kernel.trim()).filter(|kernel| !kernel.is_empty()),
        "architecture": std::env::consts::ARCH,
        "cores": std::thread::available_parallelism().map(std::num::NonZero::get).ok(),
        "memory_bytes": kilobytes.and_then(|text| text.parse::<u64>().ok()).map(|kilobytes| kilobytes * 1024),
    })
}

fn adapter(ability: &Ability) -> Value {
    let (info, limits) = (&ability.adapter.info, &ability.limits);
    json!({
        "index": ability.adapter.index,
        "name": info.name,
        "type": format!("{:?}", info.device_type),
        "backend": format!("{:?}", info.backend),
        "driver": format!("{} {}", info.driver, info.driver_info).replace('\n', " ").trim(),
        "vendor": info.vendor,
        "device": info.device,
        "subgroups": ability.subgroups,
        "timestamps": ability.timestamps,
        "limits": {
            "max_buffer_size": limits.max_buffer_size,
            "max_storage_buffer_binding_size": limits.max_storage_buffer_binding_size,
            "max_storage_buffers_per_shader_stage": limits.max_storage_buffers_per_shader_stage,
            "max_compute_invocations_per_workgroup": limits.max_compute_invocations_per_workgroup,
            "max_compute_workgroup_storage_size": limits.max_compute_workgroup_storage_size,
            "max_compute_workgroups_per_dimension": limits.max_compute_workgroups_per_dimension,
        },
    })
}

/// The first line that a program prints; `None` where it is not installed.
fn first_line(program: &str, argument: &str) -> Option<String> {
    let output = Command::new(program).arg(argument).stdin(Stdio::null()).output().ok()?;
    let text = String::from_utf8_lossy(&output.stdout).into_owned();
    text.lines().map(str::trim).find(|line| !line.is_empty()).map(String::from)
}

/// Descriptions of Vulkan drivers.
fn driver_files() -> Vec<String> {
    let entries = DRIVERS.iter().filter_map(|folder| std::fs::read_dir(folder).ok()).flatten().flatten();
    let mut files: Vec<String> = entries.map(|entry| entry.path().display().to_string()).collect();
    files.sort();
    files
}

fn environment() -> Value {
    let set = VARIABLES.iter().filter_map(|name| Some(((*name).to_owned(), std::env::var(name).ok()?.into())));
    Value::Object(set.collect())
}

/// What may help, one sentence each.
fn remedies(abilities: &[Ability], tried: &Result<String>) -> Vec<String> {
    let mut all = Vec::new();
    if let Err(error) = tried {
        all.push(format!("{error:#}"));
    }
    let software = |one: &Ability| one.adapter.info.device_type == wgpu::DeviceType::Cpu;
    if !abilities.is_empty() && abilities.iter().all(software) {
        all.push(
            "only a software adapter was found, which is some hundred times slower than a GPU; install the GPU's Vulkan \
             driver (NVIDIA: its own package with libnvidia-gl; AMD and Intel: mesa-vulkan-drivers), and in a container \
             hand the GPU in (docker run --gpus all -e NVIDIA_DRIVER_CAPABILITIES=all, or --device /dev/dri)"
                .into(),
        );
        if Path::new("/dev/nvidia0").exists() {
            all.push(
                "there is an NVIDIA GPU (/dev/nvidia0) without a Vulkan driver: its nvidia_icd.json and \
                 libGLX_nvidia are missing"
                    .into(),
            );
        }
    }
    if let Some(best) = abilities.first() {
        let limits = &best.limits;
        if limits.max_storage_buffers_per_shader_stage < BUFFERS {
            all.push(format!(
                "the best adapter binds {} storage buffers a kernel, {BUFFERS} are needed; a newer driver may have more",
                limits.max_storage_buffers_per_shader_stage
            ));
        }
        if limits.max_buffer_size.min(limits.max_storage_buffer_binding_size) < BYTES {
            all.push("the best adapter's buffers are small; train with fewer Gaussians (--cap-max)".into());
        }
    }
    if first_line("ffmpeg", "-version").is_none() {
        all.push("without ffmpeg no videos are read or written; install it (Debian: apt-get install ffmpeg)".into());
    }
    let set = |name: &str| std::env::var_os(name).is_some();
    if cfg!(all(feature = "viewer", target_os = "linux")) && !set("DISPLAY") && !set("WAYLAND_DISPLAY") {
        all.push("there is no display: `dapple view` and --view need one; everything else works without".into());
    }
    all
}

/// The facts for people.
fn print(facts: &Value) {
    let text = |value: &Value| value.as_str().map_or_else(|| value.to_string(), String::from);
    let system = &facts["system"];
    println!("dapple       {} ({})", text(&facts["version"]), text(&facts["features"]));
    let memory = system["memory_bytes"]
        .as_u64()
        .map_or(String::new(), |bytes| format!(", {:.1} GiB memory", bytes as f64 / f64::from(1 << 30)));
    println!(
        "system       {}, {}, {} cores{memory}",
        text(&system["os"]),
        text(&system["architecture"]),
        system["cores"]
    );
    if !system["kernel"].is_null() {
        println!("kernel       {}", text(&system["kernel"]));
    }
    let adapters = facts["adapters"].as_array().map_or(&[][..], Vec::as_slice);
    if adapters.is_empty() {
        println!("adapters     none");
    }
    for one in adapters {
        println!(
            "adapter {}    {} ({}, {})",
            one["index"],
            text(&one["name"]),
            text(&one["type"]),
            text(&one["backend"])
        );
        println!("  driver     {}", text(&one["driver"]));
        println!("  subgroups  {}, timestamps {}", one["subgroups"], one["timestamps"]);
        for (name, value) in one["limits"].as_object().into_iter().flatten() {
            println!("  {name} {value}");
        }
    }
    match facts["device"]["works"].as_bool() {
        Some(true) => println!("device       works: {}", text(&facts["device"]["name"])),
        _ => println!("device       does not work: {}", text(&facts["device"]["error"])),
    }
    for (name, found) in facts["tools"].as_object().into_iter().flatten() {
        println!("{name:<12} {}", found.as_str().unwrap_or("not found"));
    }
    for file in facts["drivers"].as_array().into_iter().flatten() {
        println!("driver file  {}", text(file));
    }
    for (name, value) in facts["environment"].as_object().into_iter().flatten() {
        println!("environment  {name}={}", text(value));
    }
    for remedy in facts["remedies"].as_array().into_iter().flatten() {
        println!("remedy: {}", text(remedy));
    }
}
