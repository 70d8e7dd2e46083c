#!/usr/bin/env python3
"""A guide for `dapple train --guide`: it pulls a scene towards the pictures of a NeRF-style folder.

    dapple train --out run --guide "examples/guide.py FOLDER" --guide-only --steps 2000
    dapple train --out run --guide "examples/guide.py FOLDER --gradient" --guide-only --steps 2000

FOLDER has transforms_train.json (or transforms.json) and PNG pictures of 8 bits a channel. By default the guide answers with
the picture that the render should have been, with --gradient with the gradient of the mean absolute difference. Needs nothing
but Python; docs/guide.md has the protocol. A guide for score distillation differs in what it answers, not in how.
"""

import array
import json
import sys
import zlib
from pathlib import Path


def read_png(path):
    """(width, height, channels, bytes) of a PNG of 8 bits a channel, RGB or RGBA."""
    data = path.read_bytes()
    at, packed = 8, b""
    while at < len(data):
        length, kind = int.from_bytes(data[at : at + 4], "big"), data[at + 4 : at + 8]
        body = data[at + 8 : at + 8 + length]
        if kind == b"IHDR":
            width, height = int.from_bytes(body[:4], "big"), int.from_bytes(body[4:8], "big")
            if body[8] != 8 or body[9] not in (2, 6) or body[12]:
                sys.exit(f"guide: {path}: only plain PNG of 8 bits, RGB or RGBA, is read")
            channels = 3 if body[9] == 2 else 4
        elif kind == b"IDAT":
            packed += body
        at += length + 12
    raw, stride, out = zlib.decompress(packed), width * channels, bytearray()
    before = bytearray(stride)
    for y in range(height):
        kind, line = raw[y * (stride + 1)], bytearray(raw[y * (stride + 1) + 1 : (y + 1) * (stride + 1)])
        for i in range(stride):
            left = line[i - channels] if i >= channels else 0
            up, corner = before[i], before[i - channels] if i >= channels else 0
            if kind == 1:
                add = left
            elif kind == 2:
                add = up
            elif kind == 3:
                add = (left + up) // 2
            elif kind == 4:
                a, b, c = abs(up - corner), abs(left - corner), abs(left + up - 2 * corner)
                add = left if a <= b and a <= c else up if b <= c else corner
            else:
                add = 0
            line[i] = (line[i] + add) & 255
        out += line
        before = line
    return width, height, channels, out


class Pictures:
    """Views of a folder; pictures are decoded once."""

    def __init__(self, folder):
        names = [name for name in ("transforms_train.json", "transforms.json") if (folder / name).exists()]
        if not names:
            sys.exit(f"guide: {folder}: no transforms_train.json or transforms.json")
        self.document = json.loads((folder / names[0]).read_text())
        self.frames, self.folder, self.decoded = self.document["frames"], folder, {}

    def index(self, step):
        """The view of a step, by its number alone: so a run that is resumed goes on with the same views."""
        return step * 7919 % len(self.frames)

    def pixels(self, index):
        """(width, height, floats): red, green, blue times opacity, and opacity, of each pixel."""
        if index not in self.decoded:
            name = self.frames[index]["file_path"]
            path = self.folder / (name if name.endswith(".png") else name + ".png")
            width, height, channels, data = read_png(path)
            values = array.array("f")
            for i in range(0, len(data), channels):
                opacity = data[i + 3] / 255 if channels == 4 else 1.0
                values.extend([data[i] / 255 * opacity, data[i + 1] / 255 * opacity, data[i + 2] / 255 * opacity, opacity])
            self.decoded[index] = width, height, values
        return self.decoded[index]

    def view(self, step):
        frame = self.frames[self.index(step)]
        width, height, _ = self.pixels(self.index(step))
        angle = self.document["camera_angle_x"]
        return {"transform_matrix": frame["transform_matrix"], "camera_angle_x": angle, "width": width, "height": height}


def gradient(image, wanted, background):
    """Of the mean absolute difference from the picture over the same background; and that difference."""
    count, total, answer = len(image) // 4 * 3, 0.0, array.array("f")
    for i in range(0, len(image), 4):
        for channel in range(3):
            difference = image[i + channel] - wanted[i + channel] - (1 - wanted[i + 3]) * background[channel]
            total += abs(difference)
            answer.append((difference > 0) / count - (difference < 0) / count)
    return answer, total / count


def main():
    arguments = [word for word in sys.argv[1:] if word != "--gradient"]
    if len(arguments) != 1:
        sys.exit(__doc__)
    pictures, by_gradient = Pictures(Path(arguments[0])), "--gradient" in sys.argv
    asked, told = sys.stdin.buffer, sys.stdout.buffer
    while line := asked.readline():
        request = json.loads(line)
        if "dapple_guide" in request:
            reply, values = {"answer": "none", "next": pictures.view(request["step"])}, array.array("f")
        else:
            image = array.array("f", asked.read(4 * request["channels"] * request["width"] * request["height"]))
            wanted = pictures.pixels(pictures.index(request["step"]))[2]
            reply = {"next": pictures.view(request["step"] + 1)}
            if by_gradient:
                values, loss = gradient(image, wanted, request["background"])
                reply |= {"answer": "gradient", "channels": 3, "loss": loss}
            else:
                values = wanted
                reply |= {"answer": "target", "channels": 4}
        told.write(json.dumps(reply).encode() + b"\n" + values.tobytes())
        told.flush()


if __name__ == "__main__":
    main()
