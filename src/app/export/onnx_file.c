#include "app/export/onnx_file.h"

#include "base/fs.h"

/* Under the temporary name. */
static enum status onnx_file_fill(struct fs_writer *writer,
                                  struct onnx_file_result *result,
                                  const struct onnx_file_request *request,
                                  const struct fold *fold)
{
    struct onnx_model model;
    const struct onnx_source source = onnx_graph_source(fold);
    const struct onnx_graph_request graph = {.network = request->network,
                                             .fold = fold,
                                             .layout = request->layout,
                                             .notes = request->notes};
    enum status st = onnx_graph_make(&model, &graph);
    if (st == ST_OK)
        st = onnx_write(writer->file, request->out, &model, &source);
    result->nodes = model.nodes;
    result->norms = fold->norms;
    onnx_release(&model);
    return st;
}

static enum status onnx_file_check(const struct fs_writer *writer,
                                   struct onnx_file_result *result,
                                   const struct onnx_file_request *request,
                                   const struct fold *fold)
{
    const struct onnx_check_request check = {.network = request->network,
                                             .fold = fold,
                                             .layout = request->layout,
                                             .pictures = request->pictures};
    if (request->pictures == 0)
        return ST_OK;
    return onnx_check(&result->check, &check, writer->temp, request->out);
}

/* A write that failed is told by fs_write_end. */
static enum status onnx_file_finish(struct fs_writer *writer,
                                    struct onnx_file_result *result,
                                    const struct onnx_file_request *request,
                                    const struct fold *fold)
{
    enum status st = onnx_file_fill(writer, result, request, fold);
    fflush(writer->file);
    if (st == ST_OK && !writer->error)
        st = onnx_file_check(writer, result, request, fold);
    if (st == ST_OK)
        return fs_write_end(writer);
    fs_write_drop(writer);
    return st;
}

enum status onnx_file_write(struct onnx_file_result *result,
                            const struct onnx_file_request *request)
{
    struct fs_writer writer;
    struct fold fold;
    *result = (struct onnx_file_result){0};
    TRY(fs_write_begin(&writer, request->out));
    fold_init(&fold, &request->network->model, request->network->params);
    enum status st = onnx_file_finish(&writer, result, request, &fold);
    fold_release(&fold);
    if (st != ST_OK)
        onnx_check_release(&result->check);
    return st;
}
