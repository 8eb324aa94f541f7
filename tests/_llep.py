"""The rule of least-loaded expert parallelism as its authors' code has it, in plain Python, from the description."""


def llep(counts, num_ranks, alpha=1.0, minimum=1024, *, paper=False):
    """Return the pieces (expert, rank, first token, end) in the order in which they are given.

    With `paper` the excess of an expert that leaves its home whole is spread as in the paper; the code walks one
    snapshot of the ranks instead.
    """
    block = len(counts) // num_ranks
    total = sum(counts)
    capacity = max(int(alpha * (total // num_ranks)) if total // num_ranks else total, 1)
    load = [sum(counts[rank * block : (rank + 1) * block]) for rank in range(num_ranks)]
    pieces = []

    def give(expert, rank, first, tokens):
        load[rank] += tokens
        pieces.append((expert, rank, first, first + tokens))

    def others(home):
        return sorted((rank for rank in range(num_ranks) if rank != home), key=lambda rank: load[rank])

    for expert in sorted(range(len(counts)), key=lambda expert: -counts[expert]):
        if counts[expert] == 0:
            continue
        home, left, first = expert // block, counts[expert], 0
        load[home] -= left
        room = capacity - load[home]
        if room >= left:
            give(expert, home, 0, left)
            continue
        resort = paper or room > 0
        if room > 0:
            give(expert, home, 0, room)
            left, first = left - room, room
        while left > 0:
            gave = False
            snapshot = others(home)
            for rank in snapshot:
                tokens = min(left, capacity - load[rank])
                if tokens <= 0 or (tokens < minimum and left > tokens):
                    continue
                give(expert, rank, first, tokens)
                left, first, gave = left - tokens, first + tokens, True
                if resort or left == 0:
                    break
            if left > 0 and (not gave or not resort):
                give(expert, snapshot[0] if not resort else others(home)[0], first, left)
                left = 0
    return pieces


def transfers(pieces, block):
    """Return the distinct pairs of an expert and a rank that is not its home."""
    return {(expert, rank) for expert, rank, _, _ in pieces if rank != expert // block}


def loads(pieces, num_ranks):
    """Return the tokens of each rank."""
    found = [0] * num_ranks
    for _, rank, first, end in pieces:
        found[rank] += end - first
    return found
