"""Blocks of a torch module: runs of its torch.fx graph between the places where one tensor alone passes.

The graph is that of symbolic tracing, whose nodes are layers; of modules that it cannot trace or that have no place to
cut in it (most transformers, which slice by sizes) that of `torch.export`, whose nodes are operators. Importing this
imports torch.
"""

from __future__ import annotations

import inspect
from collections.abc import Iterator
from typing import Any

import torch
from torch import fx, nn
from torch.utils import _pytree as pytree

from paretoserve._integers import shown
from paretoserve.cost.checks import listed
from paretoserve.errors import DeviceError

__all__ = ["Blocks", "Part", "checked_blocks"]


class Blocks:
    """The blocks of a module.

    Attributes
    ----------
    names : list of str
        Of each block the submodule, or the submodule and operation, that it ends with.
    output_bytes : list of int
        What each hands on for the example inputs.
    """

    def __init__(self, module: nn.Module, inputs: tuple[torch.Tensor, ...], leaves: tuple[type, ...]) -> None:
        for graph, self.result in _graphs(module, inputs, leaves):
            self._cut(graph, inputs)
            if len(self) > 1:
                break

    def __len__(self) -> int:
        """Return the number of blocks."""
        return len(self.names)

    def _cut(self, graph: fx.GraphModule, inputs: tuple[torch.Tensor, ...]) -> None:
        """Take this graph, and what passes in it for the inputs."""
        seen = _Seen(graph)
        try:
            with torch.no_grad():
                seen.run(*(tensor.clone() for tensor in inputs))
        except Exception as error:
            raise _refused("example_inputs", f"what `module` takes, got {type(error).__name__}: {error}") from error
        self.graph = graph
        self.nodes = list(graph.graph.nodes)
        self.fixed = _fixed(self.nodes)
        work = [node for node in self.nodes if node.op != "output" and node not in self.fixed]
        ends = _ends(self.nodes, self.nodes.index(work[-1]), self.fixed, seen.tensors)
        self.handed = [node for _, node in ends]
        self.bounds = [0, *(position + 1 for position, _ in ends), len(self.nodes)]
        self.names = [_name(node) for node in (*self.handed, work[-1])]
        self.output_bytes = [seen.tensors[node] for node in self.handed] + [seen.output_bytes]

    def part(self, first: int, stop: int) -> Part:
        """Return blocks `first` to before `stop`, which share their parameters with the whole."""
        graph = fx.Graph()
        copies: dict[fx.Node, fx.Node] = {}

        def copied(node: fx.Node) -> fx.Node:
            if node not in copies:
                assert node in self.fixed
                copies[node] = graph.node_copy(node, copied)
            return copies[node]

        if first > 0:
            copies[self.handed[first - 1]] = graph.placeholder("handed")
        for node in self.nodes[self.bounds[first] : self.bounds[stop]]:
            if node.op == "output":
                graph.output(fx.map_arg(node.args[0], copied))
            elif node not in self.fixed:
                copies[node] = graph.node_copy(node, copied)
        if stop < len(self):
            graph.output(copies[self.handed[stop - 1]])
        return Part(fx.GraphModule(self.graph, graph), first == 0, self.result if stop == len(self) else None)


class Part:
    """Some blocks of a module, as a stage of `run_split`: without gradients, on as many threads as the caller had."""

    def __init__(self, module: fx.GraphModule, is_first: bool, result: pytree.TreeSpec | None) -> None:
        self.module = module
        self.is_first = is_first
        self.result = result
        self.threads = torch.get_num_threads()

    @property
    def num_bytes(self) -> int:
        """What its parameters and buffers take."""
        return sum(tensor.nbytes for tensor in (*self.module.parameters(), *self.module.buffers()))

    def __call__(self, value: Any) -> Any:
        """Compute the blocks; what the first one gets may be a tuple of inputs."""
        if torch.get_num_threads() != self.threads:
            torch.set_num_threads(self.threads)
        with torch.no_grad():
            made = self.module(*value) if self.is_first and isinstance(value, tuple) else self.module(value)
        if self.result is not None:
            return pytree.tree_unflatten(made, self.result)
        if isinstance(made, torch.Tensor) and made.untyped_storage().nbytes() > made.nbytes:
            return made.clone(memory_format=torch.contiguous_format)  # of a view all that it looks at would be sent
        return made


class _Seen(fx.Interpreter):
    """Runs a graph and notes which nodes are tensors."""

    def __init__(self, graph: fx.GraphModule) -> None:
        super().__init__(graph)
        self.tensors: dict[fx.Node, int] = {}
        self.output_bytes = 0

    def run_node(self, n: fx.Node) -> Any:
        """Run a node and note the bytes of a tensor; of the output those of all tensors in it."""
        value = super().run_node(n)
        if n.op == "output":
            leaves = pytree.tree_leaves(value)
            self.output_bytes = sum(leaf.nbytes for leaf in leaves if isinstance(leaf, torch.Tensor))
        elif isinstance(value, torch.Tensor):
            self.tensors[n] = value.nbytes
        return value


