/* Finds the pictures of a folder: splits, classes, nested folders. */
#include <errno.h>
#include <stdlib.h>
#include <string.h>
#include <strings.h>
#include <sys/stat.h>

#include "base/log.h"
#include "base/mem.h"
#include "base/stop.h"
#include "import_set.h"
#include "io/kind.h"

#define SCAN_DEPTH 32 /* nested folders */

bool import_is_dropping(const char *name)
{
    static const char *const droppings[] = {"Thumbs.db", "ehthumbs.db", "desktop.ini",
                                            "__MACOSX",  "@eaDir",      "lost+found"};
    if (name[0] == '.') /* .DS_Store, ._*, hidden files and folders */
        return true;
    for (size_t i = 0; i < sizeof droppings / sizeof *droppings; i++)
        if (strcasecmp(name, droppings[i]) == 0)
            return true;
    return false;
}

bool import_is_picture_name(const char *name)
{
    static const char *const ends[] = {"png",  "jpg",  "jpeg", "jpe", "jfif",
                                       "webp", "tif",  "tiff", "gif", "bmp",
                                       "heic", "heif", "avif"};
    const char *dot = strrchr(name, '.');
    for (size_t i = 0; dot && i < sizeof ends / sizeof *ends; i++)
        if (strcasecmp(dot + 1, ends[i]) == 0)
            return true;
    return false;
}

/* A folder of the path that is being searched, up to the first one. */
struct scan_folder {
    const char *path; /* relative to the root; "" is the root */
    dev_t device;
    ino_t inode;
    int depth;
    const struct scan_folder *above;
};

/* SCAN_LOST: a link that leads nowhere (of git-annex or DVC, without the content), or a
   file that vanished since it was listed. */
enum scan_kind { SCAN_PASS, SCAN_FOLDER, SCAN_FILE, SCAN_LOST };

static enum status scan_full_path(const struct import_set *set, const char *path,
                                  char out[FS_PATH])
{
    return fs_join(out, set->root, path);
}

static bool scan_is_loop(const struct scan_folder *above, const struct stat *found)
{
    for (; above; above = above->above)
        if (above->device == found->st_dev && above->inode == found->st_ino)
            return true;
    return false;
}

/* What the entry `path` is. A folder is described in *folder. */
static enum status scan_classify(struct import_set *set, const char *path,
                                 const struct scan_folder *above,
                                 struct scan_folder *folder, enum scan_kind *kind)
{
    char full[FS_PATH];
    struct stat found;
    *kind = SCAN_PASS;
    TRY(scan_full_path(set, path, full));
    if (stat(full, &found) != 0) {
        if (errno != ENOENT && errno != ELOOP)
            FAIL(ST_FAIL, "cannot read '%s': %s", full, strerror(errno));
        *kind = SCAN_LOST;
        return ST_OK;
    }
    if (S_ISREG(found.st_mode)) {
        *kind = SCAN_FILE;
    } else if (!S_ISDIR(found.st_mode)) {
        set->passed.others++;
    } else if (scan_is_loop(above, &found)) {
        set->passed.loops++;
    } else {
        *kind = SCAN_FOLDER;
        *folder = (struct scan_folder){path, found.st_dev, found.st_ino,
                                       above ? above->depth + 1 : 0, above};
        if (folder->depth > SCAN_DEPTH)
            FAIL(ST_FAIL, "folder '%s' is nested too deep", full);
    }
    return ST_OK;
}

/* By name, or else by content: README.txt beside the pictures is passed over, but a
   text file named .jpg is a broken picture, and so is what cannot be opened. */
static enum status scan_is_picture(struct import_set *set, const char *path, bool *is)
{
    char full[FS_PATH], text[STATUS_TEXT];
    struct kind kind;
    *is = import_is_picture_name(path);
    if (*is)
        return ST_OK;
    TRY(scan_full_path(set, path, full));
    status_capture(text);
    *is = kind_of_file(full, &kind) != ST_OK || kind.class == KIND_IMAGE;
    status_capture(NULL);
    if (!*is) {
        set->passed.others++;
        if (!set->passed.example)
            set->passed.example = mem_strdup(path);
    }
    return ST_OK;
}

static char *scan_path_below(const char *folder, const char *name)
{
    return *folder ? mem_format("%s/%s", folder, name) : mem_strdup(name);
}

