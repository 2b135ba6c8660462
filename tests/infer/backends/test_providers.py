"""Option dictionaries; what the GPU wheel's own parsers say of them is in test_gpu_wheel.py."""

from __future__ import annotations

from pathlib import Path
from typing import Any

import pytest
from hypothesis import given
from hypothesis import strategies as st

from salt_infer.backends import option_rules, providers
from salt_infer.backends.providers import (
    ProviderRequest,
    SessionPlan,
    plan,
)
from salt_infer.errors import UsageError

SHAPE = (32, 2)


def profiles(low: str, usual: str, high: str) -> tuple[tuple[str, str], ...]:
    return tuple(zip(option_rules.PROFILES, (low, usual, high), strict=True))


def sized(*sizes: tuple[int, int]) -> tuple[tuple[str, str], ...]:
    low, usual, high = (f"tiles:{n}x{v}x101x101" for n, v in sizes)
    return profiles(low, usual, high)


def test_cpu() -> None:
    assert plan("cpu", ProviderRequest("cpu"), SHAPE, "fp32") == SessionPlan()
    assert SessionPlan().entries["session.intra_op.allow_spinning"] == "0"


CHOSEN = {"cudnn_conv_algo_search": "HEURISTIC", "use_tf32": "0"}


@pytest.mark.parametrize(("precision", "more"), [("fp32", {}), ("fp16", {"prefer_nhwc": "1"})])
def test_cuda_has_a_fixed_batch_and_what_is_documented_as_fast(
    precision: str, more: dict[str, str]
) -> None:
    seen = plan("cuda", ProviderRequest("cuda", 1, allow_fallback=True), SHAPE, precision)
    options = {"device_id": "1"} | CHOSEN | more
    providers = (("CUDAExecutionProvider", options),)
    assert seen == SessionPlan("cuda", providers, SHAPE, elsewhere=True, streams=2)


def test_what_was_asked_of_cuda_wins() -> None:
    given = {"cudnn_conv_algo_search": "EXHAUSTIVE", "use_tf32": "True", "prefer_nhwc": "0",
             "enable_cuda_graph": "1", "arena_extend_strategy": "kSameAsRequested"}  # fmt: skip
    request = ProviderRequest("cuda", options=(*given.items(), ("streams", "3")))
    seen = plan("cuda", request, SHAPE, "fp16")
    assert seen.options == {"device_id": "0"} | given | {"use_tf32": "1"}
    assert seen.streams == 3
    assert providers.without_layout(seen, request) is None


def test_a_layout_that_was_chosen_here_can_be_left_out() -> None:
    request = ProviderRequest("cuda")
    plain = providers.without_layout(plan("cuda", request, SHAPE, "fp16"), request)
    assert plain is not None
    assert plain.options["prefer_nhwc"] == "0"
    assert providers.without_layout(plain, request) is None
    assert providers.without_layout(plan("cuda", request, SHAPE, "fp32"), request) is None


def test_deterministic() -> None:
    request = ProviderRequest("cuda", deterministic=True)
    seen = plan("cuda", request, SHAPE, "fp16")
    assert seen.deterministic
    assert seen.options["cudnn_conv_algo_search"] == "DEFAULT"
    assert seen.options["use_tf32"] == "0"
    assert not plan("cuda", ProviderRequest("cuda"), SHAPE, "fp16").deterministic
    assert ProviderRequest(deterministic=True).candidates == ("cuda", "cpu", "openvino")


def test_second_passes_go_in_smaller_batches_but_for_tensorrt() -> None:
    cuda, tensorrt = (
        providers.with_second_passes(plan(name, ProviderRequest(name), (128, 1), "fp16"))
        for name in ("cuda", "tensorrt")
    )  # fmt: skip
    assert (cuda.second, cuda.of_second_passes.shape) == (32, (32, 1))
    assert (tensorrt.second, tensorrt.of_second_passes.shape) == (128, (128, 1))
    small = plan("cuda", ProviderRequest("cuda"), (2, 1), "fp16")
    assert providers.with_second_passes(small).second == 1
    profiled = ProviderRequest("tensorrt", options=sized((1, 1), (32, 2), (64, 2)))
    free = plan("tensorrt", profiled, SHAPE, "fp16")
    assert providers.with_second_passes(free) == free


