/* lockstep train: whether what frozen layers make of the images is kept. */
#include "base/bytes.h"
#include "base/log.h"
#include "train/features.h"
#include "train_session.h"

static void train_note_kept(const struct train_session *session, size_t bytes)
{
    const struct trainer_setup *setup = &session->setup;
    int views = features_train_views(setup->options);
    log_note("what the frozen layers make of %s is computed once: %s of memory on each "
             "node",
             views > 1 ? "the views of each image" : "each image",
             bytes_text((double)bytes).text);
}

void train_note_features(const struct train_session *session)
{
    size_t bytes;
    switch (features_choose(&session->setup, &bytes)) {
    case FEATURES_KEPT:
        train_note_kept(session, bytes);
        break;
    case FEATURES_AUGMENTED:
        if (session->goes_on) /* train.views must not change */
            break;
        log_note("images are augmented anew in every epoch, so that the frozen layers "
                 "compute all the time; with --set train.views=4 each image has 4 views, "
                 "and what the frozen layers make of them is computed once");
        break;
    case FEATURES_STAGES:
        log_note("a pipeline computes its frozen layers in every epoch; with "
                 "parallel.pipeline = 1 that is done once");
        break;
    case FEATURES_BLAS:
        log_note("with train.bits = blas the frozen layers are computed in every epoch; "
                 "with portable bits that is done once");
        break;
    case FEATURES_MEMORY:
        log_note("the frozen layers are computed in every epoch: what they make of the "
                 "images takes %s, which data.memory does not allow",
                 bytes_text((double)bytes).text);
        break;
    case FEATURES_MIXED:
        log_note(
            "train.mixup and train.cutmix mix images anew, so that the frozen layers "
            "are computed in every epoch");
        break;
    case FEATURES_ONCE:
        if (*session->setup.options->features.folder)
            log_note("no view of an image comes twice in this run: nothing is kept in "
                     "finetune.cache");
        break;
    case FEATURES_OFF:
        break;
    }
}
