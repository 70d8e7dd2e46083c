"""Scenes in motion through Dapple's exports and into other programs' readers; run by tools/interop --motion.

Each row of the table is an export, a reader other than Dapple, and a time: how far the Gaussians are, and how far their
opacities, from where the scene's own container puts them by the formula of its documentation, computed here in double
precision. It fails where they are farther than the format's rounding.
"""

import json
import os
import shutil
import sys
from pathlib import Path

import numpy as np
from plyfile import PlyData
from scipy.sparse import csr_matrix
from scipy.sparse.csgraph import maximum_bipartite_matching
from scipy.spatial import cKDTree

import interop
from interop import Scene, sigmoid

DAPPLE, WORK = interop.DAPPLE, interop.WORK
TIMES = (0.0, 0.35, 1.0)
# The Gaussians' opacity below which exports leave them out, and a margin above it.
NEVER_SEEN, CLEAR = 1 / 255, 2 / 255
SPLATV = Path(__file__).with_name("interop_splatv.mjs")


class Moving:
    """A .dapple file: a safetensors file, read by its specification."""

    def __init__(self, path):
        data = Path(path).read_bytes()
        length = int.from_bytes(data[:8], "little")
        header = json.loads(data[8 : 8 + length])
        assert json.loads(header.pop("__metadata__")["dapple_scene"])["version"] == 1

        def tensor(name):
            start, end = header[name]["data_offsets"]
            return np.frombuffer(data[8 + length :][start:end], "<f4").reshape(header[name]["shape"]).astype(np.float64)

        self.mean, self.quat, self.scale = (tensor(name) for name in ("means", "quaternions", "log_scales"))
        self.logit, self.sh = tensor("logits"), tensor("sh")
        self.velocity, self.centre = tensor("velocities"), tensor("time_centres")
        self.duration, self.gate = np.exp(tensor("log_durations")), sigmoid(20 * tensor("gates"))

    def at(self, time, gates=True):
        """The scene at a time; without gates, of which formats know nothing, what fades by less than half does not fade."""
        since = time - self.centre
        gate = self.gate if gates else self.gate > 0.5
        fade = gate + (1 - gate) * np.exp(-0.5 * (since / self.duration) ** 2)
        return Scene(self.mean + self.velocity * since[:, None], self.quat, self.scale, sigmoid(self.logit) * fade, self.sh)


def write_dapple(path, mean, quat, scale, logit, sh, velocity, centre, log_duration, gate):
    arrays = dict(means=mean, quaternions=quat, log_scales=scale, logits=logit, sh=sh, velocities=velocity,
                  time_centres=centre, log_durations=log_duration, gates=gate)
    ours = json.dumps({"version": 1, "antialiased": False, "generator": "interop"})
    header, blob = {"__metadata__": {"dapple_scene": ours}}, b""
    for name, values in arrays.items():
        values = np.ascontiguousarray(values, "<f4")
        header[name] = {"dtype": "F32", "shape": list(values.shape), "data_offsets": [len(blob), len(blob) + values.nbytes]}
        blob += values.tobytes()
    text = json.dumps(header, separators=(",", ":")).encode()
    text += b" " * (-len(text) % 8)
    Path(path).write_bytes(len(text).to_bytes(8, "little") + text + blob)


def made(path, n=2000):
    """Written by this program: some fade, some never do, all within what every format holds."""
    rng = np.random.default_rng(7)
    base = interop.made_scene(n)
    gate = np.where(rng.random(n) < 0.3, 1.0, -1.0)
    logit = np.log(base.opacity / (1 - base.opacity))
    write_dapple(path, base.pos, base.quat, base.scale, logit, base.sh, rng.normal(0, 1, (n, 3)), rng.random(n),
                 rng.uniform(-2, 0, n), gate)


def trained(folder):
    """A short training of a traced clip, along lines, which is what the other formats hold."""
    source = Path("scenes/dynamic_appear.toml").read_text()
    (folder / "clip.toml").write_text(source.replace("width = 144", "width = 72").replace("height = 144", "height = 72"))
    interop.run(DAPPLE, "synth", folder / "clip.toml", folder / "clip")
    interop.run(DAPPLE, "train", folder / "clip", "--out", folder / "run", "--steps", 150, "--cap-max", 8000,
                "--motion", "linear")
    return folder / "run" / "scene.dapple"


