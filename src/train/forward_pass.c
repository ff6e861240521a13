#include "forward_pass.h"

#include "base/stop.h"
#include "base/timer.h"
#include "base/where.h"
#include "comm/comm.h"

void forward_pass_init(struct forward_pass *pass)
{
    flow_init(&pass->flow, pass->crew);
}

void forward_pass_release(struct forward_pass *pass)
{
    flow_release(&pass->flow);
}

int forward_pass_samples(const struct forward_pass *pass, int grain)
{
    return grain_samples(pass->grains.samples, pass->grains.count, grain);
}

static void forward_pass_fill(const struct loader *loader, uint64_t position, float *x,
                              struct loader_sample *sample)
{
    if (!loader_fill(loader, position, x, sample))
        dataset_fail(loader->dataset, loader->split, sample->number);
}

static bool forward_pass_has_images(const struct forward_pass *pass)
{
    return stage_first(pass->crew->stage) && !pass->labels_only;
}

void forward_pass_load(const struct forward_pass *pass, const struct lane *lane,
                       struct workspace *ws, int grain)
{
    const struct grain_range *grains = &pass->grains;
    size_t size = (size_t)shape_size(pass->crew->model->in);
    bool images = forward_pass_has_images(pass);
    uint64_t first = pass->position + grain_begin(grains->samples, grains->count, grain);
    int begin, end;
    team_split(&lane->team, forward_pass_samples(pass, grain), &begin, &end);
    for (int i = begin; i < end; i++) {
        uint64_t position = first + (uint64_t)i;
        struct loader_sample sample;
        if (images)
            forward_pass_fill(pass->loader, position,
                              ws->activation[0] + (size_t)i * size, &sample);
        else
            sample = loader_look(pass->loader, position);
        ws->sample[i] = sample.key;
        ws->target[i] = target_of_class(sample.label);
        ws->target[i].set = sample.set;
    }
    team_barrier(&lane->team);
}

static void forward_pass_grain(const struct forward_pass *pass, const struct lane *lane,
                               int round)
{
    struct workspace *ws = crew_workspace(pass->crew, lane->index, round);
    pass->grain(pass, lane, ws, lane->begin + round);
}

/* A stage of a pipeline: all lanes go from round to round together, between the messages
   of the neighbouring stages. */
static void forward_pass_rounds(struct forward_pass *pass, const struct lane *lane,
                                int thread)
{
    struct team all = crew_all(pass->crew, thread);
    if (thread == 0)
        flow_open(&pass->flow);
    for (int round = 0; round < pass->flow.rounds; round++) {
        if (thread == 0)
            flow_before_forward(&pass->flow, round);
        team_barrier(&all);
        if (lane->index >= 0 && lane->begin + round < lane->end)
            forward_pass_grain(pass, lane, round);
        team_barrier(&all);
        if (thread == 0)
            flow_after_forward(&pass->flow, round);
    }
    if (thread == 0)
        flow_close(&pass->flow);
}

static void forward_pass_in_thread(void *context, int thread)
{
    struct forward_pass *pass = context;
    const struct crew *crew = pass->crew;
    struct lane lane =
        crew_lane(crew, pass->lanes, thread, pass->grains.begin, pass->grains.end);
    if (crew->stage->count > 1) {
        forward_pass_rounds(pass, &lane, thread);
        return;
    }
    for (int g = lane.begin; lane.index >= 0 && g < lane.end; g++)
        forward_pass_grain(pass, &lane, g - lane.begin);
}

enum status forward_pass_read(struct forward_pass *pass, uint64_t most, enum status st)
{
    const struct stage *stage = pass->crew->stage;
    uint64_t first, count = grain_range_samples(&pass->grains, &first);
    if (!forward_pass_has_images(pass))
        count = 0;
    where_mark(WHERE_EVALUATE);
    if (st == ST_OK)
        st = loader_prepare(pass->loader, pass->epoch, pass->position + first, count,
                            most);
    return stage->count > 1 ? comm_agree(stage->line, st) : st;
}

enum status forward_pass_may_go_on(double latest)
{
    return stop_requested() || timer_now() > latest ? ST_AGAIN : ST_OK;
}

void forward_pass_run(struct forward_pass *pass)
{
    const struct crew *crew = pass->crew;
    pass->lanes = plan_lanes(&crew->plan, pass->grains.end - pass->grains.begin);
    flow_plan(&pass->flow, &pass->grains, pass->lanes, false);
    team_run(crew->plan.threads, forward_pass_in_thread, pass);
}
