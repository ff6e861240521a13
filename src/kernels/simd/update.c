/* Optimizer steps over the flat vectors (kernels/update.h). */
#include <math.h>

#include "simd.h"

SIMD_INLINE simd_float update_sqrt(simd_float x)
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

SIMD_INLINE void update_average(const struct update_factors *f,
                                const struct update_vectors *v, simd_float w, size_t i,
                                int lanes)
{
    if (!v->ema)
        return;
    simd_float ema = simd_load(v->ema + i, lanes);
    ema = simd_multiply_add(SIMD_ALL(f->one_minus_ema), w - ema, ema);
    simd_store(v->ema + i, ema, lanes);
}

SIMD_INLINE void update_average_vector(const struct update_factors *f,
                                       const struct update_vectors *v, size_t i,
                                       int lanes)
{
    update_average(f, v, simd_load(v->w + i, lanes), i, lanes);
}

SIMD_INLINE void update_sgd_vector(const struct update_factors *f,
                                   const struct update_vectors *v, size_t i, int lanes)
{
    simd_float w = simd_load(v->w + i, lanes);
    simd_float grad = simd_load(v->g + i, lanes) * f->grad_scale;
    simd_float velocity = simd_load(v->first + i, lanes);
    grad = simd_multiply_add(SIMD_ALL(f->decay), w, grad);
    velocity = simd_multiply_add(SIMD_ALL(f->momentum), velocity, grad);
    simd_float step =
        simd_multiply_add(SIMD_ALL(f->grad_coef), grad, f->velocity_coef * velocity);
    w = simd_multiply_add(SIMD_ALL(-f->lr), step, w);
    simd_store(v->first + i, velocity, lanes);
    simd_store(v->w + i, w, lanes);
    update_average(f, v, w, i, lanes);
}

SIMD_INLINE void update_adamw_vector(const struct update_factors *f,
                                     const struct update_vectors *v, size_t i, int lanes)
{
    simd_float w = simd_load(v->w + i, lanes);
    simd_float grad = simd_load(v->g + i, lanes) * f->grad_scale;
    simd_float first = simd_load(v->first + i, lanes);
    simd_float second = simd_load(v->second + i, lanes);
    first = simd_multiply_add(SIMD_ALL(f->beta1), first, f->one_minus_beta1 * grad);
    second =
        simd_multiply_add(SIMD_ALL(f->beta2), second, f->one_minus_beta2 * (grad * grad));
    w = simd_multiply_add(-SIMD_ALL(f->decay), w, w);
    simd_float step = first / (update_sqrt(second) / f->sqrt_bias2 + f->epsilon);
    w = simd_multiply_add(SIMD_ALL(-f->lr), step, w);
    simd_store(v->first + i, first, lanes);
    simd_store(v->second + i, second, lanes);
    simd_store(v->w + i, w, lanes);
    update_average(f, v, w, i, lanes);
}

/* What lamb subtracts from w, but for rate and trust ratio. */
SIMD_INLINE simd_float update_lamb_direction(const struct update_factors *f, simd_float w,
                                             simd_float first, simd_float second)
{
    simd_float direction =
        f->over_bias1 * first / (update_sqrt(second) / f->sqrt_bias2 + f->epsilon);
    return simd_multiply_add(SIMD_ALL(f->decay), w, direction);
}

SIMD_INLINE void update_lamb_moments_vector(const struct update_factors *f,
                                            const struct update_vectors *v, size_t i,
                                            int lanes, float *direction)
{
    simd_float w = simd_load(v->w + i, lanes);
    simd_float grad = simd_load(v->g + i, lanes) * f->grad_scale;
    simd_float first = simd_load(v->first + i, lanes);
    simd_float second = simd_load(v->second + i, lanes);
    first = simd_multiply_add(SIMD_ALL(f->beta1), first, f->one_minus_beta1 * grad);
    second =
        simd_multiply_add(SIMD_ALL(f->beta2), second, f->one_minus_beta2 * (grad * grad));
    simd_store(v->first + i, first, lanes);
    simd_store(v->second + i, second, lanes);
    simd_store(direction, update_lamb_direction(f, w, first, second), lanes);
}

SIMD_INLINE void update_lamb_vector(const struct update_factors *f,
                                    const struct update_vectors *v, size_t i, int lanes)
{
    simd_float w = simd_load(v->w + i, lanes);
    simd_float first = simd_load(v->first + i, lanes);
    simd_float second = simd_load(v->second + i, lanes);
    simd_float direction = update_lamb_direction(f, w, first, second);
    w = simd_multiply_add(SIMD_ALL(-f->lr), direction, w);
    simd_store(v->w + i, w, lanes);
    update_average(f, v, w, i, lanes);
}

SIMD_INLINE void update_lookahead_vector(const struct update_factors *f,
                                         const struct update_vectors *v, size_t i,
                                         int lanes)
{
    simd_float w = simd_load(v->w + i, lanes);
    simd_float slow = simd_load(v->slow + i, lanes);
    slow = simd_multiply_add(SIMD_ALL(f->slow_share), w - slow, slow);
    simd_store(v->slow + i, slow, lanes);
    simd_store(v->w + i, slow, lanes);
    update_average(f, v, slow, i, lanes);
}

/* The kernel `name` of floats [begin, end), by vectors of them. */
#define UPDATE_WALK(name)                                                           \
    void SIMD(name)(const struct update_factors *factors,                           \
                    const struct update_vectors *vectors, size_t begin, size_t end) \
    {                                                                               \
        /* copies: stores cannot change them */                                     \
        const struct update_factors f = *factors;                                   \
        const struct update_vectors v = *vectors;                                   \
        size_t i = begin;                                                           \
        for (; end - i >= SIMD_WIDTH; i += SIMD_WIDTH)                              \
            name##_vector(&f, &v, i, SIMD_WIDTH);                                   \
        if (i < end)                                                                \
            name##_vector(&f, &v, i, (int)(end - i));                               \
    }

UPDATE_WALK(update_average)
UPDATE_WALK(update_sgd)
UPDATE_WALK(update_adamw)

void SIMD(update_lamb_moments)(const struct update_factors *factors,
                               const struct update_vectors *vectors, size_t begin,
                               size_t end)
{
    const struct update_factors f = *factors;
    const struct update_vectors v = *vectors;
    size_t i = begin;
    for (; end - i >= SIMD_WIDTH; i += SIMD_WIDTH)
        update_lamb_moments_vector(&f, &v, i, SIMD_WIDTH, v.direction + (i - begin));
    if (i < end)
        update_lamb_moments_vector(&f, &v, i, (int)(end - i), v.direction + (i - begin));
}

UPDATE_WALK(update_lamb)
UPDATE_WALK(update_lookahead)

/* The same partial sums in every instruction set, so that clipping does not depend on it.
   The squares are exact in double. */
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