# Readers of exports that hold motion: positions, opacities and colours at a time, by the formulas of the format.


def spacetime(path):
    """Spacetime Gaussians' PLY, by its paper's polynomial and radial basis function (Li et al. 2024, eq. 6 to 8)."""
    v = PlyData.read(str(path))["vertex"]
    stack = lambda *names: np.stack([v[name] for name in names], 1).astype(np.float64)
    motion = stack(*(f"motion_{k}" for k in range(9))).reshape(-1, 3, 3)
    mean, rgb = stack("x", "y", "z"), stack("f_dc_0", "f_dc_1", "f_dc_2")
    centre, scale = v["trbf_center"].astype(np.float64), np.exp(v["trbf_scale"].astype(np.float64))

    def at(time):
        since = time - centre
        pos = mean + sum(motion[:, k] * since[:, None] ** (k + 1) for k in range(3))
        return pos, sigmoid(v["opacity"]) * np.exp(-((since / scale) ** 2)), rgb

    return at


def splatv(path):
    """splaTV's file, through the npm package `gsplat`, which unpacks texture and header; time as in splaTV's shader."""
    done = json.loads(interop.run(*interop.NODE[3][:1], SPLATV, interop.CACHE / "gsplat", path))
    mean, motion = np.array(done["positions"]).reshape(-1, 3), np.array(done["motion"]).reshape(-1, 9)
    rgba, time_of = np.array(done["colors"]).reshape(-1, 4) / 255, np.array(done["time"]).reshape(-1, 2)

    def at(time):
        since = time - time_of[:, :1]
        pos = mean + motion[:, 0:3] * since + motion[:, 3:6] * since**2 + motion[:, 6:9] * since**3
        return pos, rgba[:, 3] * np.exp(-((since[:, 0] / time_of[:, 1]) ** 2)), rgba[:, :3]

    return at


def usd(path):
    """A stage with time samples, by OpenUSD; between samples it interpolates linearly, as positions do here."""
    from pxr import Usd

    stage = Usd.Stage.Open(str(path))
    (prim,) = [p for p in stage.Traverse() if p.GetTypeName() == "ParticleField3DGaussianSplat"]
    last = stage.GetEndTimeCode()
    assert stage.GetStartTimeCode() == 0 and last > 0
    n = len(prim.GetAttribute("positions").Get(0))
    sh = np.array(prim.GetAttribute("radiance:sphericalHarmonicsCoefficients").Get()).reshape(n, -1, 3)

    def at(time, stage=stage):  # Prims live as long as their stage.
        code = time * last
        pos = np.array(prim.GetAttribute("positions").Get(code), np.float64) * [-1, -1, 1]
        return pos, np.array(prim.GetAttribute("opacities").Get(code), np.float64), sh[:, 0] * interop.C0 + 0.5

    return at


UPRIGHT = np.array([-1, -1, 1])  # Half a turn about z: the files have y up.


def ftgs(path):
    """FreeTimeGS's PLY, by the formula of its description."""
    data = PlyData.read(str(path))
    said = dict(comment.split(" ", 1) for comment in data.comments)
    assert said["ftgs_version"] == "1" and said["time_units"] == "normalized" and said["axes"] == "y-up"
    v = data["vertex"]
    stack = lambda *names: np.stack([v[name] for name in names], 1).astype(np.float64)
    mean, velocity = stack("x", "y", "z"), stack("velocity_0", "velocity_1", "velocity_2") * int(said["use_velocity"])
    rgb, centre = stack("f_dc_0", "f_dc_1", "f_dc_2") * interop.C0 + 0.5, v["time"].astype(np.float64)
    duration = np.maximum(np.exp(v["log_duration"].astype(np.float64)), float(said["min_duration"]))

    def at(time):
        since = time - centre
        alpha = sigmoid(v["opacity"]) * np.exp(-0.5 * (since / duration) ** 2)
        return (mean + velocity * since[:, None]) * UPRIGHT, np.maximum(alpha, float(said["opacity_floor"])), rgb

    return at