def test_a_gpu_has_a_batch_of_its_own() -> None:
    assert [providers.batch_for(each, None) for each in providers.AUTO] == [128, 128, 32, 32]
    assert providers.batch_for("cuda", 7) == 7


@pytest.mark.parametrize(
    ("precision", "flag"), [("fp16", "trt_fp16_enable"), ("int8", "trt_int8_enable"), ("fp32", "")]
)
def test_tensorrt(precision: str, flag: str) -> None:
    seen = plan("tensorrt", ProviderRequest("tensorrt", 2), SHAPE, precision, Path("/cache/key"))
    (name, options), (second, others) = seen.providers
    assert (name, second) == ("TensorrtExecutionProvider", "CUDAExecutionProvider")
    assert others["device_id"] == "2"
    assert seen.streams == 2
    assert options == {
        "device_id": "2",
        "trt_engine_cache_enable": "True",
        "trt_engine_cache_path": "/cache/key",
        "trt_timing_cache_enable": "True",
        "trt_timing_cache_path": "/cache/key",
    } | ({flag: "True"} if flag else {})
    assert (seen.shape, seen.elsewhere) == (SHAPE, False)


@given(
    st.dictionaries(
        st.sampled_from(sorted(option_rules._TRT_BOOLEANS)),
        st.sampled_from(["1", "0", "true", "False", "TRUE"]),
        max_size=4,
    )
)
def test_booleans_of_tensorrt_are_true_or_false_only(given: dict[str, str]) -> None:
    request = ProviderRequest("tensorrt", options=tuple(given.items()))
    options = plan("tensorrt", request, SHAPE, "fp16").providers[0][1]
    for name, value in given.items():
        assert options[name] == ("True" if value.lower() in ("1", "true") else "False")


@pytest.mark.parametrize("name", ["trt_engine_decryption_enable", "trt_dump_ep_context_model"])
def test_rare_booleans_of_tensorrt_are_no_others(name: str) -> None:
    request = ProviderRequest("tensorrt", options=((name, "1"),))
    assert plan("tensorrt", request, SHAPE, "fp16").providers[0][1][name] == "True"


def test_the_users_options_win_and_go_to_their_provider_only() -> None:
    request = ProviderRequest("tensorrt", options=(("trt_fp16_enable", "0"),), allow_fallback=True)
    assert plan("tensorrt", request, SHAPE, "fp16").providers[0][1]["trt_fp16_enable"] == "False"
    other = plan("cuda", request, SHAPE, "fp16").options
    assert other == plan("cuda", ProviderRequest("cuda"), SHAPE, "fp16").options


def test_a_users_profile_lifts_the_fixed_batch() -> None:
    request = ProviderRequest("tensorrt", options=sized((1, 1), (32, 2), (64, 2)))
    assert plan("tensorrt", request, SHAPE, "fp16").shape is None


@pytest.mark.parametrize(
    ("options", "message"),
    [
        (profiles("tiles:1x1x101x101", "tiles:8x2x101x101", "images:8x2x101x101"), "max_shapes is"),
        (profiles("tiles:1x1x101x101", "tiles:8x2x101x100", "tiles:8x2x101x101"), "opt_shapes is"),
        (profiles("tiles:0x1x101x101", "tiles:8x2x101x101", "tiles:8x2x101x101"), "min_shapes is"),
        (profiles("tiles:1,1,101,101", "tiles:8x2x101x101", "tiles:8x2x101x101"), "min_shapes is"),
        (sized((1, 1), (8, 2), (8, 2))[:2], "expected all of trt_profile_min_shapes"),
        (sized((1, 1), (9, 2), (8, 2)), "expected min <= opt <= max"),
        (sized((1, 2), (8, 1), (8, 2)), "expected min <= opt <= max"),
    ],
)
def test_malformed_profiles_are_refused(options: tuple[tuple[str, str], ...], message: str) -> None:
    with pytest.raises(UsageError, match=message):
        ProviderRequest("tensorrt", options=options)


