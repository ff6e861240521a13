#include "app/config/config_words.h"

#include <stddef.h>
#include <string.h>

#include "base/parse.h"

static const struct config_word {
    const char *word, *key;
} config_words[] = {
    {"batch_size", "train.batch"},
    {"train_batch_size", "train.batch"},
    {"micro_batch_size", "train.grain"},
    {"epochs", "train.epochs"},
    {"num_epochs", "train.epochs"},
    {"num_train_epochs", "train.epochs"},
    {"max_epochs", "train.epochs"},
    {"max_steps", "train.steps"},
    {"num_steps", "train.steps"},
    {"max_iter", "train.steps"},
    {"seed", "train.seed"},
    {"random_seed", "train.seed"},
    {"learning_rate", "optim.lr"},
    {"lr", "optim.lr"},
    {"lr0", "optim.lr"},
    {"base_lr", "optim.lr"},
    {"optimizer", "optim.kind"},
    {"opt", "optim.kind"},
    {"momentum", "optim.momentum"},
    {"nesterov", "optim.nesterov"},
    {"weight_decay", "optim.weight_decay"},
    {"wd", "optim.weight_decay"},
    {"layer_decay", "optim.layer_decay"},
    {"lr_scheduler", "schedule.kind"},
    {"lr_scheduler_type", "schedule.kind"},
    {"scheduler", "schedule.kind"},
    {"sched", "schedule.kind"},
    {"lr_policy", "schedule.kind"},
    {"warmup", "schedule.warmup"},
    {"warmup_epochs", "schedule.warmup"},
    {"step_size", "schedule.step_every"},
    {"decay_epochs", "schedule.step_every"},
    {"label_smoothing", "train.label_smoothing"},
    {"smoothing", "train.label_smoothing"},
    {"class_weight", "train.class_weights"},
    {"mixup", "train.mixup"},
    {"mixup_alpha", "train.mixup"},
    {"cutmix", "train.cutmix"},
    {"cutmix_alpha", "train.cutmix"},
    {"clip_grad", "train.clip"},
    {"clip_grad_norm", "train.clip"},
    {"gradient_clip_val", "train.clip"},
    {"max_grad_norm", "train.clip"},
    {"clipnorm", "train.clip"},
    {"ema_decay", "train.ema"},
    {"model_ema_decay", "train.ema"},
    {"patience", "early_stop.patience"},
    {"early_stopping_patience", "early_stop.patience"},
    {"min_delta", "early_stop.min_delta"},
    {"imgsz", "data.size"},
    {"img_size", "data.size"},
    {"input_size", "data.size"},
    {"num_workers", "data.prefetch"},
    {"workers", "data.prefetch"},
    {"val_split", "data.val"},
    {"validation_split", "data.val"},
    {"log_interval", "log.every"},
    {"logging_steps", "log.every"},
    {"log_every_n_steps", "log.every"},
    {"eval_interval", "train.eval_every"},
    {"check_val_every_n_epoch", "train.eval_every"},
    {"save_steps", "checkpoint.every_steps"},
    {"save_period", "checkpoint.every_epochs"},
    {"save_total_limit", "checkpoint.keep"},
    {"fliplr", "augment.flip"},
    {"hflip", "augment.flip"},
    {"horizontal_flip", "augment.flip"},
    {"flipud", "augment.flip_vertical"},
    {"vflip", "augment.flip_vertical"},
    {"vertical_flip", "augment.flip_vertical"},
    {"random_erasing", "augment.erase"},
    {"reprob", "augment.erase"},
    {"auto_augment", "augment.randaugment"},
    {"degrees", "augment.rotate"},
};

const char *config_word_key(const char *word)
{
    for (size_t i = 0; i < sizeof config_words / sizeof *config_words; i++)
        if (parse_same(word, config_words[i].word))
            return config_words[i].key;
    return NULL;
}
