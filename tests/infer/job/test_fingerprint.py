from __future__ import annotations

import dataclasses
from pathlib import Path

import pytest

from salt_infer.backends import availability, nvidia, onnxruntime_session, selection
from salt_infer.backends.base import Session
from salt_infer.backends.nvidia import Driver, Gpu
from salt_infer.backends.providers import ProviderRequest, plan
from salt_infer.data.source import Tile
from salt_infer.errors import ProviderError
from salt_infer.execution.pipeline import RunOptions
from salt_infer.job.fingerprint import Fingerprint
from salt_infer.models import default_model
from salt_infer.predictor.model import SaltModel
from salt_infer.system.cpu import this_machine
from tests.infer.finished import FINGERPRINT


def test_each_field_that_differs_is_shown() -> None:
    now = dataclasses.replace(FINGERPRINT, threshold=0.6, tta="none", model="ef" * 32)
    assert now.differences(FINGERPRINT.fields()) == [
        "model abababababab then, efefefefefef now",
        "threshold 0.5 then, 0.6 now",
        "tta hflip then, none now",
    ]
    assert now.differences(now.fields()) == []


def test_fields_of_other_versions_differ() -> None:
    before = FINGERPRINT.fields()
    del before["min_area"]
    before["colour"] = "red"
    assert FINGERPRINT.differences(before) == [
        "min_area unknown then, 0 now",
        "colour red then, unknown now",
    ]


@pytest.fixture(scope="module")
def model() -> SaltModel:
    return SaltModel.load(default_model(), threshold=0.3, gate=0.1, tta="none", min_area=7)


def of(model: SaltModel, ids: list[str], images: str = "tiles", **given: object) -> Fingerprint:
    options = RunOptions(**({"batch_size": 8} | given))  # type: ignore[arg-type]
    return Fingerprint.of(model, options, images, [Tile(name, "") for name in ids])


def test_it_says_what_the_run_was_asked_for(model: SaltModel, tmp_path: Path) -> None:
    fields = of(model, ["a", "b"], str(tmp_path)).fields()
    assert fields["model"] == model.session.sha256
    assert (fields["threshold"], fields["gate"], fields["tta"]) == (0.3, 0.1, "none")
    assert (fields["min_area"], fields["batch_size"], fields["tiles"]) == (7, 8, 2)
    assert fields["images"] == str(tmp_path)
    assert str(fields["runtime"]).startswith("onnxruntime 1.")


def test_it_says_which_processor(model: SaltModel, monkeypatch: pytest.MonkeyPatch) -> None:
    here = of(model, ["a"])
    assert here.device == this_machine().processor
    other = dataclasses.replace(this_machine(), model="Another CPU", features=("AVX2",))
    monkeypatch.setattr(onnxruntime_session, "this_machine", lambda: other)
    there = of(model, ["a"])
    assert there.differences(here.fields()) == [f"device {here.device} then, Another CPU AVX2 now"]


def test_it_says_which_gpu(model: SaltModel, monkeypatch: pytest.MonkeyPatch) -> None:
    gpus = (Gpu("NVIDIA L4", "8.9"), Gpu("NVIDIA H100", "9.0"))
    monkeypatch.setattr(nvidia, "driver", lambda: Driver((13, 1), gpus))
    for number, gpu in enumerate(gpus):
        planned = plan("cuda", ProviderRequest("cuda", number), (8, 1), "fp16")
        monkeypatch.setattr(model.session, "plan", planned)
        assert of(model, ["a"]).device == f"{gpu.name}, compute capability {gpu.capability}"


def test_options_count_as_the_provider_got_them(
    model: SaltModel, monkeypatch: pytest.MonkeyPatch
) -> None:
    """What was fallen back to got none; and one option may be spelt in several ways."""
    monkeypatch.setattr(availability, "problems", lambda provider, device_id=0: iter(()))

    def opened(fails: bool, *options: tuple[str, str]) -> Fingerprint:
        def open_one(provider: str, *rest: object) -> Session:
            if fails and provider != "cpu":
                raise ProviderError("it does not load")
            return model.session

        monkeypatch.setattr(selection, "_open", open_one)
        request = ProviderRequest("tensorrt", 0, options, allow_fallback=True)
        loaded = SaltModel.load(default_model(), provider=request)
        return of(loaded, ["a"])

    one, same, other = (("trt_int8_enable", value) for value in ("1", "True", "0"))
    assert opened(False, one) == opened(False, same)
    assert opened(False, one) != opened(False, other)
    assert opened(True, one) == opened(True, other) == opened(True)


def test_the_tiles_are_known_by_their_ids(model: SaltModel) -> None:
    one = of(model, ["a", "b"])
    assert one == of(model, ["a", "b"])
    for other in (["a", "c"], ["ab"], ["a"], ["a", "b", "\udcff"], ["a\nb"]):
        assert one.ids != of(model, other).ids


def test_threads_that_decode_do_not_matter(model: SaltModel) -> None:
    assert of(model, ["a"], decode_workers=1) == of(model, ["a"], decode_workers=9)
    assert of(model, ["a"], batch_size=1) != of(model, ["a"], batch_size=2)
