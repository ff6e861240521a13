/* onnx_run: convolutions and pools, over (N, C, H, W). */
#include "onnx_call.h"

/* How the taps of one side lie, as kernels/window.h: tap t of output i is at input
   i stride - pad + t dilation. */
struct window_side {
    int64_t size, stride, dilation, before, behind, in, out;
};

struct run_windows {
    struct window_side row, column;
};

static int64_t window_side_first(const struct window_side *side, int64_t i)
{
    return i * side->stride - side->before;
}

static bool window_side_complete(struct window_side *side)
{
    int64_t most = INT32_MAX;
    if (side->size < 1 || side->stride < 1 || side->dilation < 1 || side->before < 0 ||
        side->behind < 0 || side->size > most || side->dilation > most ||
        side->before > most || side->behind > most || side->in < 1 || side->in > most)
        return false;
    int64_t left =
        side->in + side->before + side->behind - ((side->size - 1) * side->dilation + 1);
    side->out = left / side->stride + 1;
    return left >= 0;
}

static enum status run_windows_read(struct onnx_call *call, struct run_windows *windows,
                                    bool dilates)
{
    const struct onnx_array *x = call->in[0];
    int64_t size[2], stride[2], pads[4], dilation[2] = {1, 1};
    if (x->dims != 4)
        return onnx_call_refuse(call, "its input is no image");
    TRY(onnx_call_list(call, "kernel_shape", 2, size));
    TRY(onnx_call_list(call, "strides", 2, stride));
    TRY(onnx_call_list(call, "pads", 4, pads));
    if (dilates)
        TRY(onnx_call_list(call, "dilations", 2, dilation));
    windows->row = (struct window_side){
        size[0], stride[0], dilation[0], pads[0], pads[2], (int64_t)x->dim[2], 0};
    windows->column = (struct window_side){
        size[1], stride[1], dilation[1], pads[1], pads[3], (int64_t)x->dim[3], 0};
    if (!window_side_complete(&windows->row) || !window_side_complete(&windows->column))
        return onnx_call_refuse(call, "its window does not fit");
    return ST_OK;
}

static enum status run_windows_make(struct onnx_call *call,
                                    const struct run_windows *windows, size_t channels)
{
    const size_t dim[] = {call->in[0]->dim[0], channels, (size_t)windows->row.out,
                          (size_t)windows->column.out};
    return onnx_call_make(call, 4, dim);
}

/* --- convolution --- */

/* A convolution of single pixels sees its image as one row. */
static void run_conv_join_rows(struct run_windows *windows)
{
    struct window_side *row = &windows->row, *column = &windows->column;
    if (row->size != 1 || column->size != 1 || row->stride != 1 || column->stride != 1 ||
        row->out != row->in || column->out != column->in)
        return;
    column->in = column->out = row->in * column->in;
    row->in = row->out = 1;
}

/* y[i] += weight x[i stride] */
static void run_conv_row(float *restrict y, const float *restrict x, float weight,
                         int64_t count, int64_t stride)
{
    if (stride == 1)
        for (int64_t i = 0; i < count; i++)
            y[i] += weight * x[i];
    else
        for (int64_t i = 0; i < count; i++)
            y[i] += weight * x[i * stride];
}

/* Adds what tap (r, s) contributes to a plane y (out, out) of a plane x (in, in). */
static void run_conv_tap(const struct run_windows *windows, float *y, const float *x,
                         float weight, int64_t r, int64_t s)
{
    const struct window_side *row = &windows->row, *column = &windows->column;
    int64_t stride = column->stride, first = s * column->dilation - column->before;
    int64_t begin = first < 0 ? (stride - 1 - first) / stride : 0;
    int64_t end = column->in > first ? (column->in - first - 1) / stride + 1 : 0;
    if (end > column->out)
        end = column->out;
    for (int64_t p = 0; p < row->out && begin < end; p++) {
        int64_t h = window_side_first(row, p) + r * row->dilation;
        if (h >= 0 && h < row->in)
            run_conv_row(y + p * column->out + begin,
                         x + h * column->in + first + begin * stride, weight, end - begin,
                         stride);
    }
}

/* One output channel of one image: y (P, Q), x (channels, H, W), weight (channels, R,
   S). */
static void run_conv_plane(const struct run_windows *windows, float *y, const float *x,
                           const float *weight, size_t channels)
{
    const struct window_side *row = &windows->row, *column = &windows->column;
    for (size_t c = 0; c < channels; c++, x += row->in * column->in)
        for (int64_t r = 0; r < row->size; r++)
            for (int64_t s = 0; s < column->size; s++)
                run_conv_tap(windows, y, x, *weight++, r, s);
}

