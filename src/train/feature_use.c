#include "feature_use.h"

#include <stdlib.h>

#include "base/bytes.h"
#include "base/hash.h"
#include "base/log.h"
#include "base/mem.h"
#include "comm/comm.h"
#include "io/image.h"

void feature_use_init(struct feature_use *use, struct stepper *stepper)
{
    size_t bytes;
    *use = (struct feature_use){.stepper = stepper};
    use->kept = features_choose(&stepper->run->setup, &bytes) == FEATURES_KEPT;
}

void feature_use_release(struct feature_use *use)
{
    features_release(&use->train);
    features_release(&use->chosen);
}

/* --- what they depend on --- */

/* A hash of the weights of all ops before the value. */
static uint64_t feature_use_weights(const struct model *model, int value,
                                    const float *params)
{
    size_t end = model->params;
    for (int o = model->ops - 1; o >= value; o--)
        if (model->op[o]->tensors > 0)
            end = model->op[o]->tensor[0].offset;
    return hash_bytes(params, end * sizeof *params, 0);
}

/* Which view of the images: a set's, or one that augmentation draws. */
static void feature_use_view_text(const struct run_options *options,
                                  const struct features_setup *setup, int view,
                                  char **text)
{
    if (setup->view)
        mem_append(text, "view %d of %s\n", view, view_set_words[options->eval.views]);
    if (setup->loader->augment)
        mem_append(text, "view %d, seed %llu\n", view,
                   (unsigned long long)options->train.seed);
}

/* What else the bits depend on. */
static void feature_use_program_text(const struct trainer_setup *run, char **text)
{
    char bits[POLICY_BITS], decoder[IMAGE_DECODERS];
    policy_bits_text(&run->model->policy, bits);
    mem_append(text, "lockstep %s, bits %s\n", run->version, bits);
    image_decoders(decoder);
    if (run->dataset->info.encoded)
        mem_append(text, "decoded by %s\n", decoder);
}

/* The caller frees. */
static char *feature_use_text(const struct feature_use *use,
                              const struct features_setup *setup, bool folded, int view)
{
    const struct trainer_setup *run = &use->stepper->run->setup;
    const struct loader *loader = setup->loader;
    const struct stepper *stepper = use->stepper;
    int value = stepper->run->model->feature;
    char weights[17], images[17];
    hash_text(feature_use_weights(run->model, value, stepper->state.params), weights);
    hash_text(loader->dataset->info.hash, images);
    char *text = mem_format("weights %s\nimages %s, %s\nvalue %d of %s, %s\n", weights,
                            images, dataset_split_name[loader->split], value,
                            model_op_last(run->model, value - 1)->name,
                            folded ? "norms folded" : "as trained");
    feature_use_program_text(run, &text);
    for (int c = 0; c < loader->dataset->info.shape.c; c++)
        mem_append(&text, "channel %d: mean %.17g, deviation %.17g\n", c,
                   loader->input.mean[c], loader->input.std[c]);
    feature_use_view_text(run->options, setup, view, &text);
    mem_append(&text, "%s", run->features_text ? run->features_text : "");
    return text;
}

/* --- to have them --- */

static void feature_use_tell(const struct features *features,
                             const struct features_setup *setup, int computed,
                             double begin)
{
    size_t bytes = features_bytes(setup->crew->model, features->value, features->count,
                                  features->views);
    log_out("%-10s of %llu %s images", "features", (unsigned long long)features->count,
            dataset_split_name[setup->loader->split]);
    if (features->views > 1)
        log_out(" in %d views", features->views);
    log_out(": %zu numbers each, %s, ", features->row, bytes_text((double)bytes).text);
    if (computed > 0 && computed < features->views)
        log_out("%d of the views computed, the others read", computed);
    else
        log_out("%s", computed ? "computed" : "read");
    log_out(" in %.1f s\n", timer_now() - begin);
}

