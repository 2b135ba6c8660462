"""Option dictionaries; what the GPU wheel's own parsers say of them is in test_gpu_wheel.py."""

from __future__ import annotations

from pathlib import Path
from typing import Any

import pytest
from hypothesis import given
from hypothesis import strategies as st

from salt_infer import providers
from salt_infer.errors import UsageError
from salt_infer.providers import Plan, ProviderRequest, plan

SHAPE = (32, 2)


def profiles(low: str, usual: str, high: str) -> tuple[tuple[str, str], ...]:
    return tuple(zip(providers.PROFILES, (low, usual, high), strict=True))


def sized(*sizes: tuple[int, int]) -> tuple[tuple[str, str], ...]:
    low, usual, high = (f"tiles:{n}x{v}x101x101" for n, v in sizes)
    return profiles(low, usual, high)


def test_cpu() -> None:
    assert plan("cpu", ProviderRequest("cpu"), SHAPE, "fp32") == Plan()
    assert Plan().entries["session.intra_op.allow_spinning"] == "0"


def test_cuda_has_a_fixed_batch_and_only_what_was_asked_for() -> None:
    request = ProviderRequest("cuda", 1, (("use_tf32", "0"),), allow_fallback=True)
    seen = plan("cuda", request, SHAPE, "fp16")
    options = {"device_id": "1", "use_tf32": "0"}
    assert seen == Plan("cuda", (("CUDAExecutionProvider", options),), SHAPE, elsewhere=True)


@pytest.mark.parametrize(
    ("precision", "flag"), [("fp16", "trt_fp16_enable"), ("int8", "trt_int8_enable"), ("fp32", "")]
)
def test_tensorrt(precision: str, flag: str) -> None:
    seen = plan("tensorrt", ProviderRequest("tensorrt", 2), SHAPE, precision, Path("/cache/key"))
    (name, options), (second, others) = seen.providers
    assert (name, second) == ("TensorrtExecutionProvider", "CUDAExecutionProvider")
    assert others == {"device_id": "2"}
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
        st.sampled_from(sorted(providers._TRT_BOOLEANS)),
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
    assert plan("cuda", request, SHAPE, "fp16").providers[0][1] == {"device_id": "0"}


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
        ({"provider": "cuda", "options": (("enable_cuda_graph", "1"),)}, "repeat the first batch"),
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
        key, value = providers.parse_option(text)
    except UsageError as error:
        assert repr(text) in str(error)
    else:
        assert f"{key}={value}" == text
        assert key.isidentifier()


@pytest.mark.parametrize("text", ["", "a", "=b", "a b=c", "1a=b", "a-b=c", "ä=b"])
def test_what_is_no_option(text: str) -> None:
    with pytest.raises(UsageError, match="not of the form KEY=VALUE"):
        providers.parse_option(text)


def test_candidates() -> None:
    assert ProviderRequest().candidates == ("tensorrt", "cuda", "cpu", "openvino")
    assert ProviderRequest("tensorrt").candidates == ("tensorrt",)
    fallen = ProviderRequest("tensorrt", allow_fallback=True)
    assert fallen.candidates == ("tensorrt", "cuda", "cpu")