def _fixed(nodes: list[fx.Node]) -> set[fx.Node]:
    """Return the nodes that no input reaches; each part has its own, so that they need not be handed on.

    Parameters, and in exported graphs what is computed from them or from nothing, such as positions and masks: there it
    is known of every operator whether it writes to its arguments or draws random numbers.
    """
    fixed = {node for node in nodes if node.op == "get_attr"}
    computed = set(fixed)
    for node in nodes:
        if not isinstance(node.target, torch._ops.OpOverload):
            continue
        reached = [one not in computed for one in node.all_input_nodes]
        if node.target._schema.is_mutable and not all(reached):
            return fixed
        if not any(reached) and torch.Tag.nondeterministic_seeded not in node.target.tags:
            computed.add(node)
    return computed


def _ends(
    nodes: list[fx.Node], last_work: int, fixed: set[fx.Node], tensors: dict[fx.Node, int]
) -> list[tuple[int, fx.Node]]:
    """Return after which nodes a single tensor passes, and of which node it is."""
    place = {node: position for position, node in enumerate(nodes)}
    last_use = {node: max((place[user] for user in node.users), default=-1) for node in nodes}
    alive: list[fx.Node] = []
    ends: list[tuple[int, fx.Node]] = []
    for position, node in enumerate(nodes[:last_work]):
        if node not in fixed:
            alive.append(node)
        alive = [one for one in alive if last_use[one] > position]
        if len(alive) != 1 or alive[0].op == "placeholder" or alive[0] not in tensors:
            continue
        if not ends or ends[-1][1] is not alive[0]:
            ends.append((position, alive[0]))
    return ends


def _name(node: fx.Node) -> str:
    """Return the submodule that a node is, or the one that it is in and its own name."""
    if node.op == "call_module":
        return str(node.target)
    stack = list(node.meta.get("nn_module_stack", {}).values())
    return f"{stack[-1][0]}.{node.name}" if stack and stack[-1][0] else node.name


def _graphs(
    module: nn.Module, inputs: tuple[torch.Tensor, ...], leaves: tuple[type, ...]
) -> Iterator[tuple[fx.GraphModule, pytree.TreeSpec | None]]:
    """Return the graphs of a module, and into what their results are put if they give them as a list."""
    try:
        inspect.signature(module.forward).bind(*inputs)
    except TypeError as error:
        raise _refused("example_inputs", f"what `module` takes, got {len(inputs)}: {error}") from error
    traced = None
    try:
        traced = _traced(module, len(inputs), leaves)
    except Exception as error:
        if leaves:
            raise _not_traced(error) from error
    if traced is not None:
        yield traced, None
    if leaves or _is_sequential(module):
        return
    try:
        with torch.no_grad():
            exported = torch.export.export(module, inputs)
    except Exception as error:
        if traced is None:
            raise _not_traced(error) from error
        return
    yield exported.module(check_guards=False), exported.call_spec.out_spec


def _traced(module: nn.Module, num_inputs: int, leaves: tuple[type, ...]) -> fx.GraphModule:
    """Return the symbolic graph: of a Sequential its children, of others the layers of torch and `leaves`."""

    class Tracer(fx.Tracer):
        def create_args_for_root(self, root_fn: Any, *_: Any) -> tuple[Any, list[Any]]:
            given = [self.create_proxy("placeholder", f"input_{number}", (), {}) for number in range(num_inputs)]
            return root_fn, [self.root, *given]  # the others have their defaults

        def is_leaf_module(self, m: nn.Module, module_qualified_name: str) -> bool:
            if isinstance(m, leaves):
                return True
            if _is_sequential(module):
                return not _is_sequential(m)
            return super().is_leaf_module(m, module_qualified_name)

    return fx.GraphModule(module, Tracer().trace(module))


def _not_traced(error: Exception) -> ValueError:
    return _refused(
        "module",
        f"a Sequential, or traceable by torch.fx or torch.export, got {type(error).__name__}: {error}\n"
        "hint: name the types of submodules that need not be cut in `leaves`",
    )


def _is_sequential(module: nn.Module) -> bool:
    return isinstance(module, nn.Sequential) and type(module).forward is nn.Sequential.forward


def _refused(argument: str, expected: str) -> ValueError:
    return ValueError(f"`{argument}` must be {expected}")


def checked_blocks(module: Any, example_inputs: Any, leaves: Any) -> tuple[tuple[torch.Tensor, ...], Blocks]:
    """Return inputs and blocks of a module, or say what is wrong with it."""
    if not isinstance(module, nn.Module):
        raise TypeError(f"`module` must be a torch.nn.Module, got {shown(module)}")
    inputs = (example_inputs,) if isinstance(example_inputs, torch.Tensor) else example_inputs
    if not isinstance(inputs, tuple) or not inputs or not all(isinstance(one, torch.Tensor) for one in inputs):
        raise TypeError(f"`example_inputs` must be a tensor or a tuple of tensors, got {shown(example_inputs)}")
    types = (leaves,) if isinstance(leaves, type) else listed("leaves", leaves)
    if not all(isinstance(one, type) for one in types):
        raise TypeError(f"`leaves` must hold types of modules, got {shown(leaves)}")
    if any(child.training for child in module.modules() if not _is_sequential(child)):
        raise ValueError("`module` must be in evaluation mode, got one in training\nhint: module.eval()")
    given = ((f"example_inputs[{number}]", one) for number, one in enumerate(inputs))
    for name, tensor in (*module.named_parameters(), *module.named_buffers(), *given):
        if tensor.device.type != "cpu":
            raise DeviceError(f"`module` and its inputs must be on the CPU, got `{name}` on {tensor.device}")
    return inputs, Blocks(module, inputs, types)