/* One view; *computed: it was not in a file. */
static enum status feature_use_have(const struct feature_use *use,
                                    struct features *features,
                                    const struct features_setup *setup, bool folded,
                                    int view, bool *computed)
{
    const char *folder = use->stepper->run->setup.options->features.folder;
    bool files = *folder;
    char *text = feature_use_text(use, setup, folded, view);
    const struct features_file file = {folder, text, view};
    enum status st = ST_OK;
    *computed = !(files && features_load(features, setup->comm, &file));
    if (*computed)
        st = features_compute(features, setup, view);
    if (*computed && st == ST_OK && files && comm_rank(setup->comm) == 0)
        features_save(features, &file);
    free(text);
    return st;
}

static void feature_use_note_stop(const struct features *features,
                                  const struct run_options *options, int view)
{
    if (*options->features.folder)
        log_note(
            "features were being computed; %d of %d views of the images are in '%s', "
            "where the run will find them",
            view, features->views, options->features.folder);
    else
        log_note("features were being computed, and none are kept; --set "
                 "finetune.cache=FOLDER keeps each view of the images that is complete");
}

static enum status feature_use_fill(const struct feature_use *use,
                                    struct features *features,
                                    const struct features_setup *setup, bool folded)
{
    double begin = timer_now();
    int count = 0;
    for (int view = 0; view < features->views; view++) {
        bool computed;
        enum status st = feature_use_have(use, features, setup, folded, view, &computed);
        if (st == ST_AGAIN)
            feature_use_note_stop(features, use->stepper->run->setup.options, view);
        TRY(st);
        count += computed;
    }
    feature_use_tell(features, setup, count, begin);
    return ST_OK;
}

/* Without room for them the run goes on as if they were not kept. */
static enum status feature_use_make(const struct feature_use *use,
                                    struct features *features,
                                    const struct features_setup *setup, bool folded)
{
    if (!features_init(features, setup)) {
        log_note("no room for features of %s images: they are computed again and again",
                 dataset_split_name[setup->loader->split]);
        return ST_OK;
    }
    enum status st = feature_use_fill(use, features, setup, folded);
    if (st != ST_OK)
        features_release(features);
    return st;
}

enum status feature_use_train(struct feature_use *use, double latest)
{
    struct stepper *stepper = use->stepper;
    const struct train_run *run = stepper->run;
    const struct run_options *options = run->setup.options;
    struct loader loader;
    if (!use->kept || use->train.data)
        return ST_OK;
    train_run_loader(run, &loader, &options->augment);
    loader.shuffled = false;
    const struct features_setup setup = {
        .comm = run->setup.comm,
        .crew = &stepper->crew,
        .params = stepper->state.params,
        .loader = &loader,
        .views = features_train_views(options),
        .value = run->model->feature,
        .latest = latest,
    };
    train_input_pause(&stepper->input);
    crew_pack(&stepper->crew, stepper->state.params);
    enum status st = feature_use_make(use, &use->train, &setup, false);
    loader_release(&loader);
    if (st == ST_OK && use->train.data) {
        stepper->crew.begin = use->train.value;
        train_input_use(&stepper->input, &use->train);
    }
    return st;
}

int feature_use_value(const struct feature_use *use)
{
    return use->chosen.data ? use->stepper->run->model->feature : 0;
}

enum status feature_use_evaluation(struct feature_use *use, const struct crew *crew,
                                   const struct fold *fold, const float *params,
                                   struct loader *loader, double latest,
                                   const struct features **features)
{
    const struct train_run *run = use->stepper->run;
    const struct views views = views_of_set(run->setup.options->eval.views);
    int value = use->kept ? run->model->feature : 0;
    *features = NULL;
    if (fold && value > 0)
        value = fold->model.feature;
    if (value > 0 && !use->chosen_tried) {
        const struct features_setup setup = {
            .comm = run->setup.comm,
            .crew = crew,
            .params = params,
            .loader = loader,
            .view = views.count > 1 ? views.view : NULL,
            .views = views.count,
            .value = value,
            .latest = latest,
        };
        TRY(feature_use_make(use, &use->chosen, &setup, fold != NULL));
        use->chosen_tried = true;
    }
    if (use->chosen.data && use->chosen.value == value)
        *features = &use->chosen;
    return ST_OK;
}
