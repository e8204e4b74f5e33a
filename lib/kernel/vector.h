/* vector.h - how many bytes a vector has, of the instruction set that a file is compiled for. */
#ifndef TAPIR_KERNEL_VECTOR_H
#define TAPIR_KERNEL_VECTOR_H

#if defined(__AVX512F__)
#define VECTOR 64
#elif defined(__AVX2__)
#define VECTOR 32
#else
#define VECTOR 16
#endif

#endif
