"""`quant.convert`: what it refuses whatever the layout, both libraries, and that inputs stay as they were."""

import numpy as np
import pytest

from paretoserve import quant
from paretoserve.errors import DtypeError, ShapeError, UnknownNameError


def expert(rows=4, groups=3, seed=0):
    random = np.random.default_rng(seed)
    scales = random.integers(100, 130, (rows, groups), dtype=np.uint8)
    return {"blocks": random.integers(0, 256, (rows, groups, 16), dtype=np.uint8), "scales": scales}


def test_gpt_oss_goes_through_a_qtensor_and_back_unchanged():
    tensors = expert()
    q, report = quant.convert(tensors, "gpt_oss_mxfp4", "qtensor")
    assert (q.meta.fmt, q.shape, q.codes.shape, report.exact) == ("mxfp4", (4, 96), (4, 48), True)
    again, report = quant.convert(q, "qtensor", "gpt_oss_mxfp4")
    assert report == quant.ConvertReport(exact=True, blocks_lossy=0, max_abs_err=0.0, notes=())
    assert all((again[name] == tensors[name]).all() for name in tensors)


def test_torch_in_means_torch_out():
    torch = pytest.importorskip("torch")
    tensors = {name: torch.from_numpy(array) for name, array in expert().items()}
    q, _ = quant.convert(tensors, "gpt_oss_mxfp4", "qtensor")
    assert isinstance(q.codes, torch.Tensor)
    again, _ = quant.convert(q, "qtensor", "gpt_oss_mxfp4")
    assert torch.equal(again["blocks"], tensors["blocks"])


def test_unknown_names_are_refused():
    with pytest.raises(UnknownNameError, match="did you mean gpt_oss_mxfp4"):
        quant.convert(expert(), "gpt_oss", "qtensor")
    with pytest.raises(TypeError, match="`group_size` is not a setting of gpt_oss_mxfp4 to qtensor"):
        quant.convert(expert(), "gpt_oss_mxfp4", "qtensor", group_size=32)
    with pytest.raises(ValueError, match="`nan` must be one of 'raise', 'scale', got 'zero'"):
        quant.convert(expert(), "gpt_oss_mxfp4", "qtensor", nan="zero")
    with pytest.raises(ShapeError, match="'bias', which gpt_oss_mxfp4 does not know"):
        quant.convert(expert() | {"bias": np.zeros(4)}, "gpt_oss_mxfp4", "qtensor")


def test_wrong_arrays_are_refused():
    good = expert()
    with pytest.raises(ShapeError, match="must have 'scales' for gpt_oss_mxfp4, got blocks"):
        quant.convert({"blocks": good["blocks"]}, "gpt_oss_mxfp4", "qtensor")
    with pytest.raises(DtypeError, match="`blocks` must be uint8 for gpt_oss_mxfp4, got int8"):
        quant.convert(good | {"blocks": good["blocks"].view(np.int8)}, "gpt_oss_mxfp4", "qtensor")
    with pytest.raises(ShapeError, match=r"`scales` must have shape \(4, 3\)"):
        quant.convert(good | {"scales": good["scales"][:3]}, "gpt_oss_mxfp4", "qtensor")
    with pytest.raises(ShapeError, match=r"`blocks` must have shape"):
        quant.convert(good | {"blocks": good["blocks"][..., :15]}, "gpt_oss_mxfp4", "qtensor")
    with pytest.raises(DtypeError, match="must be a QTensor"):
        quant.convert(good, "qtensor", "gpt_oss_mxfp4")


def test_a_nan_scale_is_refused_with_its_place():
    tensors = expert()
    tensors["scales"][2, 1] = 255
    with pytest.raises(ValueError, match=r"NaN \(byte 255\) at \[2, 1\]"):
        quant.convert(tensors, "gpt_oss_mxfp4", "qtensor")
    q, _ = quant.convert(tensors, "gpt_oss_mxfp4", "qtensor", nan="scale")
    assert q.scales[2, 1] == 255
