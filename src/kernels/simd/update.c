/* The optimizer's passes over the flat vectors (update.h). */
#include <math.h>

#include "simd.h"

SIMD_INLINE simd_float root_of(simd_float x)
{
#if defined(__AVX512F__)
    return _mm512_sqrt_ps(x);
#elif defined(__AVX__)
    return _mm256_sqrt_ps(x);
#elif defined(__SSE__)
    return _mm_sqrt_ps(x);
#else
    for (int i = 0; i < SIMD_WIDTH; i++)
        x[i] = sqrtf(x[i]);
    return x;
#endif
}

/* a b + c rounded once where the level can. Said explicitly, because of a b + c d the
   compiler may round either product, differently for whole vectors and the last one. */
SIMD_INLINE simd_float multiply_add(simd_float a, simd_float b, simd_float c)
{
#if defined(__AVX512F__)
    return _mm512_fmadd_ps(a, b, c);
#elif defined(__FMA__)
    return _mm256_fmadd_ps(a, b, c);
#elif defined(__FP_FAST_FMAF)
    for (int i = 0; i < SIMD_WIDTH; i++)
        c[i] = fmaf(a[i], b[i], c[i]);
    return c;
#else
    return a * b + c;
#endif
}

SIMD_INLINE void average(const struct update_factors *f, const struct update_vectors *v,
                         simd_float w, size_t i, int lanes)
{
    if (!v->ema)
        return;
    simd_float ema = simd_load(v->ema + i, lanes);
    simd_store(v->ema + i, multiply_add(SIMD_ALL(f->rest), w - ema, ema), lanes);
}

SIMD_INLINE void sgd(const struct update_factors *f, const struct update_vectors *v,
                     size_t i, int lanes)
{
    simd_float w = simd_load(v->w + i, lanes), mask = simd_load(v->mask + i, lanes);
    simd_float grad = simd_load(v->g + i, lanes) * f->scale;
    simd_float speed = simd_load(v->first + i, lanes);
    grad = multiply_add(f->decay * mask, w, grad);
    speed = multiply_add(SIMD_ALL(f->momentum), speed, grad);
    simd_float step = multiply_add(SIMD_ALL(f->gain), grad, f->pull * speed);
    w = multiply_add(SIMD_ALL(-f->lr), step, w);
    simd_store(v->first + i, speed, lanes);
    simd_store(v->w + i, w, lanes);
    average(f, v, w, i, lanes);
}

SIMD_INLINE void adamw(const struct update_factors *f, const struct update_vectors *v,
                       size_t i, int lanes)
{
    simd_float w = simd_load(v->w + i, lanes), mask = simd_load(v->mask + i, lanes);
    simd_float grad = simd_load(v->g + i, lanes) * f->scale;
    simd_float first = simd_load(v->first + i, lanes);
    simd_float second = simd_load(v->second + i, lanes);
    first = multiply_add(SIMD_ALL(f->beta1), first, f->rest1 * grad);
    second = multiply_add(SIMD_ALL(f->beta2), second, f->rest2 * (grad * grad));
    w = multiply_add(-f->decay * mask, w, w);
    simd_float step = first / (root_of(second) / f->root2 + f->epsilon);
    w = multiply_add(SIMD_ALL(-f->lr), step, w);
    simd_store(v->first + i, first, lanes);
    simd_store(v->second + i, second, lanes);
    simd_store(v->w + i, w, lanes);
    average(f, v, w, i, lanes);
}

void SIMD(update_sgd)(const struct update_factors *factors,
                      const struct update_vectors *vectors, size_t begin, size_t end)
{
    const struct update_factors f = *factors; /* stores cannot change the copies */
    const struct update_vectors v = *vectors;
    size_t i = begin;
    for (; end - i >= SIMD_WIDTH; i += SIMD_WIDTH)
        sgd(&f, &v, i, SIMD_WIDTH);
    if (i < end)
        sgd(&f, &v, i, (int)(end - i));
}

void SIMD(update_adamw)(const struct update_factors *factors,
                        const struct update_vectors *vectors, size_t begin, size_t end)
{
    const struct update_factors f = *factors;
    const struct update_vectors v = *vectors;
    size_t i = begin;
    for (; end - i >= SIMD_WIDTH; i += SIMD_WIDTH)
        adamw(&f, &v, i, SIMD_WIDTH);
    if (i < end)
        adamw(&f, &v, i, (int)(end - i));
}

/* The same partial sums in every instruction set: a clipped step then does not depend on
   it. The squares are exact in double. */
double SIMD(square_sum)(const float *x, size_t n)
{
    enum { PARTS = 16 };
    double sum[PARTS] = {0};
    size_t i = 0;
    for (; n - i >= PARTS; i += PARTS)
#pragma omp simd
        for (int j = 0; j < PARTS; j++)
            sum[j] += (double)x[i + (size_t)j] * (double)x[i + (size_t)j];
    for (; i < n; i++)
        sum[i % PARTS] += (double)x[i] * (double)x[i];
    for (int half = PARTS / 2; half > 0; half /= 2)
        for (int j = 0; j < half; j++)
            sum[j] += sum[j + half];
    return sum[0];
}
