#include "eval_calibrate.h"

#include <limits.h>
#include <math.h>
#include <stdbool.h>
#include <stdlib.h>

#include "app/run/run_folder.h"
#include "base/log.h"
#include "base/mem.h"
#include "comm/comm.h"
#include "train/calibration.h"

/* Links are followed: the file that they name is replaced, not the link. */
static enum status calibrate_guard(const struct network *network, char path[PATH_MAX],
                                   struct lockfile *lock)
{
    if (!realpath(network->checkpoint, path))
        FAIL(ST_FAIL, "cannot find '%s'", network->checkpoint);
    return run_folder_guard(lock, path);
}

/* Refused at once, and not after the evaluation. */
static enum status calibrate_check(const struct network *network)
{
    char path[PATH_MAX];
    struct lockfile lock;
    if (network->model.multi_label)
        FAIL(ST_USAGE, "'--calibrate' is for networks with one class for each image");
    TRY(calibrate_guard(network, path, &lock));
    lockfile_release(&lock);
    return ST_OK;
}

enum status eval_calibrate_check(const struct eval_session *session)
{
    enum status st = ST_OK;
    if (comm_rank(session->comm) == 0)
        st = calibrate_check(&session->network);
    return comm_agree(session->comm, st);
}

enum status eval_calibrate_check_data(const struct eval_session *session)
{
    bool given = session->request->data != NULL;
    if (!given && session->dataset.info.hash != session->network.info.data_hash)
        FAIL(ST_FAIL,
             "'%s' has changed since the training: its val images may be ones that the "
             "network was trained on; train again, or give --data of other images",
             session->data);
    return ST_OK;
}

static struct calibration calibrate_fit(const struct eval_session *session)
{
    size_t count = session->dataset.info.count[session->split];
    uint16_t *label = mem_zeroed(count, sizeof *label);
    for (size_t i = 0; i < count; i++)
        label[i] = (uint16_t)loader_class(&session->loader, i);
    struct calibration found =
        calibration_fit(session->logprobs, label, count, session->network.info.classes);
    free(label);
    return found;
}

/* A training may have replaced the file since it was read. */
static enum status calibrate_check_same(const struct network *network, const char *path)
{
    struct checkpoint_info info;
    TRY(checkpoint_read_info(path, &info));
    bool same = info.state == network->info.state;
    checkpoint_info_release(&info);
    if (!same)
        FAIL(ST_FAIL, "'%s' was replaced while it was measured: try again", path);
    return ST_OK;
}

static enum status calibrate_keep(const struct network *network, double temperature)
{
    char path[PATH_MAX];
    struct lockfile lock;
    TRY(calibrate_guard(network, path, &lock));
    enum status st = calibrate_check_same(network, path);
    if (st == ST_OK)
        st = checkpoint_set_temperature(path, temperature);
    lockfile_release(&lock);
    return st;
}

static void calibrate_print(const struct eval_session *session,
                            const struct calibration *found)
{
    log_out(
        "\ntemperature %.4f, fitted on %llu %s images: loss %.4f -> %.4f; kept in %s\n",
        found->temperature, (unsigned long long)session->result.count,
        dataset_split_name[session->split], found->before, found->loss,
        session->network.checkpoint);
    if (found->temperature < 1.01 * CALIBRATION_LEAST)
        log_note("nearly all answers to these images are right: a temperature fitted to "
                 "so few mistakes says little");
}

/* On rank 0. */
static enum status calibrate_run(const struct eval_session *session)
{
    struct calibration found = calibrate_fit(session);
    if (!isfinite(found.before) || !isfinite(found.loss))
        FAIL(ST_FAIL, "'%s' gives answers that are not finite: no temperature fits",
             session->network.checkpoint);
    TRY(calibrate_keep(&session->network, found.temperature));
    calibrate_print(session, &found);
    return ST_OK;
}

enum status eval_calibrate(const struct eval_session *session)
{
    enum status st = ST_OK;
    if (comm_rank(session->comm) == 0)
        st = calibrate_run(session);
    return comm_agree(session->comm, st);
}
