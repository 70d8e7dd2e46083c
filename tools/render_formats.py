"""PSNR of scenes before and after lossy formats; run by tools/render_formats."""

import json
import os
import subprocess
import sys
import tempfile
from pathlib import Path

import numpy as np
from PIL import Image
from plyfile import PlyData

CACHE = Path(sys.argv[1])
DAPPLE = os.environ["DAPPLE"]
TRANSFORM = ["node", CACHE / "st2/node_modules/@playcanvas/splat-transform/bin/cli.mjs", "-q", "-w", "-g", "cpu"]
SIZE = 400
# File, options of Dapple, options of splat-transform; None where it does not write the format.
FORMATS = [
    ("a.compressed.ply", [], []),
    ("a.splat", [], None),
    ("v3.spz", ["--spz-version", "3"], ["--spz-version", "3"]),
    ("v4.spz", [], []),
    ("a.sog", [], []),
    # A run's scene knows its up and would be turned; this leaves it as it is.
    ("a.glb", ["--up", "-y"], []),
]


def run(*command):
    done = subprocess.run([str(word) for word in command], capture_output=True, text=True)
    if done.returncode:
        raise RuntimeError(f"{' '.join(map(str, command))}: {(done.stderr or done.stdout).strip()[-400:]}")


def cameras(scene, path):
    """Three cameras around the middle of the scene, a third of a turn apart, that look slightly down."""
    vertex = PlyData.read(scene)["vertex"]
    means = np.stack([vertex[axis] for axis in "xyz"], 1).astype(float)
    middle = np.median(means, 0)
    distance = 2.5 * np.quantile(np.linalg.norm(means - middle, axis=1), 0.8)
    frames = []
    for turn in (0.3, 0.3 + 2 * np.pi / 3, 0.3 + 4 * np.pi / 3):
        # y is down in the scene; the camera's axes are right, up, back.
        back = np.array([np.sin(turn), -0.3, np.cos(turn)])
        back /= np.linalg.norm(back)
        right = np.cross([0, -1, 0], back)
        right /= np.linalg.norm(right)
        pose = np.eye(4)
        pose[:3] = np.stack([right, np.cross(back, right), back, middle + distance * back], 1)
        frames.append({"transform_matrix": pose.tolist()})
    path.write_text(json.dumps({"width": SIZE, "height": SIZE, "fov_x": 50, "cameras": frames}))


def pictures(scene, path, folder):
    run(DAPPLE, "render", scene, "--path", path, "--out", folder)
    images = [np.asarray(Image.open(image), float) for image in sorted(folder.glob("*.png"))]
    assert len(images) == 3, folder
    return images


def psnr(before, after):
    # Mean over the cameras; pictures are quantised to bytes, so that equal ones have no PSNR.
    errors = [np.mean((a - b) ** 2) for a, b in zip(before, after)]
    return np.mean([10 * np.log10(255**2 / error) if error else np.inf for error in errors])


def compare(source):
    with tempfile.TemporaryDirectory() as folder:
        work = Path(folder)
        base, path = work / "base.ply", work / "path.json"
        run(DAPPLE, "export", "--overwrite", "--views", "0", source, base)
        cameras(base, path)
        before = pictures(base, path, work / "before")
        count = PlyData.read(base)["vertex"].count
        print(f"\n{source}: {count} Gaussians\n\n| format | Dapple, dB | bytes each | splat-transform, dB | bytes each |")
        print("|---|---|---|---|---|", flush=True)
        for name, own, other in FORMATS:
            cells = []
            for who, options in (("dapple", own), ("other", other)):
                if options is None:
                    cells += ["-", "-"]
                    continue
                file = work / f"{who}.{name}"
                if who == "dapple":
                    run(DAPPLE, "export", "--overwrite", "--views", "0", base, file, *options)
                else:
                    run(*TRANSFORM, *options, base, file)
                after = pictures(file, path, work / f"{who}-{name}")
                cells += [f"{psnr(before, after):.2f}", f"{file.stat().st_size / count:.2f}"]
            print(f"| {name.split('.', 1)[1]}{' 3' if name.startswith('v3') else ''} | {' | '.join(cells)} |", flush=True)


for scene in sys.argv[2:]:
    compare(Path(scene))
