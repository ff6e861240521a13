#include "io/tfevents.h"

#include <errno.h>
#include <fcntl.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/stat.h>
#include <tensorboard.pb-c.h>
#include <time.h>
#include <unistd.h>

#include "base/fs.h"
#include "base/mem.h"
#include "io/tfrecord.h"

#define EVENTS_HEAD    "events.out.tfevents."
#define EVENTS_VERSION "brain.Event:2"
#define EVENTS_TRIES   100

/* Tags that the plugin of hyper-parameters looks for. */
#define HPARAMS_PLUGIN "hparams"
#define HPARAMS_TAGS   "_hparams_/"

struct tfevents {
    int fd;
    off_t whole; /* bytes, up to the end of the last whole record */
    char path[FS_PATH];
};

/* protobuf-c has no const, but writes to no text of a message that it packs. */
static char *events_borrow(const char *text)
{
    const union {
        const char *given;
        char *taken;
    } pointer = {text};
    return pointer.taken;
}

static double events_time(void)
{
    struct timespec now;
    clock_gettime(CLOCK_REALTIME, &now);
    return (double)now.tv_sec + 1e-9 * (double)now.tv_nsec;
}

static enum status events_put(struct tfevents *events, const uint8_t *record,
                              size_t bytes)
{
    size_t done = 0;
    while (done < bytes) {
        ssize_t put = write(events->fd, record + done, bytes - done);
        if (put < 0 && errno == EINTR)
            continue;
        if (put <= 0)
            break;
        done += (size_t)put;
    }
    if (done == bytes) {
        events->whole += (off_t)bytes;
        return ST_OK;
    }
    int error = errno;
    /* A reader waits for the rest of a record that is cut off. */
    if (ftruncate(events->fd, events->whole) == 0)
        lseek(events->fd, events->whole, SEEK_SET);
    FAIL(ST_FAIL, "cannot write '%s': %s", events->path, strerror(error));
}

static enum status events_write(struct tfevents *events, uint64_t step,
                                Tensorboard__Event *event)
{
    event->wall_time = events_time();
    event->step = (int64_t)step;
    size_t bytes = tensorboard__event__get_packed_size(event);
    uint8_t *record = mem_zeroed(TFRECORD_HEAD + bytes + TFRECORD_TAIL, 1);
    tensorboard__event__pack(event, record + TFRECORD_HEAD);
    tfrecord_frame(record, bytes);
    enum status st = events_put(events, record, TFRECORD_HEAD + bytes + TFRECORD_TAIL);
    free(record);
    return st;
}

static enum status events_write_summary(struct tfevents *events, uint64_t step,
                                        Tensorboard__Summary__Value **value, size_t count)
{
    Tensorboard__Summary summary = TENSORBOARD__SUMMARY__INIT;
    Tensorboard__Event event = TENSORBOARD__EVENT__INIT;
    summary.n_value = count;
    summary.value = value;
    event.what_case = TENSORBOARD__EVENT__WHAT_SUMMARY;
    event.summary = &summary;
    return events_write(events, step, &event);
}

/* --- the file --- */

/* The clock's seconds, or one more than the newest name has: clocks of hosts differ. */
static enum status events_seconds(const char *folder, long long *seconds)
{
    char **name;
    int count;
    *seconds = (long long)time(NULL);
    TRY(fs_list(folder, &name, &count));
    for (int i = 0; i < count; i++) {
        long long there;
        if (sscanf(name[i], EVENTS_HEAD "%lld.", &there) == 1 && there >= *seconds)
            *seconds = there + 1;
    }
    fs_free_list(name, count);
    return ST_OK;
}

/* O_EXCL: a file that is there stays, whatever it is. */
static enum status events_open(struct tfevents *events, const char *folder)
{
    char host[64] = "";
    long long seconds;
    TRY(fs_make_folder(folder));
    TRY(events_seconds(folder, &seconds));
    gethostname(host, sizeof host - 1);
    for (int i = 0; i < EVENTS_TRIES; i++) {
        char *name =
            mem_format(EVENTS_HEAD "%010lld.%s.%d.0", seconds + i, host, (int)getpid());
        enum status st = fs_join(events->path, folder, name);
        free(name);
        TRY(st);
        events->fd = open(events->path, O_WRONLY | O_CREAT | O_EXCL | O_CLOEXEC, 0666);
        if (events->fd >= 0)
            return ST_OK;
        if (errno != EEXIST)
            break;
    }
    FAIL(ST_FAIL, "cannot write '%s': %s", events->path, strerror(errno));
}

static enum status events_begin(struct tfevents *events, uint64_t first_step)
{
    Tensorboard__Event version = TENSORBOARD__EVENT__INIT;
    Tensorboard__Event start = TENSORBOARD__EVENT__INIT;
    Tensorboard__SessionLog log = TENSORBOARD__SESSION_LOG__INIT;
    version.what_case = TENSORBOARD__EVENT__WHAT_FILE_VERSION;
    version.file_version = events_borrow(EVENTS_VERSION);
    TRY(events_write(events, 0, &version));
    log.status = TENSORBOARD__SESSION_LOG__SESSION_STATUS__START;
    start.what_case = TENSORBOARD__EVENT__WHAT_SESSION_LOG;
    start.session_log = &log;
    return events_write(events, first_step, &start);
}