/* Adds the pictures in a folder and the folders in it, in order of their names. */
static enum status scan_pictures(struct import_set *set, const struct scan_folder *folder,
                                 int class, int split)
{
    char full[FS_PATH], **names;
    int count;
    enum status st = ST_OK;
    TRY(scan_full_path(set, folder->path, full));
    TRY(fs_list(full, &names, &count));
    for (int i = 0; i < count && st == ST_OK; i++) {
        struct scan_folder below;
        enum scan_kind kind;
        bool is_picture;
        if (import_is_dropping(names[i])) {
            set->passed.droppings++;
            continue;
        }
        char *path = scan_path_below(folder->path, names[i]);
        st = scan_classify(set, path, folder, &below, &kind);
        if (st == ST_OK && kind == SCAN_FOLDER)
            st = scan_pictures(set, &below, class, split);
        if (st == ST_OK && (kind == SCAN_FILE || kind == SCAN_LOST)) {
            st = scan_is_picture(set, path, &is_picture);
            if (st == ST_OK && is_picture) {
                import_set_add(set, path, class, split);
                continue; /* the set owns the path */
            }
        }
        free(path);
        if (st == ST_OK && stop_requested())
            st = status_fail(ST_FAIL, "interrupted: nothing was written");
    }
    fs_free_list(names, count);
    return st;
}

/* What a folder holds, droppings not counted. */
struct scan_listing {
    char **folder; /* owned: names */
    int folders;
    int files;
};

static void scan_listing_release(struct scan_listing *listing)
{
    fs_free_list(listing->folder, listing->folders);
    *listing = (struct scan_listing){0};
}

static enum status scan_listing_read(struct import_set *set,
                                     const struct scan_folder *folder,
                                     struct scan_listing *listing)
{
    char full[FS_PATH], **names;
    int count;
    enum status st = ST_OK;
    *listing = (struct scan_listing){0};
    TRY(scan_full_path(set, folder->path, full));
    TRY(fs_list(full, &names, &count));
    listing->folder = mem_zeroed((size_t)count + 1, sizeof *listing->folder);
    for (int i = 0; i < count && st == ST_OK; i++) {
        struct scan_folder below;
        enum scan_kind kind;
        if (import_is_dropping(names[i])) {
            set->passed.droppings++;
            continue;
        }
        char *path = scan_path_below(folder->path, names[i]);
        st = scan_classify(set, path, folder, &below, &kind);
        if (st == ST_OK && kind == SCAN_LOST)
            st = status_fail(ST_FAIL,
                             "'%s/%s' leads nowhere: it may have been the folder of a "
                             "class; restore it, or remove the link",
                             set->root, path);
        free(path);
        if (kind == SCAN_FOLDER)
            listing->folder[listing->folders++] = mem_strdup(names[i]);
        listing->files += kind == SCAN_FILE;
    }
    fs_free_list(names, count);
    if (st != ST_OK)
        scan_listing_release(listing);
    return st;
}

/* The class folders of one split, or of a set without splits. */
static enum status scan_classes(struct import_set *set, const struct scan_folder *folder,
                                const struct scan_listing *listing, int split)
{
    for (int i = 0; i < listing->folders; i++) {
        struct scan_folder below;
        enum scan_kind kind;
        char *path = scan_path_below(folder->path, listing->folder[i]);
        size_t pictures = set->count, others = set->passed.others;
        enum status st = scan_classify(set, path, folder, &below, &kind);
        if (st == ST_OK && kind == SCAN_FOLDER)
            st = scan_pictures(set, &below, import_set_class(set, listing->folder[i]),
                               split);
        if (set->count == pictures && set->passed.others > others && !set->passed.hollow)
            set->passed.hollow = mem_format("%s/%s", set->root, path);
        free(path);
        TRY(st);
    }
    set->passed.others += (size_t)listing->files;
    return ST_OK;
}

/* Are the folders those of splits? If train is there, and val or test or nothing else:
   "train" may be a class beside "car". Sets the name of each split's folder. */
static enum status scan_find_splits(const struct import_set *set,
                                    const struct scan_listing *listing,
                                    const char *name[DATASET_SPLITS], bool *found)
{
    int others = 0;
    for (int s = 0; s < DATASET_SPLITS; s++)
        name[s] = NULL;
    for (int i = 0; i < listing->folders; i++) {
        int split = import_split_of(listing->folder[i]);
        others += split == IMPORT_SPLIT_OPEN;
        if (split != IMPORT_SPLIT_OPEN && !name[split])
            name[split] = listing->folder[i];
        else if (split != IMPORT_SPLIT_OPEN)
            FAIL(ST_FAIL,
                 "'%s' holds two folders for one split, '%s' and '%s': join them",
                 set->root, name[split], listing->folder[i]);
    }
    bool evaluates = name[DATASET_VAL] || name[DATASET_TEST];
    *found = name[DATASET_TRAIN] && (evaluates || others == 0);
    if (evaluates && others == 0 && !name[DATASET_TRAIN])
        FAIL(ST_FAIL, "'%s' holds '%s', but no folder 'train'", set->root,
             name[DATASET_TEST] ? name[DATASET_TEST] : name[DATASET_VAL]);
    return ST_OK;
}

