"""vLLM's scheduler from its wheel, driven by a runner that computes nothing: times are virtual, tokens are all 7."""

import json
from dataclasses import dataclass, field

CONFIG = {
    "architectures": ["LlamaForCausalLM"],
    "model_type": "llama",
    "hidden_size": 64,
    "intermediate_size": 128,
    "num_attention_heads": 4,
    "num_hidden_layers": 1,
    "num_key_value_heads": 2,
    "vocab_size": 512,
    "max_position_embeddings": 32768,
    "torch_dtype": "float32",
}
STEP_S, TOKEN_S = 0.012, 60e-6
"""Time of a step, and of each token in it."""


@dataclass
class Served:
    """When requests were done, in seconds of virtual time since their arrival."""

    latency: dict[str, float] = field(default_factory=dict)
    num_tokens: dict[str, int] = field(default_factory=dict)
    num_preempted: int = 0

    def quantile(self, share):
        ordered = sorted(self.latency.values())
        return ordered[int(share * (len(ordered) - 1))]

    @property
    def mean(self):
        return sum(self.latency.values()) / len(self.latency)


class Engine:
    """One scheduler of vLLM, with `ours` or its own asynchronous one."""

    def __init__(self, folder, *, ours, num_blocks=4096, slots=24, options=None):
        from vllm import config as vllm
        from vllm.v1.core.sched.async_scheduler import AsyncScheduler
        from vllm.v1.kv_cache_interface import FullAttentionSpec, KVCacheConfig, KVCacheGroupSpec
        from vllm.v1.structured_output import StructuredOutputManager

        (folder / "config.json").write_text(json.dumps(CONFIG))
        import torch

        model = vllm.ModelConfig(
            model=str(folder), skip_tokenizer_init=True, max_model_len=32768, dtype="float32", enforce_eager=True
        )
        name = "paretoserve.integrations.vllm.ParetoScheduler" if ours else None
        scheduler = vllm.SchedulerConfig(
            max_num_seqs=slots,
            max_num_batched_tokens=2048,
            max_model_len=32768,
            is_encoder_decoder=False,
            enable_chunked_prefill=True,
            async_scheduling=True,
            scheduler_cls=name,
        )
        cache = vllm.CacheConfig(block_size=16, enable_prefix_caching=False)
        config = vllm.VllmConfig(
            model_config=model,
            scheduler_config=scheduler,
            cache_config=cache,
            device_config=vllm.DeviceConfig("cpu"),
            additional_config={"paretoserve": options or {}} if ours else {},
        )
        cache.num_gpu_blocks = num_blocks
        spec = FullAttentionSpec(block_size=16, num_kv_heads=2, head_size=16, dtype=torch.float32)
        blocks = KVCacheConfig(
            num_blocks=num_blocks, kv_cache_tensors=[], kv_cache_groups=[KVCacheGroupSpec(["layer"], spec)]
        )
        made = scheduler.get_scheduler_cls() if ours else AsyncScheduler
        self.scheduler = made(
            vllm_config=config,
            kv_cache_config=blocks,
            structured_output_manager=StructuredOutputManager(config),
            block_size=16,
            log_stats=False,
        )
        self.num_blocks = num_blocks

    def submit(self, name, prompt, output, **extra):
        from vllm import SamplingParams
        from vllm.v1.request import Request

        parameters = SamplingParams(ignore_eos=True, max_tokens=output, extra_args=extra or None)
        self.scheduler.add_request(
            Request(request_id=name, prompt_token_ids=[1] * prompt, sampling_params=parameters, pooling_params=None)
        )

    def step(self):
        """Run a step; returns what vLLM scheduled and the names of those that are done."""
        from vllm.v1.outputs import ModelRunnerOutput

        planned = self.scheduler.schedule()
        names = list(planned.num_scheduled_tokens)
        requests = self.scheduler.requests
        ends = [requests[name].num_computed_tokens >= requests[name].num_tokens for name in names]
        output = ModelRunnerOutput(
            req_ids=names,
            req_id_to_index={name: place for place, name in enumerate(names)},
            sampled_token_ids=[[7] if end else [] for end in ends],
        )
        done = self.scheduler.update_from_output(planned, output)
        over = [out.request_id for outs in done.values() for out in outs.outputs if out.finish_reason is not None]
        return planned, over

    def serve(self, requests):
        """Serve requests given as (arrival in seconds, prompt, output) by name."""
        served, now = Served(), 0.0
        waiting = sorted(requests.items(), key=lambda item: item[1][0])
        waiting.reverse()
        while waiting or self.scheduler.has_unfinished_requests():
            if not self.scheduler.has_unfinished_requests():
                now = max(now, waiting[-1][1][0])
            while waiting and waiting[-1][1][0] <= now:
                name, (_, prompt, output) = waiting.pop()
                self.submit(name, prompt, output)
            live = dict(self.scheduler.requests)
            planned, over = self.step()
            now += STEP_S + TOKEN_S * planned.total_num_scheduled_tokens
            for name in over:
                served.latency[name] = now - requests[name][0]
                served.num_tokens[name] = live[name].num_output_tokens
                served.num_preempted += live[name].num_preemptions
        return served

    @property
    def num_free_blocks(self):
        return self.scheduler.kv_cache_manager.block_pool.get_num_free_blocks()