enum status tfevents_create(struct tfevents **events, const char *folder,
                            uint64_t first_step)
{
    struct tfevents *made = mem_zeroed(1, sizeof *made);
    made->fd = -1;
    *events = NULL;
    enum status st;
    TRY_TO(out, events_open(made, folder));
    TRY_TO(out, events_begin(made, first_step));
    *events = made;
    return ST_OK;
out:
    tfevents_close(made);
    return st;
}

void tfevents_close(struct tfevents *events)
{
    if (events && events->fd >= 0)
        close(events->fd);
    free(events);
}

/* --- values --- */

enum status tfevents_scalars(struct tfevents *events, uint64_t step,
                             const struct tfevents_scalar *scalar, int scalars)
{
    const Tensorboard__Summary__Value empty = TENSORBOARD__SUMMARY__VALUE__INIT;
    size_t count = (size_t)scalars;
    Tensorboard__Summary__Value *value = mem_zeroed(count, sizeof *value);
    Tensorboard__Summary__Value **list = mem_zeroed(count, sizeof *list);
    for (size_t i = 0; i < count; i++) {
        value[i] = empty;
        value[i].tag = events_borrow(scalar[i].tag);
        value[i].value_case = TENSORBOARD__SUMMARY__VALUE__VALUE_SIMPLE_VALUE;
        value[i].simple_value = (float)scalar[i].value;
        list[i] = &value[i];
    }
    enum status st = events_write_summary(events, step, list, count);
    free(list);
    free(value);
    return st;
}

enum status tfevents_picture(struct tfevents *events, uint64_t step,
                             const struct tfevents_image *image)
{
    Tensorboard__Summary__Image picture = TENSORBOARD__SUMMARY__IMAGE__INIT;
    Tensorboard__Summary__Value value = TENSORBOARD__SUMMARY__VALUE__INIT;
    uint8_t *png = mem_resize(NULL, image->bytes, 1);
    memcpy(png, image->png, image->bytes);
    picture.height = image->h;
    picture.width = image->w;
    picture.colorspace = image->channels;
    picture.encoded_image_string = (ProtobufCBinaryData){image->bytes, png};
    value.tag = events_borrow(image->tag);
    value.value_case = TENSORBOARD__SUMMARY__VALUE__VALUE_IMAGE;
    value.image = &picture;
    enum status st =
        events_write_summary(events, step, &(Tensorboard__Summary__Value *){&value}, 1);
    free(png);
    return st;
}

/* --- hyper-parameters --- */

/* A value without a value, whose metadata are the message. */
static enum status events_write_hparams(struct tfevents *events, uint64_t step,
                                        const char *tag,
                                        const Tensorboard__HParamsPluginData *data)
{
    Tensorboard__SummaryMetadata__PluginData plugin =
        TENSORBOARD__SUMMARY_METADATA__PLUGIN_DATA__INIT;
    Tensorboard__SummaryMetadata metadata = TENSORBOARD__SUMMARY_METADATA__INIT;
    Tensorboard__Summary__Value value = TENSORBOARD__SUMMARY__VALUE__INIT;
    size_t bytes = tensorboard__hparams_plugin_data__get_packed_size(data);
    uint8_t *content = mem_zeroed(bytes, 1);
    tensorboard__hparams_plugin_data__pack(data, content);
    plugin.plugin_name = events_borrow(HPARAMS_PLUGIN);
    plugin.content = (ProtobufCBinaryData){bytes, content};
    metadata.plugin_data = &plugin;
    value.tag = events_borrow(tag);
    value.metadata = &metadata;
    enum status st =
        events_write_summary(events, step, &(Tensorboard__Summary__Value *){&value}, 1);
    free(content);
    return st;
}

/* By enum tfevents_kind. */
static const Tensorboard__HParamInfo__DataType events_types[] = {
    [TFEVENTS_TEXT] = TENSORBOARD__HPARAM_INFO__DATA_TYPE__DATA_TYPE_STRING,
    [TFEVENTS_NUMBER] = TENSORBOARD__HPARAM_INFO__DATA_TYPE__DATA_TYPE_FLOAT64,
    [TFEVENTS_FLAG] = TENSORBOARD__HPARAM_INFO__DATA_TYPE__DATA_TYPE_BOOL,
};

static void events_set_value(Tensorboard__HParamValue *value,
                             const struct tfevents_parameter *parameter)
{
    *value = (Tensorboard__HParamValue)TENSORBOARD__HPARAM_VALUE__INIT;
    if (parameter->kind == TFEVENTS_NUMBER) {
        value->kind_case = TENSORBOARD__HPARAM_VALUE__KIND_NUMBER_VALUE;
        value->number_value = parameter->number;
    } else if (parameter->kind == TFEVENTS_FLAG) {
        value->kind_case = TENSORBOARD__HPARAM_VALUE__KIND_BOOL_VALUE;
        value->bool_value = parameter->flag;
    } else {
        value->kind_case = TENSORBOARD__HPARAM_VALUE__KIND_STRING_VALUE;
        value->string_value = events_borrow(parameter->text);
    }
}