def tsog(path):
    """TSOG, by the formulas of its description; the pictures by libwebp."""
    import zipfile

    from imagecodecs import webp_decode

    archive = zipfile.ZipFile(path)
    assert archive.testzip() is None and all(entry.compress_type in (0, 8) for entry in archive.infolist())
    meta = json.loads(archive.read("meta.json"))
    assert meta["version"] == 4 and meta["profile"] == {"id": "org.opsiclear.tsog-playback", "version": 1}
    n = meta["count"]

    def image(name):
        pixels = webp_decode(archive.read(name))
        # A picture whose every pixel is opaque may come without that channel.
        return pixels.reshape(-1, pixels.shape[-1])[:n].astype(np.float64)

    def words(files, channels, mins, maxs):
        low, high = (image(name)[:, :channels] for name in files)
        return np.array(mins) + (np.array(maxs) - np.array(mins)) * (low + 256 * high) / 65535

    logs = words(meta["means"]["files"], 3, meta["means"]["mins"], meta["means"]["maxs"])
    mean = np.sign(logs) * np.expm1(np.abs(logs))
    sh0 = image(meta["sh0"]["files"][0])
    rgb, alpha = np.array(meta["sh0"]["codebook"])[sh0[:, :3].astype(int)] * interop.C0 + 0.5, sh0[:, 3] / 255
    line, means = meta["timeline"], meta["temporal"]["means"]
    assert line["type"] == 1 and line["mins"][1] > 0
    time_of = words(line["files"], 2, line["mins"], line["maxs"])
    velocity = words(means["files"], 3, means["mins"][0], means["maxs"][0])

    def at(time):
        since = time - time_of[:, 0]
        return (mean + velocity * since[:, None]) * UPRIGHT, alpha * np.exp(-0.5 * (since / time_of[:, 1]) ** 2), rgb

    return at


def four_d(path):
    """4DGS, by the package `fourdgs`, which also says whether the file is valid."""
    import fourdgs

    said = interop.run(Path(sys.executable).with_name("fourdgs"), "validate", path)
    assert "valid" in said and "invalid" not in said, said
    scene = fourdgs.read(str(path))
    gaussians, header = scene.gaussians, scene.header

    def at(time):
        state = gaussians.state_at(time * header.duration_sec, header.cutoff)
        rgb = np.asarray(gaussians.colors, np.float64)[state["indices"], :3]
        return np.asarray(state["centers"]) * UPRIGHT, np.asarray(state["opacity"]), rgb

    return at


def still(scene):
    return scene.pos, scene.opacity, scene.sh[:, 0] * interop.C0 + 0.5


def compare(label, reader, time, want, found, position, opacity, colour):
    """Adds a row: every Gaussian that is clearly seen has one of its own among those found, and no other is there.

    `position`, `opacity` and `colour` are the most that they may be off by; `position` may be one for each Gaussian.
    """
    pos, alpha, rgb = found
    clear = want.opacity > CLEAR
    position = np.broadcast_to(position, len(want))
    problems = []
    if not clear.sum() <= len(pos):
        problems.append(f"{len(pos)} Gaussians, at least {clear.sum()} are seen")
    tint = want.sh[:, 0] * interop.C0 + 0.5
    # Of several at one place, the most alike in colour and opacity.
    k = min(16, len(pos))
    _, near = cKDTree(pos).query(want.pos[clear], k=k)
    near = near.reshape(-1, k)
    misses = [np.abs(pos[near] - want.pos[clear][:, None]).max(2), np.abs(alpha[near] - want.opacity[clear][:, None]),
              np.abs(rgb[near] - tint[clear][:, None]).max(2)]
    # By the worst of the three, so that one that fits is taken before one that does not.
    score = np.maximum.reduce([misses[0] / position[clear][:, None], misses[1] / opacity, misses[2] / colour])
    best = np.argmin(score, 1)
    rows = np.arange(len(best))
    off = [miss[rows, best] for miss in misses]
    # Nearly equal ones may both be most alike to the same one, and still have one each.
    fits = (misses[0] <= position[clear][:, None]) & (misses[1] <= opacity) & (misses[2] <= colour)
    pairs = csr_matrix((np.ones(fits.sum()), (np.nonzero(fits)[0], near[fits])), shape=(len(fits), len(pos)))
    alone = (maximum_bipartite_matching(pairs, perm_type="column") < 0) & fits.any(1)
    if alone.any():
        problems.append(f"{alone.sum()} have none of their own")
    for name, miss, limit in zip(("position", "opacity", "colour"), off, (position[clear], opacity, colour)):
        if (miss > limit).any():
            problems.append(f"{name} {np.max(miss):.3g}, {np.sum(miss > limit)} beyond the bound")
    verdict = "FAIL: " + "; ".join(problems) if problems else "ok"
    numbers = f"{off[0].max():>9.1e} {position[clear].max():>9.1e} {off[1].max():>9.1e} {opacity:>9.1e} {off[2].max():>9.1e}"
    print(f"{label:<34}{reader:<21}{time:>5.2f} {clear.sum():>7} {numbers}  {verdict}", flush=True)
    interop.ROWS.append(label)
    if problems:
        interop.FAILED.append(f"{label}, {reader}, at {time}: {'; '.join(problems)}")


