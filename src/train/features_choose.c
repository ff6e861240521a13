/* features: whether a run keeps them. */
#include "comm/comm.h"
#include "train/features.h"

int features_train_views(const struct run_options *options)
{
    return augment_enabled(&options->augment) ? options->train.views : 1;
}

static enum features_reason features_reason_of(const struct trainer_setup *setup)
{
    const struct run_options *options = setup->options;
    const struct train_options *train = &options->train;
    uint64_t images = setup->dataset->info.count[DATASET_TRAIN];
    int views = features_train_views(options);
    if (!options->features.keep || setup->model->feature == 0)
        return FEATURES_OFF;
    if (setup->stage && setup->stage->count > 1)
        return FEATURES_STAGES;
    if (setup->model->policy.bits == POLICY_BLAS)
        return FEATURES_BLAS;
    if (train->mixup > 0 || train->cutmix > 0)
        return FEATURES_MIXED;
    if (views == 0)
        return FEATURES_AUGMENTED;
    /* balanced: images of small classes come several times in an epoch */
    if (options->input.sampling != SAMPLING_BALANCED &&
        train_total_steps(train, images) <=
            (uint64_t)views * train_epoch_steps(train, images))
        return FEATURES_ONCE;
    return FEATURES_KEPT;
}

enum features_reason features_choose(const struct trainer_setup *setup, size_t *bytes)
{
    const struct model *model = setup->model;
    const struct dataset_info *data = &setup->dataset->info;
    enum features_reason reason = features_reason_of(setup);
    *bytes = 0;
    if (reason != FEATURES_KEPT)
        return reason;
    int value = model->feature;
    *bytes = features_bytes(model, value, data->count[DATASET_TRAIN],
                            features_train_views(setup->options)) +
             features_bytes(model, value, data->count[dataset_choosing(data)],
                            views_of_set(setup->options->eval.views).count);
    double excess = *bytes > setup->dataset->memory_left;
    comm_max_f64(setup->comm, &excess, 1);
    return excess > 0 ? FEATURES_MEMORY : FEATURES_KEPT;
}