/* What the page compares: names and types of the hyper-parameters, tags of scalars. */
static enum status events_write_experiment(struct tfevents *events,
                                           const struct tfevents_parameter *parameter,
                                           size_t parameters, const char *const *metric,
                                           size_t metrics)
{
    Tensorboard__HParamsPluginData data = TENSORBOARD__HPARAMS_PLUGIN_DATA__INIT;
    Tensorboard__Experiment experiment = TENSORBOARD__EXPERIMENT__INIT;
    Tensorboard__HParamInfo *info = mem_zeroed(parameters, sizeof *info);
    Tensorboard__HParamInfo **infos = mem_zeroed(parameters, sizeof *infos);
    Tensorboard__MetricName *name = mem_zeroed(metrics, sizeof *name);
    Tensorboard__MetricInfo *of = mem_zeroed(metrics, sizeof *of);
    Tensorboard__MetricInfo **ofs = mem_zeroed(metrics, sizeof *ofs);
    for (size_t i = 0; i < parameters; i++) {
        info[i] = (Tensorboard__HParamInfo)TENSORBOARD__HPARAM_INFO__INIT;
        info[i].name = events_borrow(parameter[i].name);
        info[i].type = events_types[parameter[i].kind];
        infos[i] = &info[i];
    }
    for (size_t i = 0; i < metrics; i++) {
        name[i] = (Tensorboard__MetricName)TENSORBOARD__METRIC_NAME__INIT;
        name[i].tag = events_borrow(metric[i]);
        of[i] = (Tensorboard__MetricInfo)TENSORBOARD__METRIC_INFO__INIT;
        of[i].name = &name[i];
        ofs[i] = &of[i];
    }
    experiment.time_created_secs = events_time();
    experiment.n_hparam_infos = parameters;
    experiment.hparam_infos = infos;
    experiment.n_metric_infos = metrics;
    experiment.metric_infos = ofs;
    data.data_case = TENSORBOARD__HPARAMS_PLUGIN_DATA__DATA_EXPERIMENT;
    data.experiment = &experiment;
    enum status st = events_write_hparams(events, 0, HPARAMS_TAGS "experiment", &data);
    free(ofs);
    free(of);
    free(name);
    free(infos);
    free(info);
    return st;
}

static enum status events_write_start(struct tfevents *events,
                                      const struct tfevents_parameter *parameter,
                                      size_t parameters)
{
    Tensorboard__HParamsPluginData data = TENSORBOARD__HPARAMS_PLUGIN_DATA__INIT;
    Tensorboard__SessionStartInfo start = TENSORBOARD__SESSION_START_INFO__INIT;
    Tensorboard__HParamValue *value = mem_zeroed(parameters, sizeof *value);
    Tensorboard__HParam *entry = mem_zeroed(parameters, sizeof *entry);
    Tensorboard__HParam **entries = mem_zeroed(parameters, sizeof *entries);
    for (size_t i = 0; i < parameters; i++) {
        events_set_value(&value[i], &parameter[i]);
        entry[i] = (Tensorboard__HParam)TENSORBOARD__HPARAM__INIT;
        entry[i].key = events_borrow(parameter[i].name);
        entry[i].value = &value[i];
        entries[i] = &entry[i];
    }
    start.n_hparams = parameters;
    start.hparams = entries;
    start.start_time_secs = events_time();
    data.data_case = TENSORBOARD__HPARAMS_PLUGIN_DATA__DATA_SESSION_START_INFO;
    data.session_start_info = &start;
    enum status st =
        events_write_hparams(events, 0, HPARAMS_TAGS "session_start_info", &data);
    free(entries);
    free(entry);
    free(value);
    return st;
}

enum status tfevents_session(struct tfevents *events,
                             const struct tfevents_parameter *parameter, int parameters,
                             const char *const *metric, int metrics)
{
    TRY(events_write_experiment(events, parameter, (size_t)parameters, metric,
                                (size_t)metrics));
    return events_write_start(events, parameter, (size_t)parameters);
}

enum status tfevents_session_end(struct tfevents *events, uint64_t step, bool success)
{
    Tensorboard__HParamsPluginData data = TENSORBOARD__HPARAMS_PLUGIN_DATA__INIT;
    Tensorboard__SessionEndInfo end = TENSORBOARD__SESSION_END_INFO__INIT;
    end.status = success ? TENSORBOARD__SESSION_END_INFO__STATUS__STATUS_SUCCESS
                         : TENSORBOARD__SESSION_END_INFO__STATUS__STATUS_FAILURE;
    end.end_time_secs = events_time();
    data.data_case = TENSORBOARD__HPARAMS_PLUGIN_DATA__DATA_SESSION_END_INFO;
    data.session_end_info = &end;
    return events_write_hparams(events, step, HPARAMS_TAGS "session_end_info", &data);
}
