"""On a GPU: fronts, ranks, probabilities and estimated volumes equal to the CPU's, on the device of the points."""

import pytest

torch = pytest.importorskip("torch")
pareto = pytest.importorskip("paretoserve.pareto")

pytestmark = [
    pytest.mark.gpu,
    pytest.mark.skipif(not torch.cuda.is_available(), reason="no CUDA device"),
]

DTYPES = [torch.float64, torch.int32, torch.uint8]


def table(kind, n, d, dtype=torch.float64):
    """Return points on the CPU: ties everywhere, close to the best there could be, or every one on the front."""
    generator = torch.Generator().manual_seed(d)
    if kind == "grid":
        return torch.randint(0, 12, (n, d), generator=generator).to(dtype)
    if kind == "close":
        return torch.rand(n, d, generator=generator, dtype=torch.float64) / d
    points = torch.randn(n, d, generator=generator, dtype=torch.float64).abs()
    return (1 - points / points.norm(dim=1, keepdim=True) / 2).to(dtype)


def same(got, expected, origin):
    assert got.device == origin.device
    assert got.cpu().numpy().tolist() == expected.tolist()


@pytest.mark.parametrize("dtype", DTYPES, ids=str)
@pytest.mark.parametrize("d", [1, 2, 4, 8, 11])
@pytest.mark.parametrize("keep", ["all", "first", "last"])
def test_fronts(keep, d, dtype):
    points = table("grid", 50_000, d, dtype)
    sense, x = (["min", "max"] * d)[:d], points.cuda()
    same(pareto.mask(x, sense, keep=keep), pareto.mask(points.numpy(), sense, keep=keep), x)
    same(pareto.front(x, sense, keep=keep), pareto.front(points.numpy(), sense, keep=keep), x)


@pytest.mark.parametrize(("n", "d"), [(100_000, 2), (50_000, 4), (20_000, 8)])
def test_fronts_of_all_points(n, d):
    x = table("sphere", n, d).cuda()
    same(pareto.mask(x), pareto.mask(x.cpu().numpy()), x)


def test_bounds_and_labels():
    points = table("grid", 30_000, 3)
    labels = torch.arange(len(points)) % 7
    where = {0: (2, None), 2: (None, 9)}
    x = points.cuda()
    found = pareto.mask(x, groups=labels.cuda(), where=where)
    same(found, pareto.mask(points.numpy(), groups=labels.numpy(), where=where), x)


@pytest.mark.parametrize("d", [2, 4, 9])
def test_ranks(d):
    x = table("grid", 5_000, d).cuda()
    same(pareto.ranks(x), pareto.ranks(x.cpu().numpy()), x)


@pytest.mark.parametrize("d", [2, 4, 9])
def test_probabilities_from_samples(d):
    x = table("grid", 64 * 200, d).cuda()
    x = x[: len(x) // 64 * 64].view(64, -1, d)
    same(pareto.front_probability(x).probability, pareto.front_probability(x.cpu().numpy()).probability, x)


@pytest.mark.parametrize("d", [2, 3, 9])
def test_probabilities_of_normal_models(d):
    x = table("sphere", 500, d).cuda()
    cov = 0.01 * torch.eye(d, dtype=torch.float64)
    for on_device, on_host in (({"std": 0.05}, {"std": 0.05}), ({"cov": cov.cuda()}, {"cov": cov.numpy()})):
        found = pareto.front_probability(mean=x, seed=2**63, num_samples=99, **on_device)
        expected = pareto.front_probability(mean=x.cpu().numpy(), seed=2**63, num_samples=99, **on_host)
        same(found.probability, expected.probability, x)


@pytest.mark.parametrize("statistic", ["mean", "median", 0.99])
def test_bootstraps(statistic):
    points = table("sphere", 4_000, 3)
    ends = [i * len(points) // 20 for i in range(21)]
    x = points.cuda()
    options = {"offsets": ends, "statistic": statistic, "num_samples": 50, "seed": 4}
    found = pareto.bootstrap(x, **options)
    same(found.probability, pareto.bootstrap(points.numpy(), **options).probability, x)
    assert found.standard_error.device == x.device


@pytest.mark.parametrize(("n", "d"), [(500, 2), (2_000, 4), (1_000, 8), (300, 20), (50, 40)])
def test_estimated_volumes(n, d):
    x = table("close", n, d).cuda()
    found = pareto.hypervolume(x, 1.0, method="approx", rel_err=0.03, seed=5)
    assert repr(found) == repr(pareto.hypervolume(x.cpu().numpy(), 1.0, method="approx", rel_err=0.03, seed=5))


def test_the_callers_stream_is_used():
    x = torch.zeros(20_000, 3, dtype=torch.float64, device="cuda")
    points = table("grid", 20_000, 3)
    samples, start = points.view(20, -1, 3), points.cuda()
    torch.cuda.synchronize()
    stream = torch.cuda.Stream()
    with torch.cuda.stream(stream):
        torch.cuda._sleep(200_000_000)  # what reads the points before they are written gives other results
        x.copy_(start)
        marks, ranks = pareto.mask(x), pareto.ranks(x[:5_000])
        found = pareto.front_probability(x.view(20, -1, 3)).probability
    stream.synchronize()
    same(marks, pareto.mask(points.numpy()), x)
    same(ranks, pareto.ranks(points[:5_000].numpy()), x)
    same(found, pareto.front_probability(samples.numpy()).probability, x)


def test_tensors_on_different_devices_are_refused():
    from paretoserve.errors import DeviceError

    x = table("grid", 100, 2)
    with pytest.raises(DeviceError, match="`mean` is on cuda:0 but `std` is on cpu"):
        pareto.front_probability(mean=x.cuda(), std=x)
    with pytest.raises(DeviceError, match="is on cuda:0 but"):
        pareto.mask([x[:, 0].cuda(), x[:, 1]])
