#!/usr/bin/env python3
# SPDX-License-Identifier: Apache-2.0
"""Scores predictions and picks candidates from Python with nothing but ctypes.

    python3 examples/python_ctypes/score.py build/release/lib/libaift_c.so

The values lie in an array of Python's own; a NumPy array is handed over the same way, by its
`ctypes.data`, and is not copied.
"""
import array
import ctypes
import sys
from ctypes import POINTER, byref, c_char_p, c_double, c_int32, c_int64, c_size_t, c_uint32, c_void_p


class Predictions(ctypes.Structure):
    _fields_ = [("struct_size", c_size_t), ("values", c_void_p), ("offsets", c_void_p),
                ("candidates", c_int64), ("classes", c_int64), ("patches", c_int64),
                ("rows", c_int64), ("dtype", c_int32), ("kind", c_int32)]


class ScoreOptions(ctypes.Structure):
    _fields_ = [("struct_size", c_size_t), ("alpha", c_double), ("lambda1", c_double),
                ("lambda2", c_double), ("eps", c_double), ("entropy", c_int32),
                ("pairs", c_int32), ("precision", c_int32)]


F64, PROBABILITIES, SCORE, INDEX, ABI_VERSION = 0, 0, 0, 6, 1


def load(path: str) -> ctypes.CDLL:
    lib = ctypes.CDLL(path)
    lib.aift_abi_version.restype = c_uint32
    if lib.aift_abi_version() != ABI_VERSION:
        raise RuntimeError(f"{path} has another interface than this script was written for")
    lib.aift_last_error.restype = c_char_p
    lib.aift_result_f64.restype = POINTER(c_double)
    lib.aift_result_f64.argtypes = [c_void_p, c_int32]
    lib.aift_result_i64.restype = POINTER(c_int64)
    lib.aift_result_i64.argtypes = [c_void_p, c_int32]
    lib.aift_result_destroy.argtypes = [c_void_p]
    lib.aift_context_destroy.argtypes = [c_void_p]
    lib.aift_top_b.argtypes = [c_void_p, c_void_p, c_int64, c_int32, c_int64, POINTER(c_void_p)]
    return lib


def main() -> int:
    if len(sys.argv) != 2:
        print(__doc__)
        return 2
    lib = load(sys.argv[1])

    def check(status: int) -> None:
        if status != 0:
            raise RuntimeError(lib.aift_last_error().decode("utf-8"))

    # Three candidates, two views each, two classes; the second one is undecided.
    values = array.array("d", [0.9, 0.1, 0.8, 0.2, 0.5, 0.5, 0.6, 0.4, 0.1, 0.9, 0.2, 0.8])
    address, _ = values.buffer_info()
    predictions = Predictions()
    lib.aift_predictions_init(byref(predictions))
    predictions.values, predictions.candidates = address, 3
    predictions.patches, predictions.classes = 2, 2
    predictions.dtype, predictions.kind = F64, PROBABILITIES
    options = ScoreOptions()
    lib.aift_score_options_init(byref(options))
    options.alpha = 1.0

    context, scored, picked = c_void_p(), c_void_p(), c_void_p()
    check(lib.aift_context_create(None, byref(context)))
    check(lib.aift_score(context, byref(predictions), b"aift", byref(options), byref(scored)))
    scores = lib.aift_result_f64(scored, SCORE)
    for i in range(3):
        print(f"candidate {i}: score {scores[i]:.4f}")
    check(lib.aift_top_b(context, ctypes.cast(scores, c_void_p), 3, F64, 1, byref(picked)))
    print(f"ask candidate {lib.aift_result_i64(picked, INDEX)[0]} first")
    lib.aift_result_destroy(picked)
    lib.aift_result_destroy(scored)
    lib.aift_context_destroy(context)
    return 0


if __name__ == "__main__":
    sys.exit(main())