def attempt(label, reader, work):
    try:
        work()
    except Exception as error:
        print(f"{label:<34}{reader:<21}  FAIL: {str(error)[:300] or repr(error)}", flush=True)
        interop.FAILED.append(f"{label}, {reader}: {error}")


def of_motion(name, source, scene):
    """The exports that hold motion, and those that are a moment each."""
    size = max(np.abs(scene.at(time).pos).max() for time in TIMES)
    exact = 4e-7 * size
    speed = np.abs(scene.velocity).max(1)

    path = WORK / f"{name}.spacetime.ply"
    interop.dapple(source, path)
    def check_spacetime():
        at = spacetime(path)
        for time in TIMES:
            compare(f"{name} → spacetime.ply", "plyfile + formula", time, scene.at(time, gates=False), at(time), exact, 1e-5, 1e-5)
    attempt(f"{name} → spacetime.ply", "plyfile + formula", check_spacetime)

    video = WORK / f"{name}.splatv"
    interop.dapple(source, video)
    def check_splatv():
        at = splatv(video)
        for time in TIMES:
            # Velocity and time centre are half-precision numbers, which round by at most 2⁻¹¹ of their size.
            spread = 1.01 * 2**-11 * (np.abs(time - scene.centre) + np.maximum(np.abs(scene.centre), 2**-14))
            want = interop.clipped("splat", scene.at(time, gates=False))
            # Opacity and colour are bytes, as in .splat; so near its time, the duration's rounding counts for little.
            compare(f"{name} → splatv", "npm gsplat + shader", time, want, at(time), exact + speed * spread, 0.0025, 0.0021)
    attempt(f"{name} → splatv", "npm gsplat + shader", check_splatv)

    # Extension, reader, and what the steps of the format allow: of positions, opacities and colours. The steps of 4dgs are
    # a fiftieth of the median size.
    step = 0.02 * np.median(np.exp(scene.scale.max(1)))
    for extension, reader, name_of, off in (("ftgs.ply", ftgs, "plyfile + formula", (exact, 1e-5, 1e-5)),
                                            ("tsog", tsog, "libwebp + formula", (5e-4, 0.006, 0.02)),
                                            ("4dgs", four_d, "fourdgs", (1.05 * step, 0.006, 0.0021))):
        travels = WORK / f"{name}.{extension}"
        interop.dapple(source, travels)
        back = WORK / f"{name}-{extension}.dapple"
        interop.dapple(travels, back)
        def check_travels():
            at, again = reader(travels), Moving(back)
            for time in (0.0, 0.37, 1.0):
                want = scene.at(time, gates=False)
                if extension == "4dgs":
                    want = interop.clipped("splat", want)
                compare(f"{name} → {extension}", name_of, time, want, at(time), *off)
                compare(f"{name} → {extension} → dapple", "own formula", time, want, still(again.at(time)), *off)
            print(f"{name} → {extension}: {travels.stat().st_size / len(scene.mean):.1f} bytes a Gaussian")
        attempt(f"{name} → {extension}", name_of, check_travels)

    for extension in ("usda", "usdz"):
        stage = WORK / f"{name}-times.{extension}"
        interop.dapple(source, stage, "--times", "0:1:21")
        def check_usd():
            at = usd(stage)
            for time in TIMES:
                compare(f"{name} → {extension}, 21 samples", "usd-core", time, scene.at(time), at(time), exact, 1e-5, 1e-5)
        attempt(f"{name} → {extension}, 21 samples", "usd-core", check_usd)

    # A sequence of three files at 0, 0.35, 0.7 and so on would miss the end; 21 have all three times.
    interop.dapple(source, WORK / f"{name}-frame.ply", "--times", "0:1:21")
    def check_sequence():
        for time in TIMES:
            moment = WORK / f"{name}-frame_{1 + round(20 * time):04}.ply"
            compare(f"{name} → PLY sequence", "plyfile", time, scene.at(time), still(interop.read_ply(moment)), exact, 1e-5, 1e-5)
    attempt(f"{name} → PLY sequence", "plyfile", check_sequence)

    snapshots(name, source, scene)