@pytest.mark.parametrize(
    "options", [sized((2, 1), (32, 2), (64, 2)), sized((1, 1), (8, 2), (16, 2)),
                sized((1, 1), (32, 1), (64, 1))],
)  # fmt: skip
def test_profiles_that_do_not_hold_the_run_are_refused(
    options: tuple[tuple[str, str], ...],
) -> None:
    request = ProviderRequest("tensorrt", options=options)
    with pytest.raises(UsageError, match=r"expected 1 to 32 in 2: change them"):
        plan("tensorrt", request, SHAPE, "fp16")


@pytest.mark.parametrize(
    ("request_of", "message"),
    [
        ({"provider": "rocm"}, "expected one of auto, cpu, cuda, tensorrt, openvino"),
        ({"provider": "cuda", "device_id": -1}, "device id is -1"),
        ({"provider": "cpu", "device_id": 1}, "--device-id names a GPU"),
        ({"provider": "auto", "options": (("use_tf32", "0"),)}, "name it with --provider"),
        ({"provider": "cpu", "options": (("a", "b"),)}, "takes no options, 'a' would be ignored"),
        ({"provider": "cuda", "options": (("a", "b"), ("a", "c"))}, "a is given twice"),
        ({"provider": "cuda", "options": (("device_id", "1"),)}, "give --device-id"),
        (
            {"provider": "tensorrt", "options": (("trt_cuda_graph_enable", "1"),)},
            "graphs are for cuda, as enable_cuda_graph=1",
        ),
        ({"provider": "cuda", "options": (("prefer_nhwc", "yes"),)}, "expected True or False"),
        ({"provider": "cuda", "options": (("streams", "5"),)}, "streams is '5', expected 1 to 4"),
        ({"provider": "tensorrt", "options": (("streams", "0"),)}, "expected 1 to 4"),
        ({"provider": "tensorrt", "deterministic": True}, "is for --provider cuda"),
        (
            {"provider": "cuda", "deterministic": True, "options": (("use_tf32", "1"),)},
            "--deterministic needs use_tf32=0, not 1",
        ),
        (
            {
                "provider": "cuda",
                "deterministic": True,
                "options": (("cudnn_conv_algo_search", "EXHAUSTIVE"),),
            },
            "--deterministic needs cudnn_conv_algo_search=DEFAULT, not EXHAUSTIVE",
        ),
        (
            {"provider": "tensorrt", "options": (("trt_engine_cache_path", "/x"),)},
            "give --engine-cache",
        ),
        (
            {"provider": "tensorrt", "options": (("trt_fp16_enable", "yes"),)},
            "trt_fp16_enable is 'yes', expected True or False",
        ),
    ],
)
def test_requests_that_cannot_be_met(request_of: dict[str, Any], message: str) -> None:
    with pytest.raises(UsageError, match=message):
        ProviderRequest(**request_of)


@given(st.text(max_size=12))
def test_options_are_parsed_or_refused(text: str) -> None:
    try:
        key, value = option_rules.parse_option(text)
    except UsageError as error:
        assert repr(text) in str(error)
    else:
        assert f"{key}={value}" == text
        assert key.isidentifier()


@pytest.mark.parametrize("text", ["", "a", "=b", "a b=c", "1a=b", "a-b=c", "ä=b"])
def test_what_is_no_option(text: str) -> None:
    with pytest.raises(UsageError, match="not of the form KEY=VALUE"):
        option_rules.parse_option(text)


def test_candidates() -> None:
    assert ProviderRequest().candidates == ("tensorrt", "cuda", "cpu", "openvino")
    assert ProviderRequest("tensorrt").candidates == ("tensorrt",)
    fallen = ProviderRequest("tensorrt", allow_fallback=True)
    assert fallen.candidates == ("tensorrt", "cuda", "cpu")