static enum status scan_split(struct import_set *set, const struct scan_folder *top,
                              const char *name, int split)
{
    struct scan_folder folder;
    struct scan_listing listing;
    enum scan_kind kind;
    char *path = scan_path_below(top->path, name);
    size_t before = set->count;
    enum status st = scan_classify(set, path, top, &folder, &kind);
    if (st == ST_OK)
        st = scan_listing_read(set, &folder, &listing);
    if (st == ST_OK) {
        st = scan_classes(set, &folder, &listing, split);
        if (st == ST_OK && set->count == before)
            st = status_fail(
                ST_FAIL,
                "'%s/%s' holds no pictures in folders of classes (%d folders, "
                "%d files)",
                set->root, path, listing.folders, listing.files);
        scan_listing_release(&listing);
    }
    free(path);
    return st;
}

static enum status scan_splits(struct import_set *set, const struct scan_folder *top,
                               const struct scan_listing *listing,
                               const char *const name[DATASET_SPLITS])
{
    for (int i = 0; i < listing->folders; i++)
        if (import_split_of(listing->folder[i]) == IMPORT_SPLIT_OPEN)
            log_note("passed over the folder '%s/%s' beside '%s'", set->root,
                     listing->folder[i], name[DATASET_TRAIN]);
    set->passed.others += (size_t)listing->files;
    for (int s = 0; s < DATASET_SPLITS; s++)
        if (name[s])
            TRY(scan_split(set, top, name[s], s));
    return ST_OK;
}

/* An unpacked archive often is a folder in a folder: goes down to where more than one
   folder is. */
static enum status scan_descend(struct import_set *set, struct scan_folder *top,
                                struct scan_listing *listing)
{
    for (int depth = 0;
         depth < SCAN_DEPTH && listing->folders == 1 && listing->files == 0 &&
         import_split_of(listing->folder[0]) == IMPORT_SPLIT_OPEN;
         depth++) {
        char full[FS_PATH];
        struct scan_listing below;
        struct scan_folder folder;
        enum scan_kind kind;
        TRY(scan_full_path(set, listing->folder[0], full));
        TRY(scan_classify(set, listing->folder[0], top, &folder, &kind));
        folder.path = listing->folder[0];
        TRY(scan_listing_read(set, &folder, &below));
        if (below.folders == 0) { /* one class */
            scan_listing_release(&below);
            return ST_OK;
        }
        scan_listing_release(listing);
        *listing = below;
        free(set->root);
        set->root = mem_strdup(full);
        *top = (struct scan_folder){"", folder.device, folder.inode, 0, NULL};
    }
    return ST_OK;
}

static enum status scan_top(struct import_set *set, struct scan_folder *top,
                            struct scan_listing *listing)
{
    const char *name[DATASET_SPLITS];
    bool found;
    TRY(scan_descend(set, top, listing));
    TRY(scan_find_splits(set, listing, name, &found));
    if (found)
        TRY(scan_splits(set, top, listing, name));
    else
        TRY(scan_classes(set, top, listing, IMPORT_SPLIT_OPEN));
    if (set->classes < 2 && set->count == 0) /* one class: import_check_classes */
        FAIL(
            ST_FAIL,
            "'%s' holds %d folder%s and %d files; one folder of pictures for each class, "
            "at least two, is expected, or a list (--help)",
            set->root, listing->folders, listing->folders == 1 ? "" : "s",
            listing->files);
    import_set_sort(set);
    import_set_by_class(set);
    return ST_OK;
}

enum status import_scan(struct import_set *set, const char *folder)
{
    struct scan_folder top;
    struct scan_listing listing;
    enum scan_kind kind;
    *set = (struct import_set){.root = mem_strdup(folder)};
    enum status st = scan_classify(set, "", NULL, &top, &kind);
    if (st == ST_OK && kind != SCAN_FOLDER)
        st = status_fail(ST_FAIL, "cannot read folder '%s': there is no such folder",
                         folder);
    if (st == ST_OK)
        st = scan_listing_read(set, &top, &listing);
    if (st == ST_OK) {
        st = scan_top(set, &top, &listing);
        scan_listing_release(&listing);
    }
    if (st != ST_OK)
        import_set_release(set);
    return st;
}

enum status import_scan_all(struct import_set *set, const char *folder)
{
    struct scan_folder top;
    enum scan_kind kind;
    *set = (struct import_set){.root = mem_strdup(folder)};
    enum status st = scan_classify(set, "", NULL, &top, &kind);
    if (st == ST_OK && kind == SCAN_FOLDER)
        st = scan_pictures(set, &top, 0, IMPORT_SPLIT_OPEN);
    if (st != ST_OK)
        import_set_release(set);
    return st;
}
