#include "share.h"

#include "base/div.h"

struct span share_panels(const struct team *team, int count, int width)
{
    struct span own;
    team_split(team, div_up(count, width), &own.begin, &own.end);
    own.begin *= width;
    own.end = own.end * width < count ? own.end * width : count;
    return own;
}

struct share share_begin(const struct team *team, const struct share_extent *extent,
                         int width)
{
    struct share share = {.extent = *extent, .width = width};
    int panels = div_up(extent->channels, width);
    int images = extent->images;
    share.rows = (struct span){0, extent->rows};
    share.panels = (struct span){0, panels};
    share.left = (struct span){0, images * panels};
    switch (team->split) {
    case SPLIT_BATCH:
        team_split(team, images, &share.left.begin, &share.left.end);
        share.left.begin *= panels;
        share.left.end *= panels;
        break;
    case SPLIT_CHANNEL:
        team_split(team, panels, &share.panels.begin, &share.panels.end);
        share.left.end = images * (share.panels.end - share.panels.begin);
        break;
    case SPLIT_SPATIAL:
        team_split(team, extent->rows, &share.rows.begin, &share.rows.end);
        if (share.rows.end == share.rows.begin)
            share.left.end = 0;
        break;
    default:
        team_split(team, images * panels, &share.left.begin, &share.left.end);
    }
    return share;
}

bool share_next(struct share *share)
{
    if (share->left.begin >= share->left.end)
        return false;
    int panels = share->panels.end - share->panels.begin;
    int first = share->left.begin % panels;
    int last = first + share->left.end - share->left.begin;
    if (last > panels)
        last = panels;
    share->image = share->left.begin / panels;
    share->channels.begin = (share->panels.begin + first) * share->width;
    share->channels.end = (share->panels.begin + last) * share->width;
    if (share->channels.end > share->extent.channels)
        share->channels.end = share->extent.channels;
    share->left.begin += last - first;
    return true;
}