static enum status run_conv(struct onnx_call *call)
{
    const struct onnx_array *x = call->in[0], *weight = call->in[1];
    const struct onnx_array *bias = call->inputs > 2 ? call->in[2] : NULL;
    int64_t groups = onnx_call_int(call, "group", 1);
    struct run_windows windows;
    TRY(run_windows_read(call, &windows, true));
    size_t filters = weight->dim[0], channels = weight->dim[1];
    if (weight->dims != 4 || groups < 1 || filters % (size_t)groups != 0 ||
        channels * (size_t)groups != x->dim[1] ||
        (int64_t)weight->dim[2] != windows.row.size ||
        (int64_t)weight->dim[3] != windows.column.size ||
        (bias && bias->count != filters))
        return onnx_call_refuse(call, "its weights do not fit");
    TRY(run_windows_make(call, &windows, filters));
    run_conv_join_rows(&windows);
    size_t plane = call->out->dim[2] * call->out->dim[3];
    size_t pixels = x->dim[2] * x->dim[3], taps = weight->count / (filters ? filters : 1);
    float *y = call->out->values;
    for (size_t n = 0; n < x->dim[0]; n++)
        for (size_t k = 0; k < filters; k++, y += plane) {
            size_t first = k / (filters / (size_t)groups) * channels;
            for (size_t i = 0; bias && i < plane; i++)
                y[i] = onnx_call_floats(call, 2)[k];
            run_conv_plane(&windows, y,
                           onnx_call_floats(call, 0) + (n * x->dim[1] + first) * pixels,
                           onnx_call_floats(call, 1) + k * taps, channels);
        }
    return ST_OK;
}

/* --- pools --- */

struct run_pooled {
    double sum;
    float most;
    int64_t inside; /* pixels of the window that are in the image */
};

static struct run_pooled run_pool_window(const struct run_windows *windows,
                                         const float *x, int64_t p, int64_t q)
{
    const struct window_side *row = &windows->row, *column = &windows->column;
    struct run_pooled pooled = {0};
    for (int64_t r = 0; r < row->size; r++) {
        int64_t h = window_side_first(row, p) + r;
        for (int64_t s = 0; s < column->size; s++) {
            int64_t w = window_side_first(column, q) + s;
            if (h < 0 || h >= row->in || w < 0 || w >= column->in)
                continue;
            float value = x[h * column->in + w];
            pooled.sum += (double)value;
            pooled.most = pooled.inside == 0 || value > pooled.most ? value : pooled.most;
            pooled.inside++;
        }
    }
    return pooled;
}

static enum status run_pool(struct onnx_call *call,
                            float (*of)(const struct run_pooled *pooled, double all))
{
    const struct onnx_array *x = call->in[0];
    const float *from = onnx_call_floats(call, 0);
    struct run_windows windows;
    bool padding = onnx_call_int(call, "count_include_pad", 0) != 0;
    TRY(run_windows_read(call, &windows, false));
    TRY(run_windows_make(call, &windows, x->dim[1]));
    double all = (double)(windows.row.size * windows.column.size);
    float *y = call->out->values;
    for (size_t n = 0; n < x->dim[0] * x->dim[1]; n++, from += x->dim[2] * x->dim[3])
        for (int64_t p = 0; p < windows.row.out; p++)
            for (int64_t q = 0; q < windows.column.out; q++) {
                struct run_pooled pooled = run_pool_window(&windows, from, p, q);
                *y++ = of(&pooled, padding ? all : (double)pooled.inside);
            }
    return ST_OK;
}

static float run_pooled_most(const struct run_pooled *pooled, double all)
{
    (void)all;
    return pooled->most;
}

static float run_pooled_mean(const struct run_pooled *pooled, double all)
{
    return (float)(pooled->sum / all);
}

static enum status run_maxpool(struct onnx_call *call)
{
    return run_pool(call, run_pooled_most);
}

static enum status run_averagepool(struct onnx_call *call)
{
    return run_pool(call, run_pooled_mean);
}

static enum status run_globalaveragepool(struct onnx_call *call)
{
    const struct onnx_array *x = call->in[0];
    const float *from = onnx_call_floats(call, 0);
    if (x->dims != 4)
        return onnx_call_refuse(call, "its input is no image");
    const size_t dim[] = {x->dim[0], x->dim[1], 1, 1};
    size_t pixels = x->dim[2] * x->dim[3];
    TRY(onnx_call_make(call, 4, dim));
    float *y = call->out->values;
    for (size_t i = 0; i < call->out->count; i++) {
        double sum = 0;
        for (size_t j = 0; j < pixels; j++)
            sum += (double)*from++;
        y[i] = (float)(sum / (double)pixels);
    }
    return ST_OK;
}

const struct onnx_operator onnx_window_operators[] = {
    {"Conv", 2, 3, 0, false, run_conv},
    {"MaxPool", 1, 1, 0, false, run_maxpool},
    {"AveragePool", 1, 1, 0, false, run_averagepool},
    {"GlobalAveragePool", 1, 1, 0, false, run_globalaveragepool},
    {0},
};
