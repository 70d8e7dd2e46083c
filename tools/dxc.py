"""Compiles HLSL compute kernels by DXC's library: dxc.py LIBRARY FILE...; names those that it refuses, with its reasons."""

import ctypes
import re
import sys
import uuid
from pathlib import Path

UTF8 = 65001
# Places in the tables of functions. Outside Windows two destructors follow the three functions that every object has.
COMPILE = STATUS = POINTER = 5
SIZE = 6
ERRORS = 7
# A kernel that DXC has to refuse: what refuses nothing checks nothing.
BROKEN = "[numthreads(1, 1, 1)] void main() { float3 a = b; }"


def guid(text):
    return (ctypes.c_ubyte * 16).from_buffer_copy(uuid.UUID(text).bytes_le)


COMPILER_CLASS = guid("73e22d93-e6ce-47f3-b5bf-f0664f39c1b0")
COMPILER = guid("228b4687-5a6a-4730-900c-9702b2203f54")
RESULT = guid("58346cda-dde7-4497-9461-6f87af5e0659")


class Source(ctypes.Structure):
    _fields_ = [("text", ctypes.c_char_p), ("bytes", ctypes.c_size_t), ("encoding", ctypes.c_uint32)]


def call(thing, place, kind, *arguments):
    """Calls the function at a place in an object's table."""
    table = ctypes.cast(thing, ctypes.POINTER(ctypes.POINTER(ctypes.c_void_p)))[0]
    kinds = [ctypes.c_uint32 if isinstance(argument, int) else ctypes.c_void_p for argument in arguments]
    return ctypes.CFUNCTYPE(kind, ctypes.c_void_p, *kinds)(table[place])(thing, *arguments)


def refusal(compiler, text):
    """What DXC says of a kernel that it does not take; None of one that it takes."""
    entry = re.search(r"\[numthreads[^\]]*\]\s*void (\w+)\(", text)
    if entry is None:
        return "it has no compute entry"
    words = ["kernel.hlsl", "-E", entry.group(1), "-T", "cs_6_0", "-HV", "2018", "-no-warnings"]
    words = (ctypes.c_wchar_p * len(words))(*words)
    source = text.encode()
    source = Source(source, len(source), UTF8)
    result = ctypes.c_void_p()
    where = [ctypes.byref(RESULT), ctypes.byref(result)]
    code = call(compiler, COMPILE, ctypes.c_int32, ctypes.byref(source), words, len(words), None, *where)
    if code != 0:
        return f"DXC failed with {code & 0xFFFFFFFF:#x}"
    status, errors = ctypes.c_int32(-1), ctypes.c_void_p()
    call(result, STATUS, ctypes.c_int32, ctypes.byref(status))
    if status.value == 0:
        return None
    call(result, ERRORS, ctypes.c_int32, ctypes.byref(errors))
    size = call(errors, SIZE, ctypes.c_size_t)
    return ctypes.string_at(call(errors, POINTER, ctypes.c_void_p), size).decode(errors="replace").strip("\0\n")


def main():
    library = ctypes.CDLL(sys.argv[1])
    compiler = ctypes.c_void_p()
    made = library.DxcCreateInstance(COMPILER_CLASS, COMPILER, ctypes.byref(compiler))
    if made != 0:
        sys.exit(f"dxc: the library makes no compiler: {made & 0xFFFFFFFF:#x}")
    if refusal(compiler, BROKEN) is None:
        sys.exit("dxc: the compiler takes a kernel that is wrong")
    refused = 0
    for path in map(Path, sys.argv[2:]):
        reason = refusal(compiler, path.read_text())
        if reason is not None:
            refused += 1
            print(f"{path.name}: {reason}")
    if refused > 0 or len(sys.argv) < 3:
        sys.exit(f"dxc: {refused} of {len(sys.argv) - 2} kernels refused")
    print(f"dxc: {len(sys.argv) - 2} kernels accepted")


main()
