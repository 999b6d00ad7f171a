// SPDX-License-Identifier: Apache-2.0
#pragma once

// The name of a CUDA stream, without a header of CUDA: a host compiler alone is enough to call the
// operators. It is the same type as in <driver_types.h>; both may be included.

struct CUstream_st;

/// A CUDA stream, as <driver_types.h> declares it.
using cudaStream_t = CUstream_st*;
