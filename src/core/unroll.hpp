// SPDX-License-Identifier: Apache-2.0
#pragma once

// Before a loop in code that host and device share. On a device: all of it, so that arrays stay in
// registers, or four rounds at a time, so that loads are under way together.
#if defined(__CUDA_ARCH__)
#define AIFT_UNROLL _Pragma("unroll")
#define AIFT_UNROLL_4 _Pragma("unroll 4")
#else
#define AIFT_UNROLL
#define AIFT_UNROLL_4
#endif