# Snapshots at a time: extension, options, kind, reader's name, reader.
SNAPSHOTS = [
    ("ply", [], "ply", "plyfile", interop.read_ply),
    ("compressed.ply", [], "compressed.ply", "splat-transform 3", interop.through(3)),
    ("splat", [], "splat", "splat-transform 3", interop.through(3)),
    ("spz", [], "spz", "splat-transform 2", interop.through(2)),
    ("spz", ["--spz-version", "3"], "spz", "splat-transform 2", interop.through(2)),
    ("sog", [], "sog", "splat-transform 3", interop.through(3)),
    ("meta.json", [], "sog", "splat-transform 3", interop.through(3)),
    ("glb", [], "glb", "pygltflib", interop.read_gltf),
    ("gltf", [], "glb", "pygltflib", interop.read_gltf),
    ("usda", [], "usd", "usd-core", interop.read_usd),
    ("usdz", [], "usd", "usd-core", interop.read_usd),
    ("html", [], "sog", "splat-transform 3", lambda path: interop.through(3)(packed_in(path))),
]


def packed_in(page):
    """The SOG file in a page."""
    import base64
    import re

    parts = re.findall(r'<script type="text/plain" class="scene">([^<]*)</script>', page.read_text())
    path = WORK / "in-page.sog"
    path.write_bytes(b"".join(base64.b64decode(part) for part in parts))
    return path


def snapshots(name, source, scene):
    for extension, options, kind, reader, read in SNAPSHOTS:
        label = f"{name} → {' '.join([extension, *options[1:]])} at a time"

        def check():
            for time in TIMES:
                path = interop.target("dapple", extension)
                interop.dapple(source, path, "--time", time, *options)
                want = scene.at(time)
                seen = interop.clipped(kind, want.take(want.opacity > NEVER_SEEN))
                limits = interop.tolerances(kind, seen)
                colour = interop.C0 * limits["dc"]
                clip = interop.clipped(kind, want)
                compare(label, reader, time, clip, still(read(path)), limits["pos"] + 4e-7 * size_of(want), limits["opacity"], colour)

        attempt(label, reader, check)


def size_of(scene):
    return np.abs(scene.pos).max()


def main():
    print(f"{'largest difference':<55}{'time':>5} {'N':>7} {'position':>9} {'bound':>9} {'opacity':>9} {'bound':>9} {'colour':>9}")
    made(WORK / "made.dapple")
    of_motion("made", WORK / "made.dapple", Moving(WORK / "made.dapple"))
    run = trained(WORK)
    of_motion("trained", run, Moving(run))
    shutil.rmtree(WORK)
    print(f"\n{len(interop.ROWS)} rows, {len(interop.FAILED)} failed")
    for label in interop.FAILED:
        print("FAILED:", label)
    sys.exit(bool(interop.FAILED))


main()
