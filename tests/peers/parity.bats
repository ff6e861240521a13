#!/usr/bin/env bats
# lockstep computes what PyTorch computes: parity.py makes all comparisons in one run.

setup_file() {
    source "$BATS_TEST_DIRNAME/peers.sh"
    make_checks parity.py
}

setup() {
    source "$BATS_TEST_DIRNAME/peers.sh"
}

@test "log-probabilities of the letters network" { agrees logprobs-letters; }
@test "log-probabilities with averaged weights" { agrees logprobs-averaged; }
@test "log-probabilities with strides, padding, avgpool, dropout" { agrees logprobs-strided; }
@test "log-probabilities of pooled odd sizes" { agrees logprobs-pooled; }
@test "gradients of a smooth network, strictly" { agrees gradients-smooth; }
@test "gradients of the letters network" { agrees gradients-letters; }
@test "gradients with strides, padding, avgpool; smoothed labels" { agrees gradients-strided; }
@test "gradients of pooled odd sizes; smoothed labels" { agrees gradients-pooled; }
@test "steps of sgd with nesterov and weight decay" { agrees sgd; }
@test "steps of adamw with weight decay" { agrees adamw; }
@test "clipped gradients" { agrees clip; }
@test "steps of lars" { agrees lars; }
@test "steps of lamb" { agrees lamb; }
@test "steps of sgd with lookahead" { agrees lookahead; }
@test "steps of adamw with groups of tensors" { agrees groups; }
@test "the rates of onecycle" { agrees onecycle; }
@test "the rates of onecycle with straight lines" { agrees triangle; }
@test "the rates of the linear schedule" { agrees linear; }
@test "the rates of the polynomial schedule with a warm-up" { agrees polynomial; }
